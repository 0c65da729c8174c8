import { assert } from '../../base/assert.js';
import { indexAfter, type LogIndex, type Term } from '../../base/brand.js';
import { ownerOf } from './ballot.js';
import type { SemisyncState } from './state.js';

/** Entries at the end of the log whose order is looked at: new ones are always among them. */
const TAIL_ENTRIES = 16;

/** What the last check saw: some invariants are about change. */
export interface InvariantMemory {
  term: Term;
  commit: LogIndex;
  /** Set while another history is to be replaced by a full sync: commit may go back once. */
  replacing: boolean;
  /** Set while leading: the term, and how long the log was. */
  ledTerm: Term | null;
  ledLastIndex: LogIndex;
}

export function createInvariantMemory(state: SemisyncState): InvariantMemory {
  return {
    term: state.term,
    commit: state.commit,
    replacing: false,
    ledTerm: null,
    ledLastIndex: state.log.lastIndex,
  };
}

/** States what always holds between two events. Throws InvariantViolation. */
export function checkInvariants(state: SemisyncState, memory: InvariantMemory): void {
  checkTail(state);
  checkProgress(state);
  checkReads(state);
  checkAlways(state, memory);
}

/** The part that costs next to nothing: runs in every drain, in production too, before anybody sees its effects. */
export function checkAlways(state: SemisyncState, memory: InvariantMemory): void {
  checkPointers(state);
  checkRole(state);
  checkHistory(state, memory);
}

/** base <= applied <= handed out <= commit <= last; persisted <= last. */
function checkPointers(state: SemisyncState): void {
  const { log, applied, handedOut, commit, matched, persistence } = state;
  assert(log.baseIndex <= applied, 'nothing is cut from the log before it is applied');
  assert(applied <= handedOut, 'nothing is applied before it is handed out');
  assert(handedOut <= commit, 'nothing is handed out before it is committed');
  assert(commit <= log.lastIndex, 'commit is within the log');
  assert(matched <= log.lastIndex, 'what matches is within the log');
  assert(persistence.persistedIndex <= log.lastIndex, 'only what is in the log is persisted');
  assert(persistence.durableTerm <= state.term, 'no ballot is durable before it is promised');
  assert(log.lastTerm <= state.term, 'no entry is of a higher ballot than we promised');
}

function checkTail({ log, quorums }: SemisyncState): void {
  const from = Math.max(log.firstIndex, log.lastIndex - TAIL_ENTRIES) as LogIndex;
  for (let at = from; at <= log.lastIndex; at = indexAfter(at)) {
    assert(log.at(at).index === at, 'the log has no gaps');
    assert((log.termOf(indexAfter(at, -1)) ?? 0) <= log.at(at).term, 'epochs never decrease along the log');
  }
  assert(quorums.latest.index <= log.lastIndex, 'write quorums come from the log');
}

function checkRole(state: SemisyncState): void {
  const { candidacy, leader, log, members, progress, reads, role, self, term } = state;
  assert((role === 'leader') === (leader === self), 'a leader, and only a leader, follows itself');
  assert(leader === null || ownerOf(members, term) === leader, 'an epoch is led by whom its ballot belongs to');
  assert((role === 'candidate' || role === 'pre-candidate') === (candidacy !== null), 'who stands has an attempt');
  if (candidacy !== null && role === 'candidate') assert(candidacy.ballot === term, 'a candidate took its ballot');
  if (candidacy !== null && role === 'pre-candidate') assert(candidacy.ballot > term, 'a ballot is above all promised');
  if (role !== 'leader') {
    assert(progress.size === 0 && reads.count === 0, 'only a leader tracks followers and confirms reads');
    return;
  }
  assert(ownerOf(members, term) === self && state.persistence.durableTerm === term, 'a leader has its ballot on disk');
  assert(log.lastTerm === term, 'a leader opened its epoch with an entry');
}

function checkProgress({ followers, log, progress, reads, role }: SemisyncState): void {
  if (role === 'leader') assert(progress.size === followers, 'a leader tracks every follower');
  for (const { ackedRound, inflight, match, next, state } of progress.values()) {
    assert(next > match, 'A3: next stays above match');
    assert(match <= log.lastIndex, 'no follower matches what we do not have');
    assert(next <= log.lastIndex + 1, 'nothing beyond the log is sent');
    assert(state === 'replicate' || inflight.count === 0, 'only replicate keeps appends in flight');
    assert(ackedRound <= reads.lastRound, 'no round is answered before it began');
  }
}

function checkReads({ options, reads }: SemisyncState): void {
  const inRounds = reads.rounds.reduce((sum, round) => sum + round.reads.length, 0);
  assert(reads.count === reads.waiting.length + inRounds, 'every pending read is counted once');
  assert(reads.count <= options.limits.pendingReads, 'reads are bounded');
}

function checkHistory(state: SemisyncState, memory: InvariantMemory): void {
  assert(state.term >= memory.term, 'ballots never go back');
  assert(memory.replacing || state.commit >= memory.commit, 'commit never moves back, but by a full sync after force');
  if (state.role === 'leader' && memory.ledTerm === state.term) {
    assert(state.log.lastIndex >= memory.ledLastIndex, 'a leader only appends to its log (Raft paper §5.3)');
  }
  memory.term = state.term;
  memory.commit = state.commit;
  memory.replacing = state.diverged;
  memory.ledTerm = state.role === 'leader' ? state.term : null;
  memory.ledLastIndex = state.log.lastIndex;
}
