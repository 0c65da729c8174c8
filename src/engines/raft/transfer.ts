import { assert } from '../../base/assert.js';
import type { ReplicaId } from '../../base/brand.js';
import { isVoter } from './quorum.js';
import { becomeFollower } from './role.js';
import { send } from './send.js';
import { membershipOf, recentlyActive, type RaftState } from './state.js';

/**
 * Leadership transfer (Raft thesis §3.10): stop taking proposals, wait until the target has everything, tell it to
 * campaign at once. Gives up after an election timeout. The target is a voter, and stays one: of `voters`.
 */
export function startTransfer(state: RaftState, wanted: ReplicaId | null): void {
  if (state.role !== 'leader') return;
  const target = wanted ?? mostAdvanced(state);
  if (target === null || !isTarget(state, target)) return;
  if (state.transfer?.target === target) return;
  state.transfer = { target, sinceTick: state.tick, timeoutNowSent: false };
  state.reads.leaseTick = null; // L5: dropped at the start, not at the end.
  continueTransfer(state);
}

function isTarget(state: RaftState, target: ReplicaId): boolean {
  return state.progress.has(target) && membershipOf(state).voters.includes(target);
}

function mostAdvanced(state: RaftState): ReplicaId | null {
  let best: ReplicaId | null = null;
  let bestMatch = -1;
  for (const progress of state.progress.values()) {
    if (!recentlyActive(state, progress.peer) || !isTarget(state, progress.peer)) continue;
    if (progress.match <= bestMatch) continue;
    best = progress.peer;
    bestMatch = progress.match;
  }
  return best;
}

/** Sends timeoutNow once the target holds our last entry. */
export function continueTransfer(state: RaftState): void {
  const { transfer } = state;
  if (transfer === null || transfer.timeoutNowSent) return;
  assert(state.role === 'leader', 'only a leader hands over leadership');
  if (state.progress.get(transfer.target)?.match !== state.log.lastIndex) return;
  transfer.timeoutNowSent = true;
  state.reads.leaseForbidden = true;
  send(state, { type: 'timeoutNow', from: state.self, to: transfer.target, term: state.term });
  stepDownWhenRemoved(state);
}

/** M7: nothing is left to do for a leader that the committed membership does not list. */
function stepDownWhenRemoved(state: RaftState): void {
  if (!isVoter(state.memberships.committed.membership, state.self)) becomeFollower(state, state.term, null);
}

export function tickTransfer(state: RaftState): void {
  const { transfer, tick, options } = state;
  if (transfer === null || tick - transfer.sinceTick < options.electionTicks[1]) return;
  state.transfer = null;
  stepDownWhenRemoved(state);
}
