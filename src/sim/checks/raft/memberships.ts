import type { ReplicaId } from '../../../base/brand.js';
import type { Membership } from '../../../engines/raft/membership.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import type { Facts, Sight } from './facts.js';
import { describeVoters, quorumsOverlap } from './quorums.js';

/**
 * How a group may change: one change at a time, after the leader's own term has begun (raft.md M1), so that any quorum
 * of before meets any quorum of after (C5), and no id comes back (M3).
 */
export class MembershipChecks implements Observer {
  readonly #facts: Facts;

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  onTurn(process: SimProcess): void {
    const { before, now } = this.#facts.of(process.id);
    if (now === null || now === before) return;
    if (before !== null && before.membership.index === now.membership.index) return;
    const { membership } = now.membership;
    this.#facts.stats.memberships++;
    checkShape(process.id, membership);
    if (before?.role !== 'leader' || now.role !== 'leader' || before.term !== now.term) return;
    checkOneChange(process.id, before, now);
    checkStep(process.id, before.membership.membership, membership);
  }
}

function membersOf({ voters, outgoing, learners }: Membership): Set<ReplicaId> {
  return new Set([...voters, ...outgoing, ...learners]);
}

function checkShape(id: ReplicaId, membership: Membership): void {
  const { voters, outgoing, learners, removed } = membership;
  const members = membersOf(membership);
  const back = removed.find((gone) => members.has(gone));
  if (back !== undefined) {
    throw new Violation('removed-stay-removed', `${id} has a membership with ${back}, which was removed before`);
  }
  const both = learners.find((learner) => voters.includes(learner) || outgoing.includes(learner));
  if (both !== undefined) throw new Violation('membership-shape', `${both} is a learner and a voter, says ${id}`);
}

/** The change before this one is committed, and so is an entry of the leader's own term. */
function checkOneChange(id: ReplicaId, before: Sight, now: Sight): void {
  const { index } = before.membership;
  if (now.membership.index <= index) return;
  if (index > now.commit) {
    throw new Violation(
      'one-change',
      `${id} begins a change at ${now.membership.index}; the one at ${index} is not committed (${now.commit} is)`,
    );
  }
  const commitTerm = now.member.raft.termOf(now.commit);
  if (commitTerm === null || commitTerm === now.term) return;
  throw new Violation(
    'one-change',
    `${id} leads term ${now.term} and begins a change at ${now.membership.index} while it has committed nothing but ` +
      `entry ${now.commit} of term ${commitTerm}`,
  );
}

function checkStep(id: ReplicaId, before: Membership, after: Membership): void {
  if (!quorumsOverlap(before, after)) {
    throw new Violation(
      'quorums-overlap',
      `${id} goes from the voters ${describeVoters(before)} to ${describeVoters(after)}: two quorums could decide apart`,
    );
  }
  const members = membersOf(after);
  const removed = new Set(after.removed);
  const forgotten = [...before.removed, ...membersOf(before)].find((gone) => !members.has(gone) && !removed.has(gone));
  if (forgotten === undefined) return;
  throw new Violation('removed-stay-removed', `${id} removes ${forgotten} and does not remember that it did`);
}
