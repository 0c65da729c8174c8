import { createServer } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { replicaId } from '../../../src/base/brand.js';
import { silentLogger } from '../../../src/base/logger.js';
import { loadTopology } from '../../../src/config/load.js';
import type { Topology } from '../../../src/config/topology.js';
import { createCluster } from '../../../src/host/cluster.js';
import { startNode, type ReplicaNode } from '../../../src/host/node.js';
import { portsBelowEphemeral } from '../../cluster/ports.js';

async function oneReplica(t: Test): Promise<{ topology: Topology; ports: Record<'peer' | 'http' | 'redis', number> }> {
  const [peer = 0, http = 0, redis = 0] = await portsBelowEphemeral(3);
  const address = (port: number): string => `127.0.0.1:${port}`;
  const text = JSON.stringify({
    cluster: 'c',
    dataDir: join(t.testdir({}), 'data'),
    replicas: [{ id: 'n1', peer: address(peer), http: address(http), redis: address(redis) }],
    keyspaces: { default: { engine: 'raft' } },
  });
  return { topology: loadTopology({ text }).topology, ports: { peer, http, redis } };
}

function start(topology: Topology, incarnation: number): Promise<ReplicaNode> {
  return startNode({ topology, replica: replicaId('n1'), incarnation, logger: silentLogger });
}

for (const which of ['peer', 'http', 'redis'] as const) {
  t.test(`a start that finds its ${which} port taken leaves nothing open`, async (t) => {
    const { topology, ports } = await oneReplica(t);
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(ports[which], '127.0.0.1', resolve));
    await t.rejects(start(topology, 1), { code: 'address_in_use' });
    await new Promise((resolve) => other.close(resolve));
    const node = await start(topology, 2);
    t.pass('the folder and the other ports are free again');
    await node.close();
    await node.close();
  });
}

t.test('the folder of a node in use is not touched', async (t) => {
  const { topology } = await oneReplica(t);
  const node = await start(topology, 1);
  await t.rejects(start(topology, 2), { code: 'data_dir_locked' });
  await node.drain();
});

t.test('a drained leader hands over, answers, and closes', { timeout: 180_000 }, async (t) => {
  await using cluster = await createCluster();
  const leader = await cluster.leader();
  const client = cluster.client(leader);
  await client.put('x', '1');
  const puts = Array.from({ length: 20 }, (_, at) => client.put(`k${at}`, '1'));
  await Promise.all(puts);
  const drained = leader.drain();
  const ready = leader.router.readiness().find(({ name }) => name === 'draining');
  t.match(ready, { ok: false }, 'readiness is false at once');
  t.equal((await client.put('late', '1')).result, 'created', 'while leadership moves, requests are still served');
  await drained;
  const rest = cluster.nodes.filter((node) => node !== leader);
  t.ok(
    rest.some(({ router }) => router.defaultKeyspace.leader()?.isSelf === true),
    'another leads before it has ended',
  );
  const other = rest[0];
  t.equal((await cluster.client(other).get('x'))?.value, '1');
  await t.rejects(client.put('y', '1'), 'and it takes nothing any more');
});
