import { assert } from '../../../src/base/assert.js';
import { logIndex, term } from '../../../src/base/brand.js';
import { LIMITS } from '../../../src/base/limits.js';
import { decodeFrame, encodeFrames } from '../../../src/wire/codec.js';
import type { WireEnvelope } from '../../../src/wire/codec.js';
import { FrameDecoder } from '../../../src/wire/frame-decoder.js';
import type { BenchCase, BenchSuite } from '../harness.js';
import { appendRequest, entriesAfter, FOLLOWERS, GROUP, LEADER, payloadOf, sizeLabel } from './entries.js';

const ROUTE = { from: LEADER, to: FOLLOWERS[0] };

/** Encodes, and cuts and decodes, one frame with these envelopes. */
function frameCases(label: string, envelopes: readonly WireEnvelope[], amount: number): BenchCase[] {
  const encode = (): number => encodeFrames(envelopes).bytes;
  const stream = Buffer.concat(encodeFrames(envelopes).buffers);
  const decoder = new FrameDecoder();
  decoder.bodyBytesMax = LIMITS.frameBytes;
  const decode = (): readonly WireEnvelope[] => {
    decoder.feed(stream);
    const body = decoder.next();
    assert(body !== null, 'the frame is whole');
    const { envelopes } = decodeFrame(body, ROUTE, decoder.ownsBody);
    assert(decoder.next() === null, 'there is one frame');
    return envelopes;
  };
  const work = { amount, unit: 'entries' } as const;
  return [
    { name: `encode ${label}`, run: encode, check: () => encode() === stream.length, work },
    {
      name: `decode ${label}`,
      run: () => decode().length,
      check: () => Buffer.concat(encodeFrames(decode()).buffers).equals(stream),
      work,
    },
  ];
}

export const wireSuite: BenchSuite = {
  name: 'wire',
  create: () => {
    const appends = [
      [1, 256],
      [16, 256],
      [256, 64],
      [16, 4096],
    ] as const;
    const cases = appends.flatMap(([count, size]) => {
      const message = appendRequest(entriesAfter(logIndex(9), count, payloadOf(size)), logIndex(9));
      return frameCases(`an append of ${count} x ${sizeLabel(size)}`, [{ group: GROUP, message }], count);
    });
    const answers = Array.from({ length: 64 }, (_, at): WireEnvelope => {
      const hint = { hintIndex: logIndex(0), hintTerm: term(0) };
      const index = logIndex(1_000_000 + at);
      const message = { type: 'appendResponse', ...ROUTE, term: term(7), rejected: false, index, ...hint } as const;
      return { group: GROUP, message };
    });
    return { cases: [...cases, ...frameCases('64 append responses', answers, answers.length)] };
  },
};
