import t from 'tap';
import { revision, type Revision } from '../../../../src/base/brand.js';
import { put, read } from '../../../fixtures/replica/leaderless-caller.js';
import { LocalCluster, until } from '../../../fixtures/replica/local-cluster.js';

t.setTimeout(180_000);

function after(at: Revision): { seen: { revision: Revision } } {
  return { seen: { revision: at } };
}

t.test('a session reads its own writes at every replica, also stale ones (ap.md §1.2.6)', async (t) => {
  const cluster = await LocalCluster.start();
  t.teardown(() => cluster.close());
  const leader = await cluster.leader();
  const follower = await cluster.follower();
  for (let at = 0; at < 20; at++) {
    const written = await put(leader.keyspace, 'k', `${at}`);
    const seen = after(revision(written.counter));
    t.equal((await read(follower.keyspace, 'k', 'stale', seen)).value, `${at}`);
  }
});

t.test('what does not come in time is told with what is missing, and nothing is written (ap.md §1.2.5)', async (t) => {
  const cluster = await LocalCluster.start();
  t.teardown(() => cluster.close());
  const leader = await cluster.leader();
  const follower = await cluster.follower();
  cluster.isolate(follower.id);
  const { counter } = await put(leader.keyspace, 'k', 'v');
  const seen = after(revision(counter));
  const refused = await read(follower.keyspace, 'k', 'stale', { ...seen, waitMs: 50 });
  t.equal(refused.code, 'dependencies_not_satisfied');
  t.same(refused.error?.extra, { missing: [{ have: follower.member.revision, need: counter }] });
  t.equal((await put(follower.keyspace, 'k', 'w', { ...seen, waitMs: 50 })).code, 'dependencies_not_satisfied');
  t.equal(follower.member.writes.pendingBatches, 0);
  const waiting = read(follower.keyspace, 'k', 'stale', seen);
  cluster.isolate(follower.id, false);
  t.match(await waiting, { value: 'v' });
});

t.test('a session of a history that was lost is refused and does not hang', async (t) => {
  const cluster = await LocalCluster.start({ replicas: 1 });
  t.teardown(() => cluster.close());
  const { keyspace, member } = await cluster.leader();
  await put(keyspace, 'k', 'v');
  const future = after(revision(member.revision + 1000));
  for (const consistency of ['linearizable', 'stale'] as const) {
    const outcome = await read(keyspace, 'k', consistency, { ...future, waitMs: 50 });
    t.equal(outcome.code, 'dependencies_not_satisfied', consistency);
  }
  t.match(await read(keyspace, 'k', 'linearizable', after(member.revision)), { value: 'v' });
  await until('nobody waits any more', () => (member.sessions.waiting === 0 ? true : undefined));
});

t.test('requests that wait are answered when the replica stops', async (t) => {
  const cluster = await LocalCluster.start({ replicas: 1 });
  t.teardown(() => cluster.close());
  const { id, keyspace } = await cluster.leader();
  const waiting = read(keyspace, 'k', 'stale', after(revision(1000)));
  await cluster.stopReplica(id);
  t.equal((await waiting).code, 'draining');
});
