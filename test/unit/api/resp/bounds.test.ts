import { Buffer } from 'node:buffer';
import { EventEmitter, once } from 'node:events';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { createRespServer, type RespLimits } from '../../../../src/api/resp/index.js';
import { KvorumError } from '../../../../src/base/errors/error.js';
import { silentLogger } from '../../../../src/base/logger.js';
import { createFakeRouter, type FakeRouterOptions } from '../../../fixtures/fake-router-resp.js';
import { encodeRequest, RawClient } from '../../../fixtures/resp-wire.js';

async function start(t: Test, limits: Partial<RespLimits> = {}, options: FakeRouterOptions = {}) {
  const router = createFakeRouter(options);
  const warnings: string[] = [];
  const events = new EventEmitter();
  const logger = {
    ...silentLogger,
    warn: (event: string): void => {
      warnings.push(event);
      events.emit(event);
    },
  };
  const server = await createRespServer(router, { host: '127.0.0.1', port: 0, limits, logger });
  t.teardown(() => server.close());
  const open = async (): Promise<RawClient> => {
    const client = await RawClient.open(server.address.port);
    t.teardown(() => client.close());
    return client;
  };
  return { router, server, open, client: await open(), warnings, events };
}

/** Resolves when the server holds this much that `client` does not take from it; each look is a request of `observer`. */
async function untilUnsent(observer: RawClient, client: RawClient, bytes: number): Promise<void> {
  const { address, port } = client.socket.address() as AddressInfo;
  for (;;) {
    const lines = (await observer.ask('CLIENT', 'LIST')).split('\n');
    const line = lines.find((each) => each.includes(` addr=${address}:${port} `));
    if (Number(/ omem=(\d+)/.exec(line ?? '')?.[1]) >= bytes) return;
  }
}

t.test('keys and values beyond the limits of the keyspace are refused, the connection goes on', async (t) => {
  const { client, router } = await start(t, {}, { limits: { keyBytes: 4, valueBytes: 8 } });
  t.match(await client.ask('SET', 'toolong', 'v'), /^-ERR The key has 7 bytes, the limit is 4/);
  t.match(await client.ask('SET', 'k', 'v'.repeat(9)), /^-ERR The value has 9 bytes, the limit is 8/);
  t.match(await client.ask('SET', '', 'v'), /^-ERR The key is empty/);
  t.match(await client.ask('MSET', 'k', 'v', 'toolong', 'v'), /^-ERR The key has 7 bytes/);
  t.equal(await client.ask('SET', 'k', '12345678'), '+OK\r\n');
  t.match(await client.ask('APPEND', 'k', '9'), /^-ERR The value would be longer than 8 bytes/);
  t.equal(await client.ask('GET', 'toolong'), '$-1\r\n');
  t.equal(await client.ask('DEL', 'toolong', 'k', 'k', ''), ':1\r\n');
  t.equal(await client.ask('DEL', 'toolong'), ':0\r\n');
  t.equal(router.refused.get('key_too_large'), 2);
});

t.test('an argument longer than a request may be is a protocol error', async (t) => {
  const { client } = await start(t, { bulkBytes: 100 });
  client.send(`${encodeRequest('PING').toString()}*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$101\r\n`);
  t.equal(await client.untilClosed(), '+PONG\r\n-ERR Protocol error: invalid bulk length\r\n');
});

t.test('a batch of too many keys is refused', async (t) => {
  const { client } = await start(t);
  const keys = Array.from({ length: 10_001 }, (_, at) => `k${at}`);
  t.match(await client.ask('DEL', ...keys), /^-ERR The command changes 10001 keys, the limit is 10000/);
  t.equal(await client.ask('MSET', ...keys.slice(1).flatMap((key) => [key, 'v'])), '+OK\r\n');
  t.equal(await client.ask('DBSIZE'), ':10000\r\n');
});

t.test('one connection more than allowed is told so', async (t) => {
  const { open, client } = await start(t, { connections: 2 });
  await client.ask('PING');
  const second = await open();
  t.equal(await second.ask('PING'), '+PONG\r\n');
  const third = await open();
  t.equal(await third.untilClosed(), '-ERR max number of clients reached\r\n');
  second.close();
  await once(second.socket, 'close');
  for (let again = ''; again !== '+PONG\r\n';) {
    again = await (await open()).ask('PING').catch(() => '');
  }
  t.pass('a free place is given away again');
});

t.test('a client that does not read is not read from, and gets everything once it reads', async (t) => {
  const { client, open, router } = await start(t, { outputPauseBytes: 64 * 1024, queryPauseBytes: 1024 });
  const value = 'v'.repeat(100_000);
  await client.ask('SET', 'big', value);
  client.socket.pause();
  const count = 400;
  client.send(Buffer.concat(Array.from({ length: count }, () => encodeRequest('GET', 'big'))));
  // More than the kernel's buffers hold: the server stops, and keeps references only.
  await untilUnsent(await open(), client, 64 * 1024);
  t.ok((router.observed.get('get ok') ?? 0) < count, 'it has stopped');
  client.socket.resume();
  for (let at = 0; at < count; at++) {
    const reply = await client.reply();
    if (reply.length !== value.length + 11) t.fail(`reply ${at} has ${reply.length} bytes`);
  }
  t.equal(router.observed.get('get ok'), count);
});

t.test('a client whose replies pass the hard limit is closed', async (t) => {
  const { client, events, warnings } = await start(t, { outputBytes: 1000, outputPauseBytes: 100_000_000 });
  const exceeded = once(events, 'client_output_buffer_exceeded');
  await client.ask('SET', 'big', 'v'.repeat(1_000_000));
  client.socket.pause();
  client.send(Buffer.concat(Array.from({ length: 50 }, () => encodeRequest('GET', 'big'))));
  await exceeded;
  client.socket.resume();
  await client.untilClosed();
  t.same(warnings, ['client_output_buffer_exceeded']);
});

t.test('requests that are never completed are bounded', async (t) => {
  const { client, warnings } = await start(t, { queryBytes: 100_000, bulkBytes: 90_000 });
  client.send('*2\r\n$3\r\nSET\r\n$90000\r\n');
  client.send('x'.repeat(200_000));
  await client.untilClosed();
  t.same(warnings, ['client_query_buffer_exceeded']);
});

t.test('HTTP is warned of once and closed without an answer', async (t) => {
  const { open, warnings } = await start(t);
  for (const text of ['POST / HTTP/1.1\r\n\r\n', 'Host: localhost\r\n']) {
    const client = await open();
    client.send(text);
    t.equal(await client.untilClosed(), '');
  }
  t.same(warnings, ['cross_protocol_request']);
});

t.test('errors of the cluster carry the prefix that clients branch on', async (t) => {
  const { client, router } = await start(t);
  const cases = [
    ['outcome_unknown', /^-UNKNOWN The write may or may not have taken effect/, 'unknown'],
    ['storage_failed', /^-UNKNOWN /, 'unknown'],
    ['busy', /^-BUSY /, 'rejected'],
    ['no_leader', /^-CLUSTERDOWN /, 'rejected'],
    ['lost_leadership', /^-TRYAGAIN /, 'rejected'],
    ['draining', /^-LOADING /, 'rejected'],
  ] as const;
  for (const [code, line, outcome] of cases) {
    router.observed.clear();
    router.defaultKeyspace.fault = () => new KvorumError(code);
    t.match(await client.ask('SET', 'k', 'v'), line, code);
    t.match(await client.ask('INCR', 'k'), line, code);
    t.match(await client.ask('GET', 'k'), line, code);
    router.defaultKeyspace.fault = null;
    t.equal(await client.ask('PING'), '+PONG\r\n', 'the connection stays open');
    t.equal(router.observed.get(`set ${outcome}`), 1);
  }
});

t.test('drain answers what is in progress, then closes', async (t) => {
  const { client, router, server, open } = await start(t);
  const idle = await open();
  await idle.ask('PING');
  router.defaultKeyspace.held = true;
  // The write to the other keyspace shows that the server has read the first one.
  client.send(
    Buffer.concat([encodeRequest('SET', 'k', 'v'), encodeRequest('SELECT', '1'), encodeRequest('SET', 'x', '1')]),
  );
  while (router.keyspace('other')?.status().keys === 0) await new Promise((resolve) => setImmediate(resolve));
  const drained = server.drain();
  t.equal(await idle.untilClosed(), '');
  router.defaultKeyspace.held = false;
  router.turn();
  t.equal(await client.untilClosed(), '+OK\r\n+OK\r\n+OK\r\n');
  await drained;
  await t.rejects(RawClient.open(server.address.port));
});

t.test('close does not wait for answers', async (t) => {
  const { client, router, server } = await start(t);
  router.defaultKeyspace.held = true;
  client.send(
    Buffer.concat([encodeRequest('SET', 'k', 'v'), encodeRequest('SELECT', '1'), encodeRequest('SET', 'x', '1')]),
  );
  while (router.keyspace('other')?.status().keys === 0) await new Promise((resolve) => setImmediate(resolve));
  await server.close();
  router.defaultKeyspace.held = false;
  router.turn();
  t.equal(await client.untilClosed(), '', 'an answer for a connection that is gone is dropped');
});

t.test('a half closed client still gets its answers', async (t) => {
  const { client } = await start(t);
  client.send(Buffer.concat([encodeRequest('SET', 'k', 'v'), encodeRequest('GET', 'k')]));
  client.socket.end();
  t.equal(await client.untilClosed(), '+OK\r\n$1\r\nv\r\n');
});

t.test('a port in use is an error of the catalogue', async (t) => {
  const { server } = await start(t);
  await t.rejects(createRespServer(createFakeRouter(), server.address), { code: 'address_in_use' });
});
