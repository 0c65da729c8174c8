import type { Dot, OriginBatch } from './types.js';

/** What tells one leaderless engine from another: when a batch that is the next of its origin may be delivered. */
export interface DeliveryPolicy {
  readonly engine: 'lww' | 'causal';
  /** The first of what the batch says that `position` does not reach yet; null: it may be delivered. */
  waitsFor(batch: OriginBatch, position: (origin: Dot['origin']) => number): Dot | null;
}
