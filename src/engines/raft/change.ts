import type { ReplicaId } from '../../base/brand.js';
import { assert } from '../../base/assert.js';
import { forward } from './forwards.js';
import type { Membership, MembershipChange, MembershipRefusal } from './membership.js';
import { changed, finalOf } from './membership-rules.js';
import type { ProposalRefusal } from './messages.js';
import { placeMembership } from './placement.js';
import { isJoint, isVoter, majorityHolds } from './quorum.js';
import { appendOwn, becomeFollower, trackMembers } from './role.js';
import { recentlyActive, termStartCommitted, type RaftState } from './state.js';
import { startTransfer } from './transfer.js';

/**
 * A learner is promoted when it lacks at most this many entries (raft.md M6): what may be on its way in a busy group, and
 * what it makes up for in well under an election timeout. It would hold up commits for that long at worst.
 */
export const CATCH_UP_ENTRIES_MAX = 256;

/** A change that our own driver asks for: begun when we lead, forwarded when another does. */
export function requestChange(state: RaftState, id: number, change: MembershipChange): void {
  if (state.role === 'leader') {
    const refused = beginChange(state, change);
    if (refused !== null) return refuse(state, id, refused);
    const accepted = { index: state.log.lastIndex, term: state.term };
    state.outbox.membershipOutcomes.push({ id, accepted, refused: null });
  } else if (state.leader === null) refuse(state, id, 'no_leader');
  else if (state.forwards.pending.size >= state.options.limits.forwardedProposals) refuse(state, id, 'busy');
  else forward(state, id, 'membership', state.options.codec.encodeChange(change), state.leader);
}

function refuse(state: RaftState, id: number, refused: MembershipRefusal | ProposalRefusal): void {
  state.outbox.membershipOutcomes.push({ id, accepted: null, refused });
}

/** Leader: appends what begins `change`; null when it did. A refusal promises that nothing was appended. */
export function beginChange(state: RaftState, change: MembershipChange): MembershipRefusal | ProposalRefusal | null {
  assert(state.role === 'leader', 'only a leader changes the membership');
  if (state.transfer !== null) return 'transferring';
  const { latest, committed } = state.memberships;
  // M1: the one before is done, and nobody else's can still surface: an entry of our own term is committed.
  if (latest !== committed || isJoint(latest.membership) || !termStartCommitted(state)) return 'change_pending';
  const next = changed(latest.membership, change);
  if (typeof next === 'string') return next;
  if (change.op === 'promote' && !hasCaughtUp(state, change.replica)) return 'not_caught_up';
  // M8: of both sets, while they decide together, and of the new one, which decides from then on.
  if (!majorityHolds(next, (voter) => wasHeard(state, voter))) return 'would_lose_quorum';
  appendMembership(state, next);
  return null;
}

/** M6: it follows us closely and lives; one that was never started does neither. */
function hasCaughtUp(state: RaftState, learner: ReplicaId): boolean {
  const progress = state.progress.get(learner);
  if (progress === undefined || progress.state !== 'replicate' || !wasHeard(state, learner)) return false;
  return state.log.lastIndex - progress.match <= CATCH_UP_ENTRIES_MAX;
}

/** It has answered us, and lately. The benefit of the doubt that check-quorum gives is not enough here. */
function wasHeard(state: RaftState, voter: ReplicaId): boolean {
  return recentlyActive(state, voter) && (voter === state.self || state.progress.get(voter)?.heard === true);
}

function appendMembership(state: RaftState, membership: Membership): void {
  appendOwn(state, 'membership', state.options.codec.encode(membership));
  const entry = state.log.at(state.log.lastIndex);
  placeMembership(state, entry);
  trackMembers(state, entry.index); // A new member is probed with this entry: its answer tells where it stands.
}

/**
 * Leader: takes the next step of a change whose last one is committed. Called when the commit index moves, and every
 * tick for what had to wait. A new leader finds what the old one left, and goes on once its own term has begun (M1).
 */
export function completeChange(state: RaftState): void {
  const { latest, committed } = state.memberships;
  if (latest !== committed || !termStartCommitted(state)) return;
  const { membership } = latest;
  if (isJoint(membership)) {
    // A transfer goes first: its target finishes the change. Clients' backlog holds nothing up here.
    if (state.transfer === null) appendMembership(state, finalOf(membership));
  } else if (!isVoter(membership, state.self) && state.transfer === null) handOver(state);
}

/**
 * M7: the change that takes us out is committed. Leads on until a voter has everything, tells it to campaign and steps
 * down, in transfer.ts; at once when there is none to ask.
 */
function handOver(state: RaftState): void {
  startTransfer(state, null);
  if (state.role === 'leader' && state.transfer === null) becomeFollower(state, state.term, null);
}
