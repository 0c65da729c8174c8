import { acknowledge, answer, hasToAcknowledge, hasToPush, push } from './deltas.js';
import { buildDigest } from './digest.js';
import { settleEnsures } from './ensures.js';
import type { LeaderlessEffects } from './events.js';
import { schedulePulls, type Pull } from './pulls.js';
import { updateStability } from './stability.js';
import { emptyOutbox, type LeaderlessState } from './state.js';
import { signature, statusOf } from './status.js';
import type { Peer } from './peer.js';

export function hasEffects(state: LeaderlessState): boolean {
  const { outbox, persistence, renewing, sync } = state;
  if (outbox.messages.length > 0 || outbox.deliver.length > 0 || outbox.written.length > 0) return true;
  if (outbox.ensured.length > 0 || outbox.mismatch !== null || outbox.changed || persistence.hasWork) return true;
  if (state.pullsDirty || state.ensuresDirty || state.stabilityDirty) return true;
  if ((renewing !== null && !renewing.told) || (sync !== null && !sync.told)) return true;
  for (const peer of state.peers.values()) if (hasToSend(state, peer)) return true;
  return false;
}

function hasToSend(state: LeaderlessState, peer: Peer): boolean {
  return peer.digest !== null || peer.asked !== null || hasToPush(state, peer) || hasToAcknowledge(state, peer);
}

/** Nothing is sent in `step`: all of a turn is said at once, and as of its end. */
export function drain(state: LeaderlessState): LeaderlessEffects {
  if (state.ensuresDirty) settleEnsures(state);
  const pulls = state.pullsDirty ? schedulePulls(state) : new Map<Peer, Pull>();
  if (state.stabilityDirty) {
    state.stabilityDirty = false;
    updateStability(state);
  }
  for (const peer of state.peers.values()) say(state, peer, pulls.get(peer));
  const { outbox } = state;
  state.outbox = emptyOutbox();
  return {
    messages: outbox.messages,
    // Whatever leaves speaks of nothing but what is durable already.
    afterPersist: [],
    persist: state.persistence.take(),
    deliver: outbox.deliver,
    written: outbox.written,
    ensured: outbox.ensured,
    fullSync: tellFullSync(state),
    collect: tellCollect(state),
    renew: tellRenewal(state),
    mismatch: outbox.mismatch === null ? null : { peer: outbox.mismatch },
    changed: outbox.changed || state.shownStale || state.goal.size > 0 ? tellChange(state) : null,
  };
}

/** Batches first: a digest that overtook them would make them look lost. */
function say(state: LeaderlessState, peer: Peer, pull: Pull | undefined): void {
  if (peer.asked !== null) {
    const { asked } = peer;
    peer.asked = null;
    answer(state, peer, asked);
  }
  push(state, peer);
  if (hasToAcknowledge(state, peer)) acknowledge(state, peer);
  if (peer.digest === null) return;
  state.outbox.messages.push(buildDigest(state, peer, pull?.positions ?? [], pull?.creditBytes ?? 0));
  peer.digest = null;
}

function tellChange(state: LeaderlessState): LeaderlessEffects['changed'] {
  state.shownStale = false;
  const shown = signature(state);
  if (shown === state.shown) return null;
  state.shown = shown;
  return statusOf(state);
}

function tellFullSync({ sync }: LeaderlessState): LeaderlessEffects['fullSync'] {
  if (sync === null || sync.told) return null;
  sync.told = true;
  return { from: sync.from, whole: sync.whole };
}

/** One collection at a time; tombstones that became stable meanwhile go with the next. */
function tellCollect(state: LeaderlessState): number | null {
  if (state.collectUnderway || state.stable <= state.collecting || state.sync !== null) return null;
  state.collecting = state.stable;
  state.collectUnderway = true;
  return state.collecting;
}

function tellRenewal({ renewing }: LeaderlessState): LeaderlessEffects['renew'] {
  if (renewing === null || renewing.told) return null;
  renewing.told = true;
  return { reason: renewing.reason, above: renewing.above };
}
