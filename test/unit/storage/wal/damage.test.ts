// The proof of raft.md W1-W10 and reliability.md §2.3, §3.5: a torn tail is cut and nothing that was acknowledged is
// lost; anything else is refused, by file and offset; never a silent loss. Takes some 10 s: it is exhaustive.
import t from 'tap';
import { logIndex, term } from '../../../../src/base/brand.js';
import { isKvorumError, type KvorumError } from '../../../../src/base/errors/error.js';
import { createPrng } from '../../../../src/base/prng.js';
import { SimulatedFileSystem, type Fault } from '../../../../src/storage/memory/simulated-file-system.js';
import type { Log } from '../../../../src/storage/storage.js';
import {
  append,
  entryRecord,
  filler,
  GROUP,
  hardState,
  indexes,
  lastIndex,
  openOn,
  OTHER,
  segments,
} from './fixture.js';

/** Recovers, or returns the refusal. Anything but a refusal that names file and offset fails the test. */
function recover(fs: SimulatedFileSystem): Log | KvorumError {
  try {
    return openOn(fs);
  } catch (error) {
    if (isKvorumError(error) && error.code === 'log_corrupt' && /segment-\d+\.log: offset \d+/.test(error.message)) {
      return error;
    }
    throw error;
  }
}

function contiguous(log: Log): boolean {
  const found = indexes(log);
  const base = log.recovered.get(GROUP)?.baseIndex ?? 0;
  return found.every((index, at) => index === base + at + 1);
}

t.test('cut at every byte of the last 64 KiB: everything before the cut is kept, never a refusal', async (t) => {
  const fs = new SimulatedFileSystem();
  const log = openOn(fs, { segmentBytes: 1_000_000 });
  // Where each entry ends, read off the file: the highest entry that is whole below a cut must be recovered.
  const ends: { readonly index: number; readonly end: number }[] = [];
  const [path = ''] = segments(fs);
  let index = 0;
  while (log.bytes < 80_000) {
    index++;
    await append(log, [entryRecord(index, filler((index * 37) % 1500, index))]);
    ends.push({ index, end: endOfData(fs.content(path)) });
  }
  const whole = fs.content(path).subarray(0, endOfData(fs.content(path)));
  const from = Math.max(ends[0]?.end ?? 0, whole.length - 65_536);
  let wrong = 0;
  let torn = 0;
  let at = ends.length - 1;
  for (let cut = whole.length; cut >= from; cut--) {
    while (at >= 0 && (ends[at]?.end ?? 0) > cut) at--;
    const damaged = new SimulatedFileSystem();
    damaged.replace(path, whole.subarray(0, cut));
    const after = recover(damaged);
    if (after instanceof Error || lastIndex(after) !== ends[at]?.index || !contiguous(after)) wrong++;
    else if (after.report.tornTail !== null) torn++;
  }
  t.equal(wrong, 0);
  t.ok(torn > 60_000, `${torn} torn tails were reported`);
});

/** Payloads hold no zero, so the data ends at the last byte that is not zero (a crc may end in zeros: not here). */
function endOfData(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

t.test('a torn tail is saved, cut and reported once; the log goes on after it', async (t) => {
  const fs = new SimulatedFileSystem();
  const log = openOn(fs);
  for (const index of [1, 2, 3]) await append(log, [entryRecord(index, filler(index * 300, index))]);
  const [path = ''] = segments(fs);
  const bytes = fs.content(path);
  const end = endOfData(bytes);
  const damaged = new SimulatedFileSystem();
  damaged.replace(path, bytes.subarray(0, end - 4));
  const after = openOn(damaged);
  t.same(indexes(after), [1, 2]);
  const { tornTail } = after.report;
  t.equal(tornTail?.file, path);
  t.ok(damaged.content(tornTail?.savedAs ?? '').equals(bytes.subarray(tornTail?.offset, end - 4)));
  t.equal(tornTail?.bytes, end - 4 - (tornTail?.offset ?? 0));
  // Shorter than what was cut: nothing of that may be left behind it.
  await append(after, [entryRecord(3, 'again')]);
  const disk = damaged.crash({ survives: () => false });
  const again = openOn(disk);
  t.same(indexes(again), [1, 2, 3]);
  t.equal(again.report.tornTail, null);
  t.ok(disk.content(tornTail?.savedAs ?? '').equals(bytes.subarray(tornTail?.offset, end - 4)), 'the copy is durable');
});

async function severalSegments(count: number): Promise<{ fs: SimulatedFileSystem; last: number; paths: string[] }> {
  const fs = new SimulatedFileSystem();
  const log = openOn(fs, { segmentBytes: 8 * 1024 });
  await append(log, [hardState(4)]);
  let last = 0;
  while (segments(fs).length < count) {
    last++;
    await append(log, [entryRecord(last, filler(300 + ((last * 53) % 200), last))]);
  }
  for (let more = 0; more < 3; more++) await append(log, [entryRecord(++last, filler(200, last))]);
  return { fs, last, paths: segments(fs) };
}

t.test('every bit of a middle segment flipped: refused, or nothing is lost', async (t) => {
  const { fs, last, paths } = await severalSegments(3);
  const path = paths[1] ?? '';
  const bytes = fs.content(path);
  let refused = 0;
  let kept = 0;
  let lost = 0;
  const damaged = fs.clone();
  for (let at = 0; at < bytes.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
      damaged.replace(path, flipped);
      const after = recover(damaged);
      if (after instanceof Error) refused++;
      else if (lastIndex(after) === last && contiguous(after)) kept++;
      else lost++;
    }
  }
  t.equal(lost, 0);
  t.equal(refused + kept, bytes.length * 8);
  t.ok(refused > 0.99 * bytes.length * 8, `${refused} refused, ${kept} harmless`);
});

t.test('a flip in the last segment: refused when a later record vouches for it, else a torn tail', async (t) => {
  const fs = new SimulatedFileSystem();
  const log = openOn(fs, { segmentBytes: 1_000_000 });
  for (let index = 1; index <= 8; index++) await append(log, [entryRecord(index, filler(100, index))]);
  const [path = ''] = segments(fs);
  const bytes = fs.content(path);
  const end = endOfData(bytes);
  // The last batch is synced, but nothing on disk says so yet: the one ambiguity that is left (reliability.md §2.3).
  const lastAt = bytes.lastIndexOf('KVR1');
  for (const [from, until, outcome] of [
    [0, lastAt, 'refused'],
    [lastAt, end, 'torn'],
  ] as const) {
    let other = 0;
    for (let at = from; at < until; at++) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      const damaged = new SimulatedFileSystem();
      damaged.replace(path, flipped);
      const after = recover(damaged);
      if ((after instanceof Error ? 'refused' : 'torn') !== outcome) other++;
      if (!(after instanceof Error) && lastIndex(after) !== 7) other++;
    }
    t.equal(other, 0, outcome);
  }
  // A clean close, or silence, leaves a mark that vouches for the last batch too.
  await log.close();
  const closed = fs.content(path);
  let other = 0;
  for (let at = lastAt; at < end; at++) {
    const flipped = Buffer.from(closed);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
    const damaged = new SimulatedFileSystem();
    damaged.replace(path, flipped);
    if (!(recover(damaged) instanceof Error)) other++;
  }
  t.equal(other, 0, 'refused after close');
});

t.test('what was recovered from the page cache after kill -9 is durable from then on', async (t) => {
  const fs = new SimulatedFileSystem();
  const log = openOn(fs);
  await append(log, [entryRecord(1)]);
  await append(log, [entryRecord(2)], false);
  t.same(indexes(openOn(fs.crash({ survives: () => false }))), [1]);
  t.same(indexes(openOn(fs)), [1, 2]);
  t.same(indexes(openOn(fs.crash({ survives: () => false }))), [1, 2]);
});

t.test('a segment is whole on disk before the next one has its name', async (t) => {
  const fs = new SimulatedFileSystem();
  const log = openOn(fs, { segmentBytes: 1500 });
  await append(log, [entryRecord(1)]);
  for (let index = 2; index <= 12; index++) {
    await append(log, [entryRecord(index, filler(300, index))], false);
    const after = recover(fs.crash({ survives: () => false }));
    t.notOk(after instanceof Error, `after ${index}`);
  }
  t.ok(segments(fs).length > 3);
});

t.test('garbage and zeros after the end are a torn tail', async (t) => {
  const fs = new SimulatedFileSystem();
  const log = openOn(fs, { segmentBytes: 1_000_000 });
  for (let index = 1; index <= 5; index++) await append(log, [entryRecord(index, filler(700, index))]);
  const [path = ''] = segments(fs);
  const bytes = fs.content(path);
  const whole = bytes.subarray(0, endOfData(bytes));
  const prng = createPrng(7);
  for (let round = 0; round < 300; round++) {
    const garbage = Buffer.from(Array.from({ length: prng.between(1, 2000) }, () => prng.between(0, 255)));
    // Sometimes real old records of this very segment, as a recycled sector holds them.
    const old = whole.subarray(prng.between(0, whole.length - 1));
    const tail = round % 3 === 0 ? Buffer.alloc(garbage.length) : round % 3 === 1 ? garbage : old;
    const damaged = new SimulatedFileSystem();
    damaged.replace(path, Buffer.concat([whole, tail]));
    const after = recover(damaged);
    if (after instanceof Error || lastIndex(after) !== 5) t.fail(`round ${round}`);
    else if (round % 3 === 0 && after.report.tornTail !== null) t.fail('zeros are padding');
  }
  t.pass();
});

t.test(
  'sectors of the unsynced batch in any order and number: acknowledged records stay, never a refusal',
  async (t) => {
    const prng = createPrng(11);
    let wrong = 0;
    for (let round = 0; round < 600; round++) {
      const fs = new SimulatedFileSystem();
      const log = openOn(fs, { segmentBytes: 1_000_000, preallocateBytes: round % 2 === 0 ? 0 : 8192 });
      for (let index = 1; index <= 3; index++)
        await append(log, [entryRecord(index, filler(prng.between(1, 900), index))]);
      fs.holdSyncs();
      for (let index = 4; index <= 6; index++) {
        log.append([entryRecord(index, filler(prng.between(1, 3000), index))], false, () => undefined);
      }
      log.append([entryRecord(7, filler(4000, 7))], true, () => undefined);
      await new Promise((resolve) => setImmediate(resolve));
      const likelihood = prng.float();
      const sectorBytes = round % 5 === 0 ? 1 : 512;
      const after = recover(fs.crash({ survives: () => prng.float() < likelihood, sectorBytes }));
      if (after instanceof Error || lastIndex(after) < 3 || !contiguous(after)) wrong++;
    }
    t.equal(wrong, 0);
  },
);

t.test('a missing, swapped, renamed, older or foreign segment is refused', async (t) => {
  const { fs, paths } = await severalSegments(5);
  const [first = '', second = '', third = '', fourth = ''] = paths;
  const damage: Record<string, (damaged: SimulatedFileSystem) => void> = {
    'first missing': (damaged) => damaged.replace(first, null),
    'middle missing': (damaged) => damaged.replace(third, null),
    'two missing': (damaged) => {
      damaged.replace(second, null);
      damaged.replace(third, null);
    },
    swapped: (damaged) => {
      damaged.replace(second, fs.content(third));
      damaged.replace(third, fs.content(second));
    },
    'copied over': (damaged) => damaged.replace(fourth, fs.content(second)),
    truncated: (damaged) => damaged.replace(second, fs.content(second).subarray(0, 4000)),
    empty: (damaged) => damaged.replace(second, Buffer.alloc(0)),
    zeros: (damaged) => damaged.replace(second, Buffer.alloc(8192)),
  };
  for (const [name, inflict] of Object.entries(damage)) {
    const damaged = fs.clone();
    inflict(damaged);
    const after = recover(damaged);
    t.ok(after instanceof Error, name);
  }
  const twin = await severalSegments(5);
  const mixed = fs.clone();
  mixed.replace(third, twin.fs.content(third).subarray(0, -1));
  t.ok(recover(mixed) instanceof Error, 'of a twin log');
});

t.test('records cut at a record boundary in a middle segment are missed', async (t) => {
  const { fs, paths } = await severalSegments(4);
  const [, second = ''] = paths;
  const bytes = fs.content(second);
  const damaged = fs.clone();
  damaged.replace(second, bytes.subarray(0, bytes.lastIndexOf('KVR1')));
  const after = recover(damaged);
  t.match(after instanceof Error ? after.message : '', /the records \d+ to \d+ are missing/);
});

interface Workload {
  readonly acknowledged: number;
  readonly submitted: number;
  readonly cutTo: number;
}

/** Opens, appends with rolls, cuts, closes, opens again and goes on; stops at the first failure. */
async function run(fs: SimulatedFileSystem): Promise<Workload> {
  let acknowledged = 0;
  let submitted = 0;
  let cutTo = 0;
  const state = (): Workload => ({ acknowledged, submitted, cutTo });
  for (const _session of [1, 2]) {
    let failed = false;
    let log: Log;
    try {
      log = openOn(fs, { segmentBytes: 1500, preallocateBytes: 256, onFailed: () => (failed = true) });
    } catch {
      return state();
    }
    for (let round = 0; round < 8; round++) {
      const index = submitted + 1;
      submitted += 2;
      const other = round === 0 && index === 1 ? [hardState(2, 'n2', OTHER)] : [];
      const records = [hardState(index), entryRecord(index, filler(250, index)), entryRecord(index + 1), ...other];
      log.append(records, true, () => (acknowledged = index + 1));
      if (round % 3 === 2) {
        cutTo = acknowledged;
        if (cutTo > 0) log.cut(GROUP, logIndex(cutTo), term(1));
      }
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      if (fs.crashed || failed) return state();
    }
    const closing = log.close();
    for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve));
    if (fs.crashed || failed) return state();
    await closing;
  }
  return state();
}

t.test('fail or crash at every operation: acknowledged <= recovered <= submitted, and never a refusal', async (t) => {
  const clean = new SimulatedFileSystem();
  const whole = await run(clean);
  t.equal(whole.acknowledged, whole.submitted);
  t.ok(clean.operations > 80, `${clean.operations} operations`);
  const faults: Fault[] = ['EIO', 'ENOSPC', 'short write', 'crash before', 'crash after'];
  const wrong: string[] = [];
  let runs = 0;
  for (let failAt = 1; failAt <= clean.operations; failAt++) {
    for (const fault of faults) {
      const fs = new SimulatedFileSystem({ failAt, fault });
      const { acknowledged, submitted, cutTo } = await run(fs);
      for (const seed of [0, 1, 2]) {
        const prng = createPrng(failAt * 10 + seed);
        const survives = [() => false, () => true, () => prng.float() < 0.5][seed] ?? (() => true);
        const sectorBytes = failAt % 4 === 0 ? 1 : 512;
        const disk = fs.crash({ survives, sectorBytes });
        runs++;
        const problem = await examine(disk, acknowledged, submitted, cutTo);
        if (problem !== null) wrong.push(`operation ${failAt}, ${fault}, seed ${seed}: ${problem}`);
      }
    }
  }
  t.same(wrong, []);
  t.comment(`${runs} crashes`);
});

/** Recovers, then recovers again after a crash at each operation of that recovery, then appends and recovers. */
async function examine(
  disk: SimulatedFileSystem,
  acknowledged: number,
  submitted: number,
  cutTo: number,
): Promise<string | null> {
  const after = recover(disk.clone());
  if (after instanceof Error) return after.message;
  const last = lastIndex(after);
  if (last < acknowledged || last > submitted || !contiguous(after)) {
    return `recovered ${last}, acknowledged ${acknowledged}, submitted ${submitted}`;
  }
  if ((after.recovered.get(GROUP)?.baseIndex ?? 0) > cutTo) return 'cut further than asked';
  if ((after.recovered.get(GROUP)?.hardState?.term ?? 0) < acknowledged - 1) return 'forgot the hard state';
  const usable = disk.clone();
  const log = openOn(usable);
  await append(log, [entryRecord(last + 1)]);
  const again = recover(usable.crash({ survives: () => false }));
  if (again instanceof Error) return `after going on: ${again.message}`;
  return lastIndex(again) === last + 1 ? null : 'lost what came after recovery';
}

t.test('a crash at every operation of a recovery that cuts a torn tail', async (t) => {
  const fs = new SimulatedFileSystem();
  const log = openOn(fs);
  for (const index of [1, 2, 3]) await append(log, [entryRecord(index, filler(900, index))]);
  const [path = ''] = segments(fs);
  const torn = fs.content(path).subarray(0, endOfData(fs.content(path)) - 100);
  for (const fault of ['crash before', 'crash after', 'EIO'] as const) {
    for (let failAt = 1; ; failAt++) {
      const disk = new SimulatedFileSystem({ failAt, fault });
      disk.replace(path, torn);
      let finished = true;
      try {
        openOn(disk);
      } catch {
        finished = false;
      }
      const prng = createPrng(failAt);
      const after = recover(disk.crash({ survives: () => prng.float() < 0.5 }));
      t.notOk(after instanceof Error);
      if (!(after instanceof Error)) t.same(indexes(after), [1, 2]);
      if (finished && disk.operations < failAt) break;
    }
  }
});
