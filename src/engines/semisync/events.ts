import type { LogIndex, ReplicaId, Term } from '../../base/brand.js';
import type { Prng } from '../../base/prng.js';
import type { HardState, Persist } from '../raft/events.js';
import type { PlacedQuorum, SemisyncEntry, SemisyncMessage, SnapshotChunk } from './messages.js';
import type { SemisyncStatus } from './semisync.js';

export type { HardState } from '../raft/events.js';

export interface SemisyncOptions {
  readonly self: ReplicaId;
  /** All members, self included; fixed for the life of the group, at most 64. */
  readonly members: readonly ReplicaId[];
  /** Leads the first epoch. */
  readonly leader: ReplicaId;
  /**
   * The write quorum that the group was formed with, in followers: 1 to F, or 0 with `allowAsync`. It must not change
   * with the topology later: what is in force comes from the log.
   */
  readonly writeQuorum: number;
  /** A write quorum of 0 is allowed: an acknowledged write may then be on the leader's disk only. */
  readonly allowAsync: boolean;
  /** `manual`: only an operator replaces a leader; a leader that comes back takes its place again by itself. */
  readonly promotion: 'auto' | 'manual';
  /** Ticks without a leader before a member stands by itself; drawn anew from [min, max] for each attempt. */
  readonly electionTicks: readonly [min: number, max: number];
  readonly heartbeatTicks: number;
  /** A follower whose last progress is older does not count as available (ap.md §1.3.7). */
  readonly maxLagTicks: number;
  /** An operator's promotion is given up after this; by force, it goes on with what has answered by then. */
  readonly promotionTicks: number;
  /** Ticks that an append may wait for its fsync before the leader steps down (raft.md R7). */
  readonly diskStallTicks: number;
  /**
   * Members keep nothing on disk: one that restarts has forgotten its log and its promises. Followers are then expected to come back
   * with nothing; nothing that was acknowledged survives them.
   */
  readonly volatile?: boolean;
  /** Seed it with fresh entropy at each start of the process: besides timeouts it numbers this member's clock. */
  readonly prng: Prng;
  readonly limits: {
    readonly appendEntries: number;
    readonly appendBytes: number;
    readonly inflightMessages: number;
    readonly inflightBytes: number;
    readonly uncommittedBytes: number;
    readonly pendingReads: number;
  };
  /** What the storage recovered. `entries` follow (baseIndex, baseTerm) without a gap; the checkpoint holds <= applied. */
  readonly recovered: {
    readonly hardState: HardState | null;
    readonly baseIndex: LogIndex;
    readonly baseTerm: Term;
    readonly entries: readonly SemisyncEntry[];
    /** Applied index of the checkpoint: >= baseIndex. */
    readonly appliedIndex: LogIndex;
    /** Term of the checkpoint: where it is ahead of the log, or disagrees with it, the log restarts there (raft.md S5). */
    readonly appliedTerm?: Term;
    /** In force after `appliedIndex`, from the checkpoint; absent: what the group was formed with. */
    readonly quorum?: PlacedQuorum;
  };
}

export type SemisyncEvent =
  /** One tick of the group's timer has passed. */
  | { readonly type: 'tick' }
  /** The loop did not run for longer than a tick allows: what this member believed to be fresh is not known to be so. */
  | { readonly type: 'stalled' }
  | { readonly type: 'message'; readonly message: SemisyncMessage }
  /** Append this batch; the leader only. Answered by exactly one proposal outcome with the same id. */
  | { readonly type: 'propose'; readonly id: number; readonly payload: Uint8Array }
  /** Change the write quorum; the leader only. Answered by exactly one outcome in `quorumChanges` with the same id. */
  | { readonly type: 'setQuorum'; readonly id: number; readonly writeQuorum: number }
  /** A strong read: the leader confirms its ballot. Answered by exactly one read outcome with the same id. */
  | { readonly type: 'readIndex'; readonly id: number }
  /**
   * An operator wants this member to lead. Answered by exactly one promotion outcome with the same id. `force`: with
   * whoever answers in time, even where that may lose acknowledged writes; then the epoch may begin with another write
   * quorum, and the present leader may be asked for that as well.
   */
  | { readonly type: 'promote'; readonly id: number; readonly force: boolean; readonly writeQuorum?: number }
  /** Everything up to and including persist number `batch` is durable. */
  | { readonly type: 'persisted'; readonly batch: number }
  /** The state machine has applied everything up to `index`. */
  | { readonly type: 'applied'; readonly index: LogIndex }
  /** A durable checkpoint holds everything up to `index`; entries up to `cutIndex` (<= index) may be forgotten. */
  | { readonly type: 'checkpointed'; readonly index: LogIndex; readonly cutIndex: LogIndex }
  /** The link to `peer` is lost: what was in flight is gone. */
  | { readonly type: 'unreachable'; readonly peer: ReplicaId }
  /** The stream of a `sendSnapshots` effect ended. */
  | { readonly type: 'snapshotSent'; readonly peer: ReplicaId; readonly index: LogIndex; readonly ok: boolean }
  /**
   * The snapshot that came in by `snapshotChunks` is durable and the state machine stands at (index, indexTerm): further
   * than before, or (a chunk with `replaces`) wherever that is.
   */
  | {
      readonly type: 'snapshotInstalled';
      readonly index: LogIndex;
      readonly indexTerm: Term;
      /** As its chunks said. */
      readonly replaces: boolean;
      /** In force after `index`. */
      readonly quorum: PlacedQuorum;
    }
  /** The snapshot whose last chunk came in could not be installed. */
  | { readonly type: 'snapshotAborted' };

/** Why certain that nothing was appended. */
export type WriteRefusal =
  | { readonly reason: 'not_leader' | 'busy' | 'invalid' }
  /** Fewer followers can acknowledge now than the write quorum asks for (ap.md §1.3.2 step 0). */
  | { readonly reason: 'not_enough_replicas'; readonly available: number; readonly required: number };

export interface ProposalOutcome {
  readonly id: number;
  /** Set when appended: the batch is at this index if, and only if, the entry there has this term. */
  readonly accepted: { readonly index: LogIndex; readonly term: Term } | null;
  readonly refused: WriteRefusal | null;
}

export interface QuorumOutcome extends ProposalOutcome {
  /** In force for the entry itself, which is committed by it; later entries need the new one. */
  readonly before: number;
}

export interface ReadOutcome {
  readonly id: number;
  /** Serve the read once this index is applied; null when refused. */
  readonly index: LogIndex | null;
  /** `unconfirmed`: not enough followers answered in time. */
  readonly refused: 'not_leader' | 'busy' | 'unconfirmed' | null;
}

/** How an operator's promotion ended. */
export interface PromotionOutcome {
  readonly id: number;
  /** Set when this member leads: the first index of its epoch. */
  readonly accepted: { readonly term: Term; readonly index: LogIndex } | null;
  /**
   * `not_enough_promises`: `promised` of `required` answered, nothing was changed unless a ballot was already under way.
   * `diverged`: this member applied what others do not know and needs a full sync first. `replaced`: a higher ballot won.
   * `busy`: it cannot stand now (full sync, a disk that stands still, another promotion). `invalid`: no such write quorum, or
   * one without force.
   */
  readonly refused: 'not_enough_promises' | 'diverged' | 'replaced' | 'busy' | 'already_leader' | 'invalid' | null;
  readonly promised: readonly ReplicaId[];
  /** P: with so many, every acknowledged write is in the log of one of them (ap.md §1.3.5). */
  readonly required: number;
  /** Set only by force with fewer than P: acknowledged writes may be missing from the adopted log. */
  readonly lossPossible: boolean;
}

/**
 * Entries that are leaving this member's log. The driver must have them in the file of lost writes before it persists
 * anything of this drain or later (ap.md §1.3.6).
 */
export interface Discarded {
  /** The epoch whose log takes their place. */
  readonly epoch: Term;
  readonly entries: readonly SemisyncEntry[];
  /** This member knew that much to be committed; more than the first entry's index: acknowledged writes are lost. */
  readonly commit: LogIndex;
  /** False: the other log could not be compared (it was cut), so that some of the entries may be in it after all. */
  readonly certain: boolean;
  /**
   * True: what this member applied differs from the other log already before the first entry, so that some of it is in its
   * checkpoint only, which a full sync replaces: it is told, and in no file.
   */
  readonly beforeLog: boolean;
}

export interface SemisyncEffects {
  /** May leave at once. */
  readonly messages: readonly SemisyncMessage[];
  readonly persist: SemisyncPersist | null;
  /** Must wait for this drain's persist and every earlier one (raft.md R1). */
  readonly afterPersist: readonly SemisyncMessage[];
  /** Newly committed entries in order, without gaps; each is handed out exactly once. */
  readonly committed: readonly SemisyncEntry[];
  readonly proposals: readonly ProposalOutcome[];
  readonly quorumChanges: readonly QuorumOutcome[];
  readonly reads: readonly ReadOutcome[];
  readonly promotions: readonly PromotionOutcome[];
  readonly discarded: readonly Discarded[];
  /** Start streaming the newest checkpoint; every chunk carries what the order says. */
  readonly sendSnapshots: readonly SnapshotOrder[];
  /**
   * Pieces to be stored in order and answered by the driver with snapshotChunkResponse. One with `replaces` is installed
   * only after every persist up to this drain's is durable: from then on this member knows that it does not count.
   */
  readonly snapshotChunks: readonly SnapshotChunk[];
  /** Set when role, term or leader changed since the last drain. */
  readonly changed: SemisyncStatus | null;
}

export interface SnapshotOrder {
  readonly to: ReplicaId;
  readonly term: Term;
  readonly replaces: boolean;
  readonly forcedTerm: Term;
}

/**
 * As raft's: one unit of the log, hard state first. `term` is the promised ballot, `vote` whom it belongs to; null where this
 * member's log is being replaced after a forced promotion, so that its promises do not count.
 */
export type SemisyncPersist = Omit<Persist<SemisyncEntry>, 'memberships'>;
