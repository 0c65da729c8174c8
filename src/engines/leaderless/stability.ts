import type { OriginId, ReplicaId } from '../../base/brand.js';
import { replicaOf } from '../../base/brand.js';
import type { Peer } from './peer.js';
import type { LeaderlessState, OriginHere } from './state.js';
import type { Vector } from './types.js';
import { positionOf } from './vector.js';

/**
 * Causal stability (ap.md §1.0.6). Each origin o tells (lastSeq, C): "whatever I write after lastSeq has a counter above C".
 * A member that has everything up to lastSeq records heard[o] = C, and tells its row. The least of all rows is what no
 * new write can come at or below, anywhere: tombstones up to it have nothing left to fight.
 */

/** The owner of `here` has told that all its batches after `seq` are above `counter`. */
export function noteTold(state: LeaderlessState, here: OriginHere, seq: number, counter: number): void {
  // The oldest word is kept until it is fulfilled: under a steady load the newest never would be.
  if (here.told.length === 2) here.told.pop();
  here.told.push({ seq, counter });
  settleHeard(state, here);
}

export function settleHeard(state: LeaderlessState, here: OriginHere): void {
  for (let oldest = here.told[0]; oldest !== undefined; oldest = here.told[0]) {
    if (here.log.durable < oldest.seq) return;
    here.told.shift();
    if (oldest.counter <= here.heard) continue;
    here.heard = oldest.counter;
    state.stabilityDirty = true;
  }
}

/** Our row: for our own origin what we promise, for others what we heard, and never less than what was collected. */
export function rowOf(state: LeaderlessState, here: OriginHere): number {
  if (here.origin === state.origin) return state.clock.durable;
  return Math.max(here.heard, state.collectedTo);
}

/** All that is written with counters up to this is applied here, and none of it is still to come. */
export function closedTo(state: LeaderlessState): number {
  for (const peer of state.peers.values()) if (peer.row === null) return state.collectedTo;
  return leastOf(state, (here) => rowOf(state, here));
}

function leastOf(state: LeaderlessState, row: (here: OriginHere) => number): number {
  let least = Number.POSITIVE_INFINITY;
  for (const here of state.origins.values()) {
    if (!state.retired.has(here.origin)) least = Math.min(least, row(here));
  }
  return Number.isFinite(least) ? least : 0;
}

/** What a member's row comes to; 0 while it has told none. */
function floorOf(state: LeaderlessState, peer: Peer): number {
  const { row } = peer;
  return row === null ? 0 : leastOf(state, ({ origin }) => row.get(origin) ?? 0);
}

export function updateStability(state: LeaderlessState): void {
  retireOrigins(state);
  let least = closedTo(state);
  for (const peer of state.peers.values()) least = Math.min(least, floorOf(state, peer));
  if (least > state.stable) state.stable = least;
}

/**
 * Who holds `stable` back, as long as more than that is durable here: whoever has told the least about an origin, and
 * where that is the owner, who has not told more about itself, the owner alone.
 */
export function blockers(state: LeaderlessState): ReplicaId[] {
  if (state.stable >= state.clock.durable) return [];
  const blamed = new Set<ReplicaId>();
  let least = Number.POSITIVE_INFINITY;
  for (const here of state.origins.values()) {
    if (state.retired.has(here.origin)) continue;
    const words = wordsOf(state, here);
    const floor = Math.min(...words.values());
    if (floor > least) continue;
    if (floor < least) blamed.clear();
    least = floor;
    const owner = replicaOf(here.origin);
    const told = isAbandoned(state, here.origin) ? Number.POSITIVE_INFINITY : (words.get(owner) ?? 0);
    if (told <= floor) blamed.add(owner);
    else for (const [id, word] of words) if (word === floor) blamed.add(id);
  }
  return [...blamed];
}

function wordsOf(state: LeaderlessState, here: OriginHere): Map<ReplicaId, number> {
  const words = new Map([[state.self, rowOf(state, here)]]);
  for (const { id, row } of state.peers.values()) words.set(id, row?.get(here.origin) ?? 0);
  return words;
}

/**
 * An origin that nobody writes as any more, and of which every member has the same, says nothing about stability: it
 * would hold it back for ever (ap.md §1.0.1 rule 5). What its owner's former life sent may still be on its way to somebody: so
 * all must have heard the owner's present life themselves, after which a link brings nothing older (transport.ts).
 */
function retireOrigins(state: LeaderlessState): void {
  for (const here of state.origins.values()) {
    const { origin, log } = here;
    dropHopeless(state, here);
    if (state.retired.has(origin) || !isAbandoned(state, origin) || !isQuiet(state, here)) continue;
    const everywhere = [...state.peers.values()].every((peer) => {
      const isSame = positionOf(peer.has, origin) === log.durable;
      return isSame && hasHeardOfPresent(state, peer, origin) && !peer.pending.has(origin);
    });
    if (!everywhere) continue;
    state.retired.add(origin);
    here.buffer.clear();
  }
}

/**
 * Nothing of the origin is in memory that may yet become durable. What came after a gap does not count: when everybody is
 * quiet at one position, nobody has what would fill it.
 */
export function isQuiet({ sync }: LeaderlessState, { origin, log, buffer }: OriginHere): boolean {
  if (positionOf(sync?.received ?? NOTHING, origin) > log.durable) return false;
  return log.durable === log.accepted && buffer.received === log.accepted;
}

const NOTHING: Vector = new Map();

/** The head waits for what was lost with its origin: it can never be delivered, here or elsewhere. */
function dropHopeless(state: LeaderlessState, { buffer, log, waitsFor }: OriginHere): void {
  if (waitsFor !== null && state.retired.has(waitsFor.origin)) buffer.refuse(log.accepted + 1);
}

/** Nothing that a former life of the owner of `origin` sent is still on its way to `peer`, directly. */
export function hasHeardOfPresent(state: LeaderlessState, { row }: Peer, origin: OriginId): boolean {
  const present = presentOf(state, replicaOf(origin));
  return row !== null && (present === null || row.has(present));
}

/** Who the member writes as by now; null: it is none. */
function presentOf(state: LeaderlessState, replica: ReplicaId): OriginId | null {
  return replica === state.self ? state.origin : (state.peers.get(replica)?.origin ?? null);
}

/** Its owner itself has told of it here, or we are the owner. */
export function isHeardOf(state: LeaderlessState, { heard, origin }: OriginHere): boolean {
  return heard > 0 || presentOf(state, replicaOf(origin)) === origin;
}

/** Its owner is no member, or writes as a later origin. */
export function isAbandoned(state: LeaderlessState, origin: OriginId): boolean {
  const owner = replicaOf(origin);
  if (owner === state.self) return origin !== state.origin;
  const peer = state.peers.get(owner);
  if (peer === undefined) return true;
  return peer.origin !== null && peer.origin !== origin && isLater(peer.origin, origin);
}

/** Of two origins of one replica, `a` was minted after `b`: incarnations are hex digits that begin with the time. */
export function isLater(a: OriginId, b: OriginId): boolean {
  return a > b;
}
