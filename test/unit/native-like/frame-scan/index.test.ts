import * as fc from 'fast-check';
import t from 'tap';
import {
  BAD_HEADER,
  bodyCrcOf,
  createFrameScan,
  FRAME,
  FRAME_HEADER_BYTES,
  INCOMPLETE,
  scanFrame,
  TOO_LARGE,
  writeFrameHeader,
} from '../../../../native-like/frame-scan/index.js';
import { scanFrameReference, writeFrameHeaderReference } from '../../../../native-like/frame-scan/reference.js';

function frameOf(body: Uint8Array, bodyCrc: number): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + body.length);
  writeFrameHeader(frame, 0, body.length, bodyCrc);
  frame.set(body, FRAME_HEADER_BYTES);
  return frame;
}

const uint32 = fc.nat({ max: 0xffffffff });
const someFrame = fc.tuple(fc.uint8Array({ maxLength: 40 }), uint32);

t.test('reads back what was written, frame by frame', (t) => {
  fc.assert(
    fc.property(fc.array(someFrame, { maxLength: 5 }), fc.nat({ max: 9 }), (frames, padding) => {
      const stream = Buffer.concat([new Uint8Array(padding), ...frames.map(([body, crc]) => frameOf(body, crc))]);
      const out = createFrameScan();
      let at = padding;
      for (const [body, crc] of frames) {
        if (scanFrame(stream, at, stream.length, 40, out) !== FRAME) return false;
        if (out.bodyCrc !== crc || bodyCrcOf(stream, at) !== crc) return false;
        if (Buffer.compare(stream.subarray(out.bodyStart, out.bodyEnd), body) !== 0) return false;
        at = out.next;
      }
      return at === stream.length && scanFrame(stream, at, stream.length, 40, out) === INCOMPLETE;
    }),
  );
  t.end();
});

t.test('equals the reference on frames, cut frames, damaged frames and noise', (t) => {
  const flip = fc.record({ at: fc.nat({ max: 60 }), mask: fc.integer({ min: 0, max: 255 }) });
  const damaged = fc.tuple(someFrame, flip).map(([[body, crc], { at, mask }]) => {
    const frame = frameOf(body, crc);
    if (at < frame.length) frame[at] = (frame[at] as number) ^ mask;
    return frame;
  });
  const stream = fc.oneof({ weight: 5, arbitrary: damaged }, { weight: 1, arbitrary: fc.uint8Array() });
  fc.assert(
    fc.property(stream, fc.nat({ max: 60 }), fc.nat({ max: 45 }), (bytes, cut, max) => {
      const [fast, reference] = [createFrameScan(), createFrameScan()];
      const end = Math.max(0, bytes.length - cut);
      const status = scanFrame(bytes, 0, end, max, fast);
      t.equal(status, scanFrameReference(bytes, 0, end, max, reference));
      if (status === FRAME) t.same(fast, reference);
      if (status === INCOMPLETE) t.equal(fast.next, reference.next);
    }),
    { numRuns: 500 },
  );
  t.end();
});

t.test('writes the header that the reference writes', (t) => {
  fc.assert(
    fc.property(uint32, uint32, (length, crc) => {
      const [fast, reference] = [new Uint8Array(16), new Uint8Array(16)];
      writeFrameHeader(fast, 3, length, crc);
      writeFrameHeaderReference(reference, 3, length, crc);
      return Buffer.compare(fast, reference) === 0;
    }),
  );
  t.end();
});

t.test('judges a length as soon as it is there, before any of the body (reliability.md §2.1)', (t) => {
  const out = createFrameScan();
  const header = new Uint8Array(FRAME_HEADER_BYTES);
  writeFrameHeader(header, 0, 0xffffffff, 0);
  t.equal(scanFrame(header, 0, 7, 1024, out), INCOMPLETE);
  t.equal(out.next, FRAME_HEADER_BYTES);
  t.equal(scanFrame(header, 0, 8, 1024, out), TOO_LARGE, 'four gigabytes are never waited for');
  writeFrameHeader(header, 0, 1025, 0);
  t.equal(scanFrame(header, 0, 12, 1024, out), TOO_LARGE);
  writeFrameHeader(header, 0, 1024, 0);
  t.equal(scanFrame(header, 0, 12, 1024, out), INCOMPLETE);
  t.equal(out.next, FRAME_HEADER_BYTES + 1024, 'tells how much to wait for');
  t.end();
});

t.test('every flip of one bit in length or checksum is a bad header', (t) => {
  for (let bit = 0; bit < 64; bit++) {
    const frame = frameOf(new Uint8Array(20), 7);
    frame[bit >> 3] = (frame[bit >> 3] as number) ^ (1 << (bit & 7));
    t.equal(scanFrame(frame, 0, frame.length, 0xffffffff, createFrameScan()), BAD_HEADER, `bit ${bit}`);
  }
  t.end();
});

t.test('other protocols and zeros are no frames', (t) => {
  for (const text of ['GET / HTTP/1.1\r\n\r\n', '*1\r\n$4\r\nPING\r\n', '\0'.repeat(64), '\x16\x03\x01\x02\0\x01\0']) {
    const bytes = Buffer.from(text.padEnd(12), 'latin1');
    t.equal(scanFrame(bytes, 0, bytes.length, 1 << 25, createFrameScan()), BAD_HEADER, JSON.stringify(text));
  }
  t.end();
});
