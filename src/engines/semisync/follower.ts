import { assert } from '../../base/assert.js';
import type { LogIndex, ReplicaId, Term } from '../../base/brand.js';
import { commitTo } from './commit.js';
import { clockOf, vouch } from './freshness.js';
import { beginRebuild, discard, endOf, endRebuild, isWellFormed, mergeEntries } from './merge.js';
import type { AppendRequest, AppendResponse, Heartbeat } from './messages.js';
import { becomeFollower, setLeader } from './role.js';
import { send } from './send.js';
import type { SemisyncState } from './state.js';

/** `from` leads our epoch: its ballot says so, and nobody else can have it. */
export function followLeader(state: SemisyncState, from: ReplicaId): void {
  assert(state.role !== 'leader', 'an epoch belongs to one member');
  const standsByItself = state.candidacy !== null && state.candidacy.request === null;
  if (standsByItself) becomeFollower(state, state.term, from);
  setLeader(state, from);
  state.electionElapsed = 0;
}

/** Log matching (Raft paper §5.3). Every answer waits until what it vouches for is durable. */
export function onAppendRequest(state: SemisyncState, message: AppendRequest): void {
  followLeader(state, message.from);
  const { entries, prevIndex, prevTerm } = message;
  const { log } = state;
  if (state.installing !== null || state.logLost) return;
  if (!isWellFormed(state, message, entries, message.term)) return; // raft.md A7: never into the log.
  if (state.diverged) return reject(state, message, { diverged: true });
  if (prevIndex < log.baseIndex) return reject(state, message, { hint: baseOf(state) });
  if (log.termOf(prevIndex) !== prevTerm) {
    const { index, term } = log.lastAtMost(prevIndex, prevTerm);
    return reject(state, message, { hint: { index, term } });
  }
  const conflict = mergeEntries(state, entries);
  if (conflict !== null) {
    // We applied what an operator discarded by force. It is kept in a file, and our state replaced by the leader's.
    discard(state, conflict, true);
    beginRebuild(state);
    return reject(state, message, { diverged: true });
  }
  endRebuild(state);
  const matched = endOf(prevIndex, entries);
  if (matched > state.matched) state.matched = matched;
  commitTo(state, Math.min(message.commit, state.matched) as LogIndex); // Not our last index, which may be stale.
  sendAppendResponse(state, message.from, matched);
}

export function baseOf({ log }: SemisyncState): { readonly index: LogIndex; readonly term: Term } {
  return { index: log.baseIndex, term: log.baseTerm };
}

/** Our log equals the leader's up to `index`, as soon as what we have is durable. */
export function sendAppendResponse(state: SemisyncState, to: ReplicaId, index: LogIndex): void {
  assert(index <= state.log.lastIndex, 'only what is in the log is vouched for');
  respond(state, to, { rejected: false, index, hintIndex: index, hintTerm: 0 as Term, diverged: false });
}

export function reject(
  state: SemisyncState,
  { from, prevIndex }: { readonly from: ReplicaId; readonly prevIndex: LogIndex },
  { hint, diverged = false }: { hint?: { readonly index: LogIndex; readonly term: Term }; diverged?: boolean },
): void {
  const hintIndex = hint?.index ?? (0 as LogIndex);
  const hintTerm = hint?.term ?? (0 as Term);
  respond(state, from, { rejected: true, index: prevIndex, hintIndex, hintTerm, diverged });
}

function respond(
  state: SemisyncState,
  to: ReplicaId,
  answer: Pick<AppendResponse, 'rejected' | 'index' | 'hintIndex' | 'hintTerm' | 'diverged'>,
): void {
  send(state, { type: 'appendResponse', from: state.self, to, term: state.term, ...answer });
}

export function onHeartbeat(state: SemisyncState, message: Heartbeat): void {
  followLeader(state, message.from);
  const { from, acked, round } = message;
  const stands = state.installing === null && !state.diverged;
  // What this process matched itself it has; what a former one acknowledged must still be there.
  if (stands && state.matched === 0 && acked > state.log.lastIndex) {
    state.logLost = true;
    state.outbox.changed = true;
  }
  if (state.logLost) return;
  if (stands) {
    commitTo(state, Math.min(message.commit, state.matched) as LogIndex);
    vouch(state, message.vouchedCommit, message.vouchedClock);
  }
  const { self, term } = state;
  send(state, { type: 'epochHeartbeatResponse', from: self, to: from, term, round, clock: clockOf(state) });
}
