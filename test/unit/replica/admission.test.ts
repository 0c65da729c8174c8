import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { assertDefined } from '../../../src/base/assert.js';
import { groupId, replicaId, type ReplicaId } from '../../../src/base/brand.js';
import { Caller, valueOf } from '../../fixtures/replica/caller.js';
import { LocalCluster, until, type LocalReplica } from '../../fixtures/replica/local-cluster.js';

/** Who may take part, with real folders: a wiped disk cannot vote, a removed replica is refused (raft.md M3-M5). */
t.setTimeout(180_000);

const [N1, N2, N3] = ['n1', 'n2', 'n3'].map(replicaId) as [ReplicaId, ReplicaId, ReplicaId];

interface Running {
  readonly cluster: LocalCluster;
  readonly dir: string;
  readonly caller: Caller;
}

function prepare(t: Test): Running {
  const dir = t.testdir({});
  const cluster = LocalCluster.prepare({ dir });
  t.teardown(() => cluster.close());
  return { cluster, dir, caller: new Caller() };
}

async function started(t: Test, ids: readonly ReplicaId[] = [N1, N2, N3]): Promise<Running> {
  const running = prepare(t);
  for (const id of ids) await running.cluster.startReplica(id);
  return running;
}

function wipe(dir: string, id: ReplicaId): void {
  rmSync(join(dir, id), { recursive: true });
}

function check(node: LocalReplica, name: string): { readonly ok: boolean; readonly detail: string } {
  return assertDefined(
    node.replica.gate.checks().find((candidate) => candidate.name === name),
    `there is a check ${name}`,
  );
}

/** Takes the names out of a folder: as an older version has left it. */
function age(dir: string, id: ReplicaId): void {
  const path = join(dir, id, 'IDENTITY');
  const {
    folder: _folder,
    formation: _formation,
    ...old
  } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  writeFileSync(path, JSON.stringify(old));
}

/** That nobody is elected shows only in time: long enough for five attempts. */
async function elections(cluster: LocalCluster): Promise<void> {
  const endMs = performance.now() + 5 * cluster.topology.timing.electionTimeoutMs[1];
  await until('five attempts', () => performance.now() > endMs || undefined);
}

function leaders(cluster: LocalCluster): number {
  return cluster.running.filter(({ member }) => member.raft.role === 'leader').length;
}

t.test('a fresh cluster waits for all of its first replicas, and says for whom', async (t) => {
  const { cluster, caller } = await started(t, [N1, N2]);
  const [n1, n2] = [cluster.node('n1'), cluster.node('n2')];
  await until('both have met', () => check(n1, 'formation').detail === 'waiting for n3' || undefined);
  t.match(check(n2, 'formation'), { ok: false });
  t.equal(leaders(cluster), 0);
  t.same(await caller.put(n1.keyspace, 'k', 'v'), { ok: false, code: 'no_leader' }, 'a majority is not enough');
  t.match(n1.replica.gate.unformed?.message, /not formed yet: waiting for n3/);
  t.same(await caller.read(n1.keyspace, 'k', 'stale'), { ok: false, code: 'no_leader' }, 'nor is a read of nothing');
  await cluster.startReplica(N3);
  const leader = await cluster.leader();
  t.match(await caller.put(leader.keyspace, 'k', 'v'), { ok: true });
  t.ok(cluster.running.every((node) => check(node, 'formation').ok && check(node, 'admission').ok));
  const { members } = leader.member.raft.membership.membership;
  t.strictSame(
    members.map(({ id, folder }) => [id, folder]),
    cluster.running.map(({ id, storage }) => [id, storage.folder]),
    'the groups know the folders that they were formed with',
  );
});

t.test('who is yet to join is no member of any group, with votes or without (raft.md M5)', async (t) => {
  const keyspaces = { likes: { engine: 'lww' } };
  for (const first of [[N1], [N1, N2]]) {
    const replicas = first.length + 1;
    const cluster = LocalCluster.prepare({ dir: t.testdir({}), replicas, lastJoins: true, keyspaces });
    t.teardown(() => cluster.close());
    for (const id of first) await cluster.startReplica(id);
    for (const { member, replica } of cluster.running) {
      const { core } = replica.leaderlessMember(groupId('likes', 0));
      await until('the group without votes has heard of it', () => core.members.length < replicas || undefined, 5000);
      t.strictSame(core.members, first);
      t.strictSame(member.raft.membership.membership.voters, first);
    }
    await cluster.close();
  }
});

t.test('formed replicas start without the others', async (t) => {
  const { cluster, caller } = await started(t);
  await cluster.leader();
  for (const id of [N1, N2, N3]) await cluster.stopReplica(id);
  for (const id of [N1, N2]) await cluster.startReplica(id);
  t.match(await caller.put((await cluster.leader()).keyspace, 'k', 'v'), { ok: true });
});

t.test('a wiped disk is refused and cannot vote; no acknowledged write is lost (raft.md M4)', async (t) => {
  const { cluster, caller, dir } = await started(t);
  await cluster.leader();
  await cluster.stopReplica(N3);
  const leader = await cluster.leader();
  t.match(await caller.put(leader.keyspace, 'precious', 'yes'), { ok: true }, 'on n1 and n2 alone');

  await cluster.stopReplica(N1);
  wipe(dir, N1);
  await cluster.stopReplica(N2);
  const n1 = await cluster.startReplica(N1);
  const n3 = await cluster.startReplica(N3);
  // A majority of ids runs, but not of those that were there: one vote of three.
  await elections(cluster);
  t.equal(n3.member.raft.role, 'pre-candidate', 'it has tried again and again');
  t.equal(leaders(cluster), 0, 'the wiped disk has no vote');
  t.notOk(n1.replica.gate.open);
  t.match(check(n1, 'admission'), { ok: false, detail: /n3 knows replica n1 with another data folder.*wiped/ });
  t.match(check(n1, 'formation'), { ok: false, detail: /waiting for/ });
  t.match(await caller.put(n3.keyspace, 'k', 'v'), { ok: false });
  t.equal(n1.failure, null, 'it keeps its process, so that its status can be read');
  t.equal(n1.member.raft.term, 0);

  const n2 = await cluster.startReplica(N2);
  await until('the two that kept their disks lead', () => leaders(cluster) === 1 || undefined);
  await until('the write is there', () => valueOf(n3.member.reader, 'precious') === 'yes' || undefined);
  t.equal(valueOf(n2.member.reader, 'precious'), 'yes');
  t.notOk(n1.replica.gate.open, 'n1 still stands aside');
});

t.test('the hole that formation closes: one replica that never ran and one that was wiped (raft.md M4)', async (t) => {
  const { cluster, caller, dir } = await started(t);
  await cluster.leader();
  for (const id of [N1, N2, N3]) await cluster.stopReplica(id);
  // As a version without formation could leave it: n1 and n2 served, n3 was never started.
  wipe(dir, N3);
  for (const id of [N1, N2]) age(dir, id);
  for (const id of [N1, N2]) await cluster.startReplica(id);
  t.match(await caller.put((await cluster.leader()).keyspace, 'precious', 'yes'), { ok: true });
  for (const id of [N1, N2]) await cluster.stopReplica(id);
  wipe(dir, N1);

  const [n1, n3] = [await cluster.startReplica(N1), await cluster.startReplica(N3)];
  await until('the two fresh ones have met', () => {
    const met = [n1, n3].every((node) => check(node, 'formation').detail === 'waiting for n2');
    return met || undefined;
  });
  t.equal(leaders(cluster), 0, 'two of three, and nothing may come of it');
  const n2 = await cluster.startReplica(N2);
  await until('n2 tells n3', () => /n2 has formed the cluster/.test(check(n3, 'formation').detail) || undefined);
  await until('and refuses n1, whose disk it knows', () => !check(n1, 'admission').ok || undefined);
  await elections(cluster);
  t.equal(n2.member.raft.role, 'pre-candidate');
  t.equal(leaders(cluster), 0);
  t.notOk(n1.replica.gate.open || n3.replica.gate.open);
});

t.test('folders of an older version go on, whatever their names become', async (t) => {
  const { cluster, caller, dir } = await started(t);
  t.match(await caller.put((await cluster.leader()).keyspace, 'k', 'v'), { ok: true });
  for (const id of [N1, N2, N3]) await cluster.stopReplica(id);
  for (const id of [N1, N2, N3]) age(dir, id);
  for (const id of [N1, N2]) await cluster.startReplica(id);
  const leader = await cluster.leader();
  t.match(await caller.read(leader.keyspace, 'k', 'linearizable'), { ok: true, value: 'v' });
  t.match(leader.storage, { folder: /^[0-9a-f]{32}$/, formation: { formed: true, prepared: { length: 3 } } });
  const { folder } = leader.storage;
  await cluster.stopReplica(leader.id);
  t.equal((await cluster.startReplica(leader.id)).storage.folder, folder, 'the name stays');
});

t.test('a removed replica is refused, also when it missed its removal (raft.md M5)', async (t) => {
  const { cluster, caller } = await started(t);
  const leader = await cluster.leader();
  const gone = cluster.running.find((node) => node !== leader)?.id ?? N3;
  await cluster.stopReplica(gone);
  const result = await leader.keyspace.changeMembership({ op: 'remove', replica: gone });
  t.strictSame(result.membership.removed, [gone]);
  const node = await cluster.startReplica(gone);
  await until('all others refuse it', () => /was removed/.test(check(node, 'admission').detail) || undefined);
  await elections(cluster);
  t.not(node.member.raft.role, 'leader');
  t.equal(leader.member.raft.role, 'leader', 'and disturbs nobody');
  t.match(await caller.put(leader.keyspace, 'k', 'v'), { ok: true });
  t.equal(node.failure, null);
  await t.rejects(
    leader.keyspace.changeMembership({
      op: 'add',
      member: { id: gone, folder: null, peer: null, http: null, redis: null, region: null },
    }),
    { code: 'id_removed' },
    'an id is never used again (raft.md M3)',
  );
});
