import type { ReplicaId } from '../../base/brand.js';
import { assert } from '../../base/assert.js';
import type { Membership } from './membership.js';

/**
 * All majority arithmetic of the engine, and nothing else: pure functions over a Membership. While a change is under
 * way there are two sets of voters, `voters` and `outgoing`, and something holds when it holds in both (raft.md C5).
 * Learners are never counted, and neither is a leader that is in neither set (M7).
 */

/** The smallest number of voters of which any two sets overlap. */
export function majorityOf(voters: readonly ReplicaId[]): number {
  return Math.floor(voters.length / 2) + 1;
}

/** True while two majorities must agree. */
export function isJoint(membership: Membership): boolean {
  return membership.outgoing.length > 0;
}

/** True for a member whose word counts, in the new set or, while a change is under way, in the old one. */
export function isVoter(membership: Membership, replica: ReplicaId): boolean {
  return membership.voters.includes(replica) || membership.outgoing.includes(replica);
}

/** Everyone whose word counts, each once. */
export function allVoters(membership: Membership): readonly ReplicaId[] {
  const { voters, outgoing } = membership;
  return isJoint(membership) ? [...new Set([...voters, ...outgoing])] : voters;
}

/** True for everyone who belongs to the group: voters of both sets and learners. */
export function isListed(membership: Membership, replica: ReplicaId): boolean {
  return isVoter(membership, replica) || membership.learners.includes(replica);
}

/** The highest value that a majority of voters has reached: commit index from match indexes, round from acks. */
export function reachedByMajority(membership: Membership, valueOf: (voter: ReplicaId) => number): number {
  const reached = reachedIn(membership.voters, valueOf);
  return isJoint(membership) ? Math.min(reached, reachedIn(membership.outgoing, valueOf)) : reached;
}

function reachedIn(voters: readonly ReplicaId[], valueOf: (voter: ReplicaId) => number): number {
  assert(voters.length > 0, 'a group has voters');
  const values = voters.map(valueOf).sort((a, b) => b - a);
  const reached = values[majorityOf(voters) - 1];
  assert(reached !== undefined, 'a majority is never larger than the set');
  return reached;
}

/** True when a majority of voters satisfies `holds`. */
export function majorityHolds(membership: Membership, holds: (voter: ReplicaId) => boolean): boolean {
  return holdsIn(membership.voters, holds) && (!isJoint(membership) || holdsIn(membership.outgoing, holds));
}

function holdsIn(voters: readonly ReplicaId[], holds: (voter: ReplicaId) => boolean): boolean {
  let count = 0;
  for (const voter of voters) if (holds(voter)) count++;
  return count >= majorityOf(voters);
}

export type VoteResult = 'won' | 'lost' | 'pending';

/** Counts distinct voters only (raft.md E7): votes of others are not in `membership` and never looked at. */
export function voteResult(membership: Membership, votes: ReadonlyMap<ReplicaId, boolean>): VoteResult {
  const result = voteResultIn(membership.voters, votes);
  if (!isJoint(membership) || result === 'lost') return result;
  const outgoing = voteResultIn(membership.outgoing, votes);
  return result === 'won' || outgoing === 'lost' ? outgoing : 'pending';
}

function voteResultIn(voters: readonly ReplicaId[], votes: ReadonlyMap<ReplicaId, boolean>): VoteResult {
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
