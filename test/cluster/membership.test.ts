import t, { type Test } from 'tap';
import { assertDefined } from '../../src/base/assert.js';
import { replicaId } from '../../src/base/brand.js';
import { raftStatus } from '../../src/engines/engine.js';
import type { MembersChanged } from '../../src/client/members.js';
import type { ReplicaNode } from '../../src/host/node.js';
import { Caller } from '../fixtures/replica/caller.js';
import { Appenders } from './appenders.js';
import { GrowingCluster } from './growing-cluster.js';
import { PATIENCE_MS, eventually } from './process-cluster.js';

const WRITERS = 4;

/**
 * The results of a change that is asked for until it is done: on a busy machine it may come while a leader is elected,
 * which says nothing of members.
 */
async function changed(what: string, change: () => Promise<MembersChanged>): Promise<MembersChanged['results']> {
  const { results } = await eventually(what, PATIENCE_MS, change);
  return results;
}

function leads(node: ReplicaNode): boolean {
  return node.router.defaultKeyspace.leader()?.isSelf === true;
}

async function leaderOf(cluster: GrowingCluster): Promise<ReplicaNode> {
  return eventually('a leader', PATIENCE_MS, async () => cluster.running.find(leads));
}

function votersOf(node: ReplicaNode): string[] {
  return [...node.router.defaultKeyspace.memberships().committed.membership.voters].sort();
}

/** Resolves when every running replica knows, as committed, that these vote. */
async function agreed(cluster: GrowingCluster, ...voters: readonly string[]): Promise<void> {
  await eventually(`voters ${voters.join(' ')} everywhere`, PATIENCE_MS, async () =>
    cluster.running.every((node) => votersOf(node).join() === voters.join()) ? true : undefined,
  );
}

/** Every key holds what its writer was promised, in the order in which it was. */
async function promised(t: Test, { router }: ReplicaNode, { expected }: Appenders): Promise<void> {
  const caller = new Caller();
  for (const [key, value] of expected) {
    const read = await eventually(`a read of ${key}`, PATIENCE_MS, async () => {
      const answer = await caller.read(router.defaultKeyspace, key);
      return answer.ok ? answer : undefined;
    });
    t.match(read, { ok: true, value }, `${key} as it was promised`);
  }
}

t.test('a cluster grows from 1 to 5 and shrinks to 1 while clients write', { timeout: 180_000 }, async (t) => {
  const cluster = await GrowingCluster.create(t.testdir({}), 5);
  t.teardown(() => cluster.close());
  await cluster.start('n1', [], false);
  await leaderOf(cluster);
  const writers = new Appenders(WRITERS, () => cluster.running);
  const progress = async (): Promise<void> => {
    const enough = writers.acknowledged + 200;
    await eventually('writes go on', PATIENCE_MS, async () => writers.acknowledged >= enough || undefined);
  };
  await progress();

  const grow = async (id: string, others: readonly string[], asked: string): Promise<void> => {
    const node = await cluster.start(id, others, true);
    t.notOk(
      node.router.readiness().every(({ ok }) => ok),
      `${id} is not ready before it is added`,
    );
    const { peer, http } = cluster.place(id);
    const client = cluster.client(asked);
    const results = await changed(`${id} joins`, () => client.addMember({ id, peer, http }, { promote: true }));
    t.match(results, [{ keyspace: 'default', ok: true }], `${id}, asked of ${asked}`);
    await eventually(
      `${id} votes`,
      PATIENCE_MS,
      async () => votersOf(await leaderOf(cluster)).includes(id) || undefined,
    );
    await progress();
  };
  await grow('n2', ['n1'], 'n1');
  await grow('n3', ['n1', 'n2'], 'n2');
  await agreed(cluster, 'n1', 'n2', 'n3');
  await cluster.kill('n3');
  await grow('n4', ['n1', 'n2', 'n3'], 'n1');
  await cluster.start('n3', ['n1', 'n2', 'n4'], true);
  await grow('n5', ['n1', 'n2', 'n3', 'n4'], 'n3');
  await agreed(cluster, 'n1', 'n2', 'n3', 'n4', 'n5');

  const left = ['n1', 'n2', 'n3', 'n4', 'n5'];
  while (left.length > 1) {
    // The leader goes first, asked of another; then one that follows, asked of itself; and so on.
    const leader = (await leaderOf(cluster)).id;
    const follower = assertDefined(
      left.find((id) => id !== leader),
      'one that follows',
    );
    const [gone, asked] = left.length % 2 === 1 ? [leader, follower] : [follower, follower];
    const results = await changed(`${gone} leaves`, () => cluster.client(asked).removeMember(gone));
    t.match(results, [{ keyspace: 'default', ok: true }], `${gone}, asked of ${asked}; ${leader} led`);
    left.splice(left.indexOf(gone), 1);
    const removed = cluster.node(gone);
    await eventually(`${gone} knows`, PATIENCE_MS, async () =>
      removed.router.readiness().some(({ detail }) => detail === 'removed from the cluster') ? true : undefined,
    );
    t.match(await new Caller().read(removed.router.defaultKeyspace, 'w1:0', 'stale'), {
      ok: false,
      code: 'not_member',
    });
    t.ok(
      removed.router.liveness().every(({ ok }) => ok),
      'there is no reason to start it again',
    );
    await cluster.kill(gone);
    await agreed(cluster, ...left);
    await progress();
  }

  await writers.stop();
  const last = await leaderOf(cluster);
  await promised(t, last, writers);
  t.same([...writers.caller.toldTwice], []);
  const client = cluster.client(last.id);
  await t.rejects(client.removeMember(last.id), { code: 'last_voter' });
  const back = last.id === 'n5' ? 'n4' : 'n5';
  await t.rejects(client.addMember({ id: back, peer: cluster.place(back).peer }), { code: 'id_removed' });
  t.comment(`${writers.acknowledged} appends, ${writers.retries} repeated`);
});

t.test('a dead voter is replaced, whoever dies meanwhile', { timeout: 180_000 }, async (t) => {
  const cluster = await GrowingCluster.create(t.testdir({}), 5);
  t.teardown(() => cluster.close());
  await cluster.start('n1', [], false);
  for (const [id, others] of [
    ['n2', ['n1']],
    ['n3', ['n1', 'n2']],
  ] as const) {
    await cluster.start(id, others, true);
    await changed(`${id} joins`, () =>
      cluster.client('n1').addMember({ id, peer: cluster.place(id).peer }, { promote: true }),
    );
  }
  const writers = new Appenders(WRITERS, () => cluster.running);
  await agreed(cluster, 'n1', 'n2', 'n3');

  const first = await leaderOf(cluster);
  const [asked = '', other = ''] = ['n1', 'n2', 'n3'].filter((id) => id !== first.id);
  await cluster.start('n4', ['n1', 'n2', 'n3'], true);
  const n4 = { id: 'n4', peer: cluster.place('n4').peer };
  const interrupted = cluster.client(asked).addMember(n4, { promote: true });
  interrupted.catch(() => undefined); // It may be done, refused, or not known to be done.
  await eventually('n4 is a member, at least one that learns', PATIENCE_MS, async () => {
    const { learners, voters } = first.router.defaultKeyspace.memberships().latest.membership;
    return [...learners, ...voters].some((id) => id === 'n4') || undefined;
  });
  await cluster.kill(first.id);
  await interrupted.catch(() => undefined);
  await changed('the request, repeated', () => cluster.client(asked).addMember(n4, { promote: true }));
  await agreed(cluster, 'n1', 'n2', 'n3', 'n4');
  const results = await changed('the dead one goes', () => cluster.client(other).removeMember(first.id));
  t.match(results, [{ ok: true }]);
  await agreed(cluster, ...[asked, other, 'n4'].sort());

  // Two of three: what would leave one of two voters is refused (raft.md M8), the dead one may go.
  await writers.stop();
  await cluster.kill('n4');
  const leader = await leaderOf(cluster);
  const follower = leader.id === asked ? other : asked;
  await eventually('n4 is missed', PATIENCE_MS, async () => {
    const engine = raftStatus(leader.router.defaultKeyspace.status().engine);
    return engine.progress.some(({ peer, recentlyActive }) => peer === 'n4' && !recentlyActive) || undefined;
  });
  await t.rejects(cluster.client(leader.id).removeMember(follower), {
    code: 'would_lose_quorum',
    message: /\(not heard of: n4\)/,
  });
  t.match(await changed('n4 goes', () => cluster.client(follower).removeMember('n4')), [{ ok: true }]);

  await promised(t, leader, writers);
  t.comment(`${writers.acknowledged} appends, ${writers.retries} repeated`);
});

t.test('a replica that was away follows a leader that it has never heard of', { timeout: 180_000 }, async (t) => {
  const cluster = await GrowingCluster.create(t.testdir({}), 4, [1000, 2000]);
  t.teardown(() => cluster.close());
  const grow = async (id: string, others: readonly string[]): Promise<void> => {
    await cluster.start(id, others, true);
    const { peer, http } = cluster.place(id);
    await changed(`${id} joins`, () => cluster.client('n1').addMember({ id, peer, http }, { promote: true }));
  };
  await cluster.start('n1', [], false);
  await leaderOf(cluster);
  await grow('n2', ['n1']);
  await grow('n3', ['n1', 'n2']);
  await agreed(cluster, 'n1', 'n2', 'n3');
  await cluster.kill('n3');
  await grow('n4', ['n1', 'n2', 'n3']);
  await eventually('n4 leads', PATIENCE_MS, async () => {
    const leader = await leaderOf(cluster);
    if (leader.id === 'n4') return true;
    await leader.router.defaultKeyspace.transferLeader(replicaId('n4')).catch(() => undefined);
    return undefined;
  });
  const leader = cluster.node('n4').router.defaultKeyspace;
  const { term } = raftStatus(leader.status().engine);

  // Its topology, and its log, are of the time before n4: n1 and n2, which are no leaders, vouch for n4.
  const n3 = await cluster.start('n3', ['n1', 'n2'], true);
  await eventually(
    'n3 knows its leader',
    PATIENCE_MS,
    async () => n3.router.defaultKeyspace.leader()?.id === 'n4' || undefined,
  );
  await eventually('n3 is ready', PATIENCE_MS, async () => n3.router.readiness().every(({ ok }) => ok) || undefined);
  await agreed(cluster, 'n1', 'n2', 'n3', 'n4');
  t.ok(leads(cluster.node('n4')), 'nobody had to stand aside');
  t.equal(raftStatus(leader.status().engine).term, term, 'and nobody was elected');
  t.match(await new Caller().put(n3.router.defaultKeyspace, 'k', 'v'), { ok: true }, 'n3 reaches it as well');
});
