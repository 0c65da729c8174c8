import { expirePulls, lacksAnything } from './pulls.js';
import { PHI_DOWN } from './peer.js';
import { expireStart } from './start.js';
import type { LeaderlessState } from './state.js';
import { expireParked } from './writes.js';

/** Batches that were sent and not acknowledged for so many gossip intervals are taken for lost. */
const FLIGHT_ROUNDS = 2;
/** While behind, rounds come at a tenth of the interval. */
const HURRY = 10;
/** One round in so many tries a member that is suspected of being down: both may suspect each other. */
const LONG_SHOT = 8;

export function onTick(state: LeaderlessState): void {
  state.tick++;
  state.shownStale = true;
  expireStart(state);
  expireParked(state);
  expirePulls(state);
  expireFlights(state);
  if (lacksAnything(state)) state.pullsDirty = true;
  if (state.ensures.size > 0) state.ensuresDirty = true;
  if (state.tick < state.nextRoundTick) return;
  startRound(state);
  scheduleRound(state);
}

function expireFlights(state: LeaderlessState): void {
  const before = state.tick - FLIGHT_ROUNDS * state.options.gossipTicks;
  for (const peer of state.peers.values()) if (peer.overdue(before)) peer.grounded();
}

/** ±20 %, so that members do not fall into step. */
export function scheduleRound(state: LeaderlessState): void {
  const { gossipTicks, prng } = state.options;
  const mean = lacksAnything(state) ? gossipTicks / HURRY : gossipTicks;
  state.nextRoundTick = state.tick + Math.max(1, Math.round(mean * (0.8 + 0.4 * prng.float())));
}

/** Push and pull with one member at random (ap.md §1.0.4). */
export function startRound(state: LeaderlessState): void {
  const { prng } = state.options;
  const up = [...state.peers.values()].filter((peer) => peer.up);
  const alive = up.filter((peer) => peer.detector.phi(state.tick) < PHI_DOWN);
  const from = alive.length === 0 || prng.between(1, LONG_SHOT) === 1 ? up : alive;
  const chosen = from[prng.between(0, Math.max(0, from.length - 1))];
  if (chosen === undefined) return;
  chosen.wantDigest(true);
  state.counters.rounds++;
}
