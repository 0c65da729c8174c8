import t from 'tap';
import { silentLogger } from '../../../../src/base/logger.js';
import { createPrng } from '../../../../src/base/prng.js';
import { createTcpTransport } from '../../../../src/transport/tcp/index.js';
import { portsBelowEphemeral } from '../../../cluster/ports.js';
import { Recorder } from '../../../contract/recorder.js';
import { ACCEPTED, at, eventually, FAST, heartbeat, N1, N2, node, rawListener, RawPeer } from './harness.js';

async function freePort(): Promise<number> {
  const [port = 0] = await portsBelowEphemeral(1);
  return port;
}

t.test('a peer that does not run is dialled until it does', async (t) => {
  const port = await freePort();
  const a = await node(t, N1, { peers: [at(port, N2)] });
  await eventually('several attempts', () => (a.transport.status()[0]?.closedBy['unreachable'] ?? 0) >= 3);
  t.match(a.transport.status()[0], { connected: false, lastError: /ECONNREFUSED/, reconnects: 0 });
  await node(t, N2, { peers: [at(a.port, N1)], listen: { host: '127.0.0.1', port } });
  await a.recorder.until(() => a.transport.isUp(N2));
});

t.test('the pause between attempts doubles up to its bound', async (t) => {
  const port = await freePort();
  const timings = { ...FAST, reconnectMinMs: 10, reconnectMaxMs: 80 };
  const a = await node(t, N1, { peers: [at(port, N2)], timings });
  const startedMs = performance.now();
  await eventually('eight attempts', () => (a.transport.status()[0]?.closedBy['unreachable'] ?? 0) >= 8);
  // Seven pauses of at least half of 10, 20, 40, 80, 80, 80, 80.
  t.ok(performance.now() - startedMs > 190);
  const warnings = a.log.filter(({ level, fields }) => level === 'warn' && fields['reason'] === 'unreachable');
  t.equal(warnings.length, 1, 'a warning only once the peer has stayed away, and one a minute');
});

t.test('a peer that reaches us is dialled at once', async (t) => {
  const port = await freePort();
  const a = await node(t, N1, {
    peers: [at(port, N2)],
    timings: { ...FAST, reconnectMinMs: 60_000, reconnectMaxMs: 60_000 },
  });
  await eventually('the first attempt', () => a.transport.status()[0]?.closedBy['unreachable'] === 1);
  await node(t, N2, { peers: [at(a.port, N1)], listen: { host: '127.0.0.1', port } });
  await a.recorder.until(() => a.transport.isUp(N2));
});

t.test('a lost connection is told, counted and made again', async (t) => {
  const listener = await rawListener(t, ACCEPTED);
  const a = await node(t, N1, { peers: [at(listener.port, N2)] });
  await a.recorder.until(() => a.transport.isUp(N2));
  listener.accepted[0]?.socket.resetAndDestroy();
  await a.recorder.until(() => a.recorder.links.length === 3);
  t.strictSame(a.recorder.links, ['up n2', 'down n2', 'up n2']);
  t.strictSame(a.recorder.downReasons, ['connection_lost']);
  t.match(a.transport.status()[0], { reconnects: 1, closedBy: { connection_lost: 1 } });
  t.equal(listener.hellos.length, 2);
  t.notSame(listener.hellos[0]?.nonce, listener.hellos[1]?.nonce, 'each Hello has its own nonce');
});

t.test('peers can move, leave and join', async (t) => {
  const first = await rawListener(t, ACCEPTED);
  const second = await rawListener(t, ACCEPTED);
  const a = await node(t, N1, { peers: [at(first.port, N2)] });
  await a.recorder.until(() => a.transport.isUp(N2));
  a.transport.setPeers([at(second.port, N2)]);
  await a.recorder.until(() => a.recorder.links.length === 3);
  t.strictSame(a.recorder.links, ['up n2', 'down n2', 'up n2']);
  t.equal(second.hellos.length, 1);
  const { peer } = await RawPeer.greet(t, a.port);
  a.transport.setPeers([]);
  await peer.closed;
  t.strictSame(a.transport.status(), []);
  t.notOk(a.transport.isUp(N2));
  t.notOk(a.transport.send(N2, [heartbeat(N1, N2, 1)]));
  t.match((await RawPeer.greet(t, a.port)).answer, { outcome: 'refused', code: 'unknown_replica' });
});

t.test('a taken address is an error that says so', async (t) => {
  const a = await node(t, N1);
  const options = { self: N2, cluster: 'demo', incarnation: 1, peers: [], logger: silentLogger, prng: createPrng(1) };
  const taken = createTcpTransport({ ...options, listen: { host: '127.0.0.1', port: a.port } });
  await t.rejects(taken.start(new Recorder()), { code: 'address_in_use', message: new RegExp(`127.0.0.1:${a.port}`) });
  const foreign = createTcpTransport({ ...options, listen: { host: '203.0.113.1', port: 0 } });
  await t.rejects(foreign.start(new Recorder()), { code: 'config_invalid' });
});

t.test('what was sent before close still arrives', async (t) => {
  const a = await node(t, N1);
  const b = await node(t, N2, { peers: [at(a.port, N1)] });
  a.transport.setPeers([at(b.port, N2)]);
  await a.recorder.until(() => a.transport.isUp(N2));
  for (let round = 0; round < 100; round++) a.transport.send(N2, [heartbeat(N1, N2, round)]);
  await a.transport.close();
  await b.recorder.until(() => b.recorder.frames.length === 100);
  t.pass('a farewell, such as a leadership transfer, is not lost');
});

t.test('a peer that accepts and hangs up each time is not dialled ever faster', async (t) => {
  const listener = await rawListener(t, ACCEPTED);
  const timings = { ...FAST, reconnectMinMs: 10, reconnectMaxMs: 80 };
  const a = await node(t, N1, { peers: [at(listener.port, N2)], timings });
  const startedMs = performance.now();
  for (let connections = 1; connections <= 8; connections++) {
    await a.recorder.until(() => a.recorder.links.filter((link) => link === 'up n2').length === connections);
    listener.accepted.at(-1)?.socket.destroy();
  }
  t.ok(performance.now() - startedMs > 190, 'the pause doubles although each handshake succeeds');
  t.equal(a.transport.status()[0]?.reconnects, 7);
});
