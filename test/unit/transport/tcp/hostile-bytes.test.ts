import t from 'tap';
import { writeFrameHeader } from '../../../../native-like/frame-scan/index.js';
import { encodeFrames, frameOf } from '../../../../src/wire/codec.js';
import { encodeHello } from '../../../../src/wire/handshake.js';
import { at, eventually, heartbeat, HELLO, N1, N2, node, RawPeer } from './harness.js';

const TLS_CLIENT_HELLO = Buffer.from('16030100f8010000f40303deadbeefdeadbeefdeadbeef', 'hex');

function header(bodyLength: number): Buffer {
  const bytes = Buffer.alloc(12);
  writeFrameHeader(bytes, 0, bodyLength, 0);
  return bytes;
}

t.test('bytes of strangers close their connection at once, with a reason', async (t) => {
  const a = await node(t, N1, { peers: [at(1, N2)] });
  const hello = encodeHello(HELLO);
  const damaged = Buffer.from(hello);
  damaged[20] = (damaged[20] as number) ^ 1;
  const cases: [string, string, Buffer][] = [
    ['an HTTP request', 'bad_magic', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['a TLS client hello', 'bad_magic', TLS_CLIENT_HELLO],
    ['a Redis command', 'bad_magic', Buffer.from('*1\r\n$4\r\nPING\r\n')],
    ['zeros', 'bad_magic', Buffer.alloc(100)],
    ['a frame above 4 KiB', 'frame_too_large', header(4085)],
    ['a frame of 4 GiB', 'frame_too_large', header(0xffff_ffff)],
    ['a damaged Hello', 'bad_crc', damaged],
    ['a Hello with another magic', 'bad_magic', frameOf(Buffer.from([0x0d, 1, 2, 3, 4]))],
    ['a frame that is not protobuf', 'malformed', frameOf(Buffer.from([0x0f, 0xff, 0xff]))],
    ['messages instead of a Hello', 'bad_magic', Buffer.concat(encodeFrames([heartbeat(N2, N1, 1)]).buffers)],
  ];
  for (const [what, reason, bytes] of cases) {
    const before = a.transport.strangers()[reason] ?? 0;
    const peer = await RawPeer.dial(t, a.port);
    peer.socket.write(bytes);
    await peer.closed;
    t.equal(a.transport.strangers()[reason], before + 1, `${what}: ${reason}`);
    t.equal(peer.bodies.length, 0, 'without an answer');
  }
  const lines = a.log.filter(
    ({ event, fields }) => event === 'peer_inbound_closed' && fields['reason'] === 'bad_magic',
  );
  t.equal(lines.length, 1, 'one line a minute for one reason, not six');
  t.match(lines[0], { level: 'warn', fields: { peer: 'stranger', remote: /^127\.0\.0\.1:/ } });
  const { answer } = await RawPeer.greet(t, a.port);
  t.equal(answer.outcome, 'accepted', 'a peer is still let in');
});

t.test('a connection that does not say who it is, is closed', async (t) => {
  const a = await node(t, N1, { peers: [at(1, N2)] });
  const silent = await RawPeer.dial(t, a.port);
  const slow = await RawPeer.dial(t, a.port);
  slow.socket.write(encodeHello(HELLO).subarray(0, 20));
  await Promise.all([silent.closed, slow.closed]);
  t.equal(a.transport.strangers()['handshake_timeout'], 2);
  const cut = await RawPeer.dial(t, a.port);
  cut.socket.end(encodeHello(HELLO).subarray(0, 20));
  await cut.closed;
  t.equal(a.transport.strangers()['truncated'], 1, 'the end inside a frame');
});

t.test('a crowd of strangers is bounded', async (t) => {
  const a = await node(t, N1, { peers: [at(1, N2)], timings: {} });
  const crowd = await Promise.all(Array.from({ length: 70 }, () => RawPeer.dial(t, a.port)));
  await eventually('the crowd is thinned', () => (a.transport.strangers()['too_many_strangers'] ?? 0) === 6);
  await eventually('they are told', () => crowd.filter(({ isClosed }) => isClosed).length === 6);
  t.equal(crowd.filter(({ isClosed }) => isClosed).length, 6);
});

t.test('bytes of a peer that break the rules close its connection, and deliver nothing', async (t) => {
  const a = await node(t, N1, { peers: [at(1, N2)] });
  const good = Buffer.concat(encodeFrames([heartbeat(N2, N1, 1)]).buffers);
  const damaged = Buffer.from(good);
  damaged[damaged.length - 1] = (damaged[damaged.length - 1] as number) ^ 1;
  const noise = Buffer.alloc(64, 0xa5);
  const cases: [string, string, Buffer][] = [
    ['noise between frames', 'bad_header', noise],
    ['a damaged body', 'bad_crc', damaged],
    ['a frame above the limit', 'frame_too_large', header(0x7fff_ffff)],
    ['an envelope without a message', 'unknown_message', frameOf(Buffer.from([0x0a, 3, 0x0a, 1, 0x78]))],
    ['a body that is not protobuf', 'malformed', frameOf(Buffer.from([0x0f]))],
  ];
  for (const [what, reason, bytes] of cases) {
    const { peer } = await RawPeer.greet(t, a.port);
    const before = a.recorder.frames.length;
    peer.socket.write(Buffer.concat([good, bytes, good]));
    await peer.closed;
    t.equal(a.recorder.frames.length, before + 1, `${what}: what came before is delivered, nothing after`);
    t.equal(a.transport.status()[0]?.closedBy[reason], 1, `counted as ${reason}`);
    t.match(a.transport.status()[0]?.lastError, /./);
  }
  const { peer } = await RawPeer.greet(t, a.port);
  peer.socket.end(good.subarray(0, good.length - 3));
  await peer.closed;
  await eventually('the cut frame is noticed', () => a.transport.status()[0]?.closedBy['truncated'] === 1);
  t.equal(a.recorder.frames.length, cases.length, 'half a frame is no frame');
});
