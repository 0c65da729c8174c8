import type { Prng } from '../../base/prng.js';
import type { Knobs } from '../world/options.js';
import { chance, pick } from './dice.js';
import type { ClientLinks, ClientPlan, OperationMix, ReadMix } from './plan.js';

const MIXES: readonly OperationMix[] = [
  { put: 3, get: 4, append: 3, cas: 2, delete: 1, increment: 2 },
  // Without appends, increments and compare-and-set, a request that is applied twice goes unnoticed (reliability.md §3.8).
  { put: 0, get: 3, append: 6, cas: 0, delete: 0, increment: 3 },
  { put: 2, get: 3, append: 0, cas: 6, delete: 1, increment: 0 },
  { put: 6, get: 4, append: 0, cas: 0, delete: 0, increment: 0 },
  { put: 2, get: 8, append: 2, cas: 1, delete: 0, increment: 1 },
];

const READS: readonly ReadMix[] = [
  { linearizable: 1, lease: 0, stale: 0 },
  { linearizable: 3, lease: 2, stale: 1 },
  { linearizable: 1, lease: 4, stale: 0 },
  { linearizable: 2, lease: 0, stale: 2 },
];

export interface ClientDraw {
  readonly faults: boolean;
  readonly knobs: Knobs;
  readonly safetyMs: number;
}

/** A world's clients do much the same thing, each in its own order. */
export function drawClients(prng: Prng, { faults, knobs, safetyMs }: ClientDraw): ClientPlan[] {
  const count = prng.between(2, 12);
  const shared = {
    keys: prng.between(1, 5),
    mix: pick(prng, MIXES),
    reads: pick(prng, READS),
    thinkMeanMs: pick(prng, [0, 5, 20, 60]),
    timeoutMs: pick(prng, [200, 400, knobs.requestTimeoutMs + 100]),
    paddingBytes: pick(prng, [0, 0, 200, 2000]),
    hedge: faults ? pick(prng, [0, 0.05, 0.4]) : 0,
    retry: pick(prng, [0.7, 0.7, 0.95, 0.2]),
    loyalty: pick(prng, [0.9, 0.5, 0]),
  };
  const twins = faults && count >= 4 && chance(prng, 0.3);
  // Together they fill the safety phase, with an end in sight for the checker.
  const operations = Math.min(Math.ceil(safetyMs / 20), Math.ceil(700 / count));
  return Array.from({ length: count }, (_, at) => ({
    id: twins && at === 1 ? 'c0' : `c${at}`,
    seed: prng.uint32(),
    operations,
    ...shared,
    session: (twins && at <= 1) || chance(prng, 0.85),
  }));
}

export function drawClientLinks(prng: Prng, faults: boolean): ClientLinks {
  const delayMeanMs = pick(prng, [0.5, 2, 10]);
  const links = { requestLoss: 0, replyLoss: 0, delayMinMs: delayMeanMs / 5, delayMeanMs };
  if (!faults) return links;
  return { ...links, requestLoss: pick(prng, [0, 0.01, 0.05]), replyLoss: pick(prng, [0, 0.02, 0.1]) };
}
