import { createMemberStats, type MemberStats } from '../stats.js';

/** Counters of one member of a leader-follower group. */
export interface SemisyncStats extends MemberStats {
  /** Of `proposalsRefused`: too few followers could have acknowledged. In writes, not in batches. */
  refusedNotEnoughReplicas: number;
  quorumChanges: number;
  promotionsDone: number;
  promotionsFailed: number;
  /** Commands that were thrown away after a failover, and whether anybody had been told that they took effect. */
  discardedAcked: number;
  discardedUnacked: number;
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
  };
}
