import type { GroupId, LogIndex, ReplicaId, Revision, Term } from '../base/brand.js';
import type { Dot } from '../base/dot.js';
import type { KvorumError } from '../base/errors/error.js';
import type { EngineName } from '../config/topology.js';
import type { EngineStatus } from '../engines/engine.js';
import type { MemberInfo, MembershipPair, PlacedMembership } from '../engines/raft/membership.js';
import type { Overwritten } from '../kv/dotted/types.js';
import type { Command, CommandResult, KeyString, KvReader, ValueRef } from '../kv/types.js';
import type { PeerLinkStatus } from '../transport/transport.js';
import type { SessionTokens } from './session/types.js';

/**
 * The contract between the client protocols (api/http, api/resp) and the replica. Both protocols call the same router;
 * neither knows engines, logs or peers. Everything happens on the replica's own event loop.
 *
 * Nothing here returns a promise: a waiter is told once, in the turn in which the answer is known. Writes of one
 * keyspace that are submitted one after another are applied in that order.
 */
export interface WriteWaiter {
  /**
   * Single unconditional put, without an object (see ResultSink.onPut). `dot`: where it stands, in a leaderless keyspace
   * (`revision` is then its Lamport counter).
   */
  onPut(token: number, created: boolean, revision: Revision, dot?: Dot): void;
  onResult(token: number, result: CommandResult): void;
  /** Nothing happened, or `outcome_unknown` / `storage_failed`. */
  onError(token: number, error: KvorumError): void;
}

export interface ReadWaiter {
  /** Read now, synchronously; the reader is not valid afterwards. */
  onReadable(token: number, reader: KvReader): void;
  onError(token: number, error: KvorumError): void;
}

/** Where a read of a keyspace with a leader goes. */
export type OrderedConsistency = 'linearizable' | 'lease' | 'stale';
/**
 * The same with a write quorum: all of them show what a write quorum has acknowledged. `leader`: what this leader has; `strong`: after
 * it made sure that it still leads; `follower`: what this member has; `bounded`: the same, unless that is older
 * than ReadOptions.maxStalenessMs.
 */
export type SemisyncConsistency = 'leader' | 'strong' | 'follower' | 'bounded';
/**
 * How many members a read or write of a leaderless keyspace asks, self included. `session` and `one`: this one (a session
 * token is honoured by all of them). `quorum`: a majority; `local_quorum`: a majority of the region's members; `each_quorum`:
 * of every region's. R + W > N with last-writer-wins is not linearizable, and is never called so.
 */
export const LEVELS = ['session', 'one', 'quorum', 'local_quorum', 'each_quorum', 'all'] as const;
export type Level = (typeof LEVELS)[number];
export type Consistency = OrderedConsistency | SemisyncConsistency | Level;

/**
 * What a client has seen of one keyspace: its session. Of a keyspace with a leader a revision; of a leaderless one dots
 * and the highest Lamport counter. See session/token.ts for how it travels.
 */
export interface Seen {
  readonly revision?: Revision;
  /** Keyspaces with a write quorum: the epoch of that revision. A promotion by force may have thrown it away. */
  readonly epoch?: Term;
  readonly dots?: readonly Dot[];
  readonly counter?: number;
}

export interface RequestOptions {
  /** Serve only when everything in it has been applied here; else wait, fetch, and refuse with what is missing. */
  readonly seen?: Seen;
  /** How long to wait for that; at most and by default session.waitMs. */
  readonly waitMs?: number;
}

export interface WriteOptions extends RequestOptions {
  /** Leaderless keyspaces only. Default: the keyspace's `writes`. */
  readonly level?: Level;
  /** Keyspaces that keep siblings: the context of the read that this write follows; what it covers is replaced. */
  readonly context?: readonly Dot[];
  /**
   * Keyspaces that keep siblings: the client cannot tell a context, and means to replace whatever is at this replica: SET
   * as Redis knows it.
   */
  readonly replacesAll?: true;
  /** Leaderless keyspaces only: when the value expires, milliseconds since 1970. */
  readonly expiresAtMs?: number;
}

export interface ReadOptions extends RequestOptions {
  /** The keys that will be read: levels above `one` ask the other members about them. Absent: a scan (refused there). */
  readonly keys?: readonly KeyString[];
  /** With the consistency `bounded`, always. */
  readonly maxStalenessMs?: number;
}

export interface Keyspace {
  readonly name: string;
  readonly engine: EngineName;
  readonly limits: { readonly keyBytes: number; readonly valueBytes: number };
  /** Where reads without an explicit consistency go; changed at run time by /admin/read-policy. */
  defaultConsistency: Consistency;
  /**
   * The hot path: one unconditional put without a session. The bytes are copied before the call returns. Sizes were
   * checked by the caller against `limits`; a violation is an InvariantViolation.
   */
  put(key: ValueRef, value: ValueRef, waiter: WriteWaiter, token: number, options?: WriteOptions): void;
  /**
   * Any command. Encoded before the call returns. A leaderless keyspace takes single unconditional puts and deletes, and
   * refuses with `unsupported_by_engine` and the reason what it cannot do honestly: conditions, increments, appends,
   * atomic batches, client sequence numbers.
   */
  submit(command: Command, waiter: WriteWaiter, token: number, options?: WriteOptions): void;
  /** All linearizable reads of one turn share one read index round. Refuses a consistency that the engine has not. */
  read(consistency: Consistency, waiter: ReadWaiter, token: number, options?: ReadOptions): void;
  /** What only leaderless keyspaces have; null for others. */
  readonly leaderless: LeaderlessControl | null;
  /** What only keyspaces with a write quorum have; null for others. */
  readonly semisync: SemisyncControl | null;
  /** Who leads this keyspace now, as far as known here. Null in a leaderless keyspace, always. */
  leader(): { readonly id: ReplicaId; readonly http: string | null; readonly isSelf: boolean } | null;
  status(): KeyspaceStatus;
  /** Resolves when `target` (null: the most advanced follower) leads; rejects with transfer_failed, not_leader, … */
  transferLeader(target: ReplicaId | null): Promise<ReplicaId>;
  /** Who holds the keyspace, as far as known here: what is committed, and what is in force. */
  memberships(): MembershipPair;
  /**
   * Any replica takes a change: one that does not lead forwards it. Resolves when the change is committed and no longer
   * joint; rejects with a refusal (nothing happened) or `outcome_unknown`. A change that was done already is done.
   */
  changeMembership(request: MembershipRequest, timeoutMs?: number): Promise<MembershipResult>;
}

/** A change of who holds a keyspace, as an operator asks for it. */
export type MembershipRequest =
  /** Brings in a learner. */
  | { readonly op: 'add'; readonly member: MemberInfo }
  /** Makes a learner a voter; with `untilCaughtUp` it waits for that instead of being refused (raft.md M6). */
  | { readonly op: 'promote'; readonly replica: ReplicaId; readonly untilCaughtUp: boolean }
  /** Takes out a learner or a voter, for ever (raft.md M3). */
  | { readonly op: 'remove'; readonly replica: ReplicaId };

/** The membership that the change ended in. */
export interface MembershipResult extends PlacedMembership {
  /** False when there was nothing to do. */
  readonly changed: boolean;
}

/** What can be seen and asked of a leaderless keyspace beside reading and writing. */
export interface LeaderlessControl {
  /** Whether concurrent values are kept side by side until somebody collapses them. */
  readonly conflicts: 'lww' | 'siblings';
  /** The last overwritten concurrent values, newest first. */
  overwritten(limit: number): { readonly total: number; readonly entries: readonly Overwritten[] };
  /** Asks every live member for what it has, now. */
  gossipNow(): void;
  /** Compares range hashes with all members now; resolves to the members that differ at the same vector. */
  scrub(): Promise<readonly ReplicaId[]>;
  readonly tombstones: { readonly count: number; readonly bytes: number };
  /** Requests to /kvs are handed to this replica, which may be this one (option forwardTo). */
  readonly forwardTo?: ReplicaId | null;
}

/** What can be seen and asked of a leader-follower keyspace beside reading and writing (ap.md §1.3). */
export interface SemisyncControl {
  /** F. */
  readonly followers: number;
  /** Of the last entry that is applied here, now: part of session tokens. */
  readonly epoch: Term;
  /** How long a tick is: what is counted in ticks in the status of its engine. */
  readonly tickMs: number;
  /**
   * On the leader only. Resolves when the change is committed; rejects with not_leader, bad_request (not 1 to F; 0 only with
   * allowAsync), not_enough_replicas, busy, or outcome_unknown.
   */
  setWriteQuorum(writeQuorum: number): Promise<QuorumChange>;
  /**
   * Makes this replica the leader. Rejects with not_enough_promises, diverged, transfer_failed, busy. `force`: with
   * whoever answers, although acknowledged writes may be lost. `writeQuorum`, by force only (otherwise bad_request): what the new
   * epoch begins with, where the one of before finds too few followers for ever; the present leader may be asked, too.
   */
  promote(force: boolean, writeQuorum?: number): Promise<Promotion>;
  /** Promotions and lost writes that this replica knows of, newest first. */
  failovers(): Promise<readonly Failover[]>;
  /** Entries of a file of lost writes that `failovers` listed; null: there is none. */
  lostWrites(file: string): Promise<LostWrites | null>;
  /**
   * A hash over everything at exactly that position of the log: equal on members that agree. Waits until that much is applied;
   * null when more is applied already, or the time is over. Null index: at what is applied now.
   */
  digestAt(index: LogIndex | null, timeoutMs: number): Promise<StateDigest | null>;
  /** How old what is applied here may be, in milliseconds; Infinity: nothing is known. */
  stalenessMs(): number;
}

export interface QuorumChange {
  readonly before: number;
  readonly writeQuorum: number;
  /** Entries after it need the new one. */
  readonly effectiveIndex: LogIndex;
  /** How many members may be lost for a promotion without loss still to be possible. */
  readonly failoverTolerance: number;
}

export interface Promotion {
  readonly leader: ReplicaId;
  readonly epoch: Term;
  readonly promised: readonly ReplicaId[];
  /** P: with so many promises nothing acknowledged is lost. */
  readonly required: number;
  readonly lossPossible: boolean;
  /** For the next write. */
  readonly writeQuorum: number;
}

/** An epoch that began, or entries that this replica had to throw away because of it (ap.md §1.3.6). */
export interface Failover {
  readonly epoch: Term;
  readonly leader: ReplicaId;
  /** Leader of the epoch before, as far as known here. */
  readonly before: ReplicaId | null;
  readonly startIndex: LogIndex;
  /** Began with fewer promises than it takes. */
  readonly forced: boolean;
  /** Of this replica's log; null: nothing was thrown away here. */
  readonly discarded: DiscardedWrites | null;
}

export interface DiscardedWrites {
  /** In the data folder, beneath `lost-writes`. */
  readonly file: string;
  readonly fromIndex: LogIndex;
  readonly toIndex: LogIndex;
  readonly entries: number;
  /** Commands in them. */
  readonly writes: number;
  /** Of these, acknowledged ones for sure: possible only after a promotion by force. */
  readonly acknowledged: number;
  /** Of the others, those of which this replica cannot tell: likewise. */
  readonly maybeAcknowledged: number;
  /** False: some of them may be in the log of the new epoch after all. */
  readonly certain: boolean;
  /** There was more before them, which only the checkpoint held: it was replaced by a full sync. */
  readonly beforeLog?: boolean;
  /** What is wrong with the file; the numbers are then what its name says, or 0. */
  readonly damage?: string;
}

export interface LostWrites extends DiscardedWrites {
  /** There are more than these, or the rest of the file is damaged. */
  readonly truncated?: boolean;
  readonly commands: readonly { readonly index: LogIndex; readonly epoch: Term; readonly command: Command }[];
}

export interface StateDigest {
  readonly index: LogIndex;
  readonly revision: Revision;
  readonly keys: number;
  readonly digest: string;
}

export interface KeyspaceStatus {
  readonly keyspace: string;
  readonly partition: number;
  readonly group: GroupId;
  readonly engine: EngineStatus;
  /** Of a leaderless keyspace: the Lamport counter of the last change applied. */
  readonly revision: Revision;
  readonly keys: number;
  /** Of a leaderless keyspace: how many checkpoints there were. */
  readonly checkpointIndex: LogIndex;
}

export interface HealthCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface Router {
  readonly cluster: string;
  readonly self: ReplicaId;
  readonly region: string | null;
  /** In topology order; index 0 is the default keyspace when one is named `default`. */
  readonly keyspaces: readonly Keyspace[];
  keyspace(name: string): Keyspace | undefined;
  /** The keyspace that `/kv/…` and Redis database 0 use. */
  readonly defaultKeyspace: Keyspace;
  /** Every replica of the topology and every member that was added. */
  readonly replicas: readonly ReplicaInfo[];
  uptimeMs(): number;
  /** What X-Kvorum-Session is made of and read by. Absent: this replica hands out no session tokens. */
  readonly sessions?: SessionTokens;
  /** Local facts only: never depends on a quorum (api.md). */
  liveness(): readonly HealthCheck[];
  readiness(): readonly HealthCheck[];
  readonly draining: boolean;
  /**
   * Runs `flush` once at the end of the current turn of the replica's loop, after every waiter of the turn was told:
   * the place to write coalesced replies. Registering the same function twice in a turn runs it once.
   */
  atTurnEnd(flush: () => void): void;
  links(): readonly PeerLinkStatus[];
  /** Prometheus text of this replica. */
  metricsText(): Promise<string>;
  metricsJson(): Promise<unknown>;
  /** Counts something that was refused, by catalogue code and protocol. */
  countRefused(api: 'http' | 'resp', code: string): void;
  /** Counts an answer whose token does not say all that its session has seen: it had become too large. */
  countSessionDropped?(): void;
  /** Counts requests and their latency. Outcome as in style-ux §10.1. */
  observeRequest(
    api: 'http' | 'resp',
    operation: string,
    outcome: 'ok' | 'rejected' | 'unknown',
    milliseconds: number,
  ): void;
}

export interface ReplicaInfo {
  readonly id: ReplicaId;
  readonly region: string | null;
  readonly peer: string;
  readonly http: string | null;
  readonly redis: string | null;
}
