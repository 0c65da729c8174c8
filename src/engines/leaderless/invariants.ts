import { assert, assertDefined } from '../../base/assert.js';
import type { LeaderlessState } from './state.js';
import { positionOf } from './vector.js';

/** What the last check has seen: some things only ever rise. */
export interface InvariantMemory {
  stable: number;
  collectedTo: number;
  durableCounter: number;
  promised: number;
  ownDurable: number;
  origin: string;
}

export function createInvariantMemory(): InvariantMemory {
  return { stable: 0, collectedTo: 0, durableCounter: 0, promised: 0, ownDurable: 0, origin: '' };
}

/**
 * The part that costs next to nothing: in every drain, in production too, before anybody sees its effects. A member that finds
 * itself in a state that cannot be must not say another word.
 */
export function checkAlways(state: LeaderlessState, memory: InvariantMemory): void {
  const { clock, stable, collectedTo } = state;
  const { log } = assertDefined(state.origins.get(state.origin), 'we know our own origin');
  assert(clock.durable <= clock.value, 'nothing durable is of the future');
  assert(state.promised <= clock.durable, 'ap.md §1.0.6: only what is durable is promised');
  assert(collectedTo <= state.collecting, 'nothing is collected that was not stable');
  assert(state.collecting <= stable, 'nothing is asked to be collected before it is stable');
  assert(stable >= memory.stable && collectedTo >= memory.collectedTo, 'what is stable stays so');
  assert(clock.durable >= memory.durableCounter && state.promised >= memory.promised, 'no promise is taken back');
  if (log.accepted > log.durable) {
    // What a restart could take back is above all that was promised.
    assert(log.at(log.durable + 1).counter > state.promised, 'ap.md §1.0.6: no write at or below what was promised');
  }
  if (memory.origin === state.origin) assert(log.durable >= memory.ownDurable, 'positions never fall');
  memory.origin = state.origin;
  memory.ownDurable = log.durable;
  memory.stable = stable;
  memory.collectedTo = collectedTo;
  memory.durableCounter = clock.durable;
  memory.promised = state.promised;
}

/** States what always holds between two events. Throws InvariantViolation. Looks at every origin and peer. */
export function checkInvariants(state: LeaderlessState, memory: InvariantMemory): void {
  checkAlways(state, memory);
  checkOrigins(state);
  checkPeers(state);
  const { limits } = state.options;
  assert(state.ensures.size <= limits.ensures, 'requests that wait are bounded');
  assert(state.parkedBytes === state.parked.reduce((sum, { event }) => sum + event.payload.length, 0), 'parked bytes');
}

function checkOrigins(state: LeaderlessState): void {
  const { limits } = state.options;
  for (const { origin, log, buffer, waitsFor } of state.origins.values()) {
    assert(log.base <= log.durable && log.durable <= log.accepted, 'base <= durable <= accepted');
    assert(positionOf(state.vector, origin) === log.durable, 'the vector says what is durable');
    assert(buffer.received >= log.accepted, 'what was accepted was received');
    assert(buffer.count <= Math.max(1, limits.bufferedBatches), 'ap.md §1.2.3: buffers are bounded per origin');
    assert(buffer.count <= 1 || buffer.bytes <= limits.bufferedBytes, 'in bytes, too');
    for (let seq = log.first; seq <= log.accepted; seq++) {
      const batch = log.at(seq);
      assert(batch.seq === seq && batch.origin === origin, 'an origin log has no gaps');
      // Whoever has a batch has all that it had to wait for, in an earlier place of the log.
      const missing = state.policy.waitsFor(batch, (other) => state.origins.get(other)?.log.accepted ?? 0);
      assert(missing === null, 'dependencies come first');
    }
    if (waitsFor === null) continue;
    assert(state.waiters.get(waitsFor.origin)?.has(state.origins.get(origin) as never) === true, 'it will be woken');
  }
}

function checkPeers(state: LeaderlessState): void {
  assert(!state.peers.has(state.self), 'nobody gossips with itself');
  const asked = new Set<string>();
  for (const peer of state.peers.values()) {
    assert(peer.flightBytes >= 0, 'no more lands than was sent');
    for (const origin of peer.pull?.positions.keys() ?? []) {
      assert(!asked.has(origin), 'an origin is asked of one member at a time');
      asked.add(origin);
    }
    for (const [origin, seq] of peer.sent) {
      assert(seq <= positionOf(state.vector, origin), 'only what is durable here is sent');
    }
  }
}
