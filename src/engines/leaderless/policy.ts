import type { Dot, OriginBatch, Vector } from './types.js';

/** What tells one leaderless engine from another: when a batch that is the next of its origin may be delivered. */
export interface DeliveryPolicy {
  readonly engine: 'lww' | 'causal';
  /** What a batch written now depends on: how `applied` differs from `stated`, the sum of what was said before. */
  dependencies(applied: Vector, stated: Vector): readonly Dot[];
  /** The first of the batch's dependencies that `position` does not reach yet; null: it may be delivered. */
  waitsFor(batch: OriginBatch, position: (origin: Dot['origin']) => number): Dot | null;
}
