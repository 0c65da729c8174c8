import type { LeaderlessOptions } from '../leaderless/events.js';
import { createLeaderless } from '../leaderless/index.js';
import type { Leaderless } from '../leaderless/leaderless.js';
import type { DeliveryPolicy } from '../leaderless/policy.js';

/** A batch waits for everything that its origin had applied when it wrote it (ap.md §1.2.1). */
export const causalPolicy: DeliveryPolicy = {
  engine: 'causal',
  waitsFor: (batch, position) => {
    for (const dot of batch.dependencies) if (position(dot.origin) < dot.seq) return dot;
    return null;
  },
};

export function createCausal(options: LeaderlessOptions): Leaderless {
  return createLeaderless(options, causalPolicy);
}
