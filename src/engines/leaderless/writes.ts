import { assert, assertDefined } from '../../base/assert.js';
import { encodeBatch } from './batch-codec.js';
import type { WriteOutcome } from './events.js';
import type { LeaderlessState, WriteEvent } from './state.js';
import { raise, risenSince } from './vector.js';

export function isWritable(state: LeaderlessState): boolean {
  return state.start.phase === 'met' && state.renewing === null;
}

/** The next position of our own log; parked while it is not sure that this is the position's only use. */
export function write(state: LeaderlessState, event: WriteEvent): void {
  if (isWritable(state)) return append(state, event);
  const bytes = state.parkedBytes + event.payload.length;
  if (state.parked.length > 0 && bytes > state.options.limits.unpersistedBytes) return refuse(state, event.id, 'busy');
  state.parked.push({ event, tick: state.tick });
  state.parkedBytes = bytes;
}

export function releaseParked(state: LeaderlessState): void {
  if (!isWritable(state)) return;
  state.parkedBytes = 0;
  for (const { event } of state.parked.splice(0)) append(state, event);
}

/** Nobody waits longer for a start than the start itself is meant to wait. */
export function expireParked(state: LeaderlessState): void {
  const before = state.tick - Math.max(1, state.options.startGraceTicks);
  while (state.parked.length > 0 && (state.parked[0]?.tick ?? 0) <= before) {
    const event = state.parked.shift()?.event;
    state.parkedBytes -= event?.payload.length ?? 0;
    if (event !== undefined) refuse(state, event.id, 'starting');
  }
}

function refuse(state: LeaderlessState, id: number, refused: WriteOutcome['refused']): void {
  state.outbox.written.push({ id, dot: null, refused });
}

function append(state: LeaderlessState, event: WriteEvent): void {
  const { persistence, origin } = state;
  const { log, buffer } = assertDefined(state.origins.get(origin), 'we know our own origin');
  const bytes = persistence.bytes + event.payload.length;
  if (persistence.bytes > 0 && bytes > state.options.limits.unpersistedBytes) return refuse(state, event.id, 'busy');
  const counter = state.clock.issue(event.commands, event.seenCounter);
  if (counter === null) return refuse(state, event.id, 'clock_exhausted');
  assert(counter > state.promised, 'ap.md §1.0.6: no write at or below what was promised');
  const seq = log.accepted + 1;
  // What clients can have seen is what is applied, and that is what is durable.
  const dependencies = risenSince(state.vector, state.stated).filter((dot) => dot.origin !== origin);
  for (const dot of dependencies) raise(state.stated, dot.origin, dot.seq);
  const { commands, wallMs } = event;
  const boot = state.options.boot;
  const batch = encodeBatch({ origin, seq, boot, counter, commands, dependencies, wallMs }, event.payload);
  log.append(batch);
  buffer.skipTo(seq);
  persistence.add(batch);
  state.outbox.written.push({ id: event.id, dot: { origin, seq }, refused: null });
}
