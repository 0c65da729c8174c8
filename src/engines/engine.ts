import { assert } from '../base/assert.js';
import type { LogIndex, ReplicaId, Term } from '../base/brand.js';
import type { LeaderlessStatus } from './leaderless/events.js';
import type { PlacedMembership } from './raft/membership.js';
import type { SemisyncStatus } from './semisync/semisync.js';

/**
 * The contract between an engine (a replication protocol) and the loop that drives it.
 *
 * An engine is pure: `step` takes one event and changes the engine's state, `drain` hands over everything that must
 * happen outside since the last drain. No clock, no randomness, no I/O, no promises (reliability.md §3.1). The driver
 *   1. steps the engine with everything that arrived in one turn of the event loop, then drains once;
 *   2. sends `messages` at once;
 *   3. appends `persist` to the replica's log; when it is durable, sends `afterPersist` and steps `persisted`.
 *      `afterPersist` waits for every earlier persist too, even when its own drain persisted nothing (§0.3);
 *   4. applies `committed` in order and steps `applied`.
 */
export interface Engine<Event, Effects, Status> {
  step(event: Event): void;
  drain(): Effects;
  /** True when `drain` would return something to do. */
  readonly hasEffects: boolean;
  /** Throws InvariantViolation when a stated invariant does not hold. Cheap enough for every drain in tests. */
  checkInvariants(): void;
  status(): Status;
}

/** What `/status` shows of one member. */
export type EngineStatus = RaftStatus | SemisyncStatus | LeaderlessStatus;

/** The status of a member that is known to be Raft's. */
export function raftStatus(status: EngineStatus): RaftStatus {
  assert(status.engine === 'raft', 'the keyspace is replicated by raft');
  return status;
}

export interface RaftStatus {
  readonly engine: 'raft';
  readonly role: 'follower' | 'pre-candidate' | 'candidate' | 'leader';
  /** What is in force; see raft/membership.ts. */
  readonly membership: PlacedMembership;
  /** False for a learner, and for a replica that the group does not list. */
  readonly voter: boolean;
  readonly term: Term;
  readonly leader: ReplicaId | null;
  readonly commitIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly firstIndex: LogIndex;
  /** Per follower, on the leader only. */
  readonly progress: readonly PeerProgress[];
}

export interface PeerProgress {
  readonly peer: ReplicaId;
  readonly state: 'probe' | 'replicate' | 'snapshot';
  readonly matchIndex: LogIndex;
  readonly nextIndex: LogIndex;
  readonly inflightMessages: number;
  readonly recentlyActive: boolean;
}
