import { positionOf, coversAll, dotsOf } from './vector.js';
import type { Peer } from './peer.js';
import type { LeaderlessState } from './state.js';
import { releaseParked } from './writes.js';

/** Alone in the group, or already told by somebody who knows what is stable: no need to wait. */
export function beginStart(state: LeaderlessState): void {
  noteHeardOut(state);
  if (state.start.phase === 'met') return;
  const told = [...state.peers.values()].some(({ known, row, syncing }) => known && row !== null && !syncing);
  if (state.peers.size === 0 || (state.start.fresh ? told : heardOut(state, false))) met(state);
}

/**
 * A member's digest has been taken in. A new origin needs one of a member that knows what is stable. One that has written
 * before is asking whether anybody knows more of it than itself, so it hears all of them out.
 */
export function onWord(state: LeaderlessState, syncing: boolean): void {
  noteHeardOut(state);
  if (state.start.phase === 'met') return;
  if (state.start.fresh ? !syncing || wholeGroupIsNew(state) : heardOut(state, false)) met(state);
}

/**
 * Who goes on without somebody (`expireStart`) does not know how far it has written before, if its disk went back in time. It
 * does when all have told, in answer to a word of this life: a link that has brought such a word brings nothing older
 * (transport.ts). Whoever had more of us has said so by then, and another origin is ours.
 */
function noteHeardOut(state: LeaderlessState): void {
  state.heardOut ||= [...state.peers.values()].every((peer) => peer.answered > 0) && heardOut(state, false);
}

/** Who holds more of us in memory than on its disk has another word to say. */
function heardOut(state: LeaderlessState, onlyWhoIsUp: boolean): boolean {
  const peers = [...state.peers.values()];
  const hasSpoken = (peer: Peer): boolean => peer.known && !peer.pending.has(state.origin);
  if (peers.every(hasSpoken)) return true;
  return onlyWhoIsUp && peers.some(isWitness) && peers.every((peer) => hasSpoken(peer) || !peer.up);
}

/** What a member with a new folder had heard of us went with the old one: it has no word to give for those who are away. */
function isWitness({ known, syncing, origin, has }: Peer): boolean {
  return known && !(syncing && origin !== null && positionOf(has, origin) === 0);
}

/** Nobody has ever written as who they are now, so nothing that they wrote can be stable. */
function wholeGroupIsNew(state: LeaderlessState): boolean {
  return [...state.peers.values()].every(isNew);
}

function isNew({ row, origin, has }: Peer): boolean {
  return row !== null && origin !== null && positionOf(has, origin) === 0;
}

/**
 * Of a new group not all members may have come yet. A majority that has never written is taken for a new group: otherwise
 * most members would have lost their folders, and what the others know is lost in part already.
 */
function groupSeemsNew({ peers }: LeaderlessState): boolean {
  const told = [...peers.values()].filter(({ known }) => known);
  return told.every(isNew) && (told.length + 1) * 2 > peers.size + 1;
}

/** Who has written before goes on without those who do not come: sooner when others did. */
export function expireStart(state: LeaderlessState): void {
  if (state.start.phase === 'met') return;
  const grace = state.options.startGraceTicks;
  if (state.start.fresh) {
    if (state.tick >= grace && groupSeemsNew(state)) met(state);
  } else if (state.tick >= grace || (state.tick >= grace / 4 && heardOut(state, true))) met(state);
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

/** What a member had, and has lost with its folder, nobody has to wait for once all have said what they have. */
export function lowerGoal(state: LeaderlessState): void {
  const peers = [...state.peers.values()];
  if (state.goal.size === 0 || peers.some(({ known }) => !known)) return;
  for (const [origin, seq] of state.goal) {
    const most = peers.reduce((most, { has }) => Math.max(most, positionOf(has, origin)), 0);
    if (most < seq) state.goal.set(origin, most);
  }
}
