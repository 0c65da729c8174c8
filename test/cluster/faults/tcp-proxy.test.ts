import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { createPrng } from '../../../src/base/prng.js';
import { eventually } from '../process-cluster.js';
import { portsBelowEphemeral } from '../ports.js';
import { abort } from './abort.js';
import { TcpProxy } from './tcp-proxy.js';

/** Everything that a socket has received, with the sizes of the chunks. */
class Inbox {
  readonly socket: Socket;
  length = 0;
  readonly chunks: Buffer[] = [];
  ended = false;
  failed: string | null = null;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.length += chunk.length;
      this.chunks.push(chunk);
    });
    socket.on('end', () => (this.ended = true));
    socket.on('error', (error: NodeJS.ErrnoException) => (this.failed = error.code ?? 'unknown'));
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  arrived(text: string): Promise<true> {
    return eventually(`${text.length} bytes`, 30_000, async () => this.bytes.toString() === text || undefined);
  }
}

interface Harness {
  readonly proxy: TcpProxy;
  /** A new connection: what the dialler and the listener have of it. */
  readonly dial: () => Promise<{ readonly near: Inbox; readonly far: Inbox }>;
}

async function harness(t: Test, port = 0): Promise<Harness> {
  const server = createServer({ noDelay: true, allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const target = { host: '127.0.0.1', port: address !== null && typeof address === 'object' ? address.port : 0 };
  const proxy = await TcpProxy.listen({ port, target, prng: createPrng(1) });
  const sockets: Socket[] = [];
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy();
    await proxy.close();
    server.close();
  });
  const dial = async (): Promise<{ near: Inbox; far: Inbox }> => {
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const socket = connect({ port: proxy.port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    sockets.push(socket);
    const near = new Inbox(socket);
    await once(socket, 'connect');
    const [far] = await accepted;
    sockets.push(far);
    return { near, far: new Inbox(far) };
  };
  return { proxy, dial };
}

/** Resolves when bytes sent in the other direction have come back: what was sent before had every chance to arrive. */
async function roundTrip(from: Inbox, to: Inbox): Promise<void> {
  const before = to.length;
  from.socket.write('x');
  await eventually('a byte', 30_000, async () => to.length > before || undefined);
}

t.test('bytes, ends and resets pass through unchanged', async (t) => {
  const { dial, proxy } = await harness(t);
  const { near, far } = await dial();
  near.socket.write('hello');
  await far.arrived('hello');
  far.socket.write('welcome');
  await near.arrived('welcome');
  near.socket.end('bye');
  await far.arrived('hellobye');
  await eventually('the end', 30_000, async () => far.ended || undefined);
  far.socket.end('answer after the end');
  await near.arrived('welcomeanswer after the end');
  await eventually('both ends', 30_000, async () => proxy.open === 0 || undefined);
  const second = await dial();
  second.near.socket.resetAndDestroy();
  await eventually('the reset', 30_000, async () => second.far.failed ?? undefined);
  t.equal(second.far.failed, 'ECONNRESET');
});

t.test('cut: one direction is silent, the other lives; healed, what was sent arrives in order', async (t) => {
  const { dial, proxy } = await harness(t);
  const { near, far } = await dial();
  proxy.set('forward', { cut: true });
  near.socket.write('one ');
  near.socket.end('two');
  await roundTrip(far, near);
  t.equal(far.length, 0, 'nothing arrives');
  t.equal(far.ended, false, 'neither does the end');
  await proxy.heal();
  await far.arrived('one two');
  await eventually('the end', 30_000, async () => far.ended || undefined);
});

t.test('half-open: bytes are lost without a sign, also after the heal; a new connection works', async (t) => {
  const { dial, proxy } = await harness(t);
  const { near, far } = await dial();
  proxy.set('forward', { swallow: true });
  near.socket.write('lost');
  await roundTrip(far, near);
  await proxy.heal();
  near.socket.write('lost too');
  await roundTrip(far, near);
  t.equal(far.length, 0);
  t.equal(near.failed, null);
  t.equal(proxy.counters('forward').swallowed, 'lostlost too'.length);
  const second = await dial();
  second.near.socket.write('found');
  await second.far.arrived('found');
});

t.test('delay keeps the order, whatever the jitter', async (t) => {
  const { dial, proxy } = await harness(t);
  const { near, far } = await dial();
  proxy.set('forward', { delayMs: 20, jitterMs: 30 });
  const startMs = performance.now();
  let sent = '';
  for (let number = 0; number < 200; number++) {
    sent += `${number} `;
    near.socket.write(`${number} `);
    if (number % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await far.arrived(sent);
  t.ok(performance.now() - startMs >= 20);
});

t.test('corruption flips single bits, and counts them', async (t) => {
  const { dial, proxy } = await harness(t);
  const { near, far } = await dial();
  proxy.set('forward', { corruptEveryBytes: 100 });
  near.socket.write(Buffer.alloc(20_000));
  await eventually('the bytes', 30_000, async () => far.length === 20_000 || undefined);
  const wrong = far.bytes.filter((byte) => byte !== 0);
  t.equal(wrong.length, proxy.counters('forward').flipped);
  t.ok(wrong.length > 100 && wrong.length < 400, `${wrong.length} of 20000 bytes`);
  t.ok(
    wrong.every((byte) => Number.isInteger(Math.log2(byte))),
    'one bit each',
  );
});

t.test('segments of one byte, and chunks gathered into one', async (t) => {
  const { dial, proxy } = await harness(t);
  const { near, far } = await dial();
  const text = 'in very small pieces';
  proxy.set('forward', { segmentBytes: 1, bytesPerSecond: 2000 });
  near.socket.write(text);
  await far.arrived(text);
  t.ok(far.chunks.length > text.length / 2, `${text.length} bytes came in ${far.chunks.length} chunks`);
  await proxy.heal();
  proxy.set('backward', { coalesceMs: 50 });
  for (let number = 0; number < 20; number++) {
    far.socket.write(String(number % 10));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await near.arrived('01234567890123456789');
  t.ok(near.chunks.length <= 2, `20 writes came in ${near.chunks.length} chunks`);
});

t.test('throttled bytes take their time', async (t) => {
  const { dial, proxy } = await harness(t);
  const { near, far } = await dial();
  proxy.set('forward', { bytesPerSecond: 100_000 });
  const startMs = performance.now();
  near.socket.write(Buffer.alloc(20_000, 'x'));
  await far.arrived('x'.repeat(20_000));
  t.ok(performance.now() - startMs >= 180, 'a fifth of a second');
});

t.test('a full connection holds its sender back', async (t) => {
  const { dial, proxy } = await harness(t);
  const { near, far } = await dial();
  proxy.set('forward', { cut: true });
  const bytes = Buffer.alloc(32 * 1024 * 1024, 'x');
  near.socket.write(bytes);
  await roundTrip(far, near);
  t.ok(near.socket.writableLength > 0, 'the sender still has bytes that nobody takes');
  await proxy.heal();
  await eventually('all bytes', 60_000, async () => far.length === bytes.length || undefined);
});

t.test('refused connections, and the listener that comes back', async (t) => {
  const [port] = await portsBelowEphemeral(1);
  const { dial, proxy } = await harness(t, port);
  const { near } = await dial();
  await proxy.refuse();
  await eventually('the reset', 30_000, async () => near.failed ?? undefined);
  const refused = connect({ port: proxy.port, host: '127.0.0.1' });
  const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
  t.equal(error.code, 'ECONNREFUSED');
  await proxy.heal();
  const second = await dial();
  second.near.socket.write('again');
  await second.far.arrived('again');
});

t.test('a connection is ended for good while its end is under way', async (t) => {
  const { dial } = await harness(t);
  const { near } = await dial();
  const closed = once(near.socket, 'close');
  near.socket.end();
  abort(near.socket);
  await closed;
  t.equal(near.failed, null, 'Node’s own resetAndDestroy fails here, and the socket stays');
});
