import { groupId, type GroupId } from '../../base/brand.js';
import type { KvorumError } from '../../base/errors/error.js';
import { silentLogger } from '../../base/logger.js';
import type { Prng } from '../../base/prng.js';
import type { Topology } from '../../config/topology.js';
import type { OriginBatch } from '../../engines/leaderless/types.js';
import type { Discarded } from '../../engines/semisync/events.js';
import type { EngineMessage } from '../../engines/messages.js';
import type { Entry } from '../../engines/raft/messages.js';
import type { AnyMember } from '../../replica/group-member.js';
import { LeaderlessKeyspace } from '../../replica/leaderless/keyspace.js';
import { RaftKeyspace } from '../../replica/raft/keyspace.js';
import { SemisyncKeyspace } from '../../replica/semisync/keyspace.js';
import { Replica } from '../../replica/replica.js';
import type { Keyspace } from '../../replica/router.js';
import { openStorage } from '../../storage/disk-storage.js';
import type { FileSystem } from '../../storage/file-system.js';
import type { CheckpointMark, RecoveredGroup, Storage } from '../../storage/storage.js';
import { incarnationAt } from '../../storage/writing.js';
import { createDelayedTransport } from '../../transport/delayed.js';
import type { Transport } from '../../transport/transport.js';
import { PROTOCOL_VERSIONS } from '../../wire/protocol.js';
import { SimCheckpoint } from './checkpoint-store.js';
import type { Machine } from './machine.js';
import type { Endpoint } from './network/endpoint.js';
import type { Network } from './network/network.js';
import type { Knobs, LeaderlessOptions } from './options.js';

/** The one group of a world. */
export const GROUP = groupId('default', 0);
/** Zeros that the log writes ahead. */
const PREALLOCATE_BYTES = 2048;
const SNAPSHOT_PIECE_BYTES = 1024;
const FOLDER_NAME_WORDS = 4;

export interface FolderOptions {
  readonly topology: Topology;
  readonly machine: Machine;
  readonly life: number;
  readonly prng: Prng;
  readonly fs: FileSystem;
  readonly dir: string;
  readonly self: Replica['self'];
  onCheckpoint(group: GroupId, mark: CheckpointMark, installed: boolean, digest: number): void;
  onCheckpointFound(group: GroupId, mark: CheckpointMark): void;
}

export interface LifeOptions extends FolderOptions {
  readonly knobs: Knobs;
  readonly leaderless?: LeaderlessOptions;
  readonly semisync: boolean;
  readonly network: Network;
  onRecovered(recovered: ReadonlyMap<GroupId, RecoveredGroup>): void;
  onFailed(error: KvorumError): void;
  onMessage(group: GroupId, message: EngineMessage): void;
  onApplied(group: GroupId, entry: Entry): void;
  onDiscarded(group: GroupId, discarded: Discarded): void;
  onDelivered(group: GroupId, batch: OriginBatch): void;
  /** There is a member; nothing of it has run yet. */
  onMember(member: AnyMember): void;
}

/** One life of a process: what src/host puts together, on a simulated machine. */
export interface Life {
  readonly replica: Replica;
  readonly endpoint: Endpoint;
  readonly member: AnyMember;
  readonly keyspace: Keyspace;
}

/** Opens the folder, recovers and starts. Rejects as openStorage does. */
export async function beginLife(options: LifeOptions): Promise<Life> {
  const { topology, machine, life, prng, network, self, leaderless } = options;
  const storage = await openFolder(options);
  options.onRecovered(new Map(storage.log.recovered));
  const { folder } = storage;
  const endpoint = network.endpoint({
    identity: { cluster: topology.cluster, self, versions: PROTOCOL_VERSIONS, incarnation: life, folder },
    machine,
    life,
    prng: prng.fork('links'),
    peers: topology.replicas.map(({ id, peer }) => ({ id, ...peer.advertise })),
    onMessage: (group, message) => options.onMessage(group, message),
  });
  const scheduler = machine.schedulerOf(life);
  const replica = new Replica({
    topology,
    self,
    storage,
    transport: withDelay(options, endpoint),
    prng: prng.fork('replica'),
    logger: silentLogger,
    clock: machine.clock,
    scheduler,
    engineLimits: options.knobs.engineLimits,
    ...(leaderless === undefined ? {} : { leaderlessLimits: leaderless.limits }),
    onFailed: (error) => options.onFailed(error),
    onChanged: () => undefined,
    onApplied: (group, entry) => options.onApplied(group, entry),
    onDiscarded: (group, discarded) => options.onDiscarded(group, discarded),
    onDelivered: (group, batch) => options.onDelivered(group, batch),
  });
  const member = replica.member(GROUP);
  options.onMember(member);
  const keyspace = keyspaceOf(options, replica, storage);
  await replica.start();
  return { replica, endpoint, member, keyspace };
}

/** As src/host does it: a slow network that its topology asks for. */
function withDelay({ life, machine, prng, self, topology }: LifeOptions, endpoint: Endpoint): Transport {
  const rangeMs = topology.replicas.find(({ id }) => id === self)?.delayMs ?? null;
  if (rangeMs === null) return endpoint;
  const seed = prng.fork('delays').uint32();
  return createDelayedTransport(endpoint, {
    self,
    rangeMs,
    seed,
    clock: machine.clock,
    scheduler: machine.schedulerOf(life),
  });
}

function keyspaceOf(
  { leaderless, machine, life, self, semisync, topology }: LifeOptions,
  replica: Replica,
  storage: Storage,
): Keyspace {
  if (leaderless !== undefined) {
    return new LeaderlessKeyspace({
      name: 'default',
      member: replica.leaderlessMember(GROUP),
      limits: topology.limits,
      consistency: 'one',
      writes: 'one',
      conflicts: leaderless.conflicts,
      ordered: [],
      draining: () => false,
      failure: () => replica.failure,
    });
  }
  const replicas = topology.replicas.map(({ id }) => ({ id, region: null, peer: '', http: null, redis: null }));
  if (semisync) {
    return new SemisyncKeyspace({
      name: 'default',
      self,
      member: replica.semisyncMember(GROUP),
      limits: topology.limits,
      consistency: 'leader',
      replicas,
      draining: () => false,
      failure: () => replica.failure,
    });
  }
  return new RaftKeyspace({
    name: 'default',
    self,
    member: replica.raftMember(GROUP),
    limits: topology.limits,
    consistency: 'linearizable',
    replicas,
    scheduler: machine.schedulerOf(life),
    transferTimeoutMs: 2 * topology.timing.electionTimeoutMs[1],
    joining: () => storage.formation?.joining === true,
    draining: () => false,
    failure: () => replica.failure,
  });
}

/** Recovers what the folder holds; nothing runs in it yet. */
export function openFolder(options: FolderOptions): Promise<Storage> {
  const { topology, machine, life, fs, dir, prng, self } = options;
  const scheduler = machine.schedulerOf(life);
  return openStorage({
    dir,
    identity: { cluster: topology.cluster, replica: self },
    segmentBytes: topology.storage.segmentBytes,
    fsync: topology.storage.fsync,
    fs,
    clock: machine.clock,
    scheduler,
    preallocateBytes: PREALLOCATE_BYTES,
    nameFolder: () => folderName(prng),
    mintIncarnation: () => incarnationAt(machine.clock.wallMs(), prng.uint32()),
    openCheckpoint: (path) => {
      return new SimCheckpoint({
        fs,
        dir: path,
        scheduler,
        pieceBytes: SNAPSHOT_PIECE_BYTES,
        onWritten: (mark, installed, digest) => options.onCheckpoint(GROUP, mark, installed, digest),
        onFound: (mark) => options.onCheckpointFound(GROUP, mark),
      });
    },
  });
}

function folderName(prng: Prng): string {
  let name = '';
  for (let word = 0; word < FOLDER_NAME_WORDS; word++) name += prng.uint32().toString(16).padStart(8, '0');
  return name;
}
