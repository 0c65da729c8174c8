import t from 'tap';
import { logIndex, term } from '../../../../src/base/brand.js';
import { SimulatedFileSystem } from '../../../../src/storage/memory/simulated-file-system.js';
import type { LogRecord } from '../../../../src/storage/storage.js';
import type { SegmentedLog } from '../../../../src/storage/wal/segmented-log.js';
import { append, entry, entryRecord, filler, GROUP, indexes, openOn, OTHER, segments } from './fixture.js';

// ap.md §1.3.5: after a forced promotion a member's whole history may be replaced by an older and shorter one.

const RESTART: LogRecord = { kind: 'checkpoint', group: GROUP, index: logIndex(10), term: term(130), replaces: true };

/** Two of them fill a segment. */
function large(index: number, atTerm: number): LogRecord {
  return { kind: 'entry', group: GROUP, entry: entry(index, filler(4000, index + atTerm), atTerm) };
}

/** What a process would find that started now. */
function found(fs: SimulatedFileSystem): { base: number; terms: string } {
  const recovered = openOn(fs.crash({ survives: () => false })).recovered.get(GROUP);
  const terms = recovered?.entries.map((each) => `${each.index}@${each.term}`) ?? [];
  return { base: recovered?.baseIndex ?? 0, terms: terms.join(' ') };
}

/** Lets the log remove what it takes for cut: it looks at all of it when any group cuts. */
async function cleanedUp(log: SegmentedLog): Promise<void> {
  others++;
  await append(log, [entryRecord(others, '', OTHER)]);
  log.cut(OTHER, logIndex(others), term(1));
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  await append(log, []);
}

let others = 0;
t.beforeEach(() => {
  others = 0;
});

/** Entries 1 to 20 of epoch 66, cut up to `cutIndex`, of which the segments are gone. */
async function oldHistory(fs: SimulatedFileSystem, cutIndex: number): Promise<SegmentedLog> {
  const log = openOn(fs);
  for (let index = 1; index <= 20; index++) await append(log, [large(index, 66)]);
  log.cut(GROUP, logIndex(cutIndex), term(66));
  await cleanedUp(log);
  t.equal(found(fs).base, cutIndex);
  return log;
}

for (const cutIndex of [15, 20]) {
  t.test(`the log begins anew behind its base (${cutIndex}), and goes on from there`, async (t) => {
    const fs = new SimulatedFileSystem();
    const log = await oldHistory(fs, cutIndex);
    await append(log, [RESTART]);
    t.same(found(fs), { base: 10, terms: '' }, 'nothing of before counts');
    const expected: string[] = [];
    for (let index = 11; index <= 19; index++) {
      await append(log, [large(index, 130)]);
      await cleanedUp(log);
      expected.push(`${index}@130`);
      t.same(found(fs), { base: 10, terms: expected.join(' ') }, 'whatever segments are gone by now');
    }
    await log.close();
    const again = openOn(fs);
    t.same(indexes(again), [11, 12, 13, 14, 15, 16, 17, 18, 19]);
    await append(again, [large(20, 130)]);
    again.cut(GROUP, logIndex(18), term(130));
    await cleanedUp(again);
    t.same(found(fs), { base: 18, terms: '19@130 20@130' });
    const before = segments(fs).length;
    again.cut(GROUP, logIndex(20), term(130));
    await cleanedUp(again);
    t.ok(segments(fs).length < before, 'the old history is gone once the new one is as long');
    t.same(found(fs), { base: 20, terms: '' });
  });
}

t.test('a cut of the old history that becomes durable after it removes nothing of the new one', async (t) => {
  const fs = new SimulatedFileSystem();
  const log = openOn(fs);
  for (let index = 1; index <= 8; index++) await append(log, [entryRecord(index)]);
  others = 1;
  const release = fs.holdSyncs();
  log.append([entryRecord(1, '', OTHER)], true, () => undefined);
  log.cut(GROUP, logIndex(8), term(1));
  const restart = append(log, [{ ...RESTART, index: logIndex(2) }]);
  release();
  await restart;
  const expected: string[] = [];
  for (let index = 3; index <= 7; index++) {
    await append(log, [large(index, 130)]);
    await cleanedUp(log);
    expected.push(`${index}@130`);
    t.same(found(fs), { base: 2, terms: expected.join(' ') });
  }
});

t.test(
  'also where both histories hold the checkpoint: what lies behind it in the old one does not come back',
  async (t) => {
    const fs = new SimulatedFileSystem();
    const log = openOn(fs);
    for (let index = 1; index <= 5; index++) await append(log, [entryRecord(index)]);
    await append(log, [{ ...RESTART, index: logIndex(3), term: term(1) }, entryRecord(1, '', OTHER)]);
    t.same(found(fs), { base: 3, terms: '' });
    await log.close();
    const again = openOn(fs);
    t.same(indexes(again), []);
    t.same(indexes(again, OTHER), [1], 'other groups are not concerned');
    await append(again, [entryRecord(4)]);
    t.same(found(fs), { base: 3, terms: '4@1' });
  },
);
