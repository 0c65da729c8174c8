import { positionOf, coversAll, dotsOf } from './vector.js';
import type { LeaderlessState } from './state.js';
import { releaseParked } from './writes.js';

/** Alone in the group, or already told by somebody who knows what is stable: no need to wait. */
export function beginStart(state: LeaderlessState): void {
  if (state.start.phase === 'met') return;
  const told = [...state.peers.values()].some((peer) => peer.known && !peer.syncing);
  if (state.peers.size === 0 || told) met(state);
}

/** A member's digest has been taken in. */
export function onWord(state: LeaderlessState, syncing: boolean): void {
  if (state.start.phase === 'met') return;
  if (!state.start.fresh || !syncing || wholeGroupIsNew(state)) met(state);
}

/** Nobody has ever written as who they are now, so nothing that they wrote can be stable. */
function wholeGroupIsNew(state: LeaderlessState): boolean {
  for (const { row, origin, has } of state.peers.values()) {
    if (row === null || origin === null || positionOf(has, origin) > 0) return false;
  }
  return true;
}

/** Waited long enough for others: a folder that has written before goes on without them. */
export function expireStart(state: LeaderlessState): void {
  if (state.start.phase === 'met' || state.start.fresh) return;
  if (state.tick >= state.options.startGraceTicks) met(state);
}

function met(state: LeaderlessState): void {
  state.start = { phase: 'met' };
  state.outbox.changed = true;
  for (const peer of state.peers.values()) if (peer.up) peer.wantDigest(false);
  releaseParked(state);
}

/** Lacks something that others had when they were met. Forgets what has been reached. */
export function isBehindGoal(state: LeaderlessState): boolean {
  if (state.goal.size === 0) return false;
  if (!coversAll(state.vector, dotsOf(state.goal))) return true;
  state.goal.clear();
  return false;
}
