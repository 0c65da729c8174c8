import { assert } from '../../base/assert.js';
import type { OriginId } from '../../base/brand.js';
import type { RecoveredOrigin } from './events.js';
import { OriginLog, lastCounter } from './origin-log.js';
import { addOrigin, type LeaderlessState } from './state.js';
import type { OriginBatch } from './types.js';

/**
 * What the storage gave back. The checkpoint may be ahead of a log (a full sync was cut short after its checkpoint): that
 * log then begins where the checkpoint stands. Batches after the checkpoint are handed out by the first drain.
 */
export function recover(state: LeaderlessState): void {
  const { recovered, origin } = state.options;
  const toDeliver: OriginBatch[] = [];
  for (const each of recovered.origins) toDeliver.push(...recoverOrigin(state, each));
  for (const [each, seq] of recovered.applied) {
    if (!state.origins.has(each)) addOrigin(state, new OriginLog(each, seq, bootAt(state, each)));
  }
  const empty = state.origins.size === 0 && recovered.counter === 0;
  const own = state.origins.get(origin) ?? addOrigin(state, new OriginLog(origin, 0, 0));
  assert(own.log.boot <= state.options.boot, 'no batch of ours is of a later start');
  assert(!state.options.fresh || own.log.accepted === 0, 'a fresh origin has written nothing');
  // A folder that never held anything is as good as new, however often it was started.
  state.start = { phase: 'waiting', fresh: state.options.fresh || empty };
  // Lamport time agrees with what depends on what, so this is an order in which it could have happened.
  toDeliver.sort((a, b) => a.counter - b.counter || (a.origin < b.origin ? -1 : 1));
  state.outbox.deliver.push(...toDeliver);
}

function bootAt(state: LeaderlessState, origin: OriginId): number {
  return state.options.recovered.appliedBoots.get(origin) ?? 0;
}

function recoverOrigin(state: LeaderlessState, { origin, baseSeq, baseBoot, batches }: RecoveredOrigin): OriginBatch[] {
  const applied = state.options.recovered.applied.get(origin) ?? 0;
  const last = baseSeq + batches.length;
  assert(applied >= baseSeq, `the checkpoint holds what was cut from the log of ${origin}`);
  if (applied > last) {
    addOrigin(state, new OriginLog(origin, applied, bootAt(state, origin)));
    return [];
  }
  const log = new OriginLog(origin, baseSeq, baseBoot);
  for (const batch of batches) {
    log.append(batch);
    log.settle(batch.seq);
    state.clock.settle(lastCounter(batch));
  }
  addOrigin(state, log);
  return batches.slice(applied - baseSeq);
}
