import { assert, assertDefined } from '../../base/assert.js';
import { replicaOf, type OriginId } from '../../base/brand.js';
import { OriginLog } from './origin-log.js';
import { isLater } from './stability.js';
import { beginStart } from './start.js';
import { addOrigin, type LeaderlessState } from './state.js';
import type { Dot } from './types.js';

/**
 * What others know of our own origin (ap.md §1.0.1 rule 2). A position that they have and we have not made durable was
 * written by a former life of this folder that the disk has forgotten: writing it again would give one name to two
 * writes, and one of them would be dropped as a duplicate.
 */
export function checkOwn(state: LeaderlessState, { origin, seq }: Dot, boot: number): void {
  if (replicaOf(origin) !== state.self || state.renewing !== null) return;
  if (origin !== state.origin) {
    const known = state.origins.has(origin);
    if (isLater(origin, state.origin))
      renew(state, `others know ${origin}, which came after ${state.origin}`, [origin]);
    else if (!known) state.pullsDirty = true;
    return;
  }
  const { log } = assertDefined(state.origins.get(origin), 'we know our own origin');
  if (seq > log.durable) return renew(state, `others have ${seq} batches of ${origin}, we ${log.durable}`, []);
  const ours = log.bootOf(seq);
  if (boot > 0 && ours > 0 && boot !== ours) {
    renew(state, `batch ${seq} of ${origin} is of start ${boot} elsewhere, and of ${ours} here`, []);
  }
}

export function onForeignOwnBatch(state: LeaderlessState, batch: Dot & { readonly boot: number }): void {
  state.counters.duplicates++;
  checkOwn(state, batch, batch.boot);
}

function renew(state: LeaderlessState, reason: string, above: readonly OriginId[]): void {
  state.renewing = { reason, above, told: false };
  state.outbox.changed = true;
}

/** The driver has made another incarnation durable: a fresh origin, which must begin above what is stable. */
export function onRenewed(state: LeaderlessState, origin: OriginId): void {
  assert(state.renewing !== null, 'an origin is renewed because we asked for it');
  assert(replicaOf(origin) === state.self && isLater(origin, state.origin), 'it is ours, and later than the old one');
  state.origin = origin;
  state.renewing = null;
  state.stated = new Map();
  state.counters.renewals++;
  if (!state.origins.has(origin)) addOrigin(state, new OriginLog(origin, 0, 0));
  for (const peer of state.peers.values()) peer.follows = peer.known;
  state.start = { phase: 'waiting', fresh: true };
  beginStart(state);
  for (const peer of state.peers.values()) peer.wantDigest(true);
  state.pullsDirty = true;
  state.stabilityDirty = true;
  state.outbox.changed = true;
}
