import type { LogIndex, ReplicaId, Term } from '../../base/brand.js';
import type { Prng } from '../../base/prng.js';
import type { RaftStatus } from '../engine.js';
import type {
  Membership,
  MembershipChange,
  MembershipCodec,
  MembershipPair,
  MembershipRefusal,
  PlacedMembership,
} from './membership.js';
import type { Entry, ProposalRefusal, RaftMessage, SnapshotChunk } from './messages.js';

/** What must never be forgotten (raft.md R3). */
export interface HardState {
  readonly term: Term;
  readonly vote: ReplicaId | null;
  /** Optional for safety (C6): what was known to be committed when last written. */
  readonly commit: LogIndex;
}

export interface RaftOptions {
  readonly self: ReplicaId;
  /** What the group was formed with; UNKNOWN_MEMBERSHIP for a replica that joins an existing group. */
  readonly membership: Membership;
  readonly codec: MembershipCodec;
  /** Ticks without a leader before an election; drawn anew from [min, max] for each attempt (E11). */
  readonly electionTicks: readonly [min: number, max: number];
  readonly heartbeatTicks: number;
  /** Ticks that an append may wait for its fsync before the leader steps down (R7). */
  readonly diskStallTicks: number;
  readonly leaseReads: boolean;
  /**
   * Members keep nothing when they stop (a topology with `memory: true`): a follower that comes back may be empty, and
   * is served from the start instead of being told that its disk forgot (raft.md C4, M4).
   */
  readonly volatile?: boolean;
  /**
   * Seed it with fresh entropy at each start of the process: besides timeouts it numbers forwarded requests, and a
   * restarted member must not mistake an answer to its former self for its own (L2).
   */
  readonly prng: Prng;
  readonly limits: {
    readonly appendEntries: number;
    readonly appendBytes: number;
    readonly inflightMessages: number;
    readonly inflightBytes: number;
    readonly uncommittedBytes: number;
    readonly pendingReads: number;
    readonly forwardedProposals: number;
  };
  /** What the storage recovered. `entries` follow (baseIndex, baseTerm) without a gap; the checkpoint holds <= applied. */
  readonly recovered: {
    readonly hardState: HardState | null;
    /** The entry before the first retained one: cut from the log, only its term is known. (0, 0) for a fresh log. */
    readonly baseIndex: LogIndex;
    readonly baseTerm: Term;
    readonly entries: readonly Entry[];
    /** Applied index of the checkpoint: >= baseIndex. */
    readonly appliedIndex: LogIndex;
    /**
     * Term of the checkpoint. Needed where the checkpoint is ahead of the log, or disagrees with it: a crash between
     * the installation of a snapshot and the cut of the log (S3, S5). The log is then restarted at the checkpoint.
     */
    readonly appliedTerm?: Term;
    /** In force at `appliedIndex`, from the checkpoint; absent: what the group was formed with. */
    readonly membership?: PlacedMembership;
    /** As of the last hard state: checked against what the entries say. */
    readonly memberships?: MembershipPair;
  };
}

export type RaftEvent =
  /** One tick of the group's timer has passed. */
  | { readonly type: 'tick' }
  /** The loop did not run for longer than a tick allows (pause, GC): the lease is void before anything is served (L6). */
  | { readonly type: 'stalled' }
  | { readonly type: 'message'; readonly message: RaftMessage }
  /** Append this batch (or forward it to the leader). Answered by exactly one proposal outcome with the same id. */
  | { readonly type: 'propose'; readonly id: number; readonly payload: Uint8Array }
  /** Find an index at which a linearizable read may be served. Answered by exactly one read outcome with the same id. */
  | {
      readonly type: 'readIndex';
      readonly id: number;
      /** May be answered under the leader's lease where `leaseReads` is on; otherwise by a round as always. */
      readonly lease: boolean;
    }
  /** Everything up to and including persist number `batch` is durable. */
  | { readonly type: 'persisted'; readonly batch: number }
  /** The state machine has applied everything up to `index`. */
  | { readonly type: 'applied'; readonly index: LogIndex }
  /** A durable checkpoint holds everything up to `index`; entries up to `cutIndex` (<= index) may be forgotten. */
  | { readonly type: 'checkpointed'; readonly index: LogIndex; readonly cutIndex: LogIndex }
  /** Hand leadership to `target`, or to the most advanced follower when null. */
  | { readonly type: 'transfer'; readonly target: ReplicaId | null }
  /** The link to `peer` is lost: what was in flight is gone (A5). */
  | { readonly type: 'unreachable'; readonly peer: ReplicaId }
  /** The stream of a `sendSnapshot` effect ended. */
  | { readonly type: 'snapshotSent'; readonly peer: ReplicaId; readonly index: LogIndex; readonly ok: boolean }
  /** Change who belongs to the group (or ask the leader to). Answered by exactly one membership outcome with the same id. */
  | { readonly type: 'changeMembership'; readonly id: number; readonly change: MembershipChange }
  /**
   * The snapshot that came in by `snapshotChunks` is durable and the state machine stands at (index, indexTerm).
   * Committed entries beyond `index` that were handed out before are still to be applied; they do not come again.
   */
  | {
      readonly type: 'snapshotInstalled';
      readonly from: ReplicaId;
      readonly index: LogIndex;
      readonly indexTerm: Term;
      /** In force at `index`. */
      readonly membership: PlacedMembership;
    }
  /** The snapshot whose last chunk came in could not be installed: the member may take appends and campaign again. */
  | { readonly type: 'snapshotAborted' };

/** What must be appended to the log as one unit, in this order: hard state, then entries (R4). */
export interface Persist<E = Entry, M = MembershipPair> {
  /** Numbered 1, 2, 3, … per group; `persisted` events name it. */
  readonly batch: number;
  readonly hardState: HardState | null;
  /** Set exactly when `hardState` is. */
  readonly memberships: M | null;
  /** The first entry may overwrite: everything at and after its index is then forgotten (a conflict, A1). */
  readonly entries: readonly E[];
  /** False when a commit-only hard state changed: append, but no fsync is needed (R3). */
  readonly mustSync: boolean;
}

export interface ProposalOutcome {
  readonly id: number;
  /** Set when appended: the batch is at this index if, and only if, the entry there has this term. */
  readonly accepted: { readonly index: LogIndex; readonly term: Term } | null;
  /** Set when certain that nothing was appended. */
  readonly refused: ProposalRefusal | null;
}

export interface MembershipOutcome {
  readonly id: number;
  /** Set when the change was begun: it is done when a membership of this index or later is committed and not joint. */
  readonly accepted: { readonly index: LogIndex; readonly term: Term } | null;
  /** Set when certain that nothing was appended. */
  readonly refused: MembershipRefusal | ProposalRefusal | null;
}

export interface ReadOutcome {
  readonly id: number;
  /** Serve the read once this index is applied; null when refused. */
  readonly index: LogIndex | null;
  readonly refused: 'no_leader' | 'not_leader' | 'busy' | null;
  /** Lease reads: check again after the read with `leaseValid` (L6). */
  readonly lease: boolean;
}

export interface RaftEffects {
  /** May leave at once. */
  readonly messages: readonly RaftMessage[];
  readonly persist: Persist | null;
  /** Must wait for this drain's persist and every earlier one (R1). */
  readonly afterPersist: readonly RaftMessage[];
  /** Newly committed entries in order, without gaps; each is handed out exactly once. */
  readonly committed: readonly Entry[];
  readonly proposals: readonly ProposalOutcome[];
  readonly reads: readonly ReadOutcome[];
  readonly membershipOutcomes: readonly MembershipOutcome[];
  /** Set when another membership came into force since the last drain (appended, undone, or by a snapshot). */
  readonly membership: PlacedMembership | null;
  /** Start streaming the newest checkpoint to these followers. */
  readonly sendSnapshots: readonly { readonly to: ReplicaId; readonly term: Term }[];
  /** Pieces from the current leader, to be stored in order and answered by the driver with snapshotChunkResponse. */
  readonly snapshotChunks: readonly SnapshotChunk[];
  /** Set when role, term or leader changed since the last drain. */
  readonly changed: RaftStatus | null;
}
