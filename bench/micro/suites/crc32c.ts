import { crc32 } from 'node:zlib';
import { crc32c } from '../../../native-like/crc32c/index.js';
import { crc32cReference } from '../../../native-like/crc32c/reference.js';
import type { BenchCase, BenchSuite } from '../harness.js';

const SIZES = [24, 256, 4096, 65_536] as const;

function casesOf(size: number): BenchCase[] {
  const bytes = Buffer.from(Array.from({ length: size }, (_, at) => (at * 31 + 7) & 0xff));
  const expected = crc32cReference(bytes, 0, size);
  const expectedIeee = crc32(bytes);
  const work = { amount: size, unit: 'B' } as const;
  const label = size < 1024 ? `${size} B` : `${size / 1024} KiB`;
  return [
    { name: label, run: () => crc32c(bytes, 0, size), check: () => crc32c(bytes, 0, size) === expected, work },
    {
      name: `${label}, node:zlib crc32 (IEEE)`,
      run: () => crc32(bytes),
      check: () => crc32(bytes) === expectedIeee,
      work,
    },
  ];
}

export const crc32cSuite: BenchSuite = { name: 'crc32c', create: () => ({ cases: SIZES.flatMap(casesOf) }) };
