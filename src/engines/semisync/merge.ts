import { indexAfter, type LogIndex, type Term } from '../../base/brand.js';
import type { SemisyncEntry } from './messages.js';
import { readOpening } from './opening.js';
import { readQuorum } from './quorum-history.js';
import type { SemisyncState } from './state.js';

/** Entries without a gap after (prevIndex, prevTerm), epochs in order and at most `term`; and write quorums that exist. */
export function isWellFormed(
  { followers }: SemisyncState,
  prev: { readonly prevIndex: LogIndex; readonly prevTerm: Term },
  entries: readonly SemisyncEntry[],
  term: Term,
): boolean {
  let index: number = prev.prevIndex;
  let before = prev.prevTerm;
  for (const entry of entries) {
    if (entry.index !== index + 1 || entry.term < before || entry.term > term) return false;
    if (entry.kind === 'quorum' && readQuorum(entry.payload, followers) === null) return false;
    if (entry.kind === 'noop' && readOpening(entry.payload, followers) === null) return false;
    index = entry.index;
    before = entry.term;
  }
  return true;
}

/**
 * Takes over entries that follow a position which is known to match. What we hold already, and what lies beyond them, stays;
 * only a real conflict truncates (raft.md A1), and what goes is told. Null when done, and where the conflict is with an
 * entry that we know to be committed: its index, with nothing changed.
 */
export function mergeEntries(state: SemisyncState, entries: readonly SemisyncEntry[]): LogIndex | null {
  const { log, persistence, quorums } = state;
  let at = 0;
  for (const { index, term } of entries) {
    const ours = log.termOf(index);
    if (ours === null) break;
    if (ours !== term) {
      if (index <= state.commit) return index;
      discard(state, index, true);
      withdrawAcknowledgements(state, index);
      log.truncateFrom(index);
      quorums.truncateFrom(index);
      persistence.onTruncated(index);
      break;
    }
    at++;
  }
  for (const entry of at === 0 ? entries : entries.slice(at)) {
    log.append(entry);
    quorums.append(entry, state.followers);
  }
  return null;
}

/** Everything at and after `index` is about to go, or to be replaced by a full sync (ap.md §1.3.6). */
export function discard(state: SemisyncState, index: LogIndex, certain: boolean, beforeLog = false): void {
  const { commit, log, outbox, term } = state;
  const entries = index <= log.lastIndex ? log.range(index, log.lastIndex) : [];
  if (entries.length > 0 || beforeLog) outbox.discarded.push({ epoch: term, entries, commit, certain, beforeLog });
}

/**
 * What we were about to tell the leader of a lower epoch is not true any more: the entries at and after `index` will
 * never reach our disk (raft.md R1).
 */
function withdrawAcknowledgements(state: SemisyncState, index: LogIndex): void {
  const { outbox, term } = state;
  outbox.afterPersist = outbox.afterPersist.filter(
    (message) =>
      message.type !== 'appendResponse' || message.rejected || message.term === term || message.index < index,
  );
}

/** Everything that the log holds is taken back to a snapshot at (index, term); what agrees with it stays. */
export function restartLog(state: SemisyncState, index: LogIndex, term: Term, keepSuffix: boolean): void {
  const { log, persistence } = state;
  if (keepSuffix) {
    log.cutPrefix(index);
    persistence.onCovered(index);
  } else {
    log.reset(index, term);
    persistence.onReset(index);
  }
  persistence.markHardState(); // Its commit index may be that of another history.
}

/** What we applied is not in the leader's log. It is to be replaced, and until then we do not count (state.ts). */
export function beginRebuild(state: SemisyncState): void {
  state.diverged = true;
  if (state.rebuilding) return;
  state.rebuilding = true;
  state.outbox.changed = true;
  state.persistence.markHardState();
}

/** An entry of the current epoch is in our log: so is everything that its leader had adopted. */
export function endRebuild(state: SemisyncState): void {
  if (state.rebuilding && !state.diverged && state.log.lastTerm === state.term) declareRebuilt(state);
}

export function declareRebuilt(state: SemisyncState): void {
  state.diverged = false;
  state.rebuilding = false;
  state.outbox.changed = true;
  state.persistence.markHardState();
}

export function lastPosition({ log }: SemisyncState): { readonly index: LogIndex; readonly term: Term } {
  return { index: log.lastIndex, term: log.lastTerm };
}

/** Later epoch first, then the longer log: of logs that were promised, the greatest holds all that was acknowledged. */
export function isGreater(
  a: { readonly lastIndex: LogIndex; readonly lastTerm: Term },
  b: { readonly lastIndex: LogIndex; readonly lastTerm: Term },
): boolean {
  return a.lastTerm > b.lastTerm || (a.lastTerm === b.lastTerm && a.lastIndex > b.lastIndex);
}

export function endOf(prevIndex: LogIndex, entries: readonly SemisyncEntry[]): LogIndex {
  return indexAfter(prevIndex, entries.length);
}
