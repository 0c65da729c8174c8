import t from 'tap';
import { replicaId } from '../../../../src/base/brand.js';
import { countOf, isMet, requirementOf } from '../../../../src/replica/leaderless/levels.js';
import type { Level } from '../../../../src/replica/router.js';
import { LeaderlessCluster } from '../../../fixtures/replica/leaderless-cluster.js';
import { del, put, read, submit } from '../../../fixtures/replica/leaderless-caller.js';
import { until } from '../../../fixtures/replica/local-cluster.js';

t.setTimeout(180_000);

t.test('whom a level asks (ap.md §1.4.4)', async (t) => {
  const ids = ['a1', 'a2', 'a3', 'b1', 'b2', 'c1'].map(replicaId);
  const scope = { self: replicaId('a1'), members: ids, regionOf: (id: string) => id.charAt(0) };
  const counts = (level: Level): number[] => requirementOf(level, scope).map(({ count }) => count);
  t.same(counts('one'), []);
  t.same(counts('session'), []);
  t.same(counts('quorum'), [4]);
  t.same(counts('all'), [6]);
  t.same(counts('local_quorum'), [2]);
  t.same(counts('each_quorum'), [2, 2, 1]);
  const each = requirementOf('each_quorum', scope);
  const has =
    (...there: string[]) =>
    (id: string) =>
      there.includes(id);
  t.notOk(isMet(each, has('a1', 'a2', 'a3', 'b1', 'b2')), 'more of one region do not make up for another one');
  t.same(countOf(each, has('a1', 'a2', 'a3', 'b1', 'b2')), { have: 4, required: 5 });
  t.ok(isMet(each, has('a2', 'a3', 'b1', 'b2', 'c1')));
  const nowhere = { ...scope, regionOf: () => null };
  t.same(requirementOf('local_quorum', nowhere), requirementOf('quorum', nowhere), 'without regions there is one');
});

t.test('a write at a level is durable at so many members when it is answered', async (t) => {
  const cluster = await LeaderlessCluster.start();
  t.teardown(() => cluster.close());
  const n1 = cluster.node('n1');
  t.match(await put(n1.keyspace, 'k', 'all', { level: 'all' }), { ok: true });
  for (const { member } of cluster.running) t.equal(member.reader.has('k'), true, 'nobody has to be waited for');
  t.match(await del(n1.keyspace, 'k', { level: 'all' }), { ok: true });
  for (const { member } of cluster.running) t.equal(member.reader.has('k'), false);
  t.match(await put(n1.keyspace, 'k', 'q', { level: 'quorum' }), { ok: true });
  t.ok(cluster.running.filter(({ member }) => member.reader.has('k')).length >= 2);
});

t.test('a keyspace may ask for a level by default', async (t) => {
  const cluster = await LeaderlessCluster.start({ keyspace: { writes: 'all' } });
  t.teardown(() => cluster.close());
  await put(cluster.node('n2').keyspace, 'k', 'v');
  for (const { member } of cluster.running) t.equal(member.reader.has('k'), true);
});

t.test('a write that too few confirm is told as unknown with its count, and is not undone (ap.md §1.1)', async (t) => {
  const cluster = await LeaderlessCluster.start({ timing: { requestTimeoutMs: 300 } });
  t.teardown(() => cluster.close());
  const n1 = cluster.node('n1');
  cluster.network.pause(replicaId('n2'), true);
  cluster.network.pause(replicaId('n3'), true);
  const outcome = await put(n1.keyspace, 'k', 'v', { level: 'quorum' });
  t.equal(outcome.code, 'outcome_unknown');
  t.match(outcome.error?.message, /^1 of 2 replicas/);
  t.same(outcome.error?.extra, { acks: 1, required: 2 });
  t.match(await read(n1.keyspace, 'k'), { value: 'v' });
  cluster.network.pause(replicaId('n2'), false);
  cluster.network.pause(replicaId('n3'), false);
  await cluster.converged();
  t.match(await read(cluster.node('n3').keyspace, 'k'), { value: 'v' });
});

t.test('with too few alive nothing is written: the refusal comes at once (fail fast)', async (t) => {
  const cluster = await LeaderlessCluster.start({ timing: { gossipMs: 20 } });
  t.teardown(() => cluster.close());
  const n1 = cluster.node('n1');
  cluster.isolate('n1');
  await until(
    'n1 knows that it is alone',
    () => (n1.member.core.aliveMembers().length === 1 ? true : undefined),
    20_000,
  );
  const before = n1.member.kv.counter;
  const outcome = await put(n1.keyspace, 'k', 'v', { level: 'quorum' });
  t.equal(outcome.code, 'not_enough_replicas');
  t.same(outcome.error?.extra, { alive: 1, required: 2 });
  t.equal((await read(n1.keyspace, 'k', 'quorum')).code, 'not_enough_replicas');
  t.equal(n1.member.kv.counter, before, 'nothing was written');
  t.match(await put(n1.keyspace, 'k', 'v'), { ok: true }, 'level one goes on, alone');
});

t.test('a read at level all finds what was written on the other side of a cut', async (t) => {
  const cluster = await LeaderlessCluster.start({ timing: { gossipMs: 60_000 } });
  t.teardown(() => cluster.close());
  const [n1, n2] = ['n1', 'n2'].map((id) => cluster.node(id));
  cluster.isolate('n2');
  await put(n2?.keyspace as never, 'k', 'new');
  cluster.isolate('n2', false);
  await until('n2 is back', () => (n1?.member.canMeet('all') === true ? true : undefined));
  t.match(await read(n1?.keyspace as never, 'k', 'all'), { ok: true, value: 'new' });
  for (const { id, member } of cluster.running) t.equal(member.reader.has('k'), true, `${id} has it before the answer`);
});

t.test('reads at a quorum never go back in time, whichever member is asked', async (t) => {
  const cluster = await LeaderlessCluster.start();
  t.teardown(() => cluster.close());
  const nodes = cluster.running;
  for (let at = 0; at < 40; at++) {
    const writer = nodes[at % 3];
    void put(writer?.keyspace as never, 'k', String(at).padStart(3, '0'));
    const first = await read(nodes[(at + 1) % 3]?.keyspace as never, 'k', 'quorum');
    const second = await read(nodes[(at + 2) % 3]?.keyspace as never, 'k', 'quorum');
    t.ok(first.ok && second.ok);
    t.ok((second.seen.counter ?? 0) >= (first.seen.counter ?? 0), `round ${at}`);
  }
});

t.test('what needs an order of all writes is refused with the reason (ap.md §1.1: do not fake it)', async (t) => {
  const cluster = await LeaderlessCluster.start({ replicas: 1 });
  t.teardown(() => cluster.close());
  const { keyspace, member } = cluster.node('n1');
  const value = new Uint8Array([1]);
  const refused = [
    { operations: [{ op: 'put', key: 'k', value, condition: { kind: 'absent' } }] },
    { operations: [{ op: 'increment', key: 'k', delta: 1n }] },
    { operations: [{ op: 'append', key: 'k', value, maxBytes: 10 }] },
    {
      operations: [
        { op: 'put', key: 'k', value },
        { op: 'put', key: 'l', value },
      ],
    },
    { operations: [{ op: 'put', key: 'k', value, returnPrevious: true }] },
    { operations: [{ op: 'put', key: 'k', value }], session: { clientId: 'c', seq: 1 } },
  ] as const;
  for (const command of refused) {
    const outcome = await submit(keyspace, command);
    t.equal(outcome.code, 'unsupported_by_engine', outcome.error?.message ?? '');
  }
  t.equal(member.kv.vector.size, 0);
  for (const consistency of ['linearizable', 'lease', 'stale'] as const) {
    t.equal((await read(keyspace, 'k', consistency)).code, 'unsupported_consistency');
  }
  await t.rejects(keyspace.transferLeader(), { code: 'unsupported_by_engine' });
  await t.rejects(keyspace.changeMembership(), { code: 'unsupported_by_engine' });
});

t.test('a delete of several keys is several deletes with one answer', async (t) => {
  const cluster = await LeaderlessCluster.start({ replicas: 1 });
  t.teardown(() => cluster.close());
  const { keyspace } = cluster.node('n1');
  await Promise.all([put(keyspace, 'a', '1'), put(keyspace, 'c', '1')]);
  const outcome = await submit(keyspace, { operations: ['a', 'b', 'c'].map((key) => ({ op: 'delete', key })) });
  t.same(
    outcome.result?.operations.map(({ status }) => status),
    ['deleted', 'absent', 'deleted'],
  );
});
