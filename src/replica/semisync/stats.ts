import { createMemberStats, type MemberStats } from '../stats.js';

/** Counters of one member of a leader-follower group. */
export interface SemisyncStats extends MemberStats {
  /** Of `proposalsRefused`: too few followers could have acknowledged. In writes, not in batches. */
  refusedNotEnoughReplicas: number;
  quorumChanges: number;
  promotionsDone: number;
  promotionsFailed: number;
  /**
   * Commands that left the log, as far as this member knew: somebody had been told that they took effect; nobody had; or
   * they could not be compared with the log that took their place, and may be in it.
   */
  discardedAcked: number;
  discardedUnacked: number;
  discardedUnsure: number;
}

export function createSemisyncStats(): SemisyncStats {
  return {
    ...createMemberStats(),
    refusedNotEnoughReplicas: 0,
    quorumChanges: 0,
    promotionsDone: 0,
    promotionsFailed: 0,
    discardedAcked: 0,
    discardedUnacked: 0,
    discardedUnsure: 0,
  };
}
