import { createServer, type AddressInfo } from 'node:net';
import { silentLogger, type Logger } from '../base/logger.js';
import { replicaId } from '../base/brand.js';
import { systemClock } from '../base/clock.js';
import { systemScheduler } from '../base/scheduler.js';
import { connect, type KvorumClient } from '../client/client.js';
import { loadTopology } from '../config/load.js';
import type { Topology } from '../config/topology.js';
import { startNode, type ReplicaNode } from './node.js';

export interface CreateClusterOptions {
  /** Number of replicas, 3 by default; an odd number. */
  readonly replicas?: number;
  /** Folder for the data. Without one nothing is kept. */
  readonly dataDir?: string;
  /** A topology of one's own instead of the one made from the options above; its local replicas are started. */
  readonly topology?: Topology;
  readonly logger?: Logger;
}

/** Replicas running in this thread, for tests and for embedding. */
export interface Cluster extends AsyncDisposable {
  readonly topology: Topology;
  readonly nodes: readonly ReplicaNode[];
  /** The node that leads the default keyspace; waits for an election. Rejects after ten seconds without one. */
  leader(): Promise<ReplicaNode>;
  /** A client of one replica; of the first one by default. */
  client(node?: ReplicaNode): KvorumClient;
  close(): Promise<void>;
}

/** How long `leader()` waits. */
const LEADER_WAIT_MS = 10_000;
const POLL_MS = 5;

/** Starts a cluster in this thread. Every replica has its own sockets, folder and peers' links, as in production. */
export async function createCluster(options: CreateClusterOptions = {}): Promise<Cluster> {
  const topology = options.topology ?? (await makeTopology(options));
  const logger = options.logger ?? silentLogger;
  const incarnation = Math.floor(systemClock.wallMs());
  const starting = topology.local.map((replica) => startNode({ topology, replica, incarnation, logger }));
  const started = await Promise.allSettled(starting);
  const nodes = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = started.find((result) => result.status === 'rejected');
  const close = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.close()));
  };
  if (failed !== undefined) {
    await close();
    throw failed.reason;
  }
  return {
    topology,
    nodes,
    leader: () => leaderOf(nodes),
    client: (node = nodes[0]) => connect({ node: node?.endpoints.http ?? '' }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function leaderOf(nodes: readonly ReplicaNode[]): Promise<ReplicaNode> {
  return new Promise((resolve, reject) => {
    let waitedMs = 0;
    const stop = systemScheduler.every(POLL_MS, () => {
      waitedMs += POLL_MS;
      const leader = nodes.find(({ router }) => router.defaultKeyspace.leader()?.isSelf === true);
      if (leader === undefined && waitedMs < LEADER_WAIT_MS) return;
      stop();
      if (leader === undefined) reject(new Error('no leader was elected'));
      else resolve(leader);
    });
  });
}

async function makeTopology({ replicas = 3, dataDir }: CreateClusterOptions): Promise<Topology> {
  const ports = await freePorts(replicas * 3);
  const address = (replica: number, which: number): string => `127.0.0.1:${ports[replica * 3 + which] ?? 0}`;
  const text = JSON.stringify({
    cluster: 'embedded',
    ...(dataDir === undefined ? { memory: true } : { dataDir }),
    replicas: Array.from({ length: replicas }, (_, at) => ({
      id: replicaId(`n${at + 1}`),
      peer: address(at, 0),
      http: address(at, 1),
      redis: address(at, 2),
    })),
    keyspaces: { default: { engine: 'raft' } },
  });
  return loadTopology({ text }).topology;
}

/** Ports of the loopback interface that nobody uses right now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(
    servers.map((server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
