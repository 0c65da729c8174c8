import { mayStand, stand, tickCandidacy } from './candidacy.js';
import { standsByItself } from './promise.js';
import { startRound, tickReads } from './reads.js';
import { becomeFollower, setLeader } from './role.js';
import { tickInstalling } from './snapshot.js';
import { diskStalled, type SemisyncState } from './state.js';

/** A leader that has heard too few followers for so many election timeouts makes room. */
const UNHEARD_TIMEOUTS_MAX = 4;

/** One tick of the group's timer: the only time that this engine knows. */
export function onTick(state: SemisyncState): void {
  state.tick++;
  tickInstalling(state);
  if (state.role === 'leader') tickLeader(state);
  else tickOthers(state);
  tickReads(state);
}

function tickLeader(state: SemisyncState): void {
  // raft.md R7: heartbeats must not outrun a disk that stands still; nor hold up whoever could take the place of one who hears nobody.
  if (diskStalled(state) || isCutOff(state)) return becomeFollower(state, state.term, null);
  state.heartbeatElapsed++;
  if (state.heartbeatElapsed >= state.options.heartbeatTicks) startRound(state);
}

/**
 * Too few followers are heard to confirm a ballot, and so to acknowledge anything (no write takes fewer): others may hear us all the
 * same, and wait. Where only an operator promotes, nobody else would come, and what is read here is of use.
 */
function isCutOff({ commit, followers, options, progress, quorums, rules, tick }: SemisyncState): boolean {
  if (options.promotion === 'manual') return false;
  const sinceTick = tick - UNHEARD_TIMEOUTS_MAX * options.electionTicks[1];
  let heard = 0;
  for (const { heardTick } of progress.values()) if (heardTick >= sinceTick) heard++;
  return heard < rules.confirmations(followers, quorums.after(commit).writeQuorum);
}

function tickOthers(state: SemisyncState): void {
  state.electionElapsed++;
  const { candidacy } = state;
  if (candidacy !== null) return tickCandidacy(state, candidacy);
  if (state.electionElapsed < state.electionTimeout) return;
  if (standsByItself(state) && mayStand(state)) stand(state, null);
  else setLeader(state, null); // As soon as nothing is in the way, the next tick tries.
}
