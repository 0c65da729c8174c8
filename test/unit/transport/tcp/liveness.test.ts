import t from 'tap';
import { LIMITS } from '../../../../src/base/limits.js';
import { encodeFrames, encodePing } from '../../../../src/wire/codec.js';
import { ACCEPTED, at, chunk, eventually, FAST, heartbeat, N1, N2, node, rawListener, RawPeer } from './harness.js';

function linkOf(
  a: { transport: { status(): readonly { closedBy: Readonly<Record<string, number>> }[] } },
  reason: string,
) {
  return a.transport.status()[0]?.closedBy[reason] ?? 0;
}

t.test('an idle link stays up', async (t) => {
  const a = await node(t, N1, { peers: [at(1, N2)] });
  const b = await node(t, N2, { peers: [at(a.port, N1)] });
  a.transport.setPeers([at(b.port, N2)]);
  await a.recorder.until(() => a.transport.isUp(N2));
  await b.recorder.until(() => b.transport.isUp(N1));
  await eventually('many silence timeouts have passed', () => (b.transport.status()[0]?.receivedFrames ?? 0) > 30);
  t.strictSame(a.recorder.links, ['up n2']);
  t.strictSame(b.recorder.links, ['up n1']);
  t.equal(b.recorder.frames.length, 0, 'pings are not delivered');
});

t.test('a half-open connection: the peer takes bytes and says nothing', async (t) => {
  const listener = await rawListener(t, ACCEPTED);
  const a = await node(t, N1, { peers: [at(listener.port, N2)] });
  await a.recorder.until(() => a.transport.isUp(N2));
  // Traffic must not keep it alive: bytes that a kernel buffers are no sign of life.
  const traffic = setInterval(() => a.transport.send(N2, [heartbeat(N1, N2, 1)]), 5);
  t.teardown(() => clearInterval(traffic));
  await a.recorder.until(() => a.recorder.links.includes('down n2'));
  t.strictSame(a.recorder.downReasons, ['silent']);
  t.ok(linkOf(a, 'silent') > 0);
  await a.recorder.until(() => a.recorder.links.filter((link) => link === 'up n2').length === 2);
  t.pass('and it is dialled again');
});

t.test('an acceptor closes a dialler that fell silent', async (t) => {
  const a = await node(t, N1, { peers: [at(1, N2)] });
  const { peer } = await RawPeer.greet(t, a.port);
  await peer.closed;
  t.equal(linkOf(a, 'silent'), 1);
});

t.test('a frame that comes in drops is closed, however steadily they fall', async (t) => {
  const a = await node(t, N1, { peers: [at(1, N2)] });
  const { peer } = await RawPeer.greet(t, a.port);
  const frame = Buffer.concat(encodeFrames([chunk(N2, N1, Buffer.alloc(1000))]).buffers);
  let at1 = 0;
  const drip = setInterval(() => peer.socket.write(frame.subarray(at1, ++at1)), 10);
  t.teardown(() => clearInterval(drip));
  await peer.closed;
  t.equal(linkOf(a, 'slow_frame'), 1);
  t.equal(a.recorder.frames.length, 0);
});

t.test('the acceptor acknowledges bytes, also inside a large frame', async (t) => {
  const a = await node(t, N1, { peers: [at(1, N2)] });
  const { peer } = await RawPeer.greet(t, a.port);
  const frame = Buffer.concat(encodeFrames([chunk(N2, N1, Buffer.alloc(100_000))]).buffers);
  peer.socket.write(frame.subarray(0, 50_000));
  await peer.body(1);
  t.pass('a pong came before the frame was complete');
  peer.socket.write(frame.subarray(50_000));
  await a.recorder.until(() => a.recorder.frames.length === 1);
  peer.socket.write(encodePing(1));
  await peer.body(2);
});

t.test('a peer that stops reading does not grow memory, and is cut', async (t) => {
  const listener = await rawListener(t, ACCEPTED);
  const queueBytesMax = 4 * 1024 * 1024;
  const a = await node(t, N1, {
    peers: [at(listener.port, N2)],
    queueBytesMax,
    timings: { ...FAST, silenceTimeoutMs: 600 },
  });
  await a.recorder.until(() => a.transport.isUp(N2));
  listener.accepted[0]?.socket.pause();
  const before = process.memoryUsage().arrayBuffers;
  let offered = 0;
  let refused = 0;
  let queuedPeak = 0;
  while (!a.recorder.links.includes('down n2')) {
    for (let count = 0; count < 20; count++) {
      offered += LIMITS.snapshotChunkBytes;
      if (!a.transport.send(N2, [chunk(N1, N2, Buffer.alloc(LIMITS.snapshotChunkBytes))])) refused++;
      queuedPeak = Math.max(queuedPeak, a.transport.queuedBytes(N2));
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  t.ok(offered > 64 * 1024 * 1024, 'much more was offered than the queue holds');
  t.ok(refused > 0 && queuedPeak <= queueBytesMax, 'the queue is bounded');
  t.ok(linkOf(a, 'queue_full') > 0);
  t.equal(a.transport.queuedBytes(N2), 0, 'the queue is gone with its connection');
  t.ok(process.memoryUsage().arrayBuffers - before < offered / 2, 'what was refused was let go');
});
