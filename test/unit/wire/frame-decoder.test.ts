import t from 'tap';
import { writeFrameHeader } from '../../../native-like/frame-scan/index.js';
import { encodeFrames, frameOf, WireError } from '../../../src/wire/codec.js';
import { FrameDecoder } from '../../../src/wire/frame-decoder.js';
import { FRAME_BODY_BYTES_MAX, HANDSHAKE_BODY_BYTES_MAX } from '../../../src/wire/protocol.js';
import { appendOf, heartbeat } from './arbitraries.js';
import { busyMs } from '../../fixtures/work.js';

function decoderAfterHandshake(): FrameDecoder {
  const decoder = new FrameDecoder();
  decoder.bodyBytesMax = FRAME_BODY_BYTES_MAX;
  return decoder;
}

/** Copies of all bodies that come out of `chunks`. */
function bodiesOf(decoder: FrameDecoder, chunks: readonly Buffer[]): Buffer[] {
  const bodies: Buffer[] = [];
  for (const chunk of chunks) {
    decoder.feed(chunk);
    for (let body = decoder.next(); body !== null; body = decoder.next()) bodies.push(Buffer.from(body));
  }
  return bodies;
}

function header(bodyLength: number, bodyCrc = 0): Buffer {
  const bytes = Buffer.alloc(12);
  writeFrameHeader(bytes, 0, bodyLength, bodyCrc);
  return bytes;
}

const stream = Buffer.concat([
  ...encodeFrames([heartbeat(1)]).buffers,
  ...encodeFrames([appendOf([{ payload: Buffer.from('one') }, { payload: Buffer.from('two') }])]).buffers,
  frameOf(new Uint8Array(0)),
  ...encodeFrames([heartbeat(2), heartbeat(3)]).buffers,
]);
const expected = bodiesOf(decoderAfterHandshake(), [stream]);

t.test('the stream may be split at every byte, and at every pair of bytes', async (t) => {
  t.equal(expected.length, 4);
  for (let first = 0; first <= stream.length; first++) {
    for (let second = first; second <= stream.length; second += 5) {
      const chunks = [stream.subarray(0, first), stream.subarray(first, second), stream.subarray(second)];
      const bodies = bodiesOf(decoderAfterHandshake(), chunks);
      if (!Buffer.concat(bodies).equals(Buffer.concat(expected)) || bodies.length !== expected.length) {
        t.fail(`split at ${first} and ${second}`);
      }
    }
  }
  const single = Array.from(stream, (_, at) => stream.subarray(at, at + 1));
  t.strictSame(bodiesOf(decoderAfterHandshake(), single), expected, 'one byte at a time');
});

t.test('a large frame is gathered in linear time, each in a buffer of its own', async (t) => {
  const decoder = decoderAfterHandshake();
  const payload = Buffer.alloc(24 * 1024 * 1024, 'kvorum');
  const frame = Buffer.concat(encodeFrames([appendOf([{ payload }])]).buffers);
  const bodies: (Uint8Array | null)[] = [];
  const tookMs = busyMs(() => {
    for (let at = 0; at < frame.length; at += 16_384) {
      decoder.feed(frame.subarray(at, at + 16_384));
      bodies.push(decoder.next());
    }
  });
  t.equal(bodies.at(-1)?.length, frame.length - 12);
  t.ok(decoder.ownsBody);
  t.ok(tookMs < 1_500, 'no quadratic copying');
  t.equal(decoder.next(), null);
  t.equal(decoder.pendingBytes, 0);
});

t.test('an announced length costs little until its bytes are there', async (t) => {
  const before = process.memoryUsage().arrayBuffers;
  const decoders = Array.from({ length: 20 }, () => {
    const decoder = decoderAfterHandshake();
    bodiesOf(decoder, [Buffer.concat([header(FRAME_BODY_BYTES_MAX), Buffer.alloc(100)])]);
    return decoder;
  });
  t.equal(decoders[0]?.pendingBytes, 112);
  t.equal(decoders[0]?.pendingFrameBytes, FRAME_BODY_BYTES_MAX + 12);
  t.ok(process.memoryUsage().arrayBuffers - before < 24 * 1024 * 1024, 'at most 1 MiB each');
});

t.test('before the handshake a frame has at most 4 KiB', async (t) => {
  const fits = frameOf(new Uint8Array(HANDSHAKE_BODY_BYTES_MAX));
  t.equal(fits.length, 4096);
  t.equal(bodiesOf(new FrameDecoder(), [fits]).length, 1);
  const error = new WireError('frame_too_large', 'a body above 4084 bytes');
  t.throws(() => bodiesOf(new FrameDecoder(), [header(HANDSHAKE_BODY_BYTES_MAX + 1)]), error);
});

t.test('damage is found, and never believed', async (t) => {
  const frame = frameOf(Buffer.from('body'));
  for (let bit = 0; bit < frame.length * 8; bit++) {
    const damaged = Buffer.from(frame);
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    const reason = bit < 64 ? 'bad_header' : 'bad_crc';
    t.throws(() => bodiesOf(decoderAfterHandshake(), [damaged]), { name: 'WireError', reason }, `bit ${bit}`);
  }
  const tooLarge = { name: 'WireError', reason: 'frame_too_large' };
  t.throws(() => bodiesOf(decoderAfterHandshake(), [header(FRAME_BODY_BYTES_MAX + 1)]), tooLarge);
  t.throws(() => bodiesOf(decoderAfterHandshake(), [header(0xffff_ffff)]), tooLarge);
  t.throws(
    () => bodiesOf(decoderAfterHandshake(), [Buffer.alloc(64)]),
    { name: 'WireError', reason: 'bad_header' },
    'zeros',
  );
});
