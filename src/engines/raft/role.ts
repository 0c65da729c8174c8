import { assert } from '../../base/assert.js';
import { indexAfter, type LogIndex, type ReplicaId, type Term } from '../../base/brand.js';
import type { EntryKind } from './messages.js';
import { Progress } from './progress.js';
import { abandonRequest, releaseReads } from './read-index.js';
import { membershipOf, resetElectionTimer, type RaftState } from './state.js';

/** `leader` may be one that our membership does not list: its own may be newer (raft.md M2). */
export function setLeader(state: RaftState, leader: ReplicaId | null): void {
  if (state.leader === leader) return;
  state.leader = leader;
  state.outbox.changed = true;
  if (leader === null) state.leaderlessSinceTick = state.tick;
  abandonRequest(state);
}

/**
 * Follows `leader` in `term`. With `keepTimer` the time already waited is kept: a vote request of another must not
 * starve our own candidacy (raft.md E8).
 */
export function becomeFollower(state: RaftState, term: Term, leader: ReplicaId | null, keepTimer = false): void {
  assert(term >= state.term, 'terms never go back');
  const led = state.role === 'leader';
  if (term > state.term) {
    state.term = term;
    state.vote = null;
    state.persistence.markHardState();
    state.outbox.changed = true;
  }
  if (state.role !== 'follower') {
    state.role = 'follower';
    state.outbox.changed = true;
  }
  state.votes.clear();
  if (led) {
    state.progress.clear();
    state.transfer = null;
    state.uncommittedBytes = 0;
    releaseReads(state);
  }
  setLeader(state, leader);
  if (led || !keepTimer) resetElectionTimer(state);
}

/** Asks whether an election could be won; changes nothing durable, not even the term (raft.md E1). */
export function becomePreCandidate(state: RaftState): void {
  assert(state.role !== 'leader', 'a leader does not campaign');
  state.role = 'pre-candidate';
  state.outbox.changed = true;
  state.votes.clear();
  setLeader(state, null);
  resetElectionTimer(state);
}

export function becomeCandidate(state: RaftState): void {
  assert(state.role !== 'leader', 'a leader does not campaign');
  state.role = 'candidate';
  state.term = (state.term + 1) as Term;
  state.vote = state.self;
  state.outbox.changed = true;
  state.votes.clear();
  setLeader(state, null);
  resetElectionTimer(state);
  state.persistence.markHardState(state.term); // Our own vote counts when it is durable (R1).
}

export function becomeLeader(state: RaftState): void {
  assert(state.role === 'candidate', 'leaders come from an election');
  assert(state.vote === state.self && state.persistence.durableTerm === state.term, 'a leader has its term on disk');
  const { log, self } = state;
  state.role = 'leader';
  state.outbox.changed = true;
  setLeader(state, self);
  state.votes.clear();
  state.progress = new Map();
  trackMembers(state, indexAfter(log.lastIndex));
  state.uncommittedBytes = 0;
  for (let at = indexAfter(state.commit); at <= log.lastIndex; at = indexAfter(at)) {
    state.uncommittedBytes += log.at(at).payload.length;
  }
  state.reads.rounds = [];
  state.reads.leaseTick = null;
  state.reads.leaseForbidden = false;
  state.forwards.seenTerm = state.term;
  state.forwards.seen.clear();
  state.heartbeatElapsed = 0;
  state.termStartIndex = indexAfter(log.lastIndex);
  appendOwn(state, 'noop', new Uint8Array(0)); // C1: without it nothing of older terms could be committed.
}

/**
 * Leader: follows every member that is in force. A new one is sent what follows `next` first; one that is not listed any
 * more is on its way out.
 */
export function trackMembers(state: RaftState, next: LogIndex): void {
  const { progress, self, tick, options } = state;
  const window = { messages: options.limits.inflightMessages, bytes: options.limits.inflightBytes };
  const ids = new Set(membershipOf(state).members.map(({ id }) => id));
  for (const [peer, each] of progress) {
    if (ids.has(peer) || each.leaving !== null) continue;
    each.leaving = { index: state.memberships.latest.index, sinceTick: tick };
    each.commitWanted = each.leaving.index;
  }
  for (const peer of ids) {
    if (peer !== self && !progress.has(peer)) progress.set(peer, new Progress(peer, next, tick, window));
  }
}

/** Leader: appends to the own log. Replicated and persisted with the next drain. */
export function appendOwn(state: RaftState, kind: EntryKind, payload: Uint8Array): void {
  assert(state.role === 'leader', 'only a leader appends of its own');
  state.log.append({ index: indexAfter(state.log.lastIndex), term: state.term, kind, payload });
  state.uncommittedBytes += payload.length;
}

/** A former member that is not heard of is forgotten after this many election timeouts. */
const LEAVING_AGE_TIMEOUTS_MAX = 2;

/** Leader: forgets who has been told that it is no member any more (raft.md M5: the handshake keeps it out from now on). */
export function forgetLeft(state: RaftState): void {
  for (const [peer, { commitSent, leaving, match }] of state.progress) {
    if (leaving === null) continue;
    const told = match >= leaving.index && commitSent >= leaving.index;
    const expired = state.tick - leaving.sinceTick >= LEAVING_AGE_TIMEOUTS_MAX * state.options.electionTicks[1];
    if (told || expired) state.progress.delete(peer);
  }
}
