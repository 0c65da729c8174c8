import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { groupId, replicaId, type ReplicaId } from '../../../src/base/brand.js';
import { silentLogger } from '../../../src/base/logger.js';
import { loadTopology } from '../../../src/config/load.js';
import type { Topology } from '../../../src/config/topology.js';
import { startNode, type ReplicaNode } from '../../../src/host/node.js';
import { portsBelowEphemeral } from '../../cluster/ports.js';
import { until } from '../../fixtures/replica/local-cluster.js';

/** Forming a cluster, losing a disk and joining, over real sockets, as an operator sees it. */
t.setTimeout(180_000);

const GROUP = groupId('default', 0);
const IDS = ['n1', 'n2', 'n3', 'n4'].map(replicaId);

interface Hosts {
  readonly dataDir: string;
  /** The topology file of one host: who is in it, and who joins. */
  readonly topology: (ids: readonly string[], joining?: string) => Topology;
  readonly start: (topology: Topology, id: string) => Promise<ReplicaNode>;
}

async function hosts(t: Test): Promise<Hosts> {
  const ports = await portsBelowEphemeral(IDS.length * 2);
  const dataDir = join(t.testdir({}), 'data');
  const nodes: ReplicaNode[] = [];
  t.teardown(async () => {
    for (const node of nodes) await node.close();
  });
  let incarnation = 0;
  return {
    dataDir,
    topology: (ids, joining) => {
      const replicas = ids.map((id) => {
        const at = IDS.indexOf(replicaId(id)) * 2;
        const [peer, http] = [ports[at], ports[at + 1]];
        return { id, peer: `127.0.0.1:${peer}`, http: `127.0.0.1:${http}`, joining: id === joining };
      });
      const text = JSON.stringify({ cluster: 'c', dataDir, replicas, keyspaces: { default: {} } });
      return loadTopology({ text }).topology;
    },
    start: async (topology, id) => {
      const node = await startNode({
        topology,
        replica: replicaId(id),
        incarnation: ++incarnation,
        logger: silentLogger,
      });
      nodes.push(node);
      return node;
    },
  };
}

function fail(): never {
  throw new Error('it was started');
}

function leading(nodes: readonly ReplicaNode[]): Promise<ReplicaNode> {
  return until('a leader', () => nodes.find(({ router }) => router.defaultKeyspace.leader()?.isSelf === true));
}

async function readyz(node: ReplicaNode): Promise<{ status: number; text: string }> {
  const response = await fetch(`${node.endpoints.http}/readyz?verbose`);
  return { status: response.status, text: await response.text() };
}

t.test('forming, and a lost disk, as /readyz and clients are told (raft.md M4)', async (t) => {
  const { dataDir, ...host } = await hosts(t);
  const three = host.topology(['n1', 'n2', 'n3']);
  const n1 = await host.start(three, 'n1');
  t.match(await readyz(n1), { status: 503, text: /\[-\]formation failed: waiting for n2, n3\n/ });
  await until('its patience is over', () => n1.replica.gate.unformed ?? undefined);
  const early = await fetch(`${n1.endpoints.http}/kv/k`, { method: 'PUT', body: 'v' });
  t.equal(early.status, 503);
  t.match(await early.json(), { code: 'no_leader', detail: /not formed yet: waiting for n2, n3/ });
  const n2 = await host.start(three, 'n2');
  const n3 = await host.start(three, 'n3');
  const leader = await leading([n1, n2, n3]);
  t.equal((await fetch(`${leader.endpoints.http}/kv/k`, { method: 'PUT', body: 'v' })).status, 201);

  await n3.close();
  rmSync(join(dataDir, 'n3'), { recursive: true });
  const wiped = await host.start(three, 'n3');
  await until('it is refused', () => wiped.router.readiness().find((check) => check.name === 'admission' && !check.ok));
  const told = await readyz(wiped);
  t.equal(told.status, 503);
  t.match(told.text, /\[-\]formation failed: .*waiting for n1, n2/);
  t.match(
    told.text,
    /\[-\]admission failed: replica n[12] knows replica n3 with another data folder: its disk was wiped/,
  );
  t.equal((await fetch(`${wiped.endpoints.http}/livez`)).status, 200, 'a restart would not help');
  t.equal((await fetch(`${wiped.endpoints.http}/status`)).status, 200);
  const link = wiped.router.links().find(({ closedBy }) => (closedBy['foreign_folder'] ?? 0) > 0);
  t.ok(link !== undefined && !link.connected);
});

t.test('a replica that joins is let in where it was added, and its disk is known once it votes', async (t) => {
  const { dataDir, ...host } = await hosts(t);
  const three = host.topology(['n1', 'n2', 'n3']);
  const nodes = [await host.start(three, 'n1'), await host.start(three, 'n2'), await host.start(three, 'n3')];
  const leader = await leading(nodes);
  await fetch(`${leader.endpoints.http}/kv/k`, { method: 'PUT', body: 'v' });
  const four = host.topology(['n1', 'n2', 'n3', 'n4'], 'n4');
  const n4 = await host.start(four, 'n4');
  await until(
    'nobody knows it',
    () => n4.router.links().every(({ closedBy }) => closedBy['unknown_replica']) || undefined,
  );
  const [, , , config] = four.replicas;
  const member = {
    id: replicaId('n4'),
    folder: null,
    peer: `127.0.0.1:${config?.peer.listen.port}`,
    http: null,
    redis: null,
    region: null,
  };
  const { defaultKeyspace } = leader.router;
  await defaultKeyspace.changeMembership({ op: 'add', member });
  await until('it has everything', () => n4.router.defaultKeyspace.status().keys === 1 || undefined);
  t.equal(leader.replica.gate.admits('n4', 'f'.repeat(32)), 'foreign_folder', 'a learner is bound to its disk already');
  await defaultKeyspace.changeMembership({ op: 'promote', replica: member.id, untilCaughtUp: true });
  const folderOf = (id: ReplicaId): string | null | undefined =>
    defaultKeyspace.memberships().committed.membership.members.find((info) => info.id === id)?.folder;
  t.match(folderOf(member.id), /^[0-9a-f]{32}$/);
  await until('n4 is ready', () => (n4.router.readiness().every(({ ok }) => ok) ? true : undefined));

  await n4.close();
  const again = await host.start(host.topology(['n1', 'n2', 'n3', 'n4']), 'n4');
  await until(
    'it is back, though its file does not say that it joined',
    () => again.router.readiness().every(({ ok }) => ok) || undefined,
  );
  await again.close();
  rmSync(join(dataDir, 'n4'), { recursive: true });
  const wiped = await host.start(four, 'n4');
  await until('refused', () => wiped.router.readiness().find((check) => check.name === 'admission' && !check.ok));
  t.match(wiped.router.links(), [{ connected: false }, { connected: false }, { connected: false }]);
});

t.test(
  '--join does not give a wiped disk its vote back, even where nobody knows its folder (raft.md M4)',
  async (t) => {
    const { dataDir, ...host } = await hosts(t);
    const three = host.topology(['n1', 'n2', 'n3']);
    const start = async (...ids: string[]): Promise<ReplicaNode[]> => {
      const started: ReplicaNode[] = [];
      for (const id of ids) started.push(await host.start(three, id));
      return started;
    };
    const first = await start('n1', 'n2', 'n3');
    await leading(first);
    for (const node of first) await node.close();
    for (const id of ['n1', 'n2']) forgetFormation(join(dataDir, id));
    rmSync(join(dataDir, 'n3'), { recursive: true });
    const [n1 = fail()] = await start('n1');
    const n3 = await host.start(host.topology(['n1', 'n2', 'n3'], 'n3'), 'n3');
    await until('it is told', () =>
      n3.router.readiness().find(({ detail }) => /n3, which joins with an empty/.test(detail)),
    );
    await until(
      'n1 counts on it in vain',
      () => n1.replica.raftMember(GROUP).raft.role === 'pre-candidate' || undefined,
    );
    t.notOk(n1.router.defaultKeyspace.leader(), 'one disk of three');
    const [n2 = fail()] = await start('n2');
    await leading([n1, n2]);
    t.ok(n1.replica.gate.hears(IDS[1] as ReplicaId), 'those that kept their disks have told each other');
  },
);

/** As an older version has left the folder. */
function forgetFormation(folder: string): void {
  const path = join(folder, 'IDENTITY');
  const {
    folder: _name,
    formation: _formation,
    ...old
  } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  writeFileSync(path, JSON.stringify(old));
}
