import type { OriginId } from '../../base/brand.js';
import type { OriginLog } from './origin-log.js';
import type { Asked, Peer } from './peer.js';
import type { LeaderlessState } from './state.js';
import type { OriginBatch, WireBatch } from './types.js';
import { positionOf } from './vector.js';

/** Where a delta stands in one origin's log. */
interface Cursor {
  readonly log: OriginLog;
  next: number;
}

/** Batches of one message, with its budget. */
interface Load {
  readonly batches: WireBatch[];
  bytes: number;
}

function wireOf({ origin, seq, boot, encoded }: OriginBatch): WireBatch {
  return { origin, seq, boot, encoded };
}

/**
 * Fills a delta: oldest first and without a gap, or a later batch would hide an earlier one; the origins take turns, or a
 * busy one would starve the others (ap.md §1.0.4). One batch always passes. Cursors stand behind what was taken.
 */
function fill(state: LeaderlessState, cursors: readonly Cursor[], bytesMax: number): Load {
  const { deltaBatches } = state.options.limits;
  const load: Load = { batches: [], bytes: 0 };
  for (let progress = true; progress;) {
    progress = false;
    for (const cursor of cursors) {
      if (cursor.next > cursor.log.durable) continue;
      const batch = cursor.log.at(cursor.next);
      const bytes = load.bytes + batch.encoded.length;
      if (load.batches.length >= deltaBatches || (load.batches.length > 0 && bytes > bytesMax)) return load;
      load.batches.push(wireOf(batch));
      load.bytes = bytes;
      cursor.next++;
      progress = true;
    }
  }
  return load;
}

function send(state: LeaderlessState, peer: Peer, { batches, bytes }: Load, more: boolean): void {
  state.outbox.messages.push({ type: 'gossipDelta', from: state.self, to: peer.id, batches, more });
  state.counters.deltasSent++;
  state.counters.batchesSent += batches.length;
  state.counters.bytesSent += bytes;
}

/** Answers what `peer` asked for: it alone knows what it has received, so it says from where on. */
export function answer(state: LeaderlessState, peer: Peer, asked: Asked): void {
  const cursors: Cursor[] = [];
  const cut: OriginId[] = [];
  for (const { origin, seq } of asked.positions) {
    const log = state.origins.get(origin)?.log;
    if (log === undefined || log.durable <= seq) continue;
    // What streams to it anyway is not sent twice, unless it fell out of a buffer that was full.
    if (origin === state.origin && peer.follows && positionOf(peer.sent, origin) > seq) {
      if (!peer.hasMissed({ origin, seq: seq + 1 })) continue;
      peer.grounded();
    }
    if (seq < log.base) cut.push(origin);
    else cursors.push({ log, next: seq + 1 });
  }
  if (cursors.length > 0 || cut.length === 0) answerFrom(state, peer, cursors, asked.creditBytes);
  if (cut.length > 0) state.outbox.messages.push({ type: 'needFullSync', from: state.self, to: peer.id, origins: cut });
}

function answerFrom(state: LeaderlessState, peer: Peer, cursors: readonly Cursor[], creditBytes: number): void {
  const load = fill(state, cursors, Math.min(state.options.limits.deltaBytes, creditBytes));
  const more = cursors.some(({ log, next }) => next <= log.durable);
  send(state, peer, load, more);
  for (const { log, next } of cursors) {
    if (log.origin !== state.origin || next <= log.durable) continue;
    // It will have all of ours with this: from here on it is sent what comes.
    const own = load.batches.filter(({ origin }) => origin === state.origin);
    const bytes = own.reduce((sum, { encoded }) => sum + encoded.length, 0);
    if (own.length > 0) peer.launch({ origin: log.origin, seq: log.durable }, bytes, state.tick, state.round);
    peer.follows = true;
  }
}

/** Whether there is something of ours to be sent to `peer` unasked, and room on the way. */
export function hasToPush(state: LeaderlessState, peer: Peer): boolean {
  if (!peer.up || !peer.known || !peer.follows) return false;
  if (peer.flightBytes >= state.options.limits.inflightBytes) return false;
  return peer.reach(state.origin) < positionOf(state.vector, state.origin);
}

/** Our own new batches, as soon as they are durable here. */
export function push(state: LeaderlessState, peer: Peer): void {
  const log = state.origins.get(state.origin)?.log;
  if (log === undefined || !hasToPush(state, peer)) return;
  stream(state, peer, log, log.durable);
}

/** Batches of any origin up to `last`, after what `peer` has or is being sent, while the window is open. */
export function stream(state: LeaderlessState, peer: Peer, log: OriginLog, last: number): void {
  const { deltaBytes, inflightBytes } = state.options.limits;
  while (peer.reach(log.origin) < last && peer.flightBytes < inflightBytes) {
    const next = peer.reach(log.origin) + 1;
    if (next < log.first) {
      if (log.origin === state.origin) peer.follows = false; // It will ask, and be told to take the state.
      return;
    }
    const cursor = { log, next };
    const load = fill(state, [cursor], deltaBytes);
    send(state, peer, load, false);
    peer.launch({ origin: log.origin, seq: cursor.next - 1 }, load.bytes, state.tick, state.round);
  }
}

/** Tells `peer` what became durable of the origins that it sent batches of. */
export function acknowledge(state: LeaderlessState, peer: Peer): void {
  const positions = [];
  for (const origin of peer.acks) {
    const here = state.origins.get(origin);
    const seq = here?.log.durable ?? 0;
    if (here === undefined || seq >= here.buffer.received) peer.acks.delete(origin);
    if (seq === 0 || (seq <= positionOf(peer.acked, origin) && !peer.ackAgain)) continue;
    peer.acked.set(origin, seq);
    positions.push({ origin, seq });
  }
  peer.ackAgain = false;
  if (positions.length > 0) state.outbox.messages.push({ type: 'gossipAck', from: state.self, to: peer.id, positions });
}

export function hasToAcknowledge(state: LeaderlessState, peer: Peer): boolean {
  if (peer.ackAgain) return true;
  for (const origin of peer.acks) if (positionOf(state.vector, origin) > positionOf(peer.acked, origin)) return true;
  return false;
}
