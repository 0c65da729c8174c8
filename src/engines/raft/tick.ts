import { completeChange } from './change.js';
import { mayCampaign, preCampaign } from './election.js';
import { tickForwards } from './forwards.js';
import { majorityHolds } from './quorum.js';
import { startRound, tickReads } from './read-index.js';
import { becomeFollower, forgetLeft, setLeader } from './role.js';
import { tickInstalling } from './snapshot.js';
import { diskStalled, membershipOf, recentlyActive, type RaftState } from './state.js';
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
  forgetLeft(state);
  tickTransfer(state);
  completeChange(state);
  if (!leads(state)) return; // M7: it was not a member any more.
  state.heartbeatElapsed++;
  if (state.heartbeatElapsed >= state.options.heartbeatTicks) startRound(state);
}

function leads({ role }: RaftState): boolean {
  return role === 'leader';
}

export function hasQuorum(state: RaftState): boolean {
  return majorityHolds(membershipOf(state), (voter) => recentlyActive(state, voter));
}

function tickOthers(state: RaftState): void {
  state.electionElapsed++;
  if (state.role !== 'follower' && diskStalled(state)) becomeFollower(state, state.term, null);
  if (state.electionElapsed < state.electionTimeout) return;
  if (mayCampaign(state)) preCampaign(state);
  else setLeader(state, null); // As soon as nothing is in the way, the next tick campaigns.
}
