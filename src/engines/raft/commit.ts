import { assert } from '../../base/assert.js';
import { indexAfter, type LogIndex } from '../../base/brand.js';
import { completeChange } from './change.js';
import { reachedByMajority } from './quorum.js';
import { membershipOf, type RaftState } from './state.js';

/** Moves the commit index; never back, never beyond the log (raft.md C4). */
export function commitTo(state: RaftState, index: LogIndex): void {
  if (index <= state.commit) return;
  assert(index <= state.log.lastIndex, `C4: commit ${index} is beyond the last entry ${state.log.lastIndex}`);
  if (state.role === 'leader') {
    for (let at = indexAfter(state.commit); at <= index; at = indexAfter(at)) {
      state.uncommittedBytes -= state.log.at(at).payload.length;
    }
    assert(state.uncommittedBytes >= 0, 'no more bytes are committed than were appended');
  }
  state.commit = index;
  if (state.memberships.commitTo(index)) state.persistence.markMemberships();
}

/**
 * Leader: commits what a majority holds. Only an entry of the own term is committed by counting, and everything before
 * it along with it (raft.md C1, Raft paper §5.4.2). We count ourselves with what is on our own disk (R2), and not at all
 * where we are no voter (M7).
 */
export function advanceCommit(state: RaftState): void {
  if (state.role !== 'leader') return;
  const reached = reachedByMajority(membershipOf(state), (voter) =>
    voter === state.self ? state.persistence.persistedIndex : (state.progress.get(voter)?.match ?? 0),
  ) as LogIndex;
  if (reached <= state.commit || state.log.termOf(reached) !== state.term) return;
  commitTo(state, reached);
  completeChange(state);
}
