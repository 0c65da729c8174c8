import { join } from 'node:path';
import t, { type Test } from 'tap';
import { assertDefined } from '../../../src/base/assert.js';
import { replicaId } from '../../../src/base/brand.js';
import { silentLogger } from '../../../src/base/logger.js';
import { loadTopology } from '../../../src/config/load.js';
import type { Topology } from '../../../src/config/topology.js';
import { startNode, type ReplicaNode } from '../../../src/host/node.js';
import type { Keyspace } from '../../../src/replica/router.js';
import { portsBelowEphemeral } from '../../cluster/ports.js';
import { until } from '../../fixtures/replica/local-cluster.js';
import { get, put } from '../../fixtures/replica/semisync-caller.js';

t.setTimeout(180_000);

const IDS = ['n1', 'n2', 'n3'];

async function topologyOf(t: Test, keyspaces: Record<string, unknown>): Promise<Topology> {
  const ids = [...IDS, 'n4'];
  const ports = await portsBelowEphemeral(ids.length);
  const text = JSON.stringify({
    cluster: 'c',
    dataDir: join(t.testdir({}), 'data'),
    replicas: ids.map((id, at) => ({ id, peer: `127.0.0.1:${ports[at]}`, joining: id === 'n4' })),
    keyspaces,
  });
  return loadTopology({ text }).topology;
}

function start(topology: Topology, id: string): Promise<ReplicaNode> {
  return startNode({ topology, replica: replicaId(id), incarnation: 1, logger: silentLogger });
}

function feed({ router }: ReplicaNode): Keyspace {
  return assertDefined(router.keyspace('feed'), 'the topology has it');
}

async function ready(nodes: readonly ReplicaNode[]): Promise<void> {
  await until(
    'readiness',
    () => (nodes.every(({ router }) => router.readiness().every(({ ok }) => ok)) ? true : undefined),
    15_000,
  );
}

t.test('members stay those that the cluster was formed with, whoever comes and goes', async (t) => {
  const topology = await topologyOf(t, {
    default: { engine: 'raft' },
    likes: { engine: 'lww' },
    feed: { engine: 'semisync', leader: 'n2', writeQuorum: 1 },
  });
  const nodes = await Promise.all(IDS.map((id) => start(topology, id)));
  t.teardown(() => Promise.all(nodes.map((node) => node.close())));
  await ready(nodes);
  const [n1, n2, n3] = nodes as [ReplicaNode, ReplicaNode, ReplicaNode];
  t.match(feed(n1).leader(), { id: 'n2', isSelf: false });
  await until('a follower', () =>
    (feed(n2).status().engine as { available: number }).available === 2 ? true : undefined,
  );
  t.match(await put(feed(n2), 'k', '1'), { ok: true });
  const n4 = await start(topology, 'n4');
  t.teardown(() => n4.close());
  const peer = assertDefined(topology.replicas[3]?.peer.advertise.port, 'n4 has a port');
  const info = { id: replicaId('n4'), region: null, peer: `127.0.0.1:${peer}`, http: null, redis: null, folder: null };
  await n1.router.defaultKeyspace.changeMembership({ op: 'add', member: info });
  await ready([n4]);
  t.match(n4.router.readiness(), [
    {},
    {},
    {},
    {},
    {},
    {},
    { name: 'group feed/0', ok: true, detail: /not one of/ },
    {},
  ]);
  t.match(await put(feed(n4), 'k', '2'), { ok: false, code: 'not_member' });
  t.match(await get(feed(n4), 'k', 'follower'), { ok: false, code: 'not_member' });
  await t.rejects(assertDefined(feed(n4).semisync, 'it has a write quorum').promote(true), { code: 'not_member' });
  await n1.router.defaultKeyspace.changeMembership({ op: 'remove', replica: replicaId('n3') });
  await until('that n3 knows', () => (n3.replica.raftMembers[0]?.standing === 'removed' ? true : undefined));
  await until(
    'that it takes nothing',
    () => (n3.replica.semisyncMembers[0]?.standing === 'removed' ? true : undefined),
    10_000,
  );
  t.match(await get(feed(n3), 'k', 'follower'), { ok: false, code: 'not_member' });
  t.match(await put(feed(n2), 'k', '3'), { ok: true }, 'one follower is left');
  t.same(feed(n2).memberships().latest.membership.voters, ['n1', 'n2', 'n3']);
});

t.test(
  'a scrape tells the write quorum, the followers and what was thrown away; a keyspace may be alone',
  async (t) => {
    const topology = await topologyOf(t, { default: { engine: 'semisync', writeQuorum: 2 } });
    const nodes = await Promise.all(IDS.map((id) => start(topology, id)));
    t.teardown(() => Promise.all(nodes.map((node) => node.close())));
    await ready(nodes);
    const [n1, n2] = nodes as [ReplicaNode, ReplicaNode];
    await until('followers', () => {
      const { engine } = n1.router.defaultKeyspace.status();
      return engine.engine === 'semisync' && engine.available === 2 ? true : undefined;
    });
    t.match(await put(n1.router.defaultKeyspace, 'k', '1'), { ok: true });
    const metrics = await n1.router.metricsText();
    t.match(metrics, /kvorum_semisync_write_quorum\{keyspace="default",replica="n1"\} 2/);
    t.match(metrics, /kvorum_semisync_followers_available\{keyspace="default",replica="n1"\} 2/);
    t.match(metrics, /kvorum_semisync_follower_lag_entries\{keyspace="default",peer="n2",replica="n1"\} \d/);
    t.match(metrics, /kvorum_semisync_epoch\{keyspace="default",replica="n1"\} 64/);
    t.match(metrics, /kvorum_failover_discarded_total\{keyspace="default",acked="yes",replica="n1"\} 0/);
    t.match(await n2.router.metricsText(), /kvorum_semisync_is_leader\{keyspace="default",replica="n2"\} 0/);
  },
);
