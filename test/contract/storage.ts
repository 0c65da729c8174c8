import type { Test } from 'tap';
import { groupId, logIndex, originId, originLog, parseOriginLog, term, type OriginId } from '../../src/base/brand.js';
import type { CheckpointChange, CheckpointStore, LogRecord } from '../../src/storage/storage.js';
import { formedBy } from '../fixtures/membership.js';
import {
  entryRecord,
  GROUP,
  markAt,
  pairs,
  pieces,
  put,
  thousandPairs,
  type StorageUnderTest,
} from './storage-fixture.js';
import { quorumContract } from './storage-quorum.js';

/** What every storage does. `open` gives a fresh, empty one. */
export function storageContract(t: Test, open: (t: Test) => Promise<StorageUnderTest>): void {
  logContract(t, open);
  checkpointContract(t, open);
  snapshotContract(t, open);
  quorumContract(t, open);
  writingContract(t, open);
}

function logContract(t: Test, open: (t: Test) => Promise<StorageUnderTest>): void {
  t.test('log: done comes later, in order, also for an append without records', async (t) => {
    const { storage } = await open(t);
    const done: number[] = [];
    await new Promise<void>((resolve) => {
      storage.log.append([entryRecord(1)], true, () => done.push(1));
      storage.log.append([entryRecord(2)], false, () => done.push(2));
      storage.log.append([], true, () => done.push(3));
      storage.log.append([entryRecord(3)], true, () => {
        done.push(4);
        resolve();
      });
      t.same(done, []);
    });
    t.same(done, [1, 2, 3, 4]);
    t.equal(storage.log.failed, null);
    t.equal(storage.log.stalledMs(), 0);
    await storage.close();
  });

  t.test('log: close waits for what was appended', async (t) => {
    const { storage } = await open(t);
    let done = 0;
    for (const index of [1, 2, 3]) storage.log.append([entryRecord(index)], true, () => done++);
    storage.log.cut(GROUP, logIndex(2), term(1));
    await storage.close();
    t.equal(done, 3);
  });

  t.test('log: what was appended is recovered, less what was cut', async (t) => {
    const { storage, reopen } = await open(t);
    t.equal(storage.log.recovered.size, 0);
    for (const index of [1, 2, 3, 4]) storage.log.append([entryRecord(index)], true, () => undefined);
    storage.log.cut(GROUP, logIndex(2), term(1));
    if (reopen === null) return storage.close();
    const again = await reopen();
    const recovered = again.log.recovered.get(GROUP);
    t.equal(recovered?.baseIndex, 2);
    t.same(
      recovered?.entries.map((entry) => [entry.index, Buffer.from(entry.payload).toString()]),
      [
        [3, 'p3'],
        [4, 'p4'],
      ],
    );
    return again.close();
  });
}

function checkpointContract(t: Test, open: (t: Test) => Promise<StorageUnderTest>): void {
  t.test('checkpoint: a fresh one is empty, and there is one per group', async (t) => {
    const { storage } = await open(t);
    const store = storage.checkpoint(GROUP);
    t.equal(store.mark, null);
    t.equal(store.get('a'), undefined);
    t.equal(store.has('a'), false);
    t.same(pairs(store), []);
    t.equal(storage.checkpoint(GROUP), store);
    const other = storage.checkpoint(groupId('default', 1));
    await store.write(markAt(1), [put('a', '1')]);
    t.equal(other.get('a'), undefined);
    await storage.close();
  });

  t.test('checkpoint: changes and mark arrive together, and are found after a restart', async (t) => {
    const { storage, reopen } = await open(t);
    const store = storage.checkpoint(GROUP);
    await store.write(markAt(5, 'first'), [put('b', '2'), put('a', '1'), put('c', '')]);
    await store.write(markAt(9, 'second'), [put('a', 'one'), ['b', null], ['never', null], put('d', '4')]);
    const check = (store: CheckpointStore): void => {
      t.same(pairs(store), [
        ['a', 'one'],
        ['c', ''],
        ['d', '4'],
      ]);
      t.equal(store.mark?.index, 9);
      t.equal(store.mark?.term, 2);
      t.same(store.mark?.membership.membership.voters, ['n1', 'n2']);
      t.equal(Buffer.from(store.mark?.meta ?? []).toString(), 'second');
      t.equal(store.has('b'), false);
      t.equal(store.has('c'), true);
    };
    check(store);
    t.ok(store.bytes > 0);
    if (reopen === null) return storage.close();
    const again = await reopen();
    check(again.checkpoint(GROUP));
    return again.close();
  });

  t.test('checkpoint: keys are byte strings in byte order; ranges are half open', async (t) => {
    const { storage } = await open(t);
    const store = storage.checkpoint(GROUP);
    const keys = ['\0', '\0\0', 'a', 'a\0', 'a\0b', 'a\x7f', 'a\x80', 'a\xff', 'b', '\xc3\xa9', '\xff', '\xff\xff'];
    const long = 'k'.repeat(1901);
    await store.write(
      markAt(1),
      [...keys.toReversed(), long].map((key) => put(key, key)),
    );
    t.same(
      pairs(store).map(([key]) => key),
      [...keys.slice(0, 9), long, ...keys.slice(9)],
    );
    t.same(
      pairs(store, 'a', 'b').map(([key]) => key),
      keys.slice(2, 8),
    );
    t.same(
      pairs(store, 'a\0', 'a\x80').map(([key]) => key),
      keys.slice(3, 6),
    );
    t.same(
      pairs(store, '\xff').map(([key]) => key),
      ['\xff', '\xff\xff'],
    );
    t.same(pairs(store, 'b', 'b'), []);
    t.same(pairs(store, 'x', 'y'), []);
    t.equal(Buffer.from(store.get(long) ?? []).toString(), long);
    for (const [key] of store.range('', null)) if (key === 'a') break;
    await storage.close();
  });

  t.test('checkpoint: what was read may be kept', async (t) => {
    const { storage } = await open(t);
    const store = storage.checkpoint(GROUP);
    await store.write(markAt(1), [put('a', 'first'), put('b', 'x'.repeat(100_000))]);
    const [kept, large] = [store.get('a'), store.get('b')];
    const [[, ranged] = ['', Buffer.alloc(0)]] = [...store.range('', null)];
    await store.write(markAt(2), [put('a', 'other'), put('b', 'y'.repeat(100_000))]);
    store.get('b');
    t.equal(Buffer.from(kept ?? []).toString(), 'first');
    t.equal(Buffer.from(ranged).toString(), 'first');
    t.equal(Buffer.from(large ?? []).toString(), 'x'.repeat(100_000));
    await storage.close();
  });

  t.test('checkpoint: readers see the old state until the write resolves, and turns go on meanwhile', async (t) => {
    const { storage } = await open(t);
    const store = storage.checkpoint(GROUP);
    await store.write(markAt(1), [put('k0000', 'old'), put('zz', 'stays')]);
    let turns = 0;
    let running = true;
    const seen = new Set<string>();
    const look = (): void => {
      if (!running) return;
      turns++;
      const value = Buffer.from(store.get('k0000') ?? []).toString();
      const [[, first] = ['', Buffer.alloc(0)]] = [...store.range('', 'k0001')];
      seen.add(
        `${value} ${Buffer.from(first).toString()} ${store.has('k0005')} ${pairs(store).length} ${store.mark?.index}`,
      );
      setImmediate(look);
    };
    setImmediate(look);
    const changes: CheckpointChange[] = Array.from({ length: 30_000 }, (_, at) =>
      put(`k${String(at).padStart(4, '0')}`, 'new'),
    );
    await store.write(markAt(2), changes);
    running = false;
    t.same([...seen], ['old old false 2 1']);
    t.ok(turns > 3, `${turns} turns`);
    t.equal(Buffer.from(store.get('k0000') ?? []).toString(), 'new');
    t.equal(store.mark?.index, 2);
    t.equal(pairs(store).length, 30_001);
    await storage.close();
  });

  t.test('checkpoint: a write that fails half way changes nothing, and the next one works', async (t) => {
    const { storage } = await open(t);
    const store = storage.checkpoint(GROUP);
    await store.write(markAt(1), [put('a', '1')]);
    const broken = function* (): Iterable<CheckpointChange> {
      for (let at = 0; at < 5000; at++) yield put(`k${at}`, 'x');
      throw new Error('the source failed');
    };
    await t.rejects(store.write(markAt(2), broken()));
    t.same(pairs(store), [['a', '1']]);
    t.equal(store.mark?.index, 1);
    await store.write(markAt(3), [put('b', '2')]);
    t.same(pairs(store), [
      ['a', '1'],
      ['b', '2'],
    ]);
    await storage.close();
  });
}

function snapshotContract(t: Test, open: (t: Test) => Promise<StorageUnderTest>): void {
  t.test('snapshot: pieces rebuild the state elsewhere, replacing what was there', async (t) => {
    const { storage, reopen } = await open(t);
    const from = storage.checkpoint(GROUP);
    await from.write(markAt(70, 'the meta'), [...thousandPairs(300), put('zero', ''), put('\xff\0', '\0\xff')]);
    const expected = pairs(from);
    for (const maxBytes of [1, 4096, 1_000_000]) {
      const group = groupId('copy', maxBytes);
      const to = storage.checkpoint(group);
      await to.write(markAt(3), [put('stale', 'x'), put('k0001', 'stale')]);
      const all = pieces(from, maxBytes);
      const sink = to.openInstall();
      for (const piece of all) {
        const reused = Buffer.from(piece);
        sink.write(reused);
        reused.fill(0);
      }
      t.equal(to.mark?.index, 3, 'nothing changes before finish');
      t.equal(Buffer.from(to.get('stale') ?? []).toString(), 'x');
      const mark = await sink.finish();
      t.equal(mark.index, 70);
      t.equal(Buffer.from(mark.meta).toString(), 'the meta');
      t.same(pairs(to), expected);
      t.equal(to.mark?.index, 70);
      await to.write(markAt(71), [['k0001', null]]);
      t.equal(to.has('k0001'), false);
    }
    if (reopen === null) return storage.close();
    const again = await reopen();
    const copy = again.checkpoint(groupId('copy', 4096));
    t.equal(copy.mark?.index, 71);
    t.equal(pairs(copy).length, expected.length - 1);
    return again.close();
  });

  t.test('snapshot: stands still while checkpoints go on', async (t) => {
    const { storage } = await open(t);
    const store = storage.checkpoint(GROUP);
    await store.write(markAt(1), thousandPairs(100));
    const source = store.openSnapshot();
    t.equal(source.mark.index, 1);
    const all = [source.next(2000), source.next(2000)];
    for (let round = 2; round < 6; round++) {
      const changes = thousandPairs(50 * round).map(([key]): CheckpointChange => [
        key,
        round === 4 ? null : Buffer.from('new'),
      ]);
      await store.write(markAt(round), changes);
    }
    for (let piece = source.next(2000); piece !== null; piece = source.next(2000)) all.push(piece);
    source.close();
    source.close();
    const copy = storage.checkpoint(groupId('copy', 0));
    const sink = copy.openInstall();
    for (const piece of all) if (piece !== null) sink.write(piece);
    t.equal((await sink.finish()).index, 1);
    t.same(
      pairs(copy).map(([key, value]) => `${key}=${value}`),
      thousandPairs(100).map(([key, value]) => `${key}=${Buffer.from(value ?? []).toString()}`),
    );
    await storage.close();
  });

  t.test(
    'snapshot: a damaged, missing, repeated or early-ended piece is refused; abort leaves the old state',
    async (t) => {
      const { storage } = await open(t);
      const store = storage.checkpoint(GROUP);
      await store.write(markAt(1), thousandPairs(20));
      const all = pieces(store, 4000);
      t.ok(all.length > 5);
      const to = storage.checkpoint(groupId('copy', 0));
      await to.write(markAt(1, 'kept'), [put('a', '1')]);
      for (let at = 0; at < all.length; at++) {
        const piece = Buffer.from(all[at] ?? []);
        for (const byte of [0, 4, 8, piece.length - 1, Math.floor(piece.length / 2)]) {
          const damaged = Buffer.from(piece);
          damaged[byte] = (damaged[byte] ?? 0) ^ 0x10;
          const sink = to.openInstall();
          for (const good of all.slice(0, at)) sink.write(good);
          t.throws(() => sink.write(damaged), { code: 'checkpoint_corrupt' });
          sink.abort();
        }
      }
      for (const wrong of [
        all.slice(1),
        [...all.slice(0, 2), ...all.slice(3)],
        [...all.slice(0, 2), ...all.slice(1)],
      ]) {
        const sink = to.openInstall();
        t.throws(() => wrong.forEach((piece) => sink.write(piece)), { code: 'checkpoint_corrupt' });
        sink.abort();
      }
      const early = to.openInstall();
      for (const piece of all.slice(0, -1)) early.write(piece);
      await t.rejects(early.finish(), { code: 'checkpoint_corrupt' });
      early.abort();
      t.same(pairs(to), [['a', '1']]);
      t.equal(to.mark?.index, 1);
      await to.write(markAt(2), [put('b', '2')]);
      t.same(pairs(to).length, 2);
      await storage.close();
    },
  );

  t.test('snapshot: one that is being streamed survives an install over it', async (t) => {
    const { storage } = await open(t);
    const store = storage.checkpoint(GROUP);
    await store.write(markAt(1), thousandPairs(20));
    const all = pieces(store, 4000);
    const source = store.openSnapshot();
    const streamed = [source.next(4000)];
    store.openInstall().abort();
    const other = storage.checkpoint(groupId('other', 0));
    await other.write(markAt(8), [put('new', 'state')]);
    const sink = store.openInstall();
    for (const piece of pieces(other, 100)) sink.write(piece);
    await sink.finish();
    t.same(pairs(store), [['new', 'state']]);
    for (let piece = source.next(4000); piece !== null; piece = source.next(4000)) streamed.push(piece);
    t.same(streamed, all);
    source.close();
    await storage.close();
  });

  t.test('snapshot: close with one still open', async (t) => {
    const { storage } = await open(t);
    const store = storage.checkpoint(GROUP);
    await store.write(markAt(1), thousandPairs(20));
    const source = store.openSnapshot();
    source.next(100);
    store.openInstall().write(pieces(store, 100)[0] ?? Buffer.alloc(0));
    await storage.close();
  });
}

function writingContract(t: Test, open: (t: Test) => Promise<StorageUnderTest>): void {
  t.test('writing: one life is one boot of one incarnation (ap.md §1.0.1)', async (t) => {
    const { storage, reopen } = await open(t);
    const first = storage.beginWriting();
    t.match(first.incarnation, /^[0-9a-f]{16}$/);
    t.match(first, { boot: 1, fresh: true });
    t.same(storage.beginWriting(), first, 'asking again begins nothing');
    if (reopen === null) return storage.close();
    const again = await reopen();
    t.same(again.beginWriting(), { incarnation: first.incarnation, boot: 2, fresh: false });
    return again.close();
  });

  t.test('writing: a renewed incarnation is above all that are known of (ap.md §1.0.1 rule 2)', async (t) => {
    const { storage, reopen } = await open(t);
    const first = storage.beginWriting();
    const second = storage.renewIncarnation();
    t.ok(second.incarnation > first.incarnation);
    t.match(second, { boot: 1, fresh: true });
    t.same(storage.beginWriting(), second);
    const above = ['n1~fffffffffff0fff0', 'n1~fffffffffff00000', 'n2~fffffffffffffffe', 'n1~strange'].map(originId);
    const third = storage.renewIncarnation(above);
    t.match(third.incarnation, /^fffffffffff1[0-9a-f]{4}$/, 'of the moment after the greatest, with digits of its own');
    if (reopen === null) return storage.close();
    const again = await reopen();
    t.same(again.beginWriting(), { incarnation: third.incarnation, boot: 2, fresh: false });
    return again.close();
  });

  t.test('log: origins have logs of their own, without a hard state and with long names', async (t) => {
    const { storage, reopen } = await open(t);
    const group = groupId('l'.repeat(64), 0);
    const [own, other] = ['1', '2'].map((n) => originId(`${n.repeat(64)}~0123456789abcdef`)) as [OriginId, OriginId];
    t.same(parseOriginLog(originLog(group, own)), { group, origin: own });
    t.equal(parseOriginLog(group), null);
    const append = (
      origin: typeof own,
      ...records: [kind: 'entry' | 'checkpoint', seq: number, boot: number][]
    ): void => {
      const log = originLog(group, origin);
      const of = ([kind, seq, boot]: (typeof records)[number]): LogRecord => {
        const [index, boots] = [logIndex(seq), term(boot)];
        if (kind === 'checkpoint') return { kind, group: log, index, term: boots };
        return { kind, group: log, entry: { index, term: boots, kind: 'commands', payload: Buffer.from(`b${seq}`) } };
      };
      storage.log.append(records.map(of), true, () => undefined);
    };
    append(own, ['entry', 1, 1], ['entry', 2, 1], ['entry', 3, 4]);
    // A full sync: the state holds what the log never had, and the log begins after it.
    append(other, ['checkpoint', 70, 2], ['entry', 71, 3]);
    storage.log.cut(originLog(group, own), logIndex(2), term(1));
    const meta = { index: logIndex(1), term: term(0), membership: formedBy(), meta: Buffer.from('vector') };
    await storage.checkpoint(group, 'none').write(meta, [put('k', 'v')]);
    if (reopen === null) return storage.close();
    const again = await reopen();
    const seen = (origin: OriginId): unknown => {
      const log = again.log.recovered.get(originLog(group, origin));
      return {
        base: log?.baseIndex,
        boot: log?.baseTerm,
        entries: log?.entries.map(({ index, term }) => [index, term]),
      };
    };
    t.same(seen(own), { base: 2, boot: 1, entries: [[3, 4]] });
    t.same(seen(other), { base: 70, boot: 2, entries: [[71, 3]] });
    t.equal(again.checkpoint(group, 'none').mark?.index, 1);
    t.equal(again.log.recovered.has(group), false);
    await again.close();
    return undefined;
  });
}
