import type { ReplicaId } from '../../base/brand.js';
import type { Prng } from '../../base/prng.js';
import { expirePulls, lacksAnything } from './pulls.js';
import { PHI_DOWN, type Peer } from './peer.js';
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
  for (const peer of state.peers.values()) {
    if (peer.overdue(before)) peer.grounded();
    if (!peer.remind) continue;
    peer.remind = false;
    if (peer.up) peer.wantDigest(false);
  }
}

/** ±20 %, so that members do not fall into step. */
export function scheduleRound(state: LeaderlessState): void {
  const { gossipTicks, prng } = state.options;
  const mean = lacksAnything(state) ? gossipTicks / HURRY : gossipTicks;
  state.nextRoundTick = state.tick + Math.max(1, Math.round(mean * (0.8 + 0.4 * prng.float())));
}

/**
 * Push and pull with one member (ap.md §1.0.4). At random, but everybody comes once before anybody comes twice: stability
 * needs the word of each member itself, and must not wait for luck.
 */
export function startRound(state: LeaderlessState): void {
  const { peers, tick } = state;
  const { prng } = state.options;
  const longShot = prng.between(1, LONG_SHOT) === 1;
  const passes = (peer: Peer): boolean => peer.up && (longShot || peer.detector.phi(tick) < PHI_DOWN);
  // Whose first word was lost is asked again by every round: catching up waits for it.
  for (const peer of peers.values()) if (peer.up && !peer.known) peer.wantDigest(true);
  for (let tries = 0; tries <= peers.size; tries++) {
    const id = state.turns.pop();
    const peer = id === undefined ? undefined : peers.get(id);
    if (id === undefined) state.turns = shuffled([...peers.keys()], prng);
    if (peer === undefined || !passes(peer)) continue;
    peer.wantDigest(true);
    state.counters.rounds++;
    return;
  }
}

function shuffled(ids: ReplicaId[], prng: Prng): ReplicaId[] {
  for (let last = ids.length - 1; last > 0; last--) {
    const at = prng.between(0, last);
    [ids[at], ids[last]] = [ids[last] as ReplicaId, ids[at] as ReplicaId];
  }
  return ids;
}
