import { assert } from '../../base/assert.js';
import { indexAfter, type LogIndex } from '../../base/brand.js';
import { openingOf } from './opening.js';
import type { SemisyncState } from './state.js';

/** Moves the commit index; never back, never beyond the log. */
export function commitTo(state: SemisyncState, index: LogIndex): void {
  if (index <= state.commit) return;
  assert(index <= state.log.lastIndex, `C4: commit ${index} is beyond the last entry ${state.log.lastIndex}`);
  if (state.role === 'leader') {
    for (let at = indexAfter(state.commit); at <= index; at = indexAfter(at)) {
      state.uncommittedBytes -= state.log.at(at).payload.length;
    }
    assert(state.uncommittedBytes >= 0, 'no more bytes are committed than were appended');
  }
  state.commit = index;
}

/**
 * Leader: commits in order, every entry with the write quorum in force for it (ap.md §1.3.4). A lowered quorum takes
 * effect only behind its own entry, which needs the old one. Entries of older epochs are committed by an entry of ours,
 * and never without one (raft.md C1).
 */
export function advanceCommit(state: SemisyncState): void {
  if (state.role !== 'leader') return;
  const { log, persistence, quorums, rules } = state;
  const followers = [...state.progress.values()].map(({ match }) => match);
  let reached = chosenAnew(state, followers);
  for (;;) {
    const [change] = quorums.later(reached);
    const end = change?.index ?? log.lastIndex; // One write quorum is in force for all entries up to here.
    const writeQuorum = quorums.forEntry(indexAfter(reached));
    const own = persistence.persistedIndex;
    let upTo = Math.min(end, rules.reached(own, followers, writeQuorum)) as LogIndex;
    if (upTo <= reached) break;
    // The last one may need more than those before it.
    if (upTo === end && rules.reached(own, followers, requiredAcks(state, end)) < end) upTo = indexAfter(end, -1);
    reached = upTo;
    if (reached < end || end === log.lastIndex) break;
  }
  if (reached >= state.epochStartIndex) commitTo(state, reached);
}

/**
 * An epoch that began with a write quorum of its own takes everything before it along: what was in force there may be out of
 * reach for good. Up to where that is done; at least the commit index.
 */
function chosenAnew(state: SemisyncState, followers: readonly LogIndex[]): LogIndex {
  const { commit, log, persistence, quorums, rules } = state;
  const own = persistence.persistedIndex;
  const opens = quorums.later(commit).filter(({ index }) => openingOf(log.at(index)).writeQuorum !== null);
  const newest = opens.findLast(({ index }) => rules.reached(own, followers, requiredAcks(state, index)) >= index);
  return newest?.index ?? commit;
}

/**
 * What the entry at `index` is committed with: the write quorum, and at least half of the members where an epoch began by force with
 * something missing, or with a write quorum of its own. Every majority then meets one who knows.
 */
export function requiredAcks({ followers, log, quorums, rules }: SemisyncState, index: LogIndex): number {
  const { lossPossible, writeQuorum } = openingOf(log.at(index));
  const required = writeQuorum ?? quorums.forEntry(index);
  return lossPossible || writeQuorum !== null ? Math.max(required, rules.forcedStart(followers)) : required;
}

/** How many followers have `index` on their disks. */
export function followersWith({ progress }: SemisyncState, index: LogIndex): number {
  let count = 0;
  for (const { match } of progress.values()) if (match >= index) count++;
  return count;
}
