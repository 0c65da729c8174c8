import { latin1Slice, latin1ToBytes, latin1Write, readVarint, writeVarint } from '../../../native-like/bytes/index.js';
import { latin1SliceReference } from '../../../native-like/bytes/reference.js';
import type { BenchCase, BenchSuite } from '../harness.js';

function latin1Cases(size: number): BenchCase[] {
  const bytes = Buffer.from(Array.from({ length: size }, (_, at) => (at * 31 + 7) & 0xff));
  const text = latin1SliceReference(bytes, 0, size);
  const target = Buffer.alloc(size + 8);
  const work = { amount: size, unit: 'B' } as const;
  return [
    {
      name: `latin1Slice ${size} B`,
      run: () => latin1Slice(bytes, 0, size).length,
      check: () => latin1Slice(bytes, 0, size) === text,
      work,
    },
    {
      name: `latin1Write ${size} B`,
      run: () => latin1Write(target, 3, text),
      check: () => latin1Write(target, 3, text) === size + 3 && target.toString('latin1', 3, size + 3) === text,
      work,
    },
    {
      name: `latin1ToBytes ${size} B`,
      run: () => latin1ToBytes(text).length,
      check: () => Buffer.compare(latin1ToBytes(text), bytes) === 0,
      work,
    },
  ];
}

function varintCase(name: string, numbers: readonly number[]): BenchCase {
  const target = new Uint8Array(numbers.length * 8);
  const cursor = { at: 0 };
  const roundTrip = (): number => {
    let end = 0;
    for (const n of numbers) end = writeVarint(target, end, n);
    let sum = 0;
    for (cursor.at = 0; cursor.at < end;) sum += readVarint(target, cursor);
    return sum;
  };
  const expected = numbers.reduce((sum, n) => sum + n, 0);
  return {
    name: `write and read ${numbers.length} varints ${name}`,
    run: roundTrip,
    check: () => roundTrip() === expected,
    work: { amount: numbers.length, unit: 'entries' },
  };
}

export const bytesSuite: BenchSuite = {
  name: 'bytes',
  create: () => ({
    cases: [
      ...[8, 16, 32, 256, 4096].flatMap(latin1Cases),
      varintCase(
        'below 2^14',
        Array.from({ length: 64 }, (_, at) => at * 255),
      ),
      varintCase(
        'below 2^48',
        Array.from({ length: 64 }, (_, at) => at * 4_398_046_511),
      ),
    ],
  }),
};
