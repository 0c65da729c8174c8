import type { LogIndex } from '../../base/brand.js';
import type { SemisyncState } from './state.js';

/** What our answers to the leader carry, to come back when it vouches for something. */
export function clockOf({ freshness, tick }: SemisyncState): number {
  return freshness.clockBase + tick;
}

/**
 * The leader says: when our clock said `clock`, nobody had committed anything beyond `commit`. No two clocks are
 * compared: the only time in it is our own.
 */
export function vouch(state: SemisyncState, commit: LogIndex, clock: number): void {
  const tick = clock - state.freshness.clockBase;
  if (tick < 0 || tick > state.tick) return; // Said to a former process.
  knowFresh(state, commit, tick);
}

/** Everything that was committed at `tick` is here once `commit` is applied. */
export function knowFresh(state: SemisyncState, commit: LogIndex, tick: number): void {
  const { freshness } = state;
  if (tick <= freshness.stalledTick) return; // More time may have passed than our ticks say.
  // The older one stays until it is reached: a stream of newer ones must not put it off for ever.
  if (commit <= state.applied) freshness.freshTick = Math.max(freshness.freshTick, tick);
  else freshness.pending ??= { commit, tick };
}

export function onAppliedFreshness(state: SemisyncState): void {
  const { freshness } = state;
  const { pending } = freshness;
  if (pending === null || pending.commit > state.applied) return;
  freshness.freshTick = Math.max(freshness.freshTick, pending.tick);
  freshness.pending = null;
}

/** Time passed without ticks, or our state is replaced: nothing is known to be fresh. */
export function voidFreshness(state: SemisyncState): void {
  const { freshness } = state;
  freshness.freshTick = Number.NEGATIVE_INFINITY;
  freshness.stalledTick = state.tick;
  freshness.pending = null;
}
