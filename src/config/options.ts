import { LIMITS } from '../base/limits.js';
import type { OptionScope, OptionSpec } from './option.js';
import { ENGINES_AVAILABLE, ENGINES_KNOWN, LOG_LEVELS, READS } from './topology.js';

const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;

/** Ids become folder names and parts of file names. */
const ID = { pattern: '^[A-Za-z0-9_-]{1,64}$', patternDoc: 'a text of 1 to 64 characters A-Z a-z 0-9 _ -' } as const;
const NAME = { pattern: '^[a-z0-9_-]{1,64}$', patternDoc: 'a text of 1 to 64 characters a-z 0-9 _ -' } as const;

export const KEYSPACE_NAME = NAME;
/** Replicas in one topology: connections and votes grow with the square of it. */
export const REPLICAS_MAX = 64;
export const KEYSPACES_MAX = 64;

/**
 * The one table of options. The JSON schema, the command-line flags, the environment variables and
 * docs/configuration.md are made from it; topology.ts is its resolved form, and a test keeps the two in step.
 */
export const OPTIONS: readonly OptionSpec[] = [
  {
    path: 'cluster',
    scope: 'topology',
    type: 'text',
    ...ID,
    required: true,
    doc: 'Names the cluster. Replicas refuse peers, and data folders, of another cluster. It is written into the data folder at the first start and cannot be changed afterwards.',
  },
  {
    path: 'dataDir',
    scope: 'topology',
    type: 'text',
    pattern: '^[^\\0]+$',
    patternDoc: 'the path of a folder',
    default: './data',
    doc: 'Where the data is kept: one folder per replica beneath it. A relative path is relative to the working directory of the process, not to the topology file.',
  },
  {
    path: 'memory',
    scope: 'topology',
    type: 'boolean',
    default: false,
    doc: 'Keep nothing on disk. A replica that stops forgets everything, its votes included, so a restarted replica is only safe in a cluster that is thrown away as a whole. For experiments and tests.',
  },
  {
    path: 'insecureAllowRemote',
    scope: 'topology',
    type: 'boolean',
    default: false,
    doc: 'Accept listeners that other machines can reach. This version has neither authentication nor encryption: whoever reaches a port can read and change everything. Set it only where a firewall or a private network keeps strangers out.',
  },
  {
    path: 'local',
    scope: 'topology',
    type: 'list',
    ...ID,
    flag: '--replica',
    doc: 'The replicas that this host runs. Left out, the host runs all of them. The same file can be given to every host, with `--replica` choosing.',
  },
  {
    path: 'replicas.*.id',
    scope: 'replica',
    type: 'text',
    ...ID,
    required: true,
    doc: 'Names the replica, in the topology, in its data folder and in every log line. Unique. It cannot be changed once the replica has data.',
  },
  {
    path: 'replicas.*.region',
    scope: 'replica',
    type: 'text',
    ...ID,
    doc: 'Where the replica stands. Shown at /status.',
  },
  {
    path: 'replicas.*.joining',
    scope: 'replica',
    type: 'boolean',
    default: false,
    doc: 'This replica is not one of the first: it waits to be added by `kvorum member add`. Left false on a replica that the cluster was not formed with, it never takes part. The first replicas form the cluster once, when all of them run; afterwards the cluster itself knows its members, and the topology only tells addresses. `kvorum start --join` sets it for the local replicas.',
  },
  {
    path: 'replicas.*.peer',
    scope: 'replica',
    type: 'address',
    required: true,
    doc: 'Where the other replicas reach this one. The port must be fixed.',
  },
  {
    path: 'replicas.*.http',
    scope: 'replica',
    type: 'address',
    doc: 'Where clients reach this replica over HTTP. Left out, it does not serve HTTP. Port 0 lets the system choose a free one.',
  },
  {
    path: 'replicas.*.redis',
    scope: 'replica',
    type: 'address',
    doc: 'Where clients reach this replica with the Redis protocol. Left out, it does not serve it. Port 0 lets the system choose a free one.',
  },
  {
    path: 'keyspaces.*.engine',
    scope: 'keyspace',
    type: 'choice',
    choices: ENGINES_AVAILABLE,
    refused: ENGINES_KNOWN.filter((engine) => !ENGINES_AVAILABLE.some((available) => available === engine)),
    default: 'raft',
    doc: 'How the keyspace is replicated. It cannot be changed once the keyspace has data.',
  },
  {
    path: 'keyspaces.*.reads',
    scope: 'keyspace',
    type: 'choice',
    choices: READS,
    default: 'linearizable',
    doc: 'What a read sees that does not ask for anything else. `linearizable`: every write acknowledged before the read began. `lease`: the same, without a round to the other replicas, as long as clocks run at nearly the same rate; needs `raft.leaseReads`. `stale`: what the asked replica has, however old.',
  },
  {
    path: 'keyspaces.*.partitions',
    scope: 'keyspace',
    type: 'integer',
    min: 1,
    max: 1,
    default: 1,
    doc: 'Slices that the keys are spread over. This version keeps a keyspace in one, so that atomic batches and ordered scans span all of its keys.',
  },
  {
    path: 'timing.heartbeatMs',
    scope: 'timing',
    type: 'integer',
    min: 1,
    max: 60_000,
    default: 50,
    unit: 'ms',
    doc: 'How often a leader without anything to send tells the others that it lives. About the round trip between the replicas, or a little more.',
  },
  {
    path: 'timing.electionTimeoutMs',
    scope: 'timing',
    type: 'range',
    min: 10,
    max: 600_000,
    default: [150, 300],
    unit: 'ms',
    doc: 'How long a replica waits without hearing from a leader before it calls an election; drawn anew from [min, max] for each attempt. The minimum is more than two heartbeats. Across regions use at least ten round trips, for example [1000, 2000].',
  },
  {
    path: 'timing.gossipMs',
    scope: 'timing',
    type: 'integer',
    min: 1,
    max: 60_000,
    default: 200,
    unit: 'ms',
    doc: 'How often replicas compare what they have. For engines that gossip; raft does not use it.',
  },
  {
    path: 'timing.tickMs',
    scope: 'timing',
    type: 'integer',
    min: 1,
    max: 1000,
    default: 10,
    unit: 'ms',
    doc: "Resolution of the engines' clock: all other times of an engine are rounded to it.",
  },
  {
    path: 'timing.requestTimeoutMs',
    scope: 'timing',
    type: 'integer',
    min: 10,
    max: HOUR_MS,
    default: 5000,
    unit: 'ms',
    doc: "After this time a client's request is answered: a write with `outcome_unknown`, a read with `read_timeout`. Longer than an election takes.",
  },
  {
    path: 'timing.drainTimeoutMs',
    scope: 'timing',
    type: 'integer',
    min: 0,
    max: HOUR_MS,
    default: 10_000,
    unit: 'ms',
    doc: 'How long a replica that is told to stop waits for requests in progress, after it handed leadership over.',
  },
  {
    path: 'timing.diskStallMs',
    scope: 'timing',
    type: 'integer',
    min: 10,
    max: HOUR_MS,
    default: 1000,
    unit: 'ms',
    doc: 'A leader whose disk does not answer for this long steps down, so that a replica with a working disk can take over.',
  },
  {
    path: 'limits.keyBytes',
    scope: 'limits',
    type: 'integer',
    min: 1,
    max: LIMITS.keyBytesCeiling,
    default: LIMITS.keyBytes,
    unit: 'bytes',
    doc: 'Longest key that is accepted.',
  },
  {
    path: 'limits.valueBytes',
    scope: 'limits',
    type: 'integer',
    min: 1,
    max: LIMITS.valueBytesCeiling,
    default: LIMITS.valueBytes,
    unit: 'bytes',
    doc: 'Longest value that is accepted. The same on every replica.',
  },
  {
    path: 'storage.segmentBytes',
    scope: 'storage',
    type: 'integer',
    min: 65_536,
    max: 1024 * MIB,
    default: 64 * MIB,
    unit: 'bytes',
    doc: 'Size at which the log goes on in a new file. The log is forgotten file by file, so smaller files give disk space back sooner.',
  },
  {
    path: 'storage.checkpointBytes',
    scope: 'storage',
    type: 'integer',
    min: 65_536,
    max: 16_384 * MIB,
    default: 128 * MIB,
    unit: 'bytes',
    doc: 'Log written since the last checkpoint that starts the next one. Bounds the memory for recent writes and the log that a restart replays.',
  },
  {
    path: 'storage.retainBytes',
    scope: 'storage',
    type: 'integer',
    min: 0,
    max: 16_384 * MIB,
    default: 16 * MIB,
    unit: 'bytes',
    doc: 'Log kept behind a checkpoint. A replica that was away for less than this catches up from the log; one that was away longer is sent a snapshot.',
  },
  {
    path: 'storage.fsync',
    scope: 'storage',
    type: 'boolean',
    default: true,
    doc: 'Wait until a write is on the disk before it counts. With false, a crash of the process loses nothing, but a power cut may lose acknowledged writes. For measurements.',
  },
  {
    path: 'raft.leaseReads',
    scope: 'raft',
    type: 'boolean',
    default: false,
    doc: "Let a leader answer `lease` reads from its own state while its lease lasts. Saves a round to the other replicas; a clock that runs much slower than the others', or a paused process, can make such a read stale. With false they are answered like `linearizable` ones.",
  },
  {
    path: 'api.connectionsMax',
    scope: 'api',
    type: 'integer',
    min: 1,
    max: 1_000_000,
    default: 10_000,
    doc: 'Client connections per listener (HTTP, Redis) of one replica. Further ones are closed at once.',
  },
  {
    path: 'supervisor.backoffMinMs',
    scope: 'supervisor',
    type: 'integer',
    min: 1,
    max: HOUR_MS,
    default: 100,
    unit: 'ms',
    doc: 'Pause before a crashed replica is started again. It doubles with every crash.',
  },
  {
    path: 'supervisor.backoffMaxMs',
    scope: 'supervisor',
    type: 'integer',
    min: 1,
    max: HOUR_MS,
    default: 10_000,
    unit: 'ms',
    doc: 'Longest pause before a crashed replica is started again.',
  },
  {
    path: 'supervisor.crashLoopCount',
    scope: 'supervisor',
    type: 'integer',
    min: 1,
    max: 1000,
    default: 5,
    doc: 'A replica that crashes this often within `supervisor.crashLoopWindowMs` stays down, and the others go on.',
  },
  {
    path: 'supervisor.crashLoopWindowMs',
    scope: 'supervisor',
    type: 'integer',
    min: 1,
    max: 24 * HOUR_MS,
    default: 60_000,
    unit: 'ms',
    doc: 'The time over which crashes are counted.',
  },
  {
    path: 'log.level',
    scope: 'log',
    type: 'choice',
    choices: LOG_LEVELS,
    default: 'warn',
    doc: 'The least important messages that are written. `info` adds elections, connections and checkpoints.',
  },
];

/** What each section of the file is about, in the order of the documentation. */
export const SCOPES: Readonly<Record<OptionScope, { readonly title: string; readonly doc: string }>> = {
  topology: { title: 'Topology', doc: 'The cluster as a whole, and what this host does in it.' },
  replica: {
    title: 'Replicas',
    doc: 'The list `replicas` names every replica of the cluster, on whatever host it runs. An address is `host:port`; where a replica must bind another address than others connect to (a container, a wildcard), write `{ listen: "0.0.0.0:7101", advertise: "192.0.2.1:7101" }`.',
  },
  keyspace: {
    title: 'Keyspaces',
    doc: 'The mapping `keyspaces` holds one entry per keyspace, by name. Left out, there is one, `default`, with the engine raft. `/kv/…` and Redis database 0 use the keyspace named `default`, or the only one.',
  },
  timing: { title: 'Timing', doc: 'Periods and time-outs.' },
  limits: { title: 'Limits', doc: 'What clients may send.' },
  storage: { title: 'Storage', doc: 'The log and the checkpoints on disk.' },
  raft: { title: 'Raft', doc: 'Options of the engine raft.' },
  api: { title: 'Client interfaces', doc: 'HTTP and the Redis protocol.' },
  supervisor: { title: 'Supervisor', doc: 'What happens to a replica that crashes.' },
  log: { title: 'Log messages', doc: 'Written to standard error, one JSON object per line.' },
};

const BY_PATH: ReadonlyMap<string, OptionSpec> = new Map(OPTIONS.map((spec) => [spec.path, spec]));

/**
 * The option that a concrete path names: `replicas.n1.peer` finds `replicas.*.peer`. Undefined for what is no option.
 */
export function findOption(path: string): OptionSpec | undefined {
  return BY_PATH.get(path.replace(/^(replicas|keyspaces)\.[^.]+\./, '$1.*.'));
}
