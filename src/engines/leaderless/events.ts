import type { OriginId, ReplicaId } from '../../base/brand.js';
import type { Prng } from '../../base/prng.js';
import type { LeaderlessMessage } from './messages.js';
import type { Dot, OriginBatch, Vector } from './types.js';

/** The log of one origin as the storage recovered it. */
export interface RecoveredOrigin {
  readonly origin: OriginId;
  /** Batches up to here were cut from the log; the checkpoint holds them. */
  readonly baseSeq: number;
  readonly baseBoot: number;
  /** Follow `baseSeq` without a gap. */
  readonly batches: readonly OriginBatch[];
}

export interface LeaderlessOptions {
  readonly engine: 'lww' | 'causal';
  readonly self: ReplicaId;
  /** Who this replica writes as. */
  readonly origin: OriginId;
  /** Larger at each start of this folder's process. */
  readonly boot: number;
  /**
   * True for an origin that has never written: a new folder, or a new incarnation. It must hear from a member before
   * its first write, so that its clock is not behind what is stable (ap.md §1.0.6) — unless it is alone in the group
   * or the whole group is new.
   */
  readonly fresh: boolean;
  /** All members, self included; changed by `members` events. Never by failure detection. */
  readonly members: readonly ReplicaId[];
  readonly tickMs: number;
  /** Mean time between gossip rounds with nothing to do; 20 % jitter from `prng`. A tenth while behind. */
  readonly gossipTicks: number;
  /** A start waits this long to hear from a member before it takes writes without (rollback detection). */
  readonly startGraceTicks: number;
  /** Members keep nothing when they stop. */
  readonly volatile: boolean;
  readonly prng: Prng;
  /** The range hash of what is applied now (src/kv/dotted), for digests; null: not wanted. Cheap: kept as items change. */
  root(): { readonly hash: string; readonly collectedTo: number } | null;
  readonly limits: LeaderlessLimits;
  readonly recovered: {
    readonly origins: readonly RecoveredOrigin[];
    /** What the checkpoint holds; batches after it are handed out by `deliver` at once. */
    readonly applied: Vector;
    /** Boot of the last applied batch per origin, as the checkpoint knows it. */
    readonly appliedBoots: Vector;
    /** Highest Lamport counter that the checkpoint knows of. */
    readonly counter: number;
    /** Up to this counter tombstones have been collected: no new batch may come at or below it. */
    readonly collectedTo: number;
    /** Origins that nobody writes as any more, and of which every member has everything. */
    readonly retired: readonly OriginId[];
  };
}

export interface LeaderlessLimits {
  /** Batches and bytes in one delta. */
  readonly deltaBatches: number;
  readonly deltaBytes: number;
  /** Bytes of batches on their way to one member. */
  readonly inflightBytes: number;
  /** Batches and bytes received but not deliverable yet, PER ORIGIN (ap.md §1.2.3: a shared pool deadlocks). */
  readonly bufferedBatches: number;
  readonly bufferedBytes: number;
  /** Own writes and remote batches handed to the log and not durable yet, in bytes; beyond it writes are `busy`. */
  readonly unpersistedBytes: number;
  /** `ensure` requests that wait. */
  readonly ensures: number;
  /** Origins in a vector: members and their former incarnations. */
  readonly origins: number;
  /** How far one received counter may be ahead of the own clock, and in sum per member and hour (ap.md §1.0.2). */
  readonly clockJump: number;
  /** No counter beyond it is absorbed, and none issued: writes are answered `clock_exhausted`. */
  readonly clockCeiling: number;
}

/** Which members must hold something durably: `count` of `members`, for every element. */
export type Requirement = readonly { readonly members: readonly ReplicaId[]; readonly count: number }[];

export type LeaderlessEvent =
  | { readonly type: 'tick' }
  | { readonly type: 'message'; readonly message: LeaderlessMessage }
  /** The link to `peer` stands: exchange digests at once (ap.md: "sync must start on connect, not on next write"). */
  | { readonly type: 'peerUp'; readonly peer: ReplicaId }
  /** What was in flight to it is lost. */
  | { readonly type: 'peerDown'; readonly peer: ReplicaId }
  /** The link to `peer` stands, but did not take a message: what is on its way to it may be lost. */
  | { readonly type: 'dropped'; readonly peer: ReplicaId }
  /** The loop stood still: silence of others up to now says nothing about them. */
  | { readonly type: 'stalled' }
  /** Another membership is in force. */
  | { readonly type: 'members'; readonly members: readonly ReplicaId[] }
  /** The next batch of our own origin. Answered by exactly one `written` with the same id. */
  | {
      readonly type: 'write';
      readonly id: number;
      readonly payload: Uint8Array;
      readonly commands: number;
      readonly wallMs: number;
      /** The highest counter that a client of this batch has seen (its session): ours goes above it. */
      readonly seenCounter: number;
    }
  /** Everything up to and including persist number `batch` is durable. */
  | { readonly type: 'persisted'; readonly batch: number }
  /**
   * Make sure that each of `dots` is durable at the members of `need`, fetching what this replica lacks and pushing what
   * others lack. The one mechanism behind sessions (need: self), write levels and read repair. Answered by exactly
   * one `ensured` unless released.
   */
  | { readonly type: 'ensure'; readonly id: number; readonly dots: readonly Dot[]; readonly need: Requirement }
  | { readonly type: 'release'; readonly id: number }
  /** A durable checkpoint holds `applied`; batches up to `cut` may be forgotten. */
  | { readonly type: 'checkpointed'; readonly cut: Vector }
  /** Tombstones up to `counter` are gone from the state machine (follows a `collect` effect). */
  | { readonly type: 'collected'; readonly counter: number }
  /** All of a full sync has come: from now on the state may show `vector`, which is on its way to the disk. */
  | { readonly type: 'fullSyncReceived'; readonly from: ReplicaId; readonly vector: Vector }
  /** A full sync is durable: the state holds `vector` now, and the logs of these origins begin there. */
  | {
      readonly type: 'fullSynced';
      readonly from: ReplicaId;
      readonly vector: Vector;
      readonly boots: Vector;
      readonly counter: number;
      readonly collectedTo: number;
    }
  /** `whole`: the next attempt must be. */
  | { readonly type: 'fullSyncFailed'; readonly from: ReplicaId; readonly whole?: boolean }
  /** Follows a `renew` effect: from now on this replica writes as `origin`, made durable by the driver. */
  | { readonly type: 'renewed'; readonly origin: OriginId };

export interface WriteOutcome {
  readonly id: number;
  /** Set when it was appended. Its batch comes back by `deliver` once it is durable here. */
  readonly dot: Dot | null;
  readonly refused: 'busy' | 'starting' | 'clock_exhausted' | null;
}

export interface EnsureOutcome {
  readonly id: number;
  /** `lost`: what is missing can never come (unknown or retired origin, or beyond what it ever wrote): ap.md §1.2.5. */
  readonly result: 'covered' | 'lost' | 'busy';
  readonly missing: readonly Dot[];
}

export interface LeaderlessEffects {
  /** Leave at once. */
  readonly messages: readonly LeaderlessMessage[];
  /** Vouch for what is being persisted: leave when it is durable. */
  readonly afterPersist: readonly LeaderlessMessage[];
  /** To be appended to the log as one unit; own and remote batches, each origin in order. */
  readonly persist: { readonly batch: number; readonly batches: readonly OriginBatch[] } | null;
  /** Durable here, dependencies met: apply in this order, before anything else is answered. */
  readonly deliver: readonly OriginBatch[];
  readonly written: readonly WriteOutcome[];
  readonly ensured: readonly EnsureOutcome[];
  /**
   * Fetch the state from `from` (it has what nobody's logs hold): send fullSyncRequest with what we have, or with an empty
   * `have` when `whole`. It must be whole while tombstones may have been collected at the sender that this replica has
   * never seen (its folder is new, or was rolled back): only the absence of an item tells of those, so with `whole`
   * an item of ours that does not come, and whose dot the sender's vector covers, is dropped. Before a sync that
   * is not whole is finished, the driver compares: fullSyncEnd.collectedTo above `closedTo` means fullSyncFailed with `whole`.
   * Exactly one fullSynced or fullSyncFailed answers.
   */
  readonly fullSync: { readonly from: ReplicaId; readonly whole: boolean } | null;
  /** Tombstones and expired items with counters up to this are stable: collect them. */
  readonly collect: number | null;
  /**
   * This origin's log is not what others know of it: the disk went back in time. Make a new incarnation durable and step
   * `renewed`; no write is taken before (ap.md §1.0.1 rule 2).
   */
  readonly renew: { readonly reason: string; readonly above: readonly OriginId[] } | null;
  /** A peer stands at exactly our vector with another range hash: bit rot or a bug, never lag (ap.md §1.0.7). */
  readonly mismatch: { readonly peer: ReplicaId } | null;
  /** Something that `status` shows first changed: state, or who is alive. */
  readonly changed: LeaderlessStatus | null;
}

/** What /status shows of one member. */
export interface LeaderlessStatus {
  readonly engine: 'lww' | 'causal';
  /** starting: has not met anybody yet; syncing: installs a full sync; behind: lacks what others had when it met them. */
  readonly state: 'starting' | 'syncing' | 'behind' | 'ready';
  readonly origin: OriginId;
  readonly boot: number;
  /** The Lamport clock. */
  readonly counter: number;
  readonly vector: Vector;
  /** Batches that others are known to have and we lack, per origin; origins without any are left out. */
  readonly behind: readonly Dot[];
  /** Received, but not deliverable yet, per origin. */
  readonly buffered: readonly Dot[];
  /** Everything up to this counter is applied at every member: tombstones up to it may go. */
  readonly stable: number;
  /** Members that keep `stable` from rising: those who told the least. Empty when nothing is held back. */
  readonly stableBlockedBy: readonly ReplicaId[];
  readonly members: readonly MemberView[];
  readonly counters: LeaderlessCounters;
}

/** One member as this one sees it. Local opinion: never gossiped, never changes who is a member (ap.md §1.0.9). */
export interface MemberView {
  readonly id: ReplicaId;
  readonly alive: boolean;
  /** Suspicion, phi-accrual: log10 of how unlikely the silence is. Above 8 it counts as down. */
  readonly phi: number;
  readonly lastHeardMs: number | null;
  /** The member's current origin; null: not heard of since we started. */
  readonly origin: OriginId | null;
  /** Of our own batches, how many it lacks. */
  readonly lag: number;
  readonly syncing: boolean;
}

/** Plain counters, read on scrape. */
export interface LeaderlessCounters {
  readonly rounds: number;
  readonly deltasSent: number;
  readonly batchesSent: number;
  readonly bytesSent: number;
  readonly duplicates: number;
  readonly gaps: number;
  readonly overflows: number;
  readonly rejectedCounters: number;
  readonly rejectedBatches: number;
  readonly fullSyncsStarted: number;
  readonly fullSyncsDone: number;
  readonly renewals: number;
  readonly mismatches: number;
}
