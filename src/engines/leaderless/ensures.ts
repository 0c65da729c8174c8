import { replicaOf, type OriginId } from '../../base/brand.js';
import { stream } from './deltas.js';
import type { EnsureOutcome, LeaderlessEvent, Requirement } from './events.js';
import type { Peer } from './peer.js';
import { hasHeardOfPresent, isAbandoned } from './stability.js';
import { acceptedOf, type Ensure, type LeaderlessState } from './state.js';
import type { Dot, Vector } from './types.js';
import { coversAll, notCovered, positionOf } from './vector.js';
import { isWritable } from './writes.js';

/**
 * "Make sure that these members have this": sessions (need: self), write levels (need: others) and read repair (need: those
 * who were read) are all that. What is missing here is asked for at once, what is missing there is sent, always as whole
 * ranges of origin logs: the original writes, never new ones.
 */
export function ensure(state: LeaderlessState, event: Extract<LeaderlessEvent, { readonly type: 'ensure' }>): void {
  const { id, dots, need } = event;
  if (state.ensures.size >= state.options.limits.ensures) {
    state.outbox.ensured.push(outcome(state, id, dots, 'busy'));
    return;
  }
  const request: Ensure = { id, dots, need, sinceRound: state.round };
  if (settle(state, request)) return;
  state.ensures.set(id, request);
  if (dots.every(({ origin, seq }) => (state.origins.get(origin)?.buffer.received ?? 0) >= seq)) return;
  if (dots.every((dot) => dot.origin === state.origin)) return;
  // Their answers tell who has it, or that nobody ever will.
  for (const peer of state.peers.values()) if (peer.up) peer.wantDigest(true);
}

export function settleEnsures(state: LeaderlessState): void {
  state.ensuresDirty = false;
  for (const request of state.ensures.values()) if (settle(state, request)) state.ensures.delete(request.id);
}

function settle(state: LeaderlessState, request: Ensure): boolean {
  const { id, dots, need } = request;
  if (isMet(state, dots, need)) {
    state.outbox.ensured.push(outcome(state, id, dots, 'covered'));
    return true;
  }
  const missing = notCovered(state.vector, dots);
  if (missing.some((dot) => isLost(state, dot, request))) {
    state.outbox.ensured.push(outcome(state, id, dots, 'lost'));
    return true;
  }
  supply(state, dots, need);
  return false;
}

function outcome(
  state: LeaderlessState,
  id: number,
  dots: readonly Dot[],
  result: EnsureOutcome['result'],
): EnsureOutcome {
  return { id, result, missing: notCovered(state.vector, dots) };
}

function isMet(state: LeaderlessState, dots: readonly Dot[], need: Requirement): boolean {
  for (const { members, count } of need) {
    let covered = 0;
    for (const id of members) {
      const vector: Vector | undefined = id === state.self ? state.vector : state.peers.get(id)?.has;
      if (vector !== undefined && coversAll(vector, dots)) covered++;
    }
    if (covered < count) return false;
  }
  return true;
}

/** Sends members that need it what we have and they lack. Our own origin streams to them anyway, or they ask for it. */
function supply(state: LeaderlessState, dots: readonly Dot[], need: Requirement): void {
  for (const { members } of need) {
    for (const id of members) {
      const peer = state.peers.get(id);
      if (peer === undefined || !peer.up || !peer.known) continue;
      for (const { origin, seq } of dots) {
        const log = state.origins.get(origin)?.log;
        if (log === undefined || origin === state.origin || log.durable < seq || peer.owns(origin)) continue;
        stream(state, peer, log, seq);
      }
    }
  }
}

/**
 * True when nobody can ever bring `dot` (ap.md §1.2.5): every member, asked after the request began, has less. The word of
 * another owner alone is not enough: a folder that went back in time does not know what it has written until it has met
 * whoever has it, and that one may be away, or about to get it from the owner's former life. So an owner, we as well, counts
 * when it has heard everybody out. Who spoke before it heard of an owner's later origin may have got it since, and who holds
 * more in memory is about to have it.
 */
function isLost(state: LeaderlessState, { origin, seq }: Dot, { sinceRound }: Ensure): boolean {
  if (state.retired.has(origin)) return true;
  const peers = [...state.peers.values()];
  if (acceptedOf(state, origin) >= seq || peers.some((peer) => positionOf(peer.has, origin) >= seq)) return false;
  if (origin === state.origin) return isWritable(state) && state.heardOut;
  const owner = state.peers.get(replicaOf(origin));
  const isSettled = owner?.origin === origin ? !owner.syncing : isAbandoned(state, origin);
  return (
    isSettled &&
    peers.every((peer) => {
      return peer.up && peer.known && peer.answered > sinceRound && hasSaidAll(state, peer, origin);
    })
  );
}

function hasSaidAll(state: LeaderlessState, peer: Peer, origin: OriginId): boolean {
  return hasHeardOfPresent(state, peer, origin) && !peer.pending.has(origin);
}
