import type { ReplicaId } from '../base/brand.js';

/**
 * A topology with every value decided: what `loadTopology` makes of defaults, file, environment and flags. Plain data,
 * so that it can be handed to a worker thread (structured clone). The options are described in options.ts, one by one.
 */
export interface Topology {
  /** Names the cluster; peers of another cluster are refused. */
  readonly cluster: string;
  /** The file as it was named, or null when the topology came from memory. */
  readonly file: string | null;
  /** Absolute. Replica `n1` keeps its data in `<dataDir>/n1`. Unused when `memory` is true. */
  readonly dataDir: string;
  /** Keep nothing on disk: a replica that stops forgets everything. */
  readonly memory: boolean;
  /** Accept listeners that other machines can reach although there is no authentication yet. */
  readonly insecureAllowRemote: boolean;
  /** Every replica of the cluster, in the order of the file. Never empty, ids unique. */
  readonly replicas: readonly ReplicaConfig[];
  /** The replicas that this host process runs, in the order of `replicas`. Never empty. */
  readonly local: readonly ReplicaId[];
  /** In the order of the file, except that the default keyspace comes first. Never empty, names unique. */
  readonly keyspaces: readonly KeyspaceConfig[];
  /** The keyspace of `/kv/…` and of Redis database 0: the one named `default`, or the only one. */
  readonly defaultKeyspace: string;
  readonly timing: TimingConfig;
  readonly limits: LimitsConfig;
  readonly storage: StorageConfig;
  readonly raft: RaftConfig;
  readonly session: SessionConfig;
  readonly network: NetworkConfig;
  readonly api: ApiConfig;
  readonly supervisor: SupervisorConfig;
  readonly log: LogConfig;
}

export interface ReplicaConfig {
  readonly id: ReplicaId;
  readonly region: string | null;
  /** Not one of those that the cluster is formed of. */
  readonly joining: boolean;
  readonly peer: Address;
  /** Null: this replica does not serve HTTP. */
  readonly http: Address | null;
  /** Null: this replica does not serve the Redis protocol. */
  readonly redis: Address | null;
  /**
   * What peers send to this replica arrives that much later, drawn for each message from [min, max] milliseconds, in the order
   * in which it was sent: a slow network for tests and demonstrations (ap.md §1.3.8). Null: nothing is delayed.
   */
  readonly delayMs: readonly [min: number, max: number] | null;
}

/** `listen` is what the replica binds, `advertise` what others are told to connect to. Mostly the same. */
export interface Address {
  readonly listen: HostPort;
  readonly advertise: HostPort;
}

export interface HostPort {
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string;
  /** 1 to 65535; 0 lets the system choose (clients only: a peer address must be known beforehand). */
  readonly port: number;
}

/** Engines that this version can run. The one list: schema, checks and documentation follow it. */
export const ENGINES_AVAILABLE = ['raft', 'semisync', 'causal', 'lww'] as const;
export type EngineName = (typeof ENGINES_AVAILABLE)[number];

/** Where reads of a keyspace with a leader go. */
export const ORDERED_READS = ['linearizable', 'lease', 'stale'] as const;
/** The same with a write quorum of followers. `bounded:<ms>` can be asked for, but not configured. */
export const SEMISYNC_READS = ['leader', 'strong', 'follower'] as const;
/** Who replaces a leader that is gone. */
export const PROMOTIONS = ['auto', 'manual'] as const;
export const MAX_LAG_MS_DEFAULT = 1000;
/** How many members a leaderless keyspace asks: see Level in replica/router.ts. */
export const WRITE_LEVELS = ['one', 'quorum', 'local_quorum', 'each_quorum', 'all'] as const;
export const READ_LEVELS = ['session', ...WRITE_LEVELS] as const;
export const READS = [...ORDERED_READS, ...SEMISYNC_READS, ...READ_LEVELS] as const;
export const CONFLICTS = ['lww', 'siblings'] as const;

interface KeyspaceBase {
  readonly name: string;
  /** Number of slices of the key space, each replicated by a group of its own. Fixed for the life of the data. */
  readonly partitions: number;
}

/** All writes of a partition have one order, and a leader who decides it. */
export interface OrderedKeyspaceConfig extends KeyspaceBase {
  readonly engine: 'raft';
  /** Consistency of a read that does not ask for one. */
  readonly reads: (typeof ORDERED_READS)[number];
}

/** One leader takes writes, and answers them when `writeQuorum` followers have them on their disks (ap.md §1.3). */
export interface SemisyncKeyspaceConfig extends KeyspaceBase {
  readonly engine: 'semisync';
  readonly reads: (typeof SEMISYNC_READS)[number];
  /** Leads the first epoch. */
  readonly leader: ReplicaId;
  /** In followers, the leader not counted; what the keyspace begins with: at run time it is changed through its log. */
  readonly writeQuorum: number;
  /** Allows a write quorum of 0. */
  readonly allowAsync: boolean;
  readonly promotion: (typeof PROMOTIONS)[number];
  /** A follower whose acknowledgements are older does not count as available. */
  readonly maxLagMs: number;
}

/** Every replica takes writes. */
export interface LeaderlessKeyspaceConfig extends KeyspaceBase {
  readonly engine: 'lww' | 'causal';
  /** Level of a read, and of a write, that does not ask for one. */
  readonly reads: (typeof READ_LEVELS)[number];
  readonly writes: (typeof WRITE_LEVELS)[number];
  /** What becomes of concurrent values of one key. */
  readonly conflicts: (typeof CONFLICTS)[number];
  /** How many overwritten concurrent values are remembered. */
  readonly conflictLog: number;
  /** Who serves the causal API (`/kvs`) for all replicas; null: each one for itself. */
  readonly forwardTo: ReplicaId | null;
}

export type KeyspaceConfig = OrderedKeyspaceConfig | SemisyncKeyspaceConfig | LeaderlessKeyspaceConfig;

/** All in milliseconds. */
export interface TimingConfig {
  readonly heartbeatMs: number;
  /** Drawn anew from [min, max] for each election (raft.md E11). */
  readonly electionTimeoutMs: readonly [min: number, max: number];
  /** Mean time between gossip rounds of the leaderless engines. */
  readonly gossipMs: number;
  /** How long a replica that starts waits to hear from another member before it takes writes (leaderless engines). */
  readonly startGraceMs: number;
  /** Resolution of the engines' clock. */
  readonly tickMs: number;
  /** A client's request without an answer after this is answered `outcome_unknown` or `read_timeout`. */
  readonly requestTimeoutMs: number;
  /** How long a stopping replica waits for requests in progress. */
  readonly drainTimeoutMs: number;
  /** A leader whose log write hangs this long steps down (raft.md R7). */
  readonly diskStallMs: number;
}

export interface LimitsConfig {
  readonly keyBytes: number;
  readonly valueBytes: number;
}

export interface StorageConfig {
  /** A log segment is closed and a new one begun at this size. */
  readonly segmentBytes: number;
  /** Log written since the last checkpoint that starts the next one. */
  readonly checkpointBytes: number;
  /** Log kept behind a checkpoint, so that a follower which lags a little needs no snapshot. */
  readonly retainBytes: number;
  /** False: answers do not wait for the disk. A power cut may then lose acknowledged writes. */
  readonly fsync: boolean;
}

export interface RaftConfig {
  /** Allow reads under the leader's lease (raft.md L4). They trust that clocks run at nearly the same rate. */
  readonly leaseReads: boolean;
}

export interface SessionConfig {
  /** How long a request waits at most for what its session has seen. */
  readonly waitMs: number;
  /** Signs session tokens. Null: a key that follows from the cluster's name. Never shown. */
  readonly key: string | null;
}

export interface NetworkConfig {
  /** Where the delays of `replicas.*.delayMs` begin: the same seed draws the same delays. */
  readonly delaySeed: number;
}

export interface ApiConfig {
  /** Connections per listener (HTTP, Redis) of one replica; further ones are closed at once. */
  readonly connectionsMax: number;
}

export interface SupervisorConfig {
  /** Pause before a crashed replica starts again; doubles up to `backoffMaxMs`. */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** This many crashes within `crashLoopWindowMs` and the replica stays down. */
  readonly crashLoopCount: number;
  readonly crashLoopWindowMs: number;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogConfig {
  readonly level: LogLevel;
}
