import xxhash from 'xxhash-wasm';
import { keyHash } from '../../../native-like/key-hash/index.js';
import { keyHashReference } from '../../../native-like/key-hash/reference.js';
import type { BenchCase, BenchSuite } from '../harness.js';

const KEYS = 64;

export const keyHashSuite: BenchSuite = {
  name: 'key-hash',
  create: async () => {
    const hasher = await xxhash();
    const casesOf = (size: number): BenchCase[] => {
      // Many different keys: with one, V8 could keep the answer. Flat strings, as they come from a socket.
      const keys = Array.from({ length: KEYS }, (_, at) =>
        Buffer.from(`${at}:`.padEnd(size, 'abcdefgh')).toString('latin1'),
      );
      const expected = keys.reduce((sum, key) => sum ^ keyHashReference(key, 0), 0);
      const fast = (): number => {
        let sum = 0;
        for (const key of keys) sum ^= keyHash(key, 0);
        return sum;
      };
      // ASCII keys: UTF-8, which h32 hashes, is the same bytes.
      const wasm = (): number => {
        let sum = 0;
        for (const key of keys) sum ^= hasher.h32(key, 0);
        return sum;
      };
      const work = { amount: KEYS, unit: 'entries' } as const;
      return [
        { name: `${KEYS} keys of ${size} B`, run: fast, check: () => fast() === expected, work },
        { name: `${KEYS} keys of ${size} B, xxhash-wasm`, run: wasm, check: () => wasm() === expected, work },
      ];
    };
    return { cases: [16, 64].flatMap(casesOf) };
  },
};
