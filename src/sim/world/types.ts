import type { GroupId, ReplicaId } from '../../base/brand.js';
import type { Prng } from '../../base/prng.js';
import type { Topology } from '../../config/topology.js';
import type { MemberInfo } from '../../engines/raft/membership.js';
import type { OriginBatch } from '../../engines/leaderless/types.js';
import type { Discarded } from '../../engines/semisync/events.js';
import type { EngineMessage } from '../../engines/messages.js';
import type { Entry } from '../../engines/raft/messages.js';
import type { LeaderlessMember } from '../../replica/leaderless/member.js';
import type { RaftMember } from '../../replica/raft/member.js';
import type { SemisyncMember } from '../../replica/semisync/member.js';
import type { AnyMember } from '../../replica/group-member.js';
import type { Keyspace } from '../../replica/router.js';
import type { CheckpointMark, RecoveredGroup } from '../../storage/storage.js';
import type { StoredRecord } from '../../storage/wal/unit-encoder.js';

/**
 * The simulated world: production replicas (replica, engines, kv, log, wire) on virtual time, one thread, a network and
 * disks that can do everything that real ones do, and nothing that depends on the machine it runs on.
 */
export interface World {
  readonly time: VirtualTime;
  readonly network: SimNetwork;
  /** Every process that was ever created, by replica id, in order of creation. */
  readonly processes: ReadonlyMap<ReplicaId, SimProcess>;
  readonly topology: Topology;
  /** Creates a further replica that waits to be added to the group (a joining one). It is started by `start`. */
  addProcess(id: ReplicaId): SimProcess;
  infoOf(id: ReplicaId): MemberInfo;
  /** Power fails everywhere at once. */
  powerLoss(ids: readonly ReplicaId[]): void;
  /** Ends everything; the world is not used afterwards. */
  close(): void;
}

/** Events in order of (time, order of scheduling); nothing else ever runs. */
export interface VirtualTime {
  /** Since the start of the world. Never goes back; the same for all, unlike the clocks of processes. */
  readonly nowMs: number;
  /** Events run so far. */
  readonly events: number;
  /** Runs `task` after `delayMs`; returns how to cancel it. */
  after(delayMs: number, task: () => void): () => void;
  /** Runs events until `untilMs`, or until `stop` says so (asked after each event), or none is left. */
  run(untilMs: number, stop?: () => boolean): Promise<void>;
  /** Folded over every event that has run: two runs of one seed must agree (reliability.md §3.1). */
  readonly hash: number;
  /** Folds something more into the hash: states, messages. */
  fold(value: number | string): void;
}

/** Faults of one directed link. Times in milliseconds, chances in [0, 1]. */
export interface LinkFaults {
  readonly loss: number;
  /** A frame arrives twice. Forwarded proposals are left out of copies: links make none (transport.ts). */
  readonly duplicate: number;
  /** A byte of the encoded frame is flipped: the receiver must close the connection. */
  readonly corrupt: number;
  /** A frame may overtake earlier ones. */
  readonly reorder: number;
  readonly delayMinMs: number;
  readonly delayMeanMs: number;
  /** Chance of a delay ten to a hundred times the mean. */
  readonly slowTail: number;
  /** Bytes that may be on their way; beyond it frames are dropped. */
  readonly capacityBytes: number;
}

export interface SimNetwork {
  /** What every link does unless it was told otherwise. */
  faults: LinkFaults;
  /** Nothing that `from` sends reaches `to`. With `silent` nobody is told (half-open); otherwise the link goes down. */
  cut(from: ReplicaId, to: ReplicaId, silent: boolean): void;
  heal(from: ReplicaId, to: ReplicaId): void;
  healAll(): void;
  /** Frames on this link wait until then (swizzle-clog). */
  clog(from: ReplicaId, to: ReplicaId, untilMs: number): void;
  /** Closes the connection from `from` to `to`; it comes back by itself. */
  reset(from: ReplicaId, to: ReplicaId): void;
}

/** What happens to writes that were not synced when the power fails. */
export type CrashLoss = 'nothing' | 'unsynced' | 'sectors' | 'bytes';

export interface DiskFaults {
  /** Mean of the time that a sync takes. */
  readonly syncMeanMs: number;
  /** Chance of a sync that takes ten to a hundred times as long. */
  readonly slowTail: number;
}

/** `examined`: somebody reads its log while nothing of it runs. */
export type ProcessState = 'new' | 'starting' | 'running' | 'paused' | 'down' | 'refused' | 'examined';

/** Why a process could not start, or stopped by itself: code and text. */
export interface Failure {
  readonly code: string;
  readonly detail: string;
}

/** One replica's process and its machine: clock, disk. It outlives crashes; a wiped one is a new folder, same id. */
export interface SimProcess {
  readonly id: ReplicaId;
  readonly state: ProcessState;
  /** Null while all is well. */
  readonly failure: Failure | null;
  /** Set while running or paused, in worlds of raft. */
  readonly member: RaftMember | null;
  /** Set while running or paused, in worlds of a leaderless engine. */
  readonly leaderless: LeaderlessMember | null;
  /** Set while running or paused, and while it starts, in worlds with a write quorum. */
  readonly semisync: SemisyncMember | null;
  readonly keyspace: Keyspace | null;
  readonly disk: SimDisk;
  /** The replicas of its topology file. */
  readonly listed: readonly ReplicaId[];
  /** Its operator writes these into its topology file: counts from the next start. */
  inform(ids: readonly ReplicaId[]): void;
  /** Starts recovery from what the disk holds. */
  start(): void;
  /** kill -9, or power loss of this machine (`loss`). With 'nothing' the page cache survives, as after kill -9. */
  crash(loss: CrashLoss): void;
  /** SIGSTOP until SIGCONT: nothing of it runs; messages to it wait. */
  pause(): void;
  resume(): void;
  /** Each of its turns takes this much longer: a busy machine. 0 ends it. */
  slow(turnMs: number): void;
  /** What its wall clock shows, milliseconds since 1970. */
  readonly wallMs: number;
  /** Its clock runs at `rate` (1 is right) from now on, and jumps by `jumpMs` (the wall clock only). */
  setClock(rate: number, jumpMs: number): void;
  /** Recovery reads its disk, as for a start, and nothing starts. Only while it is down; `done` hears what it refuses. */
  examine(done: (refusal: Failure | null) => void): void;
  /** Its disk is replaced by an empty one. Only while it is down. */
  wipe(): void;
  /** Its disk is put back to the last `disk.keep`. Only while it is down. False: nothing was kept. */
  rollBack(): boolean;
  /** Writes a checkpoint now. */
  checkpoint(): void;
  /**
   * Runs `call` inside the process, as an incoming client request would, if it is running (at once, or when a pause
   * ends). False: connection refused.
   */
  request(call: (keyspace: Keyspace, member: AnyMember) => void): boolean;
}

export interface SimDisk {
  faults: DiskFaults;
  /** The `count`-th operation from now that changes something fails; the replica must stop, and lose nothing. */
  failNext(count: number, fault: 'EIO' | 'ENOSPC' | 'short write'): void;
  /**
   * The next sync of a file says yes and makes nothing durable (a lying drive); `told` hears of it. A later sync of that
   * file makes up for it.
   */
  loseNextSync(told: () => void): void;
  /** What has not been lost by now will not be. */
  loseNoSync(): void;
  /** A sync will be lost, or was and nothing has made up for it: the next loss of power may take what was vouched for. */
  readonly lies: boolean;
  /** The power went while it lied: nobody can tell what it lacks. */
  readonly broken: boolean;
  /** When the oldest operation began that the process which runs now still waits for; null: there is none. */
  readonly busySinceMs: number | null;
  /** Copies what is durable now, as a backup of the volume does. */
  keep(): void;
  /** Flips one bit of what is at rest in the log. Only while the process is down. Returns false when there is nothing. */
  rot(prng: Prng): boolean;
}

/**
 * What checkers see, at the instant when it happens. Every method is optional: a checker takes what it needs. A
 * violation is told by throwing Violation.
 */
export interface Observer {
  onStarted?(process: SimProcess, recovered: ReadonlyMap<GroupId, RecoveredGroup>): void;
  onCrashed?(process: SimProcess): void;
  onWiped?(process: SimProcess): void;
  /** An older copy of its folder was put back. `onStarted` tells what is in it. */
  onRolledBack?(process: SimProcess): void;
  /** Records that are safe on the disk from now on, in order, as read back from the bytes that were written. */
  onDurable?(process: SimProcess, records: readonly StoredRecord[]): void;
  /** A message leaves a process, before anything can happen to it. */
  onMessage?(process: SimProcess, group: GroupId, message: EngineMessage): void;
  /** An entry was applied to the state machine of a member. */
  onApplied?(process: SimProcess, group: GroupId, entry: Entry): void;
  /** Entries are leaving the log of a member with a write quorum; they are in its file of lost writes. */
  onDiscarded?(process: SimProcess, group: GroupId, discarded: Discarded): void;
  /** A batch was applied to the state of a leaderless member. */
  onDelivered?(process: SimProcess, group: GroupId, batch: OriginBatch): void;
  /** A checkpoint was written (`installed` false) or a snapshot installed. */
  onCheckpoint?(
    process: SimProcess,
    group: GroupId,
    mark: CheckpointMark,
    installed: boolean,
    /** Of all that it holds, mark and state: the same on every replica that has one at this index. */
    digest?: number,
  ): void;
  /** The checkpoint that a start found: nobody may have heard of it when the process that wrote it died in that instant. */
  onCheckpointFound?(process: SimProcess, group: GroupId, mark: CheckpointMark): void;
  /** After each event in which the process ran: roles, terms, commit indexes may have changed. */
  onTurn?(process: SimProcess): void;
  /** A client was told that its write is done, at the instant the replica says so. */
  onAcknowledged?(process: SimProcess, revision: number): void;
  /** A linearizable read is served. `floor`: the highest revision acknowledged to anybody before the read was invoked. */
  onRead?(process: SimProcess, revision: number, floor: number): void;
}

/** Something that nobody has promised to withstand has come about: the run ends, and says nothing. */
export class Excused extends Error {
  override readonly name = 'Excused';
}

/** A broken promise, found by a checker. */
export class Violation extends Error {
  override readonly name = 'Violation';
  /** Which invariant, for example `election-safety`. */
  readonly invariant: string;

  constructor(invariant: string, detail: string) {
    super(`${invariant}: ${detail}`);
    this.invariant = invariant;
  }
}
