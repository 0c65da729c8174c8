import { mayStand, stand, tickCandidacy } from './candidacy.js';
import { standsByItself } from './promise.js';
import { startRound, tickReads } from './reads.js';
import { becomeFollower, setLeader } from './role.js';
import { tickInstalling } from './snapshot.js';
import { diskStalled, type SemisyncState } from './state.js';

/** One tick of the group's timer: the only time that this engine knows. */
export function onTick(state: SemisyncState): void {
  state.tick++;
  tickInstalling(state);
  if (state.role === 'leader') tickLeader(state);
  else tickOthers(state);
  tickReads(state);
}

/**
 * A leader that cannot reach its followers goes on leading: it refuses writes and strong reads, and nobody loses anything
 * (whoever replaces it needs promises). Only a disk that stands still makes it step down (raft.md R7).
 */
function tickLeader(state: SemisyncState): void {
  if (diskStalled(state)) return becomeFollower(state, state.term, null);
  state.heartbeatElapsed++;
  if (state.heartbeatElapsed >= state.options.heartbeatTicks) startRound(state);
}

function tickOthers(state: SemisyncState): void {
  state.electionElapsed++;
  const { candidacy } = state;
  if (candidacy !== null) return tickCandidacy(state, candidacy);
  if (state.electionElapsed < state.electionTimeout) return;
  if (standsByItself(state) && mayStand(state)) stand(state, null);
  else setLeader(state, null); // As soon as nothing is in the way, the next tick tries.
}
