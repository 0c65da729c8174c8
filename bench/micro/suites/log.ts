import { assert } from '../../../src/base/assert.js';
import { indexAfter, logIndex } from '../../../src/base/brand.js';
import type { AsyncBenchCase, BenchSuite } from '../harness.js';
import { entriesAfter, GROUP, LEADER, payloadOf, sizeLabel, TERM } from './entries.js';
import { openTemporaryLog, type TemporaryLog } from './temporary-log.js';

const SHAPES = [
  [1, 256],
  [16, 256],
  [256, 256],
  [16, 4096],
] as const;
/** Cuts the log every now and then, as checkpoints do: the disk does not fill. */
const CUT_EVERY_BYTES = 128 * 1024 * 1024;

function suite(name: string, fsync: boolean): BenchSuite {
  return {
    name,
    create: () => {
      const temporary = openTemporaryLog(LEADER, fsync);
      return { cases: casesOn(temporary), close: () => temporary.close() };
    },
  };
}

function casesOn({ log }: TemporaryLog): AsyncBenchCase[] {
  let last = logIndex(0);
  let sinceCut = 0;
  return SHAPES.map(([count, size]) => {
    const payload = payloadOf(size);
    const append = (): Promise<number> =>
      new Promise((resolve) => {
        const entries = entriesAfter(last, count, payload);
        last = indexAfter(last, count);
        const records = entries.map((entry) => ({ kind: 'entry' as const, group: GROUP, entry }));
        log.append(records, true, () => resolve(last));
        sinceCut += count * size;
        if (sinceCut < CUT_EVERY_BYTES) return;
        sinceCut = 0;
        log.cut(GROUP, last, TERM);
      });
    return {
      name: `append ${count} x ${sizeLabel(size)}, one at a time`,
      runAsync: append,
      check: async () => {
        const before = last;
        const after = await append();
        assert(log.failed === null, 'the log works');
        return after === before + count;
      },
      work: { amount: count, unit: 'entries' },
    };
  });
}

export const logSuites: readonly BenchSuite[] = [suite('log/fsync', true), suite('log/no-fsync', false)];
