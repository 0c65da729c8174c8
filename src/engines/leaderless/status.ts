import type { LeaderlessStatus, MemberView } from './events.js';
import type { Peer } from './peer.js';
import { blockers } from './stability.js';
import { isBehindGoal } from './start.js';
import type { LeaderlessState } from './state.js';
import type { Dot } from './types.js';
import { positionOf } from './vector.js';

export function phaseOf(state: LeaderlessState): LeaderlessStatus['state'] {
  if (state.sync !== null) return 'syncing';
  if (state.start.phase === 'waiting') return 'starting';
  return isBehindGoal(state) ? 'behind' : 'ready';
}

/** What a change of which is told by `changed`. */
export function signature(state: LeaderlessState): string {
  const alive = [...state.peers.values()].filter((peer) => peer.alive(state.tick)).map(({ id }) => id);
  return `${phaseOf(state)} ${state.origin} ${state.members.join(',')} ${alive.join(',')}`;
}

export function statusOf(state: LeaderlessState): LeaderlessStatus {
  const behind: Dot[] = [];
  const buffered: Dot[] = [];
  for (const { origin, log, buffer } of state.origins.values()) {
    const most = Math.max(0, ...[...state.peers.values()].map(({ has }) => positionOf(has, origin)));
    if (most > log.durable) behind.push({ origin, seq: most - log.durable });
    if (buffer.count > 0) buffered.push({ origin, seq: buffer.count });
  }
  return {
    engine: state.policy.engine,
    state: phaseOf(state),
    origin: state.origin,
    boot: state.options.boot,
    counter: state.clock.value,
    vector: new Map(state.vector),
    behind,
    buffered,
    stable: state.stable,
    stableBlockedBy: blockers(state),
    members: [...state.peers.values()].map((peer) => viewOf(state, peer)),
    counters: { ...state.counters },
  };
}

function viewOf(state: LeaderlessState, peer: Peer): MemberView {
  const { tick, options } = state;
  const { detector } = peer;
  return {
    id: peer.id,
    alive: peer.alive(tick),
    phi: detector.phi(tick),
    lastHeardMs: peer.origin === null ? null : (tick - peer.heardTick) * options.tickMs,
    origin: peer.origin,
    lag: Math.max(0, positionOf(state.vector, state.origin) - positionOf(peer.has, state.origin)),
    syncing: peer.syncing,
  };
}
