import { indexAfter } from '../../base/brand.js';
import { isHome, tailOf, type SemisyncState } from './state.js';
import type { FetchRequest, PromiseRequest } from './messages.js';
import { becomeFollower } from './role.js';
import { send } from './send.js';

/**
 * A member that promises ballot b acknowledges nothing of a lower one any more, and says what its log holds. That is on
 * disk before it is told (send.ts). `message.term` is at least ours.
 */
export function onPromiseRequest(state: SemisyncState, message: PromiseRequest): void {
  // Who may lack what it acknowledged must not count towards P.
  if (state.logLost || state.rebuilding) return;
  if (message.ask) return answer(state, message, wouldPromise(state, message));
  if (message.term > state.term) becomeFollower(state, message.term, null);
  // A copy of the request is answered again, but not once the epoch has begun: its ballot is used up.
  if (state.role === 'leader' || state.log.lastTerm >= message.term) return;
  answer(state, message, true);
}

/**
 * Whoever hears a leader does not help to replace it, unless an operator wants it. Where only operators promote, a member
 * may but take back the epoch that it led itself, and no newer one.
 */
function wouldPromise(state: SemisyncState, { from, lastTerm, term, wanted }: PromiseRequest): boolean {
  const { electionElapsed, leader, log, options, role } = state;
  if (term <= state.term) return false;
  if (wanted) return true;
  if (role === 'leader') return false;
  if (leader !== null && leader !== from && electionElapsed < options.electionTicks[0]) return false;
  return options.promotion === 'auto' || lastTerm >= log.lastTerm;
}

function answer(state: SemisyncState, { ask, from, term }: PromiseRequest, granted: boolean): void {
  send(state, {
    type: 'promiseResponse',
    from: state.self,
    to: from,
    term: granted ? term : state.term,
    ask,
    granted,
    tail: tailOf(state),
  });
}

/** Who may stand for leader by itself, and when nothing is in the way. */
export function standsByItself(state: SemisyncState): boolean {
  return state.options.promotion === 'auto' || isHome(state);
}

/** The candidate adopts our log: it is the greatest of those that promised. */
export function onFetchRequest(state: SemisyncState, message: FetchRequest): void {
  if (state.role !== 'follower' || state.installing !== null) return;
  const { from, prevIndex, prevTerm } = message;
  const { log, options, self, term } = state;
  if (prevIndex < log.baseIndex) {
    if (state.serving.has(from)) return;
    state.serving.add(from);
    const { forcedTerm } = state.quorums.latest;
    state.outbox.sendSnapshots.push({ to: from, term, replaces: false, forcedTerm });
    return;
  }
  const matches = log.termOf(prevIndex) === prevTerm;
  const hint = matches ? { index: prevIndex, term: prevTerm } : log.lastAtMost(prevIndex, prevTerm);
  const { appendEntries, appendBytes } = options.limits;
  send(state, {
    type: 'fetchResponse',
    from: self,
    to: from,
    term,
    rejected: !matches,
    prevIndex,
    prevTerm,
    hintIndex: hint.index,
    hintTerm: hint.term,
    entries: matches && prevIndex < log.lastIndex ? log.slice(indexAfter(prevIndex), appendEntries, appendBytes) : [],
  });
}
