import t from 'tap';
import { logIndex, replicaId, term } from '../../../../src/base/brand.js';
import { isKvorumError } from '../../../../src/base/errors/error.js';
import { SimulatedFileSystem } from '../../../../src/storage/memory/simulated-file-system.js';
import type { Log, LogRecord } from '../../../../src/storage/storage.js';
import {
  append,
  DIR,
  entry,
  entryRecord,
  filler,
  fixedHardState,
  GROUP,
  hardState,
  IDENTITY,
  indexes,
  openOn,
  OTHER,
  segments,
} from './fixture.js';

t.test('what was acknowledged is there after a crash', async (t) => {
  const fs = new SimulatedFileSystem();
  const log = openOn(fs);
  await append(log, [hardState(3), entryRecord(1), entryRecord(2)]);
  await append(log, [entryRecord(3, filler(20_000, 3))]);
  await append(log, [hardState(1, null, OTHER), entryRecord(1, '', OTHER)]);
  const after = openOn(fs.crash({ survives: () => false }));
  t.same(indexes(after), [1, 2, 3]);
  t.same(indexes(after, OTHER), [1]);
  const recovered = after.recovered.get(GROUP);
  t.same(recovered?.hardState, { term: 3, vote: 'n2', commit: 0 });
  t.same(recovered?.memberships?.latest.membership.voters, ['n1', 'n2', 'n3']);
  t.equal(after.recovered.get(OTHER)?.hardState?.vote, null);
  t.ok(Buffer.from(recovered?.entries[2]?.payload ?? []).equals(filler(20_000, 3)));
  t.equal(after.report.tornTail, null);
});

t.test('an entry at or below the last index replaces it and all after it', async (t) => {
  const fs = new SimulatedFileSystem();
  const log = openOn(fs);
  await append(log, [entryRecord(1), entryRecord(2), entryRecord(3)]);
  await append(log, [{ kind: 'entry', group: GROUP, entry: entry(2, 'new', 2) }]);
  await log.close();
  const after = openOn(fs);
  t.same(
    after.recovered.get(GROUP)?.entries.map((each) => [each.index, each.term]),
    [
      [1, 1],
      [2, 2],
    ],
  );
});

t.test('what leader-follower groups write: write quorums, epochs by force, hard states without members', async (t) => {
  const fs = new SimulatedFileSystem();
  const log = openOn(fs);
  const special = (index: number, kind: 'noop' | 'quorum', byte: number): LogRecord => {
    return { kind: 'entry', group: GROUP, entry: { ...entry(index, Buffer.from([byte]), 130), kind } };
  };
  await append(log, [fixedHardState(130, 'n2'), special(1, 'noop', 1), special(2, 'quorum', 3)]);
  await append(log, [fixedHardState(66, null, OTHER)]);
  const found = (log: Log): unknown => {
    const recovered = log.recovered.get(GROUP);
    t.same(recovered?.hardState, { term: 130, vote: 'n2', commit: 0 });
    t.equal(recovered?.memberships, null);
    t.same(log.recovered.get(OTHER)?.hardState, { term: 66, vote: null, commit: 0 }, 'rebuilding is remembered');
    return recovered?.entries.map(({ index, kind, payload, term }) => [index, term, kind, ...payload]);
  };
  const entries = [
    [1, 130, 'noop', 1],
    [2, 130, 'quorum', 3],
  ];
  t.same(found(openOn(fs.crash({ survives: () => false }))), entries);
  // Enough for other segments, of which the first may go: heads repeat what was only in it.
  for (let index = 1; index <= 6; index++) await append(log, [entryRecord(index, filler(4000, index), OTHER)]);
  log.cut(OTHER, logIndex(5), term(1));
  log.cut(GROUP, logIndex(1), term(130));
  await append(log, [special(3, 'noop', 1)]);
  const [first] = segments(fs);
  t.ok(segments(fs).length > 1);
  await log.close();
  t.same(found(openOn(fs)), [
    [2, 130, 'quorum', 3],
    [3, 130, 'noop', 1],
  ]);
  const cut = openOn(fs);
  cut.cut(GROUP, logIndex(3), term(130));
  await append(cut, [entryRecord(7, filler(9000, 7), OTHER)]);
  await append(cut, [entryRecord(8, '', OTHER)]);
  t.notOk(segments(fs).includes(first ?? ''), 'the segment of the hard states is gone');
  await cut.close();
  t.same(found(openOn(fs)), []);
});

t.test('a gap is refused before it reaches the disk', async (t) => {
  const log = openOn(new SimulatedFileSystem());
  await append(log, [entryRecord(1)]);
  t.throws(() => log.append([entryRecord(3)], true, () => undefined), { name: 'InvariantViolation' });
});

t.test('appends gather while a sync runs, and are done in order after one more sync', async (t) => {
  const fs = new SimulatedFileSystem();
  const log = openOn(fs, { segmentBytes: 1_000_000 });
  const release = fs.holdSyncs();
  const done: number[] = [];
  const before = fs.operations;
  const all = [1, 2, 3, 4].map(
    (index) =>
      new Promise<void>((resolve) => {
        log.append([entryRecord(index)], index !== 3, () => {
          done.push(index);
          resolve();
        });
      }),
  );
  t.equal(fs.operations - before, 1, 'only the first is written');
  t.same(done, []);
  release();
  await Promise.all(all);
  t.same(done, [1, 2, 3, 4]);
  t.equal(fs.operations - before, 4, 'two writes, two syncs');
});

t.test('without sync, done tells of the write; the next sync covers it; an empty append waits for it', async (t) => {
  const fs = new SimulatedFileSystem();
  const log = openOn(fs);
  await append(log, [entryRecord(1)]);
  const before = fs.operations;
  await append(log, [entryRecord(2)], false);
  t.equal(fs.operations - before, 1);
  t.same(indexes(openOn(fs.clone())), [1, 2], 'kill -9 loses nothing');
  await append(log, [], true);
  t.same(indexes(openOn(fs.crash({ survives: () => false }))), [1, 2]);
});

t.test('done is never called synchronously', async (t) => {
  const log = openOn(new SimulatedFileSystem());
  for (const sync of [true, false]) {
    let called = false;
    await new Promise<void>((resolve) => {
      log.append([], sync, () => {
        called = true;
        resolve();
      });
      t.equal(called, false);
    });
  }
});

t.test('stalledMs is the age of the running sync', async (t) => {
  const fs = new SimulatedFileSystem();
  let nowMs = 100;
  const log = openOn(fs, { clock: { monotonicMs: () => nowMs, wallMs: () => 0 } });
  t.equal(log.stalledMs(), 0);
  const release = fs.holdSyncs();
  const done = append(log, [entryRecord(1)]);
  nowMs = 350;
  t.equal(log.stalledMs(), 250);
  release();
  await done;
  t.equal(log.stalledMs(), 0);
});

t.test('the first failure poisons the log: no done, one onFailed, nothing more reaches the disk', async (t) => {
  for (const fault of ['EIO', 'ENOSPC', 'short write'] as const) {
    for (const failAt of [6, 7]) {
      const fs = new SimulatedFileSystem({ failAt, fault });
      const failures: Error[] = [];
      let failed!: () => void;
      const told = new Promise<void>((resolve) => (failed = resolve));
      const log = openOn(fs, {
        onFailed: (error) => {
          failures.push(error);
          failed();
        },
      });
      const done: number[] = [];
      for (const index of [1, 2, 3]) log.append([entryRecord(index)], true, () => done.push(index));
      await told;
      const { operations } = fs;
      log.append([entryRecord(4)], true, () => done.push(4));
      log.cut(GROUP, logIndex(1), term(1));
      await new Promise((resolve) => setImmediate(resolve));
      t.same(done, []);
      t.equal(failures.length, 1);
      t.equal(log.failed, failures[0]);
      t.ok(isKvorumError(failures[0]) && failures[0].code === 'storage_failed');
      if (fault === 'ENOSPC') t.match(failures[0]?.message, /disk is full/);
      t.equal(fs.operations, operations, 'never retried');
      await log.close();
    }
  }
});

t.test('segments are begun, repeat the state of all groups, and are removed once every group has cut', async (t) => {
  const fs = new SimulatedFileSystem();
  const log = openOn(fs, { segmentBytes: 2048 });
  await append(log, [hardState(7), hardState(9, 'n3', OTHER), entryRecord(1, 'only', OTHER)]);
  for (let index = 1; index <= 40; index++) await append(log, [entryRecord(index, filler(200, index))]);
  const before = segments(fs).length;
  t.ok(before > 4);
  log.cut(GROUP, logIndex(30), term(1));
  await append(log, []);
  t.equal(segments(fs).length, before, 'the other group still needs the first segment');
  log.cut(OTHER, logIndex(1), term(1));
  await log.close();
  t.ok(segments(fs).length < before);
  t.notOk(fs.existsSync(`${DIR}/segment-0000000000000001.log`));
  const after = openOn(fs);
  t.equal(after.recovered.get(GROUP)?.baseIndex, 30);
  t.equal(after.recovered.get(GROUP)?.baseTerm, 1);
  t.same(indexes(after), [31, 32, 33, 34, 35, 36, 37, 38, 39, 40]);
  t.equal(after.recovered.get(GROUP)?.hardState?.term, 7);
  t.same(after.recovered.get(OTHER)?.hardState, { term: 9, vote: 'n3', commit: 0 });
  t.equal(after.recovered.get(OTHER)?.baseIndex, 1);
  await append(after, [entryRecord(41), entryRecord(2, 'again', OTHER)]);
  await after.close();
  t.same(indexes(openOn(fs), OTHER), [2]);
});

t.test('raft.md W4: segments stay until the cut that allows to remove them is on disk', async (t) => {
  const fs = new SimulatedFileSystem();
  const log = openOn(fs, { segmentBytes: 2048 });
  for (let index = 1; index <= 40; index++) await append(log, [entryRecord(index, filler(200, index))]);
  const before = segments(fs).length;
  const release = fs.holdSyncs();
  log.cut(GROUP, logIndex(40), term(1));
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  t.equal(segments(fs).length, before);
  const lost = openOn(fs.crash({ survives: () => false }));
  t.equal(indexes(lost).at(-1), 40, 'without power nothing has happened yet');
  release();
  await log.close();
  t.ok(segments(fs).length < before);
  t.equal(openOn(fs).recovered.get(GROUP)?.baseIndex, 40);
});

t.test(
  'segments that hold only what a checkpoint record voids are removed, without a cut that lies higher',
  async (t) => {
    const fs = new SimulatedFileSystem();
    const log = openOn(fs, { segmentBytes: 2048 });
    await append(log, [entryRecord(1, 'only', OTHER)]);
    for (let index = 1; index <= 40; index++) await append(log, [entryRecord(index, filler(200, index))]);
    log.cut(GROUP, logIndex(30), term(1));
    await append(log, []);
    const before = segments(fs).length;
    const record = { kind: 'checkpoint', group: OTHER, index: logIndex(70), term: term(2) } as const;
    await append(log, [record], false);
    t.equal(segments(fs).length, before, 'not before it is known to be durable');
    await append(log, [record]);
    log.cut(OTHER, logIndex(70), term(2));
    await log.close();
    t.ok(segments(fs).length < before);
    const after = openOn(fs);
    t.match(after.recovered.get(OTHER), { baseIndex: 70, baseTerm: 2, entries: [] });
    t.same(indexes(after), [31, 32, 33, 34, 35, 36, 37, 38, 39, 40]);
    await append(after, [entryRecord(71, 'next', OTHER)]);
    await after.close();
    t.same(indexes(openOn(fs), OTHER), [71]);
  },
);

t.test('a checkpoint record voids a log that is behind it or contradicts it', async (t) => {
  const fs = new SimulatedFileSystem();
  const log = openOn(fs);
  await append(log, [entryRecord(1), entryRecord(2), entryRecord(3)]);
  await append(log, [{ kind: 'checkpoint', group: GROUP, index: logIndex(2), term: term(1) }]);
  t.same(indexes(openOn(fs.clone())), [1, 2, 3], 'agrees: nothing is dropped');
  await append(log, [{ kind: 'checkpoint', group: GROUP, index: logIndex(2), term: term(5) }]);
  const conflicting = openOn(fs.clone());
  t.same(indexes(conflicting), []);
  t.same(conflicting.recovered.get(GROUP)?.baseIndex, 2);
  t.same(conflicting.recovered.get(GROUP)?.baseTerm, 5);
  await append(log, [{ kind: 'checkpoint', group: GROUP, index: logIndex(900), term: term(6) }]);
  await append(log, [entryRecord(901)]);
  const ahead = openOn(fs.clone());
  t.same(indexes(ahead), [901]);
  t.equal(ahead.recovered.get(GROUP)?.baseIndex, 900);
});

t.test('another cluster, another replica and a newer format are refused', async (t) => {
  const fs = new SimulatedFileSystem();
  await openOn(fs).close();
  t.throws(() => openOn(fs, { identity: { ...IDENTITY, cluster: 'prod' } }), { code: 'data_dir_mismatch' });
  t.throws(() => openOn(fs, { identity: { ...IDENTITY, replica: replicaId('n9') } }), {
    code: 'data_dir_mismatch',
    message: /n1.*n9/,
  });
});

t.test('after silence a mark vouches for the last batch', async (t) => {
  const fs = new SimulatedFileSystem();
  const log = openOn(fs, { idleMarkMs: 1 });
  await append(log, [entryRecord(1)]);
  const before = fs.operations;
  while (fs.operations === before) await new Promise((resolve) => setTimeout(resolve, 1));
  const damaged = fs.clone();
  const [path = ''] = segments(fs);
  const bytes = damaged.content(path);
  const at = bytes.indexOf('payload-1');
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  damaged.replace(path, bytes);
  t.throws(() => openOn(damaged), { code: 'log_corrupt', message: new RegExp(`${path}: offset \\d+ \\(record 2\\)`) });
});
