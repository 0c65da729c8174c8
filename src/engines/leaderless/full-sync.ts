import { assert } from '../../base/assert.js';
import type { LeaderlessEvent } from './events.js';
import { checkOwn } from './incarnation.js';
import { forgetWaiters, pumpAll } from './delivery.js';
import type { Peer } from './peer.js';
import { closedTo, settleHeard } from './stability.js';
import { addOrigin, originHere, type LeaderlessState, type OriginHere } from './state.js';
import { OriginLog } from './origin-log.js';

/** Attempts that fail are repeated at longer and longer intervals: gossip intervals x 2, 4, … up to this. */
const BACKOFF_ROUNDS_MAX = 32;

/** What we lack of `here` is in nobody's log any more: the state itself is fetched from one of `holders`. */
export function wantFullSync(state: LeaderlessState, { origin }: OriginHere, holders: readonly Peer[]): void {
  if (state.sync !== null || state.tick < state.syncAfterTick || state.renewing !== null) return;
  // A link may stand for a while after its other end is dead: whoever is silent is not waited for again and again.
  const whole = holders.filter((peer) => !peer.syncing && peer.alive(state.tick));
  const [first, ...others] = whole;
  if (first === undefined) return;
  const best = others.reduce((a, b) => ((b.has.get(origin) ?? 0) > (a.has.get(origin) ?? 0) ? b : a), first);
  const knows = best.collectedTo !== null && best.collectedTo <= closedTo(state);
  state.sync = { from: best.id, whole: state.syncWhole || !knows, told: false, received: null };
  state.counters.fullSyncsStarted++;
  state.outbox.changed = true;
}

/**
 * What has come and is not durable yet is in memory like a batch on its way to the disk: others hear that there is more
 * (`pending`), or the owner of such an origin, set back and started anew, would take our word for all that is known of it.
 */
export function onFullSyncReceived(
  state: LeaderlessState,
  event: Extract<LeaderlessEvent, { readonly type: 'fullSyncReceived' }>,
): void {
  assert(state.sync?.from === event.from, 'a full sync comes that was asked for');
  state.sync.received = event.vector;
  for (const origin of event.vector.keys()) originHere(state, origin);
}

export function onFullSynced(
  state: LeaderlessState,
  event: Extract<LeaderlessEvent, { readonly type: 'fullSynced' }>,
): void {
  assert(state.sync?.from === event.from, 'a full sync ends that was asked for');
  for (const [origin, seq] of event.vector) {
    checkOwn(state, { origin, seq }, 0);
    const here = state.origins.get(origin) ?? addOrigin(state, new OriginLog(origin, 0, 0));
    const { log } = here;
    if (seq > log.accepted) log.reset(seq, event.boots.get(origin) ?? 0);
    else log.overtake(seq);
    if (log.durable > 0) state.vector.set(origin, log.durable);
    here.buffer.skipTo(log.accepted);
    settleHeard(state, here);
  }
  state.clock.settle(event.counter);
  state.collectedTo = Math.max(state.collectedTo, event.collectedTo);
  state.collecting = Math.max(state.collecting, event.collectedTo);
  state.stable = Math.max(state.stable, event.collectedTo);
  state.counters.fullSyncsDone++;
  state.syncFailures = 0;
  state.syncWhole = false;
  end(state);
  for (const peer of state.peers.values()) if (peer.up) peer.wantDigest(true);
}

export function onFullSyncFailed(
  state: LeaderlessState,
  event: Extract<LeaderlessEvent, { readonly type: 'fullSyncFailed' }>,
): void {
  assert(state.sync?.from === event.from, 'a full sync fails that was asked for');
  state.syncWhole ||= event.whole ?? false;
  state.syncFailures++;
  state.syncAfterTick = state.tick + state.options.gossipTicks * Math.min(2 ** state.syncFailures, BACKOFF_ROUNDS_MAX);
  end(state);
}

function end(state: LeaderlessState): void {
  state.sync = null;
  forgetWaiters(state);
  pumpAll(state);
  state.pullsDirty = true;
  state.ensuresDirty = true;
  state.stabilityDirty = true;
  state.outbox.changed = true;
}
