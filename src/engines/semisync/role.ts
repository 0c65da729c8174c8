import { assert } from '../../base/assert.js';
import { indexAfter, type LogIndex, type ReplicaId, type Term } from '../../base/brand.js';
import { nextBallot } from './ballot.js';
import { concludeCandidacy } from './candidacy-outcome.js';
import type { SemisyncEntryKind } from './messages.js';
import { openingPayload, type Opening } from './opening.js';
import { Progress } from './progress.js';
import { refuseReads } from './reads.js';
import { resetElectionTimer, type SemisyncState } from './state.js';

export function setLeader(state: SemisyncState, leader: ReplicaId | null): void {
  if (state.leader === leader) return;
  state.leader = leader;
  state.outbox.changed = true;
}

/**
 * Follows `leader`, or nobody yet, in `term`: a higher one is a promise to whom it belongs. A leader stops before it answers
 * anything that was under way (ap.md §1.3.5): what its drivers wait for has an unknown outcome.
 */
export function becomeFollower(state: SemisyncState, term: Term, leader: ReplicaId | null): void {
  assert(term >= state.term, 'epochs never go back');
  const led = state.role === 'leader';
  const { candidacy } = state;
  if (term > state.term) {
    state.term = term;
    state.matched = 0 as LogIndex;
    state.serving.clear();
    state.persistence.markHardState();
    state.outbox.changed = true;
  }
  if (candidacy !== null && candidacy.request !== null && state.role === 'pre-candidate') {
    // An operator's question is asked again, about a ballot that is above what we just learned of.
    candidacy.ballot = nextBallot(state.term, state.ordinal);
    candidacy.answers.clear();
    candidacy.askedTick = Number.NEGATIVE_INFINITY;
  } else {
    if (candidacy !== null) concludeCandidacy(state, 'replaced');
    if (state.role !== 'follower') state.outbox.changed = true;
    state.role = 'follower';
  }
  if (led) {
    state.progress.clear();
    state.uncommittedBytes = 0;
    refuseReads(state, 'not_leader');
  }
  setLeader(state, leader);
  resetElectionTimer(state);
}

/** Promises are enough, or an operator forced it, and what they told of is in our log. The log says how the epoch began. */
export function becomeLeader(state: SemisyncState, opening: Opening): void {
  const { log, options, persistence, self, tick } = state;
  assert(state.role === 'candidate', 'leaders were promised a ballot');
  assert(persistence.durableTerm === state.term, 'a leader has its ballot on disk');
  assert(state.installing === null && !state.rebuilding, 'a leader knows its log');
  assert(log.lastTerm < state.term, 'a ballot is used for one log only');
  state.role = 'leader';
  state.outbox.changed = true;
  setLeader(state, self);
  const window = { messages: options.limits.inflightMessages, bytes: options.limits.inflightBytes };
  const others = state.members.filter((id) => id !== self);
  state.progress = new Map(others.map((id) => [id, new Progress(id, indexAfter(log.lastIndex), tick, window)]));
  state.uncommittedBytes = 0;
  for (let at = indexAfter(state.commit); at <= log.lastIndex; at = indexAfter(at)) {
    state.uncommittedBytes += log.at(at).payload.length;
  }
  state.heartbeatElapsed = options.heartbeatTicks; // The next tick tells everybody.
  state.epochStartIndex = indexAfter(log.lastIndex);
  appendOwn(state, 'noop', openingPayload(opening));
}

/** Leader: appends to the own log. Replicated and persisted with the next drain. */
export function appendOwn(state: SemisyncState, kind: SemisyncEntryKind, payload: Uint8Array): void {
  assert(state.role === 'leader', 'only a leader appends of its own');
  const entry = { index: indexAfter(state.log.lastIndex), term: state.term, kind, payload };
  state.log.append(entry);
  state.quorums.append(entry, state.followers);
  state.uncommittedBytes += payload.length;
}
