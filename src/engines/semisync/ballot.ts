import { assert } from '../../base/assert.js';
import type { ReplicaId, Term } from '../../base/brand.js';

/** Members of a group, at most: the lower part of a ballot is the ordinal of whom it belongs to. */
export const MEMBERS_MAX = 64;

/**
 * A ballot is counter * 64 + ordinal in the sorted list of members: totally ordered, and no two candidates ever use
 * the same one (ap.md §1.3.5). The smallest one of `ordinal` that has a higher counter than `after`.
 */
export function nextBallot(after: Term, ordinal: number): Term {
  assert(ordinal >= 0 && ordinal < MEMBERS_MAX, 'a ballot belongs to a member');
  return ((Math.floor(after / MEMBERS_MAX) + 1) * MEMBERS_MAX + ordinal) as Term;
}

/** The member that leads epoch `term`, if anybody does. `members` sorted. Null: nobody's ballot. */
export function ownerOf(members: readonly ReplicaId[], term: Term): ReplicaId | null {
  return term < MEMBERS_MAX ? null : (members[term % MEMBERS_MAX] ?? null);
}

/** Sorted, so that all members count alike. */
export function sortedMembers(members: readonly ReplicaId[]): readonly ReplicaId[] {
  const sorted = [...members].sort();
  assert(sorted.length >= 1 && sorted.length <= MEMBERS_MAX, 'a group has 1 to 64 members');
  assert(new Set(sorted).size === sorted.length, 'every member is listed once');
  return sorted;
}

export function ordinalOf(members: readonly ReplicaId[], member: ReplicaId): number {
  const ordinal = members.indexOf(member);
  assert(ordinal >= 0, `${member} is a member`);
  return ordinal;
}
