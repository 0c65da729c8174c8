import t from 'tap';
import { originId, replicaId } from '../../../../src/base/brand.js';
import { LIMITS } from '../../../../src/base/limits.js';
import { LeaderlessCluster } from '../../../fixtures/replica/leaderless-cluster.js';
import { del, put, read } from '../../../fixtures/replica/leaderless-caller.js';
import { until } from '../../../fixtures/replica/local-cluster.js';

t.setTimeout(180_000);

for (const engine of ['lww', 'causal'] as const) {
  t.test(`${engine}: a session reads its own writes at every replica (ap.md §1.2.6)`, async (t) => {
    const cluster = await LeaderlessCluster.start({ engine });
    t.teardown(() => cluster.close());
    const [n1, n2, n3] = cluster.running.map(({ keyspace }) => keyspace);
    for (let at = 0; at < 30; at++) {
      const { seen } = await put(n1 as never, 'k', `${at}`);
      const outcome = await read(n2 as never, 'k', 'session', { seen });
      t.equal(outcome.value, `${at}`);
      t.equal((await read(n3 as never, 'k', 'session', { seen: outcome.seen })).value, `${at}`, 'monotonic reads');
    }
  });

  t.test(`${engine}: a session's writes come one after another, wherever they are made`, async (t) => {
    const cluster = await LeaderlessCluster.start({ engine });
    t.teardown(() => cluster.close());
    const nodes = cluster.running;
    let seen = {};
    for (let at = 0; at < 30; at++) ({ seen } = await put(nodes[at % 3]?.keyspace as never, 'k', `${at}`, { seen }));
    await cluster.converged();
    for (const { keyspace } of nodes) t.equal((await read(keyspace, 'k')).value, '29');
  });
}

t.test('what the session has seen is fetched; unmet in time: 503 with what is missing (ap.md §1.2.5)', async (t) => {
  const cluster = await LeaderlessCluster.start({ session: { waitMs: 100 } });
  t.teardown(() => cluster.close());
  cluster.isolate('n2');
  const { seen, dot } = await put(cluster.node('n1').keyspace, 'k', 'v');
  const n2 = cluster.node('n2');
  const refused = await read(n2.keyspace, 'k', 'session', { seen });
  t.equal(refused.code, 'dependencies_not_satisfied');
  t.same(refused.error?.extra, { missing: [{ replica: 'n1', have: 0, need: dot?.seq }] });
  t.equal((await put(n2.keyspace, 'k', 'w', { seen })).code, 'dependencies_not_satisfied', 'writes wait as well');
  t.equal(n2.member.kv.vector.size, 0, 'and nothing was written');
  t.equal((await read(n2.keyspace, 'k', 'one')).ok, true, 'without a session it is served');
  cluster.isolate('n2', false);
  await until('n2 is served again', () => (n2.member.reader.has('k') ? true : undefined));
  t.match(await read(n2.keyspace, 'k', 'session', { seen }), { ok: true, value: 'v' });
});

t.test('a waiting request is woken by what it waits for', async (t) => {
  const cluster = await LeaderlessCluster.start({ session: { waitMs: 5000 } });
  t.teardown(() => cluster.close());
  cluster.network.pause(replicaId('n2'), true);
  const { seen } = await put(cluster.node('n1').keyspace, 'k', 'v');
  const n2 = cluster.node('n2');
  const waiting = read(n2.keyspace, 'k', 'session', { seen });
  const write = put(n2.keyspace, 'k', 'later', { seen });
  await until('both wait', () => (n2.member.sessions.waiting === 2 ? true : undefined));
  cluster.network.pause(replicaId('n2'), false);
  t.match(await waiting, { value: 'v' });
  t.match(await write, { ok: true });
  await cluster.converged();
  t.match(await read(cluster.node('n1').keyspace, 'k'), { value: 'later' }, 'above what the session had seen');
});

t.test('what exists nowhere any more is told at once as lost (ap.md §1.2.5: 410)', async (t) => {
  const cluster = await LeaderlessCluster.start({ session: { waitMs: 5000 } });
  t.teardown(() => cluster.close());
  const { keyspace } = cluster.node('n1');
  const unknown = { origin: originId('n9~0123456789abcdef'), seq: 3 };
  t.equal((await read(keyspace, 'k', 'session', { seen: { dots: [unknown] } })).code, 'causal_history_lost');
  const { dot } = await put(cluster.node('n2').keyspace, 'k', 'v');
  await cluster.converged();
  const beyond = { origin: dot?.origin ?? unknown.origin, seq: 1000 };
  t.equal((await read(keyspace, 'k', 'session', { seen: { dots: [beyond] } })).code, 'causal_history_lost');
});

t.test(
  'causal order across three replicas with one link cut: no answer before its question (ap.md §1.2.1)',
  async (t) => {
    const orders: string[][] = [];
    const cluster = await LeaderlessCluster.start({
      engine: 'causal',
      onDelivered: (id, { origin }) => {
        if (id === 'n3') orders.push([origin]);
      },
    });
    t.teardown(() => cluster.close());
    const [n1, n2, n3] = ['n1', 'n2', 'n3'].map((id) => cluster.node(id));
    cluster.network.cut(replicaId('n1'), replicaId('n3'));
    for (let at = 0; at < 50; at++) {
      await put(n1?.keyspace as never, 'question', `${at}`);
      await until('n2 has read the question', () => (n2?.member.reader.has('question') ? true : undefined));
      const question = await read(n2?.keyspace as never, 'question');
      await put(n2?.keyspace as never, 'answer', question.value ?? '');
      // Whenever n3 shows an answer, it shows that question or a later one.
      const answer = await read(n3?.keyspace as never, 'answer');
      const asked = await read(n3?.keyspace as never, 'question');
      t.ok(Number(asked.value ?? -1) >= Number(answer.value ?? -1), `${asked.value} answered by ${answer.value}`);
    }
    await cluster.converged();
    t.match(await read(n3?.keyspace as never, 'question'), { value: '49' }, 'n2 passed on what n1 could not send');
    t.ok(orders.length > 0);
  },
);

t.test('siblings: concurrent values are kept until somebody who saw them writes (ap.md §1.1.4)', async (t) => {
  const cluster = await LeaderlessCluster.start({ engine: 'causal', keyspace: { conflicts: 'siblings' } });
  t.teardown(() => cluster.close());
  const [n1, n2] = ['n1', 'n2'].map((id) => cluster.node(id));
  cluster.isolate('n1');
  await put(n1?.keyspace as never, 'cart', 'apple');
  await put(n2?.keyspace as never, 'cart', 'pear');
  cluster.isolate('n1', false);
  await cluster.converged();
  const both = await read(n1?.keyspace as never, 'cart');
  t.same([...both.siblings].sort(), ['apple', 'pear']);
  await put(n1?.keyspace as never, 'cart', 'apple and pear', { context: both.seen.dots ?? [] });
  await cluster.converged();
  t.match(await read(n2?.keyspace as never, 'cart'), { value: 'apple and pear', siblings: [] });
});

t.test('a context that is ahead of the replica is waited for: nothing is dropped by it later (§1.1.4)', async (t) => {
  const cluster = await LeaderlessCluster.start({
    engine: 'causal',
    keyspace: { conflicts: 'siblings' },
    session: { waitMs: 100 },
  });
  t.teardown(() => cluster.close());
  const [n1, n2] = ['n1', 'n2'].map((id) => cluster.node(id));
  await put(n1?.keyspace as never, 'cart', 'apple', { level: 'all' });
  const { seen } = await read(n1?.keyspace as never, 'cart');
  cluster.isolate('n2');
  await put(n1?.keyspace as never, 'other', 'x');
  const { dot } = await put(n1?.keyspace as never, 'cart', 'pear', { context: seen.dots ?? [] });
  const ahead = dot === null ? [] : [dot];
  const refused = await put(n2?.keyspace as never, 'cart', 'plum', { context: ahead });
  t.equal(refused.code, 'dependencies_not_satisfied');
  t.same(refused.error?.extra, { missing: [{ replica: 'n1', have: 1, need: dot?.seq }] });
  t.equal((await del(n2?.keyspace as never, 'cart', { context: ahead })).code, 'dependencies_not_satisfied');
  t.match(await read(n2?.keyspace as never, 'cart'), { value: 'apple' }, 'and nothing was written');
  cluster.isolate('n2', false);
  t.match(await put(n2?.keyspace as never, 'cart', 'plum', { context: ahead, waitMs: 5000 }), { ok: true });
  await cluster.converged();
  t.match(await read(n1?.keyspace as never, 'cart'), { value: 'plum', siblings: [] });
});

t.test('siblings: who cannot tell a context replaces what is there, its own last writes included', async (t) => {
  const cluster = await LeaderlessCluster.start({ engine: 'causal', keyspace: { conflicts: 'siblings' } });
  t.teardown(() => cluster.close());
  const [n1, n2] = ['n1', 'n2'].map((id) => cluster.node(id));
  const set = (value: string) => put(n1?.keyspace as never, 'k', value, { replacesAll: true });
  await Promise.all(['1', '2', '3'].map((value) => set(value)));
  t.match(await read(n1?.keyspace as never, 'k'), { value: '3', siblings: [] }, 'of one turn the last');
  const unanswered = [];
  for (const value of ['4', '5', '6']) {
    unanswered.push(set(value));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(unanswered);
  t.match(await read(n1?.keyspace as never, 'k'), { value: '6', siblings: [] }, 'and of turns that overlap');
  await cluster.converged();
  t.match(await read(n2?.keyspace as never, 'k'), { value: '6', siblings: [] });
  cluster.isolate('n2');
  await put(n2?.keyspace as never, 'k', 'there', { replacesAll: true });
  await set('here');
  cluster.isolate('n2', false);
  await cluster.converged();
  const both = await read(n1?.keyspace as never, 'k');
  t.same([...both.siblings].sort(), ['here', 'there'], 'but nothing that was written elsewhere meanwhile');
  await set('alone');
  await set('again');
  await cluster.converged();
  t.match(
    await read(n2?.keyspace as never, 'k'),
    { value: 'again', siblings: [] },
    'no context is left to drop writes',
  );
});

t.test('siblings do not pile up without end where nobody reads (LIMITS.siblings)', async (t) => {
  const cluster = await LeaderlessCluster.start({ engine: 'causal', keyspace: { conflicts: 'siblings' } });
  t.teardown(() => cluster.close());
  const { keyspace, member } = cluster.node('n1');
  let most = 0;
  for (let at = 0; at < LIMITS.siblings + 20; at++) {
    await put(keyspace, 'k', `${at}`);
    most = Math.max(most, member.reader.version('k')?.dots.length ?? 0);
  }
  t.equal(most, LIMITS.siblings);
  const { siblings } = await read(keyspace, 'k');
  t.equal(siblings.length, 20, 'those of the put at the limit and later');
  t.equal(siblings[0], `${LIMITS.siblings + 19}`);
  await cluster.converged();
});
