import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { systemClock } from '../../../src/base/clock.js';
import { createPrng } from '../../../src/base/prng.js';
import { systemScheduler } from '../../../src/base/scheduler.js';
import { Kind } from '../../../src/workload/kinds.js';
import type { Failure, LaneEvents } from '../../../src/workload/lane.js';
import { RespProtocol } from '../../../src/workload/lanes/resp.js';
import { SocketLane } from '../../../src/workload/lanes/socket-lane.js';
import { Values } from '../../../src/workload/values.js';

/** A listener whose connections a test answers by hand. */
class Listener {
  readonly sockets: Socket[] = [];
  received = '';
  readonly #server: Server;
  #wake: () => void = () => undefined;

  constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => {
      this.sockets.push(socket);
      socket.on('error', () => undefined);
      socket.on('data', (bytes) => {
        this.received += bytes.toString('latin1');
        this.#wake();
      });
      this.#wake();
    });
  }

  static async open(t: Test): Promise<Listener> {
    const server = createServer();
    const listener = new Listener(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => listener.close());
    return listener;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
  }
}

/** Remembers what a lane tells. */
class Told implements LaneEvents {
  readonly done_: [key: number, code: string | null, unknown: boolean, found: boolean][] = [];
  readonly downs: Failure[] = [];
  rooms = 0;
  #wake: () => void = () => undefined;

  done(_kind: Kind, key: number, _startMs: number, _nowMs: number, failure: Failure | null, found: boolean): void {
    this.done_.push([key, failure?.code ?? null, failure?.unknown ?? false, found]);
    this.#wake();
  }

  room(): void {
    this.rooms++;
    this.#wake();
  }

  down(failure: Failure): void {
    this.downs.push(failure);
    this.#wake();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

function openLane(
  t: Test,
  ports: readonly number[],
  { keyspace = null, valueBytes = 8 }: { readonly keyspace?: string | null; readonly valueBytes?: number } = {},
): { readonly lane: SocketLane; readonly told: Told } {
  const told = new Told();
  const values = new Values({ min: valueBytes, max: valueBytes }, createPrng(1));
  const protocol = new RespProtocol({ keyspace, waitReplicas: 0 }, values);
  const endpoints = ports.map((port) => ({ host: '127.0.0.1', port, name: `${port}` }));
  const options = { endpoints, protocol, pipeline: 4, timeoutMs: 500, clock: systemClock, scheduler: systemScheduler };
  const lane = new SocketLane(options, told);
  t.teardown(() => lane.close(null));
  lane.open();
  return { lane, told };
}

t.test('requests go out in one write and their answers come back in order', async (t) => {
  const server = await Listener.open(t);
  const { lane, told } = openLane(t, [server.port]);
  t.equal(lane.free, 0, 'not yet connected');
  await told.until(() => told.rooms === 1);
  t.equal(lane.free, 4);
  for (const key of [1, 2, 3]) lane.submit(key === 2 ? Kind.UPDATE : Kind.READ, key, 0);
  t.equal(lane.free, 1);
  lane.flush();
  await server.until(() => server.received.split('key:').length === 4);
  server.sockets[0]?.write('$1\r\nx\r\n+OK\r\n$-1\r\n');
  await told.until(() => told.done_.length === 3);
  t.same(told.done_, [
    [1, null, false, true],
    [2, null, false, true],
    [3, null, false, false],
  ]);
  t.equal(lane.free, 4);
});

t.test('values larger than any buffer arrive whole', async (t) => {
  const server = await Listener.open(t);
  const valueBytes = 1_500_000;
  const { lane, told } = openLane(t, [server.port], { valueBytes });
  await told.until(() => lane.free === 4);
  for (const key of [1, 2, 3, 4]) lane.submit(Kind.UPDATE, key, 0);
  lane.flush();
  await server.until(() => server.received.length >= 4 * valueBytes + 4 * 40);
  const requests = server.received.split('*3\r\n').slice(1);
  t.equal(requests.length, 4);
  for (const [at, request] of requests.entries()) {
    t.match(request.slice(0, 60), `key:00000000000${at + 1}\r\n$${valueBytes}\r\n`);
    t.match(request.slice(-20), /^[\w-]{18}\r\n$/);
  }
});

t.test('a keyspace is selected first; a server that refuses it is no connection', async (t) => {
  const server = await Listener.open(t);
  const { lane, told } = openLane(t, [server.port], { keyspace: 'orders' });
  await server.until(() => server.received.includes('orders'));
  t.equal(server.received, '*2\r\n$6\r\nSELECT\r\n$6\r\norders\r\n');
  t.equal(lane.free, 0);
  server.sockets[0]?.write("-ERR There is no such keyspace: 'orders'\r\n");
  await told.until(() => told.downs.length === 1);
  t.match(told.downs, [{ code: 'cannot_connect', message: /no such keyspace/ }]);
  await server.until(() => server.sockets.length === 2);
  server.sockets[1]?.write('+OK\r\n');
  await told.until(() => told.rooms > 0);
  t.equal(lane.free, 4, 'it tries again');
});

t.test('a server that dies: what was in flight is unknown, and the connection is made again', async (t) => {
  const server = await Listener.open(t);
  const { lane, told } = openLane(t, [server.port]);
  await told.until(() => lane.free === 4);
  for (const key of [1, 2]) lane.submit(Kind.UPDATE, key, 0);
  lane.flush();
  await server.until(() => server.received.includes('key:000000000002'));
  server.sockets[0]?.write('+OK\r\n');
  await told.until(() => told.done_.length === 1);
  server.sockets[0]?.destroy();
  await told.until(() => told.done_.length === 2);
  t.same(told.done_, [
    [1, null, false, true],
    [2, 'connection_lost', true, false],
  ]);
  await told.until(() => lane.free === 4);
  t.equal(server.sockets.length, 2);
  t.same(told.downs, [], 'a connection that was lost is told by what was lost with it');
});

t.test('when one replica cannot be reached the next one is tried', async (t) => {
  const gone = await Listener.open(t);
  const { port } = gone;
  gone.close();
  const server = await Listener.open(t);
  const { lane, told } = openLane(t, [port, server.port]);
  await told.until(() => lane.free === 4);
  t.match(told.downs, [{ code: 'cannot_connect', message: new RegExp(`127.0.0.1:${port} .*ECONNREFUSED`) }]);
  t.equal(server.sockets.length, 1);
});

t.test('no answer within the timeout costs the connection', async (t) => {
  const server = await Listener.open(t);
  const { lane, told } = openLane(t, [server.port]);
  await told.until(() => lane.free === 4);
  lane.submit(Kind.READ, 1, 0);
  lane.flush();
  lane.tick(systemClock.monotonicMs() + 400);
  t.same(told.done_, []);
  lane.tick(systemClock.monotonicMs() + 600);
  t.same(told.done_, [[1, 'no_answer', true, false]]);
  t.equal(lane.free, 0);
  await told.until(() => lane.free === 4);
});

t.test('bytes that are no answer, and answers that nobody asked for, cost the connection', async (t) => {
  const server = await Listener.open(t);
  const { lane, told } = openLane(t, [server.port]);
  await told.until(() => lane.free === 4);
  lane.submit(Kind.UPDATE, 1, 0);
  lane.flush();
  await server.until(() => server.received.includes('key:'));
  server.sockets[0]?.write('HTTP/1.1 400 Bad Request\r\n\r\n');
  await told.until(() => told.done_.length === 1);
  t.match(told.done_, [[1, 'bad_answer', true]]);
  await server.until(() => server.sockets.length === 2);
  await told.until(() => lane.free === 4);
  server.sockets[1]?.write('+OK\r\n');
  await server.until(() => server.sockets.length === 3);
  t.equal(told.done_.length, 1);
});

t.test('a lane that is closed tells what was in flight, once, and nothing more', async (t) => {
  const server = await Listener.open(t);
  const { lane, told } = openLane(t, [server.port]);
  await told.until(() => lane.free === 4);
  lane.submit(Kind.UPDATE, 1, 0);
  lane.flush();
  lane.close('no_answer');
  lane.close('no_answer');
  t.same(told.done_, [[1, 'no_answer', true, false]]);
  t.equal(lane.free, 0);
});
