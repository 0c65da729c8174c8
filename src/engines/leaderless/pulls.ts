import { replicaOf, type OriginId } from '../../base/brand.js';
import { wantFullSync } from './full-sync.js';
import type { Peer } from './peer.js';
import type { LeaderlessState, OriginHere } from './state.js';
import type { Dot } from './types.js';
import { positionOf } from './vector.js';

/**
 * Who is asked for what we lack. Each origin is asked of one member at a time, from the position that we have received,
 * so that nothing comes twice; of its owner, if that is up, because the others then have no reason to send it. One
 * request per member is under way; all of it is decided by what their digests said.
 */

/** Lets the owner's own stream arrive before somebody else is asked: a part of a gossip interval. */
function patienceTicks(state: LeaderlessState): number {
  return Math.max(2, Math.ceil(state.options.gossipTicks / 5));
}

/** A request, or its answer, is lost. */
export function pullTicks(state: LeaderlessState): number {
  return Math.max(3, state.options.gossipTicks);
}

export interface Pull {
  readonly positions: readonly Dot[];
  readonly creditBytes: number;
}

/** Chooses what to ask of whom now, and marks it as asked. */
export function schedulePulls(state: LeaderlessState): Map<Peer, Pull> {
  state.pullsDirty = false;
  const pulls = new Map<Peer, Dot[]>();
  const { deltaBytes, unpersistedBytes } = state.options.limits;
  const creditBytes = Math.min(deltaBytes, unpersistedBytes - state.persistence.bytes);
  const asked = new Set<OriginId>();
  for (const peer of state.peers.values()) for (const origin of peer.pull?.positions.keys() ?? []) asked.add(origin);
  for (const here of state.origins.values()) {
    if (here.origin === state.origin) continue;
    const holders = holdersOf(state, here);
    here.lacksSinceTick = holders.length === 0 ? null : (here.lacksSinceTick ?? state.tick);
    const wanted = holders.length > 0 && !asked.has(here.origin) && hasRoom(here);
    if (!wanted || here.refusedUntilTick > state.tick || state.sync !== null || creditBytes <= 0) continue;
    const source = chooseSource(state, here, holders, pulls);
    if (source === null || source.pull !== null) continue;
    const positions = pulls.get(source) ?? [];
    positions.push({ origin: here.origin, seq: here.buffer.received });
    pulls.set(source, positions);
  }
  const chosen = new Map<Peer, Pull>();
  for (const [peer, positions] of pulls) {
    peer.pull = { tick: state.tick, positions: new Map(positions.map(({ origin, seq }) => [origin, seq])) };
    peer.wantDigest(false);
    chosen.set(peer, { positions, creditBytes });
  }
  return chosen;
}

/** A buffer that is full of what comes after a gap still takes what fills the gap. */
function hasRoom({ buffer, log }: OriginHere): boolean {
  return !buffer.full || buffer.received === log.accepted;
}

/** Members that are up and have more of the origin than we received. */
function holdersOf(state: LeaderlessState, { origin, buffer }: OriginHere): Peer[] {
  const holders: Peer[] = [];
  for (const peer of state.peers.values()) {
    if (peer.up && peer.known && positionOf(peer.has, origin) > buffer.received) holders.push(peer);
  }
  return holders;
}

function chooseSource(
  state: LeaderlessState,
  here: OriginHere,
  holders: readonly Peer[],
  pulls: ReadonlyMap<Peer, readonly Dot[]>,
): Peer | null {
  const { origin, buffer } = here;
  const owner = state.peers.get(replicaOf(origin));
  const willing = holders.filter((peer) => (peer.barren.get(origin) ?? 0) <= state.tick);
  const able = willing.filter((peer) => peer.canServe(origin, buffer.received));
  if (able.length === 0) {
    if (willing.length > 0) wantFullSync(state, here, willing);
    return null;
  }
  if (owner !== undefined && able.includes(owner)) return owner;
  const streams = owner !== undefined && owner.alive(state.tick) && owner.known && owner.origin === origin;
  if (streams && state.tick - (here.lacksSinceTick ?? 0) < patienceTicks(state)) return null;
  // The one that has most, and of equals the one that is asked for least.
  const load = (peer: Peer): number => pulls.get(peer)?.length ?? (peer.pull === null ? 0 : state.origins.size);
  return able.reduce((best, peer) => {
    const more = positionOf(peer.has, origin) - positionOf(best.has, origin);
    return more > 0 || (more === 0 && load(peer) < load(best)) ? peer : best;
  });
}

/**
 * A delta, or needFullSync, came from `peer`. What it pushes on its own account is no answer. What was answered without
 * bringing us further is left alone for a while: asking again at once would have the same answer, for ever.
 */
export function endPull(state: LeaderlessState, peer: Peer, origins: readonly OriginId[], more: boolean): void {
  const { pull } = peer;
  if (pull === null) return;
  const answered = new Set(origins);
  if (origins.length > 0 && ![...pull.positions.keys()].some((origin) => answered.has(origin))) return;
  peer.pull = null;
  state.pullsDirty = true;
  for (const [origin, seq] of pull.positions) {
    const moved = (state.origins.get(origin)?.buffer.received ?? 0) > seq;
    const untouched = more && !answered.has(origin);
    if (!moved && !untouched) peer.barren.set(origin, state.tick + patienceTicks(state));
  }
}

/** Requests that were not answered in time: somebody else is asked. */
export function expirePulls(state: LeaderlessState): void {
  for (const peer of state.peers.values()) {
    if (peer.pull !== null && state.tick - peer.pull.tick >= pullTicks(state)) leavePull(state, peer);
  }
}

/** It is not answered, or has not arrived: others are asked, and this one not again for a while. */
export function leavePull(state: LeaderlessState, peer: Peer): void {
  const { pull } = peer;
  if (pull === null) return;
  peer.pull = null;
  for (const origin of pull.positions.keys()) peer.barren.set(origin, state.tick + pullTicks(state));
  state.pullsDirty = true;
}

/** Somebody who is up has what we have not received. */
export function lacksAnything(state: LeaderlessState): boolean {
  for (const { lacksSinceTick } of state.origins.values()) if (lacksSinceTick !== null) return true;
  return false;
}
