import { assert } from '../../base/assert.js';
import type { Term } from '../../base/brand.js';
import type { VoteRequest, VoteResponse } from './messages.js';
import { allVoters, isVoter, voteResult } from './quorum.js';
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from './role.js';
import { send } from './send.js';
import { diskStalled, membershipOf, type RaftState } from './state.js';

/**
 * raft.md E6, R7, C4: who must not stand for election. Learners do not, nor who was removed; a voter of the old set does
 * while a change is under way, because the old set may be all that is left to finish it.
 */
export function mayCampaign(state: RaftState): boolean {
  if (state.role === 'leader' || !isEligible(state)) return false;
  return state.installing === null && !state.logLost && !diskStalled(state);
}

/**
 * A removed voter stands until the final membership is known to be committed, as in Raft thesis §4.2.2: it may be the
 * only one that holds it. The others then need its vote in the joint one, and cannot have it, as its log is longer. It
 * asks the new voters, does not count itself, and hands over when the change is done (M7).
 */
function isEligible({ memberships, self }: RaftState): boolean {
  const { committed, latest } = memberships;
  return isVoter(latest.membership, self) || isVoter(committed.membership, self);
}

/** The election timeout has passed: first ask whether we could win (pre-vote, Raft thesis §9.6). */
export function preCampaign(state: RaftState): void {
  becomePreCandidate(state);
  state.votes.set(state.self, true); // Nothing durable is promised, so nothing has to be on disk.
  requestVotes(state, (state.term + 1) as Term, true, false);
  tally(state);
}

/** Campaigns in the next term. `transfer`: the leader asked for it, so its followers may vote at once (E4). */
export function campaign(state: RaftState, transfer: boolean): void {
  becomeCandidate(state);
  requestVotes(state, state.term, false, transfer);
}

function requestVotes(state: RaftState, term: Term, preVote: boolean, transfer: boolean): void {
  const { lastIndex, lastTerm } = state.log;
  for (const to of allVoters(membershipOf(state))) {
    if (to === state.self) continue;
    send(state, { type: 'voteRequest', from: state.self, to, term, preVote, lastIndex, lastTerm, transfer });
  }
}

/** Our own vote for `term` is on disk. It counts only if we still stand in that term (raft.md R1, R6). */
export function onSelfVotePersisted(state: RaftState, term: Term): void {
  if (state.role !== 'candidate' || state.term !== term) return;
  state.votes.set(state.self, true);
  tally(state);
}

/** E4: a leader is known to be alive, so nobody else is elected, unless the leader itself asks for it. */
function leaderIsAlive(state: RaftState): boolean {
  if (state.role === 'leader') return true; // Check-quorum makes it step down when nobody hears it any more.
  return state.leader !== null && state.electionElapsed < state.options.electionTicks[0];
}

/** True when a vote request must be left unanswered, and its term unnoticed (raft.md E4, E9). */
export function ignoresVoteRequest(state: RaftState, message: VoteRequest): boolean {
  if (message.transfer) return false;
  return state.tick < state.voteHoldUntilTick || leaderIsAlive(state);
}

/**
 * `message.term` is ours, or a future one in a pre-vote.
 *
 * E5: whoever is asked votes, also a learner and a replica that knows of no membership at all: the candidate may have a
 * newer one that makes it a voter, and might not win without it. A vote is counted only by a candidate whose membership
 * lists the voter, and a replica becomes a voter only after it holds the log (M6) with the disk that its votes are on. One
 * that came back with another disk is kept out where links begin: the handshake refuses foreign data folders (M4).
 */
export function onVoteRequest(state: RaftState, message: VoteRequest): void {
  const granted = !state.logLost && canVoteFor(state, message) && isUpToDate(state, message);
  if (granted && !message.preVote) {
    if (state.vote !== message.from) {
      assert(state.vote === null, 'one vote per term');
      state.vote = message.from;
      state.persistence.markHardState();
    }
    state.electionElapsed = 0;
  }
  // E2: a granted pre-vote speaks of the requested term, a rejection of ours.
  respondToVote(state, message, granted, granted && message.preVote ? message.term : state.term);
}

function canVoteFor(state: RaftState, message: VoteRequest): boolean {
  if (message.preVote) return message.term > state.term;
  return state.vote === message.from || (state.vote === null && state.leader === null);
}

/** Raft paper §5.4.1: the later last term wins, then the longer log. */
function isUpToDate(state: RaftState, message: VoteRequest): boolean {
  const { lastIndex, lastTerm } = state.log;
  return message.lastTerm > lastTerm || (message.lastTerm === lastTerm && message.lastIndex >= lastIndex);
}

/** E3: a candidate of an older term learns ours, or it would ask for ever. */
export function rejectStaleVote(state: RaftState, message: VoteRequest): void {
  respondToVote(state, message, false, state.term);
}

function respondToVote(state: RaftState, request: VoteRequest, granted: boolean, term: Term): void {
  const { preVote } = request;
  send(state, { type: 'voteResponse', from: state.self, to: request.from, term, preVote, granted });
}

export function onVoteResponse(state: RaftState, message: VoteResponse): void {
  if (!isVoter(membershipOf(state), message.from)) return; // E7
  // E7: only answers to what we are asking now. A granted pre-vote carries the term that we asked for (E2).
  if (message.preVote) {
    if (state.role !== 'pre-candidate' || (message.granted && message.term !== state.term + 1)) return;
  } else if (state.role !== 'candidate' || message.term !== state.term) return;
  state.votes.set(message.from, message.granted);
  tally(state);
}

function tally(state: RaftState): void {
  const result = voteResult(membershipOf(state), state.votes);
  if (result === 'pending') return;
  if (result === 'lost') becomeFollower(state, state.term, null);
  else if (state.role === 'pre-candidate') campaign(state, false);
  // A majority may have been faster than our own disk; we lead once our vote is durable as well.
  else if (state.votes.get(state.self) === true) becomeLeader(state);
}
