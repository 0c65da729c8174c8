import type { LogIndex, ReplicaId, Term } from '../../base/brand.js';
import type { Engine, RaftStatus } from '../engine.js';
import type { RaftEffects, RaftEvent } from './events.js';
import type { PlacedMembership } from './membership.js';

/**
 * One member of one Raft group. Besides `step` and `drain`, the cheap reads that the driver needs between two drains;
 * none of them changes anything.
 */
export interface Raft extends Engine<RaftEvent, RaftEffects, RaftStatus> {
  readonly role: RaftStatus['role'];
  readonly term: Term;
  /** The leader of `term` as far as this member knows; itself when it leads. */
  readonly leader: ReplicaId | null;
  readonly commitIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  readonly lastIndex: LogIndex;
  /** First retained entry: everything before it was cut. */
  readonly firstIndex: LogIndex;
  /**
   * Durable on this member's own disk. A follower (and a leader with a slow disk) may apply entries beyond it, because
   * a quorum holds them: a checkpoint at index i may be *written* only once `persistedIndex >= i`.
   */
  readonly persistedIndex: LogIndex;
  /** A heartbeat said that we acknowledged entries that are not here: the disk was wiped or rolled back (C4). Final. */
  readonly logLost: boolean;
  /** The term of the entry at `index`; null when it was cut away or is not there yet. */
  termOf(index: LogIndex): Term | null;
  /** In force: appended, not necessarily committed (raft.md M2). */
  readonly membership: PlacedMembership;
  /** The newest that cannot be undone. */
  readonly committedMembership: PlacedMembership;
  /** What was in force at `index`, which is applied and not older than the last checkpoint. */
  membershipAt(index: LogIndex): PlacedMembership;
  /** Lease reads: true while no other leader can exist. Check again after the value was read (L6). */
  leaseValid(): boolean;
  /** Leader: a quorum answered within the last election timeout. Others: a leader is known and was heard of. */
  hasQuorumContact(): boolean;
}
