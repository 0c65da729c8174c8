import type { FollowerStatus, ReplicaStatus } from './admin.js';
import type { FollowerParity, Parity } from './summary.js';

/** Keys of one follower that a report names; their number is given always. */
const NAMED_MAX = 100;

/** Compares what followers have with what the leader has: here, key by key, where both are shown. */
export function parityOf({ followers, leader }: ReplicaStatus): Parity {
  const found = Object.entries(followers).map(([id, follower]) => parityOfFollower(id, follower, leader.data));
  return {
    inSync: found.every(({ inSync }) => inSync),
    keys: leader.data === null ? null : Object.keys(leader.data).length,
    followers: found,
  };
}

function parityOfFollower(
  id: string,
  { data = null, error = null, in_sync: sameHash }: FollowerStatus,
  leader: Readonly<Record<string, unknown>> | null,
): FollowerParity {
  if (data === null || leader === null) {
    const inSync = sameHash === true && error === null;
    return { id, inSync, comparedBy: 'hash', mismatchedKeys: [], mismatches: 0, error };
  }
  const mismatched = mismatchedKeys(leader, data);
  return {
    id,
    inSync: sameHash !== false && error === null && mismatched.length === 0,
    comparedBy: 'values',
    mismatchedKeys: mismatched.slice(0, NAMED_MAX),
    mismatches: mismatched.length,
    error,
  };
}

/** Keys that one of them has and the other has not, or has with another value. */
export function mismatchedKeys(
  leader: Readonly<Record<string, unknown>>,
  follower: Readonly<Record<string, unknown>>,
): string[] {
  const keys = new Set([...Object.keys(leader), ...Object.keys(follower)]);
  const same = (key: string): boolean =>
    Object.hasOwn(leader, key) &&
    Object.hasOwn(follower, key) &&
    JSON.stringify(leader[key]) === JSON.stringify(follower[key]);
  return [...keys].filter((key) => !same(key)).toSorted();
}
