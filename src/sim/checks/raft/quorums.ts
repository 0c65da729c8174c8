import type { ReplicaId } from '../../../base/brand.js';
import type { Membership } from '../../../engines/raft/membership.js';

/**
 * Majority arithmetic of the checkers. It is written a second time on purpose: a checker that asked the engine's own
 * quorum.ts could not notice a mistake in it.
 */

function majorityOf(voters: readonly ReplicaId[], holds: (replica: ReplicaId) => boolean): boolean {
  let holding = 0;
  for (const voter of voters) if (holds(voter)) holding++;
  return 2 * holding > voters.length;
}

/** While a change is under way, a majority of both the voters and the outgoing voters (raft.md C5). */
export function isQuorum(membership: Membership, holds: (replica: ReplicaId) => boolean): boolean {
  const { voters, outgoing } = membership;
  return majorityOf(voters, holds) && (outgoing.length === 0 || majorityOf(outgoing, holds));
}

/** True when no quorum of `left` can decide without a member of some quorum of `right`. */
export function quorumsOverlap(left: Membership, right: Membership): boolean {
  const everybody = [...new Set([...left.voters, ...left.outgoing, ...right.voters, ...right.outgoing])];
  for (let subset = 0; subset < 2 ** everybody.length; subset++) {
    const inside = new Set(everybody.filter((_, at) => (subset >> at) & 1));
    if (!isQuorum(left, (replica) => inside.has(replica))) continue;
    if (isQuorum(right, (replica) => !inside.has(replica))) return false;
  }
  return true;
}

/** For messages: `n1, n2, n3`, or `n1, n2, n3 and (outgoing) n1, n2`. */
export function describeVoters({ voters, outgoing }: Membership): string {
  const now = voters.join(', ');
  return outgoing.length === 0 ? now : `${now} and (outgoing) ${outgoing.join(', ')}`;
}
