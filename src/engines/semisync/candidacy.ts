import { assert, assertDefined } from '../../base/assert.js';
import { nextBallot } from './ballot.js';
import { concludeCandidacy } from './candidacy-outcome.js';
import { declareRebuilt, endOf, isGreater, isWellFormed, lastPosition, mergeEntries } from './merge.js';
import type { FetchResponse, PromiseResponse } from './messages.js';
import type { PromotionOutcome } from './events.js';
import { becomeFollower, becomeLeader, setLeader } from './role.js';
import { send } from './send.js';
import {
  diskStalled,
  isWriteQuorum,
  resetElectionTimer,
  tailOf,
  type Candidacy,
  type PromotionRequest,
  type SemisyncState,
} from './state.js';

/**
 * Nothing is in the way of leading: no full sync, no disk that stands still or forgot, no history of our own. By force even
 * with that: it may be all that is left.
 */
export function mayStand(state: SemisyncState): boolean {
  const knowsItsLog = !state.rebuilding || state.candidacy?.request?.force === true;
  return state.installing === null && !state.logLost && knowsItsLog && !diskStalled(state);
}

/** An operator wants this member to lead, by force also with another write quorum. */
export function promote(state: SemisyncState, request: PromotionRequest): void {
  const { id } = request;
  const refused = refusal(state, request);
  if (refused === null) {
    if (state.candidacy !== null) concludeCandidacy(state, 'replaced'); // Its own attempt gives way.
    // It leads, and stands for an epoch that begins with another write quorum: whatever is under way has to wait for that.
    if (state.role === 'leader') becomeFollower(state, state.term, null);
    stand(state, request);
    return;
  }
  const required = state.rules.promises(state.followers, state.quorums.latest.writeQuorum);
  state.outbox.promotions.push({ id, accepted: null, refused, promised: [], required, lossPossible: false });
}

function refusal(state: SemisyncState, { force, writeQuorum }: PromotionRequest): PromotionOutcome['refused'] {
  const { followers, options, role } = state;
  if (writeQuorum !== null && !(force && isWriteQuorum(writeQuorum, followers, options.allowAsync))) return 'invalid';
  if (role === 'leader' && writeQuorum === null) return 'already_leader';
  if (state.rebuilding && !force) return 'diverged';
  const unable = state.installing !== null || state.logLost || diskStalled(state);
  return unable || (state.candidacy?.request ?? null) !== null ? 'busy' : null;
}

/**
 * First asks who would promise: that changes nothing, so an attempt that must fail disturbs nobody (raft.md E1). Only with
 * promises enough in sight a ballot is taken.
 */
export function stand(state: SemisyncState, request: Candidacy['request']): void {
  assert(state.role !== 'leader', 'a leader does not stand');
  state.role = 'pre-candidate';
  state.outbox.changed = true;
  if (request === null) setLeader(state, null);
  resetElectionTimer(state);
  state.candidacy = {
    request,
    ballot: nextBallot(state.term, state.ordinal),
    sinceTick: state.tick,
    answers: new Map([[state.self, tailOf(state)]]),
    donor: null,
    askedTick: state.tick,
    lossPossible: false,
    required: 0,
  };
  ask(state);
  tally(state);
}

/** Asks everybody who has not answered. */
function ask(state: SemisyncState): void {
  const { log, members, role, self } = state;
  const candidacy = open(state);
  candidacy.askedTick = state.tick;
  for (const to of members) {
    if (to === self || candidacy.answers.has(to)) continue;
    send(state, {
      type: 'promiseRequest',
      from: self,
      to,
      term: candidacy.ballot,
      ask: role === 'pre-candidate',
      wanted: candidacy.request !== null,
      lastTerm: log.lastTerm,
    });
  }
}

function open({ candidacy }: SemisyncState): Candidacy {
  return assertDefined(candidacy, 'an attempt is under way');
}

export function onPromiseResponse(state: SemisyncState, message: PromiseResponse): void {
  const { candidacy, role } = state;
  if (candidacy === null || candidacy.donor !== null || !message.granted) return;
  if (message.ask !== (role === 'pre-candidate') || message.term !== candidacy.ballot) return; // Of another question.
  candidacy.answers.set(message.from, message.tail);
  tally(state);
}

/** Our own ballot is on disk: from now on it counts as promised by us. */
export function onBallotPersisted(state: SemisyncState, ballot: number): void {
  const { candidacy } = state;
  if (state.role !== 'candidate' || candidacy === null || candidacy.ballot !== ballot) return;
  candidacy.answers.set(state.self, tailOf(state));
  tally(state);
}

function tally(state: SemisyncState): void {
  const candidacy = open(state);
  const { answers, request, sinceTick } = candidacy;
  if (candidacy.donor !== null) return;
  const { followers, members, options, rules, tick } = state;
  if (state.role === 'pre-candidate')
    answers.set(state.self, tailOf(state)); // It may have grown while we asked.
  else if (!answers.has(state.self)) return;
  candidacy.required = rules.promises(followers, rules.smallestQuorum(answers.values()));
  // Ourselves we count like everybody: not while our log is being rebuilt.
  const enough = answers.size - (state.rebuilding ? 1 : 0) >= candidacy.required;
  // By force: with whoever has answered when nobody else will, or the time is half over.
  const waited = answers.size === members.length || tick - sinceTick >= options.promotionTicks / 2;
  if (!enough && !(request?.force === true && waited)) return;
  candidacy.lossPossible = !enough;
  if (state.role === 'candidate') chooseLog(state);
  else if (mayStand(state)) takeBallot(state);
}

function takeBallot(state: SemisyncState): void {
  const candidacy = open(state);
  assert(candidacy.ballot > state.term, 'a new ballot is above everything that was promised');
  state.role = 'candidate';
  state.term = candidacy.ballot;
  state.matched = 0 as typeof state.matched;
  state.serving.clear();
  state.outbox.changed = true;
  setLeader(state, null);
  candidacy.sinceTick = state.tick;
  candidacy.answers = new Map();
  state.persistence.markHardState(candidacy.ballot);
  ask(state);
}

/** Of the logs that were promised, the greatest is adopted: every acknowledged write is in it (ap.md §1.3.5). */
function chooseLog(state: SemisyncState): void {
  const candidacy = open(state);
  let best = { from: state.self, tail: tailOf(state) };
  for (const [from, tail] of candidacy.answers) if (isGreater(tail, best.tail)) best = { from, tail };
  if (best.from === state.self) return lead(state);
  candidacy.donor = { ...best, at: state.log.lastAtMost(best.tail.lastIndex, best.tail.lastTerm) };
  candidacy.sinceTick = state.tick;
  fetchNext(state);
}

function lead(state: SemisyncState): void {
  const { lossPossible, request } = open(state);
  if (state.rebuilding) declareRebuilt(state); // By force: what we have is the truth from now on.
  becomeLeader(state, { lossPossible, writeQuorum: request?.writeQuorum ?? null });
  concludeCandidacy(state, null, state.epochStartIndex);
}

/** Asks for what follows the place where our logs may meet. */
function fetchNext(state: SemisyncState): void {
  const candidacy = open(state);
  const { at, from } = assertDefined(candidacy.donor, 'a log is being adopted');
  candidacy.askedTick = state.tick;
  const { self, term } = state;
  send(state, { type: 'fetchRequest', from: self, to: from, term, prevIndex: at.index, prevTerm: at.term });
}

export function onFetchResponse(state: SemisyncState, message: FetchResponse): void {
  const { candidacy, log } = state;
  if (state.role !== 'candidate' || candidacy === null || state.installing !== null) return;
  const { donor } = candidacy;
  if (donor === null || donor.from !== message.from || donor.at.index !== message.prevIndex) return; // Late.
  const { entries, hintIndex, hintTerm, prevIndex, prevTerm, rejected } = message;
  if (rejected) {
    const agree = log.lastAtMost(hintIndex, hintTerm);
    if (agree.index >= donor.at.index) return;
    donor.at = agree;
    candidacy.sinceTick = state.tick;
    return fetchNext(state);
  }
  if (log.termOf(prevIndex) !== prevTerm || !isWellFormed(state, message, entries, donor.tail.lastTerm)) return;
  if (mergeEntries(state, entries) !== null) return giveUp(state, 'diverged');
  if (entries.length > 0) candidacy.sinceTick = state.tick;
  const end = endOf(prevIndex, entries);
  donor.at = { index: end, term: assertDefined(log.termOf(end), 'what was merged is in the log') };
  continueFetch(state);
}

/** Leads as soon as nothing is missing any more. */
export function continueFetch(state: SemisyncState): void {
  const { candidacy } = state;
  if (candidacy === null || candidacy.donor === null) return;
  const { index, term } = lastPosition(state);
  if (!isGreater(candidacy.donor.tail, { lastIndex: index, lastTerm: term })) lead(state);
  else fetchNext(state);
}

/** The snapshot of the log's owner took the place of our log: what follows it is next. */
export function onFetchedSnapshot(state: SemisyncState): void {
  const { candidacy } = state;
  if (candidacy === null || candidacy.donor === null) return;
  candidacy.donor.at = lastPosition(state);
  candidacy.sinceTick = state.tick;
  continueFetch(state);
}

/** The attempt failed; nobody leads, as far as we know. */
export function giveUp(state: SemisyncState, refused: NonNullable<PromotionOutcome['refused']>): void {
  concludeCandidacy(state, refused);
  state.role = 'follower';
  state.outbox.changed = true;
  resetElectionTimer(state);
}

/** Messages get lost: questions are asked again, for as long as the attempt may take. */
export function tickCandidacy(state: SemisyncState, candidacy: Candidacy): void {
  const { options, tick } = state;
  const patient = candidacy.request !== null || candidacy.donor !== null;
  const deadline = patient ? options.promotionTicks : state.electionTimeout;
  tally(state);
  if (state.candidacy !== candidacy) return;
  if (!mayStand(state) && state.installing === null) return giveUp(state, 'busy');
  if (tick - candidacy.sinceTick >= deadline) return giveUp(state, 'not_enough_promises');
  if (tick - candidacy.askedTick < options.heartbeatTicks) return;
  if (candidacy.donor === null) ask(state);
  else if (state.installing === null) fetchNext(state);
}
