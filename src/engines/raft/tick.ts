import { mayCampaign, preCampaign } from './election.js';
import { tickForwards } from './proposals.js';
import { majorityHolds } from './quorum.js';
import { startRound, tickReads } from './read-index.js';
import { becomeFollower, setLeader } from './role.js';
import { tickInstalling } from './snapshot.js';
import { diskStalled, recentlyActive, type RaftState } from './state.js';
import { tickTransfer } from './transfer.js';

/** One tick of the group's timer: the only time that this engine knows. */
export function onTick(state: RaftState): void {
  state.tick++;
  tickForwards(state);
  tickInstalling(state);
  if (state.role === 'leader') tickLeader(state);
  else tickOthers(state);
  tickReads(state);
}

function tickLeader(state: RaftState): void {
  // R7: heartbeats must not outrun a disk that stands still; check-quorum: nor a majority that is gone.
  if (diskStalled(state) || !hasQuorum(state)) {
    becomeFollower(state, state.term, null);
    return;
  }
  tickTransfer(state);
  state.heartbeatElapsed++;
  if (state.heartbeatElapsed >= state.options.heartbeatTicks) startRound(state);
}

export function hasQuorum(state: RaftState): boolean {
  return majorityHolds(state.membership, (voter) => recentlyActive(state, voter));
}

function tickOthers(state: RaftState): void {
  state.electionElapsed++;
  if (state.role !== 'follower' && diskStalled(state)) becomeFollower(state, state.term, null);
  if (state.electionElapsed < state.electionTimeout) return;
  if (mayCampaign(state)) preCampaign(state);
  else setLeader(state, null); // As soon as nothing is in the way, the next tick campaigns.
}
