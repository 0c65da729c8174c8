import t, { type Test } from 'tap';
import type { LocalReplica } from '../../../fixtures/replica/local-cluster.js';
import { LocalCluster, until } from '../../../fixtures/replica/local-cluster.js';
import { Caller } from '../../../fixtures/replica/caller.js';

/** Checkpoints, cut logs and snapshots between whole replicas in this thread. Takes up to about ten seconds. */
t.setTimeout(180_000);

const STORAGE = { checkpointBytes: 512 * 1024, retainBytes: 64 * 1024 };
const VALUE = 'v'.repeat(8 * 1024);

async function write(caller: Caller, node: LocalReplica, from: number, to: number): Promise<void> {
  const outcomes = await Promise.all(
    Array.from({ length: to - from }, async (_, at) => {
      for (let turn = 0; turn < at % 16; turn++) await new Promise((resolve) => setImmediate(resolve));
      return caller.put(node.keyspace, `k${from + at}`, `${from + at}:${VALUE}`);
    }),
  );
  const failed = outcomes.filter(({ ok }) => !ok);
  if (failed.length > 0) throw new Error(`a write failed: ${JSON.stringify(failed[0])}`);
}

/** Writes until the log of `node` begins after `index`. */
async function cutBeyond(caller: Caller, node: LocalReplica, index: number, from: number): Promise<number> {
  let next = from;
  for (let round = 0; node.member.raft.status().firstIndex <= index; round++) {
    if (round > 50) throw new Error('the log is not cut');
    await write(caller, node, next, next + 40);
    next += 40;
  }
  return next;
}

async function sameEverywhere(t: Test, cluster: LocalCluster): Promise<void> {
  await cluster.converged();
  t.equal(new Set(cluster.running.map(({ member }) => member.digest())).size, 1, 'all states are equal');
}

for (const kind of ['memory', 'disk'] as const) {
  t.test(`${kind}: a follower that was away gets a snapshot, and reads there wait for it`, async (t) => {
    const cluster = await LocalCluster.start({ storage: STORAGE, ...(kind === 'disk' ? { dir: t.testdir({}) } : {}) });
    t.teardown(() => cluster.close());
    const leader = await cluster.leader();
    const away = await cluster.follower();
    const caller = new Caller();
    await write(caller, leader, 0, 20);
    const session = { clientId: 'once', seq: 1 };
    const increment = { op: 'increment', key: 'n', delta: 1n } as const;
    t.match(await caller.submit(leader.keyspace, increment, session), { ok: true });
    cluster.isolate(away.id);
    const last = away.member.raft.lastIndex;
    const next = await cutBeyond(caller, leader, last + 1, 20);
    await leader.member.checkpointNow(); // Nothing comes after the snapshot that could wake up the read.
    cluster.isolate(away.id, false);
    const read = caller.read(away.keyspace, `k${next - 1}`);
    t.match(await read, { ok: true, value: `${next - 1}:${VALUE}` }, 'served without another write');
    await sameEverywhere(t, cluster);
    t.equal(away.member.stats.snapshotsReceived, 1);
    t.equal(away.member.checkpointIndex > last, true);
    const again = await caller.submit(away.keyspace, increment, session);
    t.match(again, { ok: true, result: { duplicate: true } }, 'sessions travel with the snapshot');
    t.equal(again.ok && again.result?.operations[0]?.integer, 1n);
    t.same(caller.toldTwice, []);
  });
}

t.test('a snapshot that is interrupted midway starts again, and blocks nothing', async (t) => {
  const cluster = await LocalCluster.start({ storage: STORAGE });
  t.teardown(() => cluster.close());
  const leader = await cluster.leader();
  const away = await cluster.follower();
  const caller = new Caller();
  cluster.isolate(away.id);
  const next = await cutBeyond(caller, leader, away.member.raft.lastIndex + 1, 0);
  await write(caller, leader, next, next + 300);
  await leader.member.checkpointNow(); // Several pieces, more than the window.
  const { snapshotsReceived } = away.member.stats;
  for (let round = 0; round < 3; round++) {
    cluster.isolate(away.id, false);
    await until('a stream begins', () =>
      leader.member.raft.status().progress.some(({ peer, state }) => peer === away.id && state === 'snapshot') ||
      away.member.stats.snapshotsReceived > snapshotsReceived
        ? true
        : undefined,
    );
    cluster.isolate(away.id);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  cluster.isolate(away.id, false);
  await sameEverywhere(t, cluster);
  t.ok(away.member.stats.snapshotsReceived >= 1);
  const before = away.member.checkpointIndex;
  await write(caller, await cluster.leader(), 0, 100);
  await cluster.converged();
  await away.member.checkpointNow();
  t.ok(away.member.checkpointIndex > before, 'the lock of the interrupted streams is free');
});

t.test('a checkpoint while a snapshot streams does not cut what the follower needs next', async (t) => {
  const cluster = await LocalCluster.start({ storage: STORAGE });
  t.teardown(() => cluster.close());
  const leader = await cluster.leader();
  const away = await cluster.follower();
  const caller = new Caller();
  cluster.isolate(away.id);
  let next = await cutBeyond(caller, leader, away.member.raft.lastIndex + 1, 0);
  await write(caller, leader, next, next + 300);
  next += 300;
  await leader.member.checkpointNow(); // Several pieces, more than the window.
  cluster.isolate(away.id, false);
  await until('the stream', () =>
    leader.member.raft.status().progress.some(({ peer, state }) => peer === away.id && state === 'snapshot')
      ? true
      : undefined,
  );
  cluster.network.pause(away.id, true); // Pieces are on their way and stay there.
  const streamed = leader.member.checkpointIndex;
  for (let round = 0; round < 5; round++) {
    await write(caller, leader, next, next + 100);
    next += 100;
    await leader.member.checkpointNow();
  }
  t.ok(leader.member.checkpointIndex > streamed, 'checkpoints go on');
  t.ok(leader.member.raft.status().firstIndex <= streamed + 1, 'the log still reaches back to the streamed one');
  cluster.network.pause(away.id, false);
  await sameEverywhere(t, cluster);
  t.equal(away.member.stats.snapshotsReceived, 1, 'one snapshot was enough');
});

t.test('a restart from checkpoint and log tail gives the state before', async (t) => {
  const cluster = await LocalCluster.start({ storage: STORAGE, dir: t.testdir({}) });
  t.teardown(() => cluster.close());
  const caller = new Caller();
  const session = { clientId: 'once', seq: 1 };
  const increment = { op: 'increment', key: 'n', delta: 1n } as const;
  await caller.submit((await cluster.leader()).keyspace, increment, session);
  for (let round = 0; round < 3; round++) {
    await write(caller, await cluster.leader(), round * 150, round * 150 + 150);
    await cluster.converged();
    await until('a checkpoint', () => cluster.node('n1').member.checkpointIndex > 0 || undefined);
    const before = cluster.running.map(({ member }) => member.digest());
    const [checkpoint, applied] = [cluster.node('n1').member.checkpointIndex, cluster.node('n1').member.appliedIndex];
    t.ok(checkpoint > 0 && checkpoint <= applied, `checkpoint at ${checkpoint}, applied ${applied}`);
    for (const id of cluster.ids) await cluster.stopReplica(id);
    for (const id of cluster.ids) await cluster.startReplica(id);
    await sameEverywhere(t, cluster);
    t.equal(cluster.node('n1').member.digest(), before[0]);
  }
  const again = await caller.submit(cluster.node('n2').keyspace, increment, session);
  t.match(again, { ok: true, result: { duplicate: true } }, 'sessions survive the restart');
});
