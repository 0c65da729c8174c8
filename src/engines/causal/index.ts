import type { LeaderlessOptions } from '../leaderless/events.js';
import { createLeaderless } from '../leaderless/index.js';
import type { Leaderless } from '../leaderless/leaderless.js';
import type { DeliveryPolicy } from '../leaderless/policy.js';
import type { Dot } from '../leaderless/types.js';

/** A batch waits for everything that its origin had applied when it wrote it (ap.md §1.2.1). */
export const causalPolicy: DeliveryPolicy = {
  engine: 'causal',
  dependencies: (applied, stated) => {
    const changed: Dot[] = [];
    for (const [origin, seq] of applied) if (seq > (stated.get(origin) ?? 0)) changed.push({ origin, seq });
    return changed;
  },
  waitsFor: (batch, position) => {
    for (const dot of batch.dependencies) if (position(dot.origin) < dot.seq) return dot;
    return null;
  },
};

export function createCausal(options: LeaderlessOptions): Leaderless {
  return createLeaderless(options, causalPolicy);
}
