import { join } from 'node:path';
import t, { type Test } from 'tap';
import { assertDefined } from '../../../src/base/assert.js';
import { replicaId } from '../../../src/base/brand.js';
import { silentLogger } from '../../../src/base/logger.js';
import { loadTopology } from '../../../src/config/load.js';
import type { Topology } from '../../../src/config/topology.js';
import { startNode, type ReplicaNode } from '../../../src/host/node.js';
import { until } from '../../fixtures/replica/local-cluster.js';
import { portsBelowEphemeral } from '../../cluster/ports.js';

t.setTimeout(180_000);

const IDS = ['n1', 'n2', 'n3'];

async function topologyOf(t: Test, keyspaces: Record<string, unknown>, joining: string[] = []): Promise<Topology> {
  const ids = [...IDS, ...joining];
  const ports = await portsBelowEphemeral(2 * ids.length);
  const address = (at: number): string => `127.0.0.1:${ports[at]}`;
  const text = JSON.stringify({
    cluster: 'c',
    dataDir: join(t.testdir({}), 'data'),
    replicas: ids.map((id, at) => ({
      id,
      peer: address(at),
      http: address(ids.length + at),
      joining: joining.includes(id),
    })),
    keyspaces,
  });
  return loadTopology({ text }).topology;
}

function start(topology: Topology, id: string, incarnation = 1): Promise<ReplicaNode> {
  return startNode({ topology, replica: replicaId(id), incarnation, logger: silentLogger });
}

async function ready(nodes: readonly ReplicaNode[]): Promise<void> {
  await until(
    'readiness',
    () => (nodes.every(({ router }) => router.readiness().every(({ ok }) => ok)) ? true : undefined),
    15_000,
  );
}

async function call(node: ReplicaNode, method: string, path: string, body?: unknown, session?: string) {
  const response = await fetch(`${assertDefined(node.endpoints.http, 'it serves HTTP')}${path}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(session === undefined ? {} : { 'x-kvorum-session': session }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const json = (await response.json()) as Record<string, unknown>;
  return { status: response.status, json, session: response.headers.get('x-kvorum-session') ?? '' };
}

t.test(
  'keyspaces of all engines beside each other: sessions span them, and every replica tells its state',
  async (t) => {
    const topology = await topologyOf(t, {
      default: { engine: 'raft' },
      likes: { engine: 'lww' },
      posts: { engine: 'causal' },
    });
    const nodes = await Promise.all(IDS.map((id) => start(topology, id)));
    t.teardown(() => Promise.all(nodes.map((node) => node.close())));
    await ready(nodes);
    const [n1, n2, n3] = nodes as [ReplicaNode, ReplicaNode, ReplicaNode];
    let session = '';
    for (const [at, keyspace] of ['default', 'likes', 'posts'].entries()) {
      const put = await call(nodes[at] ?? n1, 'PUT', `/keyspaces/${keyspace}/kv/k`, { value: `${at}` }, session);
      t.ok(put.status < 300, JSON.stringify(put.json));
      session = put.session;
    }
    for (const node of nodes) {
      for (const [at, keyspace] of ['default', 'likes', 'posts'].entries()) {
        const got = await call(node, 'GET', `/keyspaces/${keyspace}/kv/k`, undefined, session);
        t.match(got.json, { value: `${at}` }, `${keyspace} at ${node.id}`);
      }
    }
    const refused = await call(n1, 'GET', '/keyspaces/likes/kv/k', undefined, `${session.slice(0, -2)}AA`);
    t.match(refused, { status: 400, json: { code: 'session_token_invalid' } });
    const metrics = await n2.router.metricsText();
    t.match(metrics, /kvorum_leaderless_ready\{keyspace="likes",replica="n2"\} 1/);
    t.match(metrics, /kvorum_origin_position\{keyspace="likes",origin="n2~[0-9a-f]{16}",replica="n2"\} 1/);
    t.match(metrics, /kvorum_member_lag_batches\{keyspace="posts",peer="n1",replica="n2"\} 0/);
    const status = await call(n3, 'GET', '/status');
    t.equal(status.status, 200);
  },
);

t.test('where nobody votes one replica serves alone, and the others catch up when they come', async (t) => {
  const topology = await topologyOf(t, { default: { engine: 'lww' } });
  const nodes = await Promise.all(IDS.map((id) => start(topology, id)));
  await ready(nodes);
  const put = await call(nodes[0] as ReplicaNode, 'PUT', '/kv/k?consistency=all', { value: '1' });
  t.ok(put.status < 300, JSON.stringify(put.json));
  await Promise.all(nodes.map((node) => node.close()));
  const n2 = await start(topology, 'n2', 2);
  t.teardown(() => n2.close());
  t.match((await call(n2, 'GET', '/kv/k')).json, { value: '1' });
  const alone = await call(n2, 'PUT', '/kv/k', { value: '2' });
  t.ok(alone.status < 300, JSON.stringify(alone.json));
  const quorum = await call(n2, 'PUT', '/kv/k?consistency=quorum', { value: '3' });
  t.match(quorum, { status: 503, json: { code: 'not_enough_replicas' } });
  const n3 = await start(topology, 'n3', 2);
  t.teardown(() => n3.close());
  await ready([n3]);
  t.match((await call(n3, 'GET', '/kv/k')).json, { value: '2' }, 'ready means caught up');
});

t.test(
  'members of leaderless keyspaces are those of the cluster: added ones get everything, removed ones hold up nothing',
  async (t) => {
    const topology = await topologyOf(t, { default: { engine: 'raft' }, likes: { engine: 'causal' } }, ['n4']);
    const nodes = await Promise.all(IDS.map((id) => start(topology, id)));
    t.teardown(() => Promise.all(nodes.map((node) => node.close())));
    await ready(nodes);
    const [n1, , n3] = nodes as [ReplicaNode, ReplicaNode, ReplicaNode];
    await call(n1, 'PUT', '/keyspaces/likes/kv/k', { value: '1' });
    const n4 = await start(topology, 'n4');
    t.teardown(() => n4.close());
    const early = await call(n4, 'PUT', '/keyspaces/likes/kv/early', { value: '1' });
    t.match(early, { status: 503, json: { code: 'not_member' } }, 'it waits to be added');
    const peer = assertDefined(topology.replicas[3]?.peer.advertise.port, 'n4 has a port');
    const added = await call(n1, 'POST', '/admin/members', { id: 'n4', peer: `127.0.0.1:${peer}` });
    t.ok(added.status < 300, JSON.stringify(added.json));
    await ready([n4]);
    t.match((await call(n4, 'GET', '/keyspaces/likes/kv/k')).json, { value: '1' });
    const all = await call(n4, 'PUT', '/keyspaces/likes/kv/all?consistency=all', { value: '4' });
    t.ok(all.status < 300, JSON.stringify(all.json));
    const removed = await call(n1, 'DELETE', '/admin/members/n3');
    t.ok(removed.status < 300, JSON.stringify(removed.json));
    await until('n3 knows', () =>
      n3.router.readiness().some(({ ok, name }) => name === 'group likes/0' && !ok) ? true : undefined,
    );
    const late = await call(n3, 'PUT', '/keyspaces/likes/kv/late', { value: '1' });
    t.match(late, { status: 503, json: { code: 'not_member' } });
    const members = (): readonly string[] =>
      n4.router.keyspaces[1]?.memberships().latest.membership.voters.map(String).sort() ?? [];
    await until('n4 knows', () => (members().join() === 'n1,n2,n4' ? true : undefined));
  },
);
