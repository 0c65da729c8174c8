import type { LogIndex, ReplicaId, Term } from '../../base/brand.js';
import type { Engine } from '../engine.js';
import type { SemisyncEffects, SemisyncEvent } from './events.js';
import type { PlacedQuorum } from './messages.js';

/** What `/status` and `/admin/replica-status` show of one member. */
export interface SemisyncStatus {
  readonly engine: 'semisync';
  readonly role: 'follower' | 'pre-candidate' | 'candidate' | 'leader';
  /** The epoch: the highest ballot that this member has promised. */
  readonly term: Term;
  readonly leader: ReplicaId | null;
  readonly commitIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly firstIndex: LogIndex;
  /** For the next entry. */
  readonly writeQuorum: number;
  /** Promises that a promotion without loss would take now, as far as this member knows; of F + 1 members. */
  readonly promises: number;
  /** This member applied what the leader's log does not hold; until a full sync has replaced that, it does not count. */
  readonly diverged: boolean;
  /** Followers that could acknowledge a write now; on the leader only, else 0. */
  readonly available: number;
  /** Per follower, on the leader only. */
  readonly followers: readonly FollowerStatus[];
}

export interface FollowerStatus {
  readonly peer: ReplicaId;
  /** `fullsync`, `probe` and `lagging` count for nothing; a follower is `online` when its acknowledgements keep up. */
  readonly state: 'online' | 'lagging' | 'probe' | 'fullsync';
  /** On its disk. */
  readonly durableIndex: LogIndex;
  readonly sentIndex: LogIndex;
  /** Ticks since it was last heard of. */
  readonly silentTicks: number;
}

/** One member of one leader-follower group. Besides `step` and `drain`, cheap reads that change nothing. */
export interface Semisync extends Engine<SemisyncEvent, SemisyncEffects, SemisyncStatus> {
  readonly role: SemisyncStatus['role'];
  readonly term: Term;
  /** The leader of `term` as far as this member has heard of it; itself when it leads. */
  readonly leader: ReplicaId | null;
  readonly commitIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly firstIndex: LogIndex;
  /** Durable on this member's own disk: a checkpoint at index i may be written only once this reaches i. */
  readonly persistedIndex: LogIndex;
  /** A heartbeat said that we acknowledged entries that are not here: the disk was wiped or rolled back. Final. */
  readonly logLost: boolean;
  /** The term of the entry at `index`; null when it was cut away or is not there yet. */
  termOf(index: LogIndex): Term | null;
  /** What is in force after `index`, which is applied and not older than the last checkpoint: part of a checkpoint. */
  quorumAt(index: LogIndex): PlacedQuorum;
  /** True when a write quorum was set by the entry at `index`, which is in the log. */
  bringsQuorum(index: LogIndex): boolean;
  /** How far an appended write is from its commit; on the leader, for an index of its log that is not committed. */
  acksOf(index: LogIndex): { readonly acks: number; readonly required: number };
  /** The epochs of the retained log, oldest first: where each began, as far as that was not cut away. */
  epochs(): readonly EpochStart[];
  /**
   * Bounded staleness: ticks since which everything that anybody had committed then is applied here. Infinity where
   * nothing is known.
   */
  stalenessTicks(): number;
}

export interface EpochStart {
  readonly term: Term;
  readonly leader: ReplicaId;
  readonly startIndex: LogIndex;
}
