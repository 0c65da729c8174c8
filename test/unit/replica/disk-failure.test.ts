import t from 'tap';
import type { ReplicaId } from '../../../src/base/brand.js';
import { SimulatedFileSystem, type Fault } from '../../../src/storage/memory/simulated-file-system.js';
import { Caller, valueOf } from '../../fixtures/replica/caller.js';
import { LocalCluster, until } from '../../fixtures/replica/local-cluster.js';

/** A disk that fails stops its replica, and only that one (reliability.md §0.5, §2.3). Takes a few seconds. */
t.setTimeout(180_000);

/** Counts operations that a start takes, so that the fault hits the log while it is in use. */
const AFTER_START = 40;

for (const fault of ['EIO', 'short write', 'ENOSPC'] as const satisfies readonly Fault[]) {
  t.test(`${fault} on the leader's disk loses nothing that was acknowledged`, async (t) => {
    const failing = new Map<ReplicaId, SimulatedFileSystem>();
    const cluster = await LocalCluster.start({
      dir: t.testdir({}),
      fsync: true,
      fs: (id) => {
        // Whichever leads first writes most; all disks would fail, each at another time, but one is enough.
        const disk = new SimulatedFileSystem(id === 'n1' ? { failAt: AFTER_START, fault } : {});
        failing.set(id, disk);
        return disk;
      },
    });
    t.teardown(() => cluster.close());
    const n1 = cluster.node('n1');
    await cluster.leader();
    const leader = await cluster.leader();
    if (leader !== n1) await leader.keyspace.transferLeader(n1.id);
    const caller = new Caller();
    const acknowledged: number[] = [];
    const codes = new Set<string>();
    for (let at = 0; n1.failure === null && at < 500; at++) {
      const outcome = await caller.put(n1.keyspace, `k${at}`, String(at));
      if (outcome.ok) acknowledged.push(at);
      else codes.add(outcome.code);
    }
    t.equal(n1.failure?.code, 'storage_failed');
    t.same(
      [...codes].filter((code) => !['storage_failed', 'outcome_unknown'].includes(code)),
      [],
    );
    t.match(await caller.put(n1.keyspace, 'late', '1'), { ok: false }, 'nothing is acknowledged afterwards');
    const closing = cluster.stopReplica(n1.id);
    const next = await cluster.leader();
    await closing;
    t.match(await caller.put(next.keyspace, 'after', '1'), { ok: true }, 'the others go on');
    for (const at of acknowledged) t.equal(valueOf(next.member.reader, `k${at}`), String(at));
    t.ok(acknowledged.length > 0);
    t.same(caller.toldTwice, []);
    t.equal(caller.waiting, 0);
  });
}

t.test('a checkpoint that waits for a failed log does not keep the replica from closing', async (t) => {
  const disk = new SimulatedFileSystem({ failAt: AFTER_START, fault: 'EIO' });
  const cluster = await LocalCluster.start({ replicas: 1, dir: t.testdir({}), fsync: true, fs: () => disk });
  t.teardown(() => cluster.close());
  const only = await cluster.leader();
  const caller = new Caller();
  while (disk.operations < AFTER_START - 1) await caller.put(only.keyspace, 'k', String(disk.operations));
  const last = caller.put(only.keyspace, 'k', 'last');
  const checkpoint = only.member.checkpointNow();
  t.match(await last, { ok: false, code: 'storage_failed' });
  await checkpoint;
  await cluster.stopReplica(only.id);
});

t.test('a wedged disk makes the leader step down; writes wait for the next one', async (t) => {
  const disks = new Map<ReplicaId, SimulatedFileSystem>();
  const cluster = await LocalCluster.start({
    dir: t.testdir({}),
    fsync: true,
    timing: { diskStallMs: 100 },
    fs: (id) => {
      const disk = new SimulatedFileSystem();
      disks.set(id, disk);
      return disk;
    },
  });
  t.teardown(() => cluster.close());
  const leader = await cluster.leader();
  const caller = new Caller();
  t.match(await caller.put(leader.keyspace, 'k', '1'), { ok: true });
  const release = disks.get(leader.id)?.holdSyncs();
  // A majority of the others commits it: the leader's own disk is not needed (raft.md R2).
  t.match(await caller.put(leader.keyspace, 'k', '2'), { ok: true });
  const next = await until('another leader', () =>
    cluster.running.find((node) => node !== leader && node.member.raft.role === 'leader'),
  );
  t.match(await caller.put(next.keyspace, 'k', '3'), { ok: true });
  release?.();
  await cluster.converged();
  t.equal(new Set(cluster.running.map(({ member }) => member.digest())).size, 1);
});
