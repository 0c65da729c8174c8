import type { LogIndex, ReplicaId, Term } from '../../base/brand.js';
import type { Entry } from '../entry.js';
import type { MembershipRefusal } from './membership.js';

export type { Entry, EntryKind } from '../entry.js';

interface Base {
  readonly from: ReplicaId;
  readonly to: ReplicaId;
  /** The sender's term; for pre-vote requests and granted pre-vote responses the *future* term (E2). */
  readonly term: Term;
}

/** Leader to follower: log matching and entries (Raft paper §5.3). Empty `entries` is a probe or a commit notice. */
export interface AppendRequest extends Base {
  readonly type: 'appendRequest';
  readonly prevIndex: LogIndex;
  readonly prevTerm: Term;
  readonly commit: LogIndex;
  readonly entries: readonly Entry[];
}

/**
 * Follower to leader, only after what it vouches for is durable (R1). Accepted: `index` is the last index known to
 * match the leader. Rejected: `index` is the request's prevIndex and (hintIndex, hintTerm) is the follower's last
 * entry with index <= prevIndex and term <= prevTerm (A2).
 */
export interface AppendResponse extends Base {
  readonly type: 'appendResponse';
  readonly rejected: boolean;
  readonly index: LogIndex;
  readonly hintIndex: LogIndex;
  readonly hintTerm: Term;
}

/** Leader to follower. `commit` is min(match of this follower, committed) (C3); `readRound` is our own counter (L2). */
export interface Heartbeat extends Base {
  readonly type: 'heartbeat';
  readonly commit: LogIndex;
  readonly readRound: number;
}

export interface HeartbeatResponse extends Base {
  readonly type: 'heartbeatResponse';
  readonly readRound: number;
}

export interface VoteRequest extends Base {
  readonly type: 'voteRequest';
  readonly preVote: boolean;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  /** Set when the leader asked for the election: bypasses stickiness (E4). */
  readonly transfer: boolean;
}

export interface VoteResponse extends Base {
  readonly type: 'voteResponse';
  readonly preVote: boolean;
  readonly granted: boolean;
}

/** Leader to the target of a leadership transfer: campaign now. */
export interface TimeoutNow extends Base {
  readonly type: 'timeoutNow';
}

/** Follower to leader: at which index may I read? `id` is the follower's own counter, never a client's token (L2, L7). */
export interface ReadIndexRequest extends Base {
  readonly type: 'readIndexRequest';
  readonly id: number;
}

export interface ReadIndexResponse extends Base {
  readonly type: 'readIndexResponse';
  readonly id: number;
  /** False when the replica asked is not the leader, or cannot answer now. */
  readonly ok: boolean;
  readonly index: LogIndex;
}

/** Follower to leader: append this batch of commands, or begin this (encoded) change of membership. */
export interface ForwardProposal extends Base {
  readonly type: 'forwardProposal';
  readonly id: number;
  readonly kind: 'commands' | 'membership';
  readonly payload: Uint8Array;
}

export type ProposalRefusal = 'not_leader' | 'no_leader' | 'busy' | 'transferring';

/** Leader to follower: appended at (index, entryTerm), or refused: certain that nothing was appended. */
export interface ForwardProposalResponse extends Base {
  readonly type: 'forwardProposalResponse';
  readonly id: number;
  readonly refused: ProposalRefusal | MembershipRefusal | null;
  readonly index: LogIndex;
  readonly entryTerm: Term;
}

/** Leader to a follower whose next entry was cut from the log: one piece of the checkpoint at (index, indexTerm). */
export interface SnapshotChunk extends Base {
  readonly type: 'snapshotChunk';
  /** Names the stream; pieces of an older one are dropped (S11). */
  readonly streamId: number;
  readonly index: LogIndex;
  readonly indexTerm: Term;
  /** Counts up from 0 without gaps. */
  readonly sequence: number;
  readonly last: boolean;
  readonly data: Uint8Array;
}

/** Follower to leader: piece `sequence` is stored (for the last one: the whole snapshot is durable and installed). */
export interface SnapshotChunkResponse extends Base {
  readonly type: 'snapshotChunkResponse';
  readonly streamId: number;
  readonly sequence: number;
  readonly ok: boolean;
}

export type RaftMessage =
  | AppendRequest
  | AppendResponse
  | Heartbeat
  | HeartbeatResponse
  | VoteRequest
  | VoteResponse
  | TimeoutNow
  | ReadIndexRequest
  | ReadIndexResponse
  | ForwardProposal
  | ForwardProposalResponse
  | SnapshotChunk
  | SnapshotChunkResponse;

export type RaftMessageType = RaftMessage['type'];
