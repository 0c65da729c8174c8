import type { LogIndex, ReplicaId, Term } from '../../base/brand.js';

/**
 * What an entry carries. `noop` opens an epoch: nothing of older epochs is committed but by it or what follows it. Its payload is
 * empty, or tells that the epoch began by force, or with another write quorum (opening.ts). `commands` is one batch of client commands, opaque here.
 * `quorum` is a new write quorum: one byte, 0 to F (ap.md §1.3.4).
 */
export type SemisyncEntryKind = 'noop' | 'commands' | 'quorum';

/** One position of the group's log, as in raft/messages.ts. `term` is the epoch in which it was appended. */
export interface SemisyncEntry {
  readonly index: LogIndex;
  readonly term: Term;
  readonly kind: SemisyncEntryKind;
  readonly payload: Uint8Array;
}

/**
 * `term` is the sender's epoch: the highest ballot that it has promised, durably where the message vouches for anything.
 * A ballot belongs to one member (ballot.ts), so a term names its leader. A message of a lower epoch is answered with
 * `fenced`; one of a higher epoch makes its receiver stop whatever it did in its own (ap.md §1.3.5).
 */
interface Base {
  readonly from: ReplicaId;
  readonly to: ReplicaId;
  readonly term: Term;
}

/** Leader to follower: log matching and entries. Empty `entries` is a probe. `commit` is the leader's commit index. */
export interface AppendRequest extends Base {
  readonly type: 'appendRequest';
  readonly prevIndex: LogIndex;
  readonly prevTerm: Term;
  readonly commit: LogIndex;
  readonly entries: readonly SemisyncEntry[];
}

/**
 * Follower to leader, only after what it vouches for is durable: acknowledgements are cumulative and mean "on my disk".
 * Accepted: `index` is the last index known to match the leader. Rejected: `index` is the request's prevIndex and
 * (hintIndex, hintTerm) is where the logs may still agree: the follower's last entry with index <= prevIndex and term
 * <= prevTerm (one probe per epoch, ap.md §1.3.3); or, when hintIndex is above `index`, the oldest position that the
 * follower can compare at all, because everything before it is in its checkpoint.
 */
export interface AppendResponse extends Base {
  readonly type: 'appendResponse';
  readonly rejected: boolean;
  readonly index: LogIndex;
  readonly hintIndex: LogIndex;
  readonly hintTerm: Term;
  /**
   * Rejected only: entries that this follower has applied are not in the leader's log. That takes a forced promotion.
   * Only a full sync that replaces its state can help.
   */
  readonly diverged: boolean;
}

/** Leader to follower: I lead. Each broadcast is a round with a number of its own, which confirms the ballot. */
export interface Heartbeat extends Base {
  readonly type: 'epochHeartbeat';
  readonly round: number;
  /** The leader's commit index. A follower takes it over only as far as its log is known to match. */
  readonly commit: LogIndex;
  /** What this follower has acknowledged. Less in its log means that its disk forgot (raft.md C4). */
  readonly acked: LogIndex;
  /**
   * For bounded staleness, in the follower's own time: when its clock said `vouchedClock`, nobody had committed anything
   * beyond `vouchedCommit`. Confirmed by enough followers, so that a leader that was replaced cannot say it. 0: nothing.
   */
  readonly vouchedCommit: LogIndex;
  readonly vouchedClock: number;
}

/** Says "I am in epoch `term`", and nothing about the log. `clock` comes back as vouchedClock. */
export interface HeartbeatResponse extends Base {
  readonly type: 'epochHeartbeatResponse';
  readonly round: number;
  readonly clock: number;
}

/** What is in force after `index`, from the entry there (0: what the group was formed with). Part of a checkpoint. */
export interface PlacedQuorum {
  readonly index: LogIndex;
  readonly writeQuorum: number;
  /** The newest epoch up to there that began by force; 0: none. Logs of before may have been discarded. */
  readonly forcedTerm: Term;
}

/** What a member tells of its log with a promise: all that a candidate must know (ap.md §1.3.4). */
export interface Tail {
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  readonly commit: LogIndex;
  /** In force after `commit`. */
  readonly writeQuorum: number;
  /** Changes after `commit`, oldest first, committed or not: those that no later one undercuts. */
  readonly quorums: readonly PlacedQuorum[];
  /** The newest epoch in the log that began by force: histories on both sides of one are not to be mixed. */
  readonly forcedTerm: Term;
}

/**
 * Candidate to everybody: promise me ballot `term`. With `ask` nothing is promised: would you? (`term` is then the ballot
 * that would come.) `wanted`: an operator asked for it, so that a live leader is no reason to refuse.
 */
export interface PromiseRequest extends Base {
  readonly type: 'promiseRequest';
  readonly ask: boolean;
  readonly wanted: boolean;
  readonly lastTerm: Term;
}

/**
 * Granted: for an `ask`, `term` is the ballot asked about; otherwise the promise is on disk, and this member acknowledges
 * nothing of a lower ballot any more. Refused only to an `ask`, with the member's own term: it hears a leader, or knows a
 * newer epoch than the candidate.
 */
export interface PromiseResponse extends Base {
  readonly type: 'promiseResponse';
  readonly ask: boolean;
  readonly granted: boolean;
  readonly tail: Tail;
}

/** Candidate to the promiser with the greatest log: what follows (prevIndex, prevTerm)? */
export interface FetchRequest extends Base {
  readonly type: 'fetchRequest';
  readonly prevIndex: LogIndex;
  readonly prevTerm: Term;
}

/** Its answer: entries after prevIndex, or (rejected) a hint as in AppendResponse. */
export interface FetchResponse extends Base {
  readonly type: 'fetchResponse';
  readonly rejected: boolean;
  readonly prevIndex: LogIndex;
  readonly prevTerm: Term;
  readonly hintIndex: LogIndex;
  readonly hintTerm: Term;
  readonly entries: readonly SemisyncEntry[];
}

/** To whoever speaks in a lower epoch: `term` is higher, and the sender has promised it. */
export interface Fenced extends Base {
  readonly type: 'fenced';
}

/** Leader (or the source of a candidate's fetch) to a member whose next entry was cut: a piece of the checkpoint. */
export interface SnapshotChunk extends Base {
  readonly type: 'snapshotChunk';
  /** Names the stream; pieces of an older one are dropped. */
  readonly streamId: number;
  readonly index: LogIndex;
  readonly indexTerm: Term;
  /** It takes the place of another history: to be installed even where it goes back behind what was applied. */
  readonly replaces: boolean;
  /** The newest epoch in the sender's log that began by force: what is older may be another history. */
  readonly forcedTerm: Term;
  /** Counts up from 0 without gaps. */
  readonly sequence: number;
  readonly last: boolean;
  readonly data: Uint8Array;
}

/** Piece `sequence` is stored (for the last one: the whole snapshot is durable and installed). */
export interface SnapshotChunkResponse extends Base {
  readonly type: 'snapshotChunkResponse';
  readonly streamId: number;
  readonly sequence: number;
  readonly ok: boolean;
}

export type SemisyncMessage =
  | AppendRequest
  | AppendResponse
  | Heartbeat
  | HeartbeatResponse
  | PromiseRequest
  | PromiseResponse
  | FetchRequest
  | FetchResponse
  | Fenced
  | SnapshotChunk
  | SnapshotChunkResponse;

export type SemisyncMessageType = SemisyncMessage['type'];
