import { replicaOf } from '../../base/brand.js';
import { decodeBatch } from './batch-codec.js';
import { onForeignOwnBatch } from './incarnation.js';
import { lastCounter } from './origin-log.js';
import type { Peer } from './peer.js';
import { settleHeard } from './stability.js';
import { acceptedOf, originHere, type LeaderlessState, type OriginHere } from './state.js';
import type { Dot, OriginBatch, WireBatch } from './types.js';

/** A refused batch is asked for again after so many rounds: a counter that was too far ahead may be admissible then. */
const REFUSED_ROUNDS = 4;

/** Takes in batches that `peer` sent; it is answered about their origins when something of them is durable. */
export function receiveBatches(state: LeaderlessState, peer: Peer, batches: readonly WireBatch[]): void {
  for (const wire of batches) {
    const batch = decodeBatch(wire.encoded);
    if (batch === null || batch.origin !== wire.origin || batch.seq !== wire.seq || batch.boot !== wire.boot) {
      state.counters.rejectedBatches++;
      continue;
    }
    peer.learn(batch);
    receiveBatch(state, peer, batch);
  }
}

function receiveBatch(state: LeaderlessState, peer: Peer, batch: OriginBatch): void {
  if (batch.origin === state.origin) return onForeignOwnBatch(state, batch);
  const here = originHere(state, batch.origin);
  if (here === null) {
    state.counters.rejectedBatches++;
    return;
  }
  peer.acks.add(batch.origin);
  const { buffer, log } = here;
  if (batch.seq <= log.accepted || buffer.get(batch.seq) !== undefined) {
    state.counters.duplicates++;
    peer.ackAgain = true;
    return;
  }
  if (lastCounter(batch) > state.options.limits.clockCeiling) {
    state.counters.rejectedCounters++;
    return;
  }
  if (batch.seq > buffer.received + 1) {
    state.counters.gaps++;
    state.pullsDirty = true;
  }
  state.counters.overflows += buffer.add(batch);
  pump(state, here);
}

/** Accepts whatever may be accepted, beginning with `first`: the heads that waited for it come next. */
export function pump(state: LeaderlessState, first: OriginHere): void {
  const queue = new Set([first]);
  for (const here of queue) {
    queue.delete(here);
    while (acceptNext(state, here)) {
      for (const woken of wake(state, here)) queue.add(woken);
    }
  }
}

export function pumpAll(state: LeaderlessState): void {
  for (const here of state.origins.values()) if (here.buffer.count > 0) pump(state, here);
}

function acceptNext(state: LeaderlessState, here: OriginHere): boolean {
  const { log, buffer } = here;
  const batch = buffer.get(log.accepted + 1);
  if (batch === undefined || state.sync !== null) return false;
  if (state.persistence.bytes >= state.options.limits.unpersistedBytes) return false; // Tried again when some is durable.
  const missing = state.policy.waitsFor(batch, (origin) => acceptedOf(state, origin));
  waitFor(state, here, missing);
  if (missing !== null) return false;
  if (!admissible(state, here, batch)) {
    buffer.refuse(batch.seq);
    here.refusedUntilTick = state.tick + REFUSED_ROUNDS * state.options.gossipTicks;
    return false;
  }
  buffer.remove(batch.seq);
  log.append(batch);
  state.persistence.add(batch);
  return true;
}

function admissible(state: LeaderlessState, here: OriginHere, batch: OriginBatch): boolean {
  // Everybody was told that nothing new comes at or below what is collected (ap.md §1.0.6): this would bring back the dead.
  if (here.log.faultOf(batch) !== null || batch.counter <= state.collecting) {
    state.counters.rejectedBatches++;
    return false;
  }
  if (state.clock.admit(lastCounter(batch), replicaOf(batch.origin), state.tick)) return true;
  state.counters.rejectedCounters++;
  return false;
}

function waitFor(state: LeaderlessState, here: OriginHere, dot: Dot | null): void {
  const before = here.waitsFor;
  if (before !== null && before.origin !== dot?.origin) state.waiters.get(before.origin)?.delete(here);
  here.waitsFor = dot;
  if (dot === null) return;
  let waiting = state.waiters.get(dot.origin);
  if (waiting === undefined) {
    waiting = new Set();
    state.waiters.set(dot.origin, waiting);
  }
  waiting.add(here);
}

/** The heads that waited for what `here` has reached. */
function wake(state: LeaderlessState, { origin, log }: OriginHere): OriginHere[] {
  const waiting = state.waiters.get(origin);
  if (waiting === undefined || waiting.size === 0) return [];
  return [...waiting].filter(({ waitsFor }) => waitsFor !== null && waitsFor.seq <= log.accepted);
}

/** A full sync has brought what heads waited for: their dependencies are looked at afresh. */
export function forgetWaiters(state: LeaderlessState): void {
  state.waiters.clear();
  for (const here of state.origins.values()) here.waitsFor = null;
}

export function onPersisted(state: LeaderlessState, batch: number): void {
  const done = state.persistence.complete(batch);
  if (done.length === 0) return;
  for (const each of done) {
    const here = originHere(state, each.origin);
    state.clock.settle(lastCounter(each));
    if (here === null || !here.log.settle(each.seq)) continue;
    state.vector.set(each.origin, each.seq);
    settleHeard(state, here);
    state.outbox.deliver.push(each);
  }
  state.ensuresDirty = true;
  // Others' rows, without which nothing rises, come with digests.
  if (state.peers.size === 0) state.stabilityDirty = true;
  pumpAll(state);
}
