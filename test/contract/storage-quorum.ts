import type { Test } from 'tap';
import { groupId, logIndex, replicaId, term } from '../../src/base/brand.js';
import type { LogRecord } from '../../src/storage/storage.js';
import { entryRecord, GROUP, markAt, pieces, put, type StorageUnderTest } from './storage-fixture.js';

/** What leader-follower groups write that raft does not (ap.md §1.3.4, §1.3.5). */
export function quorumContract(t: Test, open: (t: Test) => Promise<StorageUnderTest>): void {
  const quorum = { index: logIndex(9), writeQuorum: 3, forcedTerm: term(66) };

  t.test('log: write quorums, epochs by force, and hard states without members', async (t) => {
    const { storage, reopen } = await open(t);
    const at = (index: number, kind: 'noop' | 'quorum', byte: number): LogRecord => {
      const entry = { index: logIndex(index), term: term(66), kind, payload: Buffer.from([byte]) };
      return { kind: 'entry', group: GROUP, entry };
    };
    const hardState = (vote: string | null): LogRecord => ({
      kind: 'hardState',
      group: GROUP,
      hardState: { term: term(66), vote: vote === null ? null : replicaId(vote), commit: logIndex(1) },
      memberships: null,
    });
    storage.log.append([hardState('n3'), at(1, 'noop', 1), at(2, 'quorum', 3)], true, () => undefined);
    storage.log.append([hardState(null)], true, () => undefined);
    if (reopen === null) return storage.close();
    const again = await reopen();
    const recovered = again.log.recovered.get(GROUP);
    t.same(recovered?.hardState, { term: 66, vote: null, commit: 1 }, 'without a vote: its log was being replaced');
    t.equal(recovered?.memberships, null);
    t.same(
      recovered?.entries.map(({ kind, payload }) => [kind, ...payload]),
      [
        ['noop', 1],
        ['quorum', 3],
      ],
    );
    return again.close();
  });

  t.test('log: another history takes the place of the whole log, and goes back', async (t) => {
    const { storage, reopen } = await open(t);
    const done = (): void => undefined;
    for (const index of [1, 2, 3, 4]) storage.log.append([entryRecord(index)], true, done);
    storage.log.cut(GROUP, logIndex(3), term(1));
    const at = { index: logIndex(1), term: term(130) };
    storage.log.append([{ kind: 'checkpoint', group: GROUP, ...at, replaces: true }], true, done);
    await new Promise<void>((resolve) => storage.log.append([entryRecord(2)], true, resolve));
    if (reopen === null) return storage.close();
    const again = await reopen();
    const recovered = again.log.recovered.get(GROUP);
    t.match(recovered, { baseIndex: 1, baseTerm: 130, entries: [{ index: 2 }] });
    t.equal(recovered?.entries.length, 1);
    return again.close();
  });

  t.test('checkpoint: the write quorum in force is part of the mark, here and in a snapshot', async (t) => {
    const { storage, reopen } = await open(t);
    const store = storage.checkpoint(GROUP);
    await store.write({ ...markAt(11), quorum }, [put('a', '1')]);
    t.same(store.mark?.quorum, quorum);
    const copy = storage.checkpoint(groupId('copy', 0));
    await copy.write(markAt(20), [put('b', '2')]);
    t.notOk(Object.hasOwn(copy.mark ?? {}, 'quorum'), 'raft has none');
    const sink = copy.openInstall();
    for (const piece of pieces(store, 100)) sink.write(piece);
    t.same((await sink.finish()).quorum, quorum);
    t.same(copy.mark?.quorum, quorum, 'also where the state goes back');
    t.equal(copy.mark?.index, 11);
    const formed = storage.checkpoint(groupId('formed', 0));
    const zero = { index: logIndex(0), writeQuorum: 0, forcedTerm: term(0) };
    await formed.write({ ...markAt(3), quorum: zero }, []);
    if (reopen === null) return storage.close();
    const again = await reopen();
    t.same(again.checkpoint(GROUP).mark?.quorum, quorum);
    t.same(again.checkpoint(groupId('copy', 0)).mark?.quorum, quorum);
    t.same(again.checkpoint(groupId('formed', 0)).mark?.quorum, zero, 'zeros are told from nothing');
    return again.close();
  });
}
