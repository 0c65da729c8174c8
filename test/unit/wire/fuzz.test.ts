import * as fc from 'fast-check';
import t from 'tap';
import { crc32 } from 'node:zlib';
import { writeFrameHeader } from '../../../native-like/frame-scan/index.js';
import { replicaId } from '../../../src/base/brand.js';
import { createPrng, type Prng } from '../../../src/base/prng.js';
import { decodeFrame, encodeFormation, encodeFrames, encodePing, WireError } from '../../../src/wire/codec.js';
import { FrameDecoder } from '../../../src/wire/frame-decoder.js';
import { decodeAnswer, decodeHello, encodeAnswer, encodeHello } from '../../../src/wire/handshake.js';
import { FRAME_BODY_BYTES_MAX } from '../../../src/wire/protocol.js';
import { anyEnvelopes, appendOf, deltaOf, heartbeat, ROUTE } from './arbitraries.js';

// One million random and mutated frames (reliability.md §6.5): only typed errors, no hang, no growth. About 4 s.
const FRAMES = 1_000_000;
const SEED = 20_240_607;

// Making an Error is most of the cost, and its stack most of that.
Error.stackTraceLimit = 0;

const nonce = new Uint8Array(16);
const formation = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ id: replicaId(`n${at}`), folder: at % 3 === 0 ? null : `folder${at}` }));
const vouched = (count: number) =>
  formation(count).map((info, at) => ({ ...info, peer: at % 4 === 0 ? null : `127.0.0.1:${7100 + at}` }));
const versions = { min: 1, max: 1 };
const corpus: Buffer[] = [
  ...fc.sample(anyEnvelopes, { numRuns: 400, seed: SEED }).map((list) => Buffer.concat(encodeFrames(list).buffers)),
  Buffer.concat(encodeFrames([heartbeat(1), heartbeat(2)]).buffers),
  Buffer.concat(encodeFrames([appendOf([{ payload: Buffer.from('x') }, { payload: Buffer.from('yy') }])]).buffers),
  Buffer.concat(encodeFrames([deltaOf([Buffer.from('x'), Buffer.from('yy')])]).buffers),
  encodePing(1),
  encodeFormation({ replicas: [], prepared: false, formed: false, members: [] }),
  encodeFormation({ replicas: formation(3), prepared: true, formed: false, members: [] }),
  encodeFormation({ replicas: formation(12), prepared: true, formed: true, members: [] }),
  encodeFormation({ replicas: formation(3), prepared: true, formed: true, members: vouched(5) }),
  encodeHello({ versions, cluster: 'demo', from: 'n1', to: 'n2', incarnation: 1, nonce, folder: 'f1' }),
  encodeAnswer({ outcome: 'accepted', version: 1, cluster: 'demo', from: 'n2', incarnation: 1, folder: 'f2' }, nonce),
  encodeAnswer({ outcome: 'refused', code: 'wrong_cluster', text: 'no', from: 'n2', cluster: 'x', versions }, nonce),
].filter((frame) => frame.length < 600);

const INTERESTING = [0x00, 0x01, 0x7f, 0x80, 0xff, 0x0a, 0x12, 0x2a, 0x08];

/** Bytes of a frame, damaged in one to four places. */
function mutate(prng: Prng, frame: Buffer, from: number): Buffer {
  const bytes = Buffer.from(frame);
  for (let count = prng.between(1, 4); count > 0; count--) {
    const at = prng.between(from, bytes.length - 1);
    if (at < from) break;
    const choice = prng.between(0, 3);
    if (choice === 0) bytes[at] = (bytes[at] as number) ^ (1 << prng.between(0, 7));
    else if (choice === 1) bytes[at] = prng.between(0, 255);
    else if (choice === 2) bytes[at] = INTERESTING[prng.between(0, INTERESTING.length - 1)] as number;
    else bytes.copyWithin(at, prng.between(from, bytes.length - 1));
  }
  return prng.between(0, 9) === 0 ? bytes.subarray(0, prng.between(0, bytes.length)) : bytes;
}

/** Makes the checksums of a damaged frame hold, so that its body is decoded. */
function seal(frame: Buffer): Buffer {
  if (frame.length < 12) return frame;
  writeFrameHeader(frame, 0, frame.length - 12, crc32(frame.subarray(12)));
  return frame;
}

function random(prng: Prng): Buffer {
  const frame = Buffer.allocUnsafe(12 + prng.between(0, 60));
  for (let at = 0; at < frame.length; at++) frame[at] = prng.uint32() & 0xff;
  return frame;
}

/** What became of one frame: a name per outcome. Anything but WireError is thrown on. */
function attempt(prng: Prng, decoder: FrameDecoder, frame: Buffer): string {
  const cut = prng.between(0, frame.length);
  try {
    for (const chunk of [frame.subarray(0, cut), frame.subarray(cut)]) {
      decoder.feed(chunk);
      for (let body = decoder.next(); body !== null; body = decoder.next()) {
        const as = prng.between(0, 15);
        if (as === 0) decodeHello(body);
        else if (as === 1) decodeAnswer(body, nonce);
        else decodeFrame(body, ROUTE, decoder.ownsBody);
      }
    }
    return decoder.pendingBytes > 0 ? 'incomplete' : 'accepted';
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return error.reason;
  }
}

t.test('one million bad frames', async (t) => {
  const prng = createPrng(SEED);
  const outcomes = new Map<string, number>();
  const startedMs = performance.now();
  let slowestMs = 0;
  let heapPeak = 0;
  const heapBefore = process.memoryUsage();
  for (let count = 0; count < FRAMES; count++) {
    const decoder = new FrameDecoder();
    decoder.bodyBytesMax = FRAME_BODY_BYTES_MAX;
    const base = corpus[prng.between(0, corpus.length - 1)] as Buffer;
    const choice = prng.between(0, 9);
    let frame: Buffer;
    if (choice === 0) frame = random(prng);
    else if (choice === 1) frame = seal(random(prng));
    else if (choice === 2) frame = mutate(prng, base, 0);
    else frame = seal(mutate(prng, base, 12));
    const beganMs = performance.now();
    const outcome = attempt(prng, decoder, frame);
    slowestMs = Math.max(slowestMs, performance.now() - beganMs);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    if (count % 50_000 === 0) heapPeak = Math.max(heapPeak, process.memoryUsage().rss);
  }
  const tookMs = performance.now() - startedMs;
  t.comment(`${Math.round(tookMs)} ms, slowest ${slowestMs.toFixed(1)} ms`, Object.fromEntries(outcomes));
  t.ok(slowestMs < 5000, 'no frame hangs the loop');
  t.ok(heapPeak - heapBefore.rss < 192 * 1024 * 1024, 'memory is bounded');
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  t.ok(heapUsed - heapBefore.heapUsed < 128 * 1024 * 1024, 'the heap did not grow');
  t.ok(arrayBuffers - heapBefore.arrayBuffers < 128 * 1024 * 1024, 'buffers were let go');
  for (const reason of ['accepted', 'incomplete', 'bad_header', 'bad_crc', 'malformed', 'out_of_range'] as const) {
    t.ok((outcomes.get(reason) ?? 0) > 0, `the fuzzer reaches ${reason}`);
  }
  for (const reason of ['unknown_message', 'protocol_violation', 'bad_magic'] as const) {
    t.ok((outcomes.get(reason) ?? 0) > 0, `the fuzzer reaches ${reason}`);
  }
});
