import type { ReplicaId } from '../../base/brand.js';
import { loadTopology } from '../../config/load.js';
import type { ReplicaConfig, Topology } from '../../config/topology.js';
import type { MemberInfo } from '../../engines/raft/membership.js';
import type { Knobs, LeaderlessOptions, SemisyncKnobs } from './options.js';

const PEER_PORT = 7400;

/** Reading a topology takes longer than a second of a simulated cluster: once for each number of replicas. */
const loaded = new Map<string, Topology>();

function defaultsFor(ids: readonly ReplicaId[], engine: 'raft' | 'semisync' | LeaderlessOptions['engine']): Topology {
  const name = `${engine} ${ids.join(' ')}`;
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const text = JSON.stringify({
    cluster: 'sim',
    dataDir: '/sim',
    replicas: ids.map((id) => ({ id, peer: `${id}.sim:${PEER_PORT}` })),
    keyspaces: { default: engine === 'semisync' ? { engine, leader: ids[0], writeQuorum: 1 } : { engine } },
    insecureAllowRemote: true,
  });
  const { topology } = loadTopology({ text, workingDir: '/sim' });
  loaded.set(name, topology);
  return topology;
}

/** Of which engine the group is, and how it differs from the defaults. */
export interface GroupOptions {
  readonly leaderless?: LeaderlessOptions | undefined;
  readonly semisync?: SemisyncKnobs | undefined;
}

/** What a replica of the simulated world is configured with: the defaults of the product, and the knobs. */
export function makeTopology(ids: readonly ReplicaId[], knobs: Knobs, group: GroupOptions): Topology {
  const { leaderless, semisync } = group;
  const defaults = defaultsFor(ids, leaderless?.engine ?? (semisync === undefined ? 'raft' : 'semisync'));
  const topology = withSemisync(leaderless === undefined ? defaults : withLeaderless(defaults, leaderless), semisync);
  const { tickMs, heartbeatMs, electionTimeoutMs, diskStallMs, requestTimeoutMs } = knobs;
  const { segmentBytes, checkpointBytes, retainBytes, leaseReads } = knobs;
  return {
    ...topology,
    timing: { ...topology.timing, tickMs, heartbeatMs, electionTimeoutMs, diskStallMs, requestTimeoutMs },
    storage: { ...topology.storage, segmentBytes, checkpointBytes, retainBytes },
    raft: { ...topology.raft, leaseReads },
  };
}

function withLeaderless(topology: Topology, { conflicts, gossipMs, sessionWaitMs }: LeaderlessOptions): Topology {
  return {
    ...topology,
    timing: { ...topology.timing, gossipMs },
    session: { ...topology.session, waitMs: sessionWaitMs },
    keyspaces: topology.keyspaces.map((keyspace) =>
      keyspace.engine === 'causal' ? { ...keyspace, conflicts } : keyspace,
    ),
  };
}

function withSemisync(topology: Topology, semisync: SemisyncKnobs | undefined): Topology {
  if (semisync === undefined) return topology;
  const { delayMs = null, sessionWaitMs, ...settings } = semisync;
  return {
    ...topology,
    replicas: topology.replicas.map((replica, at) => (at === 0 ? replica : { ...replica, delayMs })),
    session: { ...topology.session, waitMs: sessionWaitMs },
    keyspaces: topology.keyspaces.map((keyspace) =>
      keyspace.engine === 'semisync' ? { ...keyspace, ...settings } : keyspace,
    ),
  };
}

/** With a replica in the file that came later, or will come. */
export function withLater(topology: Topology, id: ReplicaId): Topology {
  if (topology.replicas.some((replica) => replica.id === id)) return topology;
  const model = topology.replicas[0] as ReplicaConfig;
  const address = { host: `${id}.sim`, port: PEER_PORT };
  const replica: ReplicaConfig = { ...model, id, joining: true, peer: { listen: address, advertise: address } };
  return { ...topology, replicas: [...topology.replicas, replica] };
}

/** What the group is told of a replica that is to be added. */
export function infoOf(id: ReplicaId): MemberInfo {
  return { id, folder: null, peer: `${id}.sim:${PEER_PORT}`, http: null, redis: null, region: null };
}
