import t from 'tap';
import { PATIENCE_MS, eventually } from '../process-cluster.js';
import { LeaderlessCluster, SHORT } from './cluster.js';

/** What a session promises while links are down (ap.md §1.2.4-5). About ten seconds. */
t.test('a replica that is cut off does not pretend', { timeout: 180_000 }, async (t) => {
  const cluster = await LeaderlessCluster.start(t, { default: { engine: 'causal' } }, SHORT);
  cluster.isolate('n3');
  const metadata = { 'causal-metadata': null };
  const written = await cluster.ask('n1', 'PUT', '/kvs/x', { body: { value: '1', ...metadata } });
  t.equal(written.status, 201, 'the others take writes without it');
  const seen = { 'causal-metadata': written.body['causal-metadata'] };
  const query = `?causal-metadata=${encodeURIComponent(JSON.stringify(seen['causal-metadata']))}`;
  await cluster.until('read your writes on another replica', async () => {
    const { body, status } = await cluster.ask('n2', 'GET', `/kvs/x${query}`);
    return status === 200 && body['value'] === '1';
  });

  const refusals = [
    await cluster.ask('n3', 'GET', `/kvs/x${query}`),
    await cluster.ask('n3', 'PUT', '/kvs/x', { body: { value: '2', ...seen } }),
    await cluster.ask('n3', 'DELETE', '/kvs/x', { body: seen }),
  ];
  for (const { body, headers, status } of refusals) {
    t.equal(status, 503);
    t.ok(Number(headers.get('retry-after')) >= 1);
    t.match(body, { error: 'Causal dependencies not satisfied; try again later', ...seen }, 'metadata unchanged');
    t.match(body['missing'], [{ replica: 'n1', have: 0, need: 1 }]);
  }
  const token = String(written.headers.get('x-kvorum-session'));
  const raw = await cluster.ask('n3', 'GET', '/kv/x', { headers: { 'X-Kvorum-Session': token, Prefer: 'wait=0' } });
  t.match(raw, { status: 503, body: { code: 'dependencies_not_satisfied', retry: 'after' } });
  t.equal((await cluster.ask('n3', 'GET', '/kvs/x')).status, 404, 'without a session it tells what it has');
  t.equal((await cluster.ask('n3', 'PUT', '/kvs/own', { body: { value: '3' } })).status, 201, 'and takes writes');

  await cluster.network.heal();
  await cluster.until('the same request succeeds', async () => {
    return (await cluster.ask('n3', 'GET', `/kvs/x${query}`)).status === 200;
  });
  const later = await cluster.ask('n3', 'PUT', '/kvs/x', { body: { value: '2', ...seen } });
  t.match(later, { status: 200, body: { result: 'replaced' } });
  await cluster.untilEverywhere('default', 'x', '2');
  await cluster.untilEverywhere('default', 'own', '3');
});

t.test('a client carries its session from replica to replica, in every keyspace', { timeout: 180_000 }, async (t) => {
  const cluster = await LeaderlessCluster.start(t);
  for (const keyspace of ['default', 'likes', 'orders']) {
    const clients = cluster.ids.map((id) => cluster.client(id, { keyspace }));
    for (let round = 0; round < 20; round++) {
      const writer = clients[round % 3]!;
      await eventually('a write', PATIENCE_MS, () => writer.put('k', String(round)));
      const reader = cluster.client(cluster.ids[(round + 1) % 3]!, { keyspace, session: writer.sessionToken ?? '' });
      const found = await eventually('a read', PATIENCE_MS, () => reader.get('k'));
      t.ok(Number(found?.value) >= round, `${keyspace}: ${found?.value} is not older than ${round}`);
    }
  }
});

t.test('nobody sees an effect before its cause', { timeout: 180_000 }, async (t) => {
  const cluster = await LeaderlessCluster.start(t);
  cluster.network.cut('n1', 'n3');
  cluster.network.cut('n3', 'n1');
  await cluster.ask('n1', 'PUT', '/kvs/question', { body: { value: 'where?', 'causal-metadata': null } });
  await cluster.until(
    'n2 has the question',
    async () => (await cluster.ask('n2', 'GET', '/kvs/question')).status === 200,
  );
  const { body } = await cluster.ask('n2', 'GET', '/kvs/question');
  const answered = { value: 'here', 'causal-metadata': body['causal-metadata'] };
  t.equal((await cluster.ask('n2', 'PUT', '/kvs/answer', { body: answered })).status, 201);
  await cluster.until('n3 has the answer', async () => (await cluster.ask('n3', 'GET', '/kvs/answer')).status === 200);
  t.equal((await cluster.ask('n3', 'GET', '/kvs/question')).status, 200, 'n2 has passed on the write of n1 before');
});

t.test('what only a lost disk had is lost, and the session is told', { timeout: 180_000 }, async (t) => {
  const cluster = await LeaderlessCluster.start(t, { default: { engine: 'causal' } }, SHORT);
  await cluster.ask('n2', 'PUT', '/kvs/kept', { body: { value: '1' } });
  await cluster.untilEverywhere('default', 'kept', '1');
  await Promise.all([cluster.stopReplica('n2'), cluster.stopReplica('n3')]);
  const written = await cluster.ask('n1', 'PUT', '/kvs/x', { body: { value: '1' } });
  t.equal(written.status, 201, 'on one disk only');
  await cluster.stopReplica('n1');
  cluster.wipe('n1');
  await Promise.all(cluster.ids.map((id) => cluster.startReplica(id)));
  const body = { 'causal-metadata': written.body['causal-metadata'] };
  await cluster.until('n2 knows that it will never come', async () => {
    return (await cluster.ask('n2', 'GET', '/kvs/x', { headers: sessionOf(body) })).status === 410;
  });
  const lost = await cluster.ask('n2', 'PUT', '/kvs/x', { body: { value: '2', ...body } });
  t.match(lost, { status: 410, body: { code: 'causal_history_lost', ...body } });
  await cluster.untilEverywhere('default', 'kept', '1');
  await cluster.until('n1 takes writes again', async () => {
    return (await cluster.ask('n1', 'PUT', '/kvs/x', { body: { value: '3' } })).status === 201;
  });
  await cluster.untilEverywhere('default', 'x', '3');
});

function sessionOf(body: Readonly<Record<string, unknown>>): Record<string, string> {
  return { 'X-Kvorum-Session': (body['causal-metadata'] as { token: string }).token };
}
