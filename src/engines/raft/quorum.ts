import type { ReplicaId } from '../../base/brand.js';
import { assert } from '../../base/assert.js';
import type { Membership } from './membership.js';

/**
 * All majority arithmetic of the engine, and nothing else: pure functions over a Membership. Joint consensus adds a
 * second voter set to Membership; a value then counts when both sets agree (raft.md C5), and only this file changes.
 */

/** The smallest number of voters of which any two sets overlap. */
export function majorityOf(voters: readonly ReplicaId[]): number {
  return Math.floor(voters.length / 2) + 1;
}

export function isVoter(membership: Membership, replica: ReplicaId): boolean {
  return membership.voters.includes(replica);
}

/** The highest value that a majority of voters has reached: commit index from match indexes, round from acks. */
export function reachedByMajority(membership: Membership, valueOf: (voter: ReplicaId) => number): number {
  const { voters } = membership;
  assert(voters.length > 0, 'a group has voters');
  const values = voters.map(valueOf).sort((a, b) => b - a);
  const reached = values[majorityOf(voters) - 1];
  assert(reached !== undefined, 'a majority is never larger than the set');
  return reached;
}

/** True when a majority of voters satisfies `holds`. */
export function majorityHolds(membership: Membership, holds: (voter: ReplicaId) => boolean): boolean {
  let count = 0;
  for (const voter of membership.voters) if (holds(voter)) count++;
  return count >= majorityOf(membership.voters);
}

export type VoteResult = 'won' | 'lost' | 'pending';

/** Counts distinct voters only (raft.md E7): votes of others are not in `membership` and never looked at. */
export function voteResult(membership: Membership, votes: ReadonlyMap<ReplicaId, boolean>): VoteResult {
  const { voters } = membership;
  const majority = majorityOf(voters);
  let granted = 0;
  let rejected = 0;
  for (const voter of voters) {
    const vote = votes.get(voter);
    if (vote === true) granted++;
    else if (vote === false) rejected++;
  }
  if (granted >= majority) return 'won';
  return voters.length - rejected < majority ? 'lost' : 'pending';
}
