import type { Prng } from '../../../base/prng.js';
import { chance, pick } from '../dice.js';
import type { ClientLinks, ClientPlan } from '../plan.js';

/** What the clients of one world have in common. */
export interface Cast {
  readonly count: number;
  /** The first two share one id: drawn by `drawTwins`. */
  readonly twins: boolean;
  /** Chance of a session. */
  readonly session: number;
  /** Together they fill the safety phase, at an operation in so many of its milliseconds… */
  readonly safetyMs: number;
  readonly operationMs: number;
  /** …with an end in sight for the checker: no more than these, all together. */
  readonly operationsMax: number;
  /** What they do, and how. */
  readonly manners: Omit<ClientPlan, 'id' | 'seed' | 'operations' | 'session'>;
}

/** A world's clients do much the same thing, each in its own order. */
export function drawCast(prng: Prng, cast: Cast): ClientPlan[] {
  const { count, manners, operationMs, operationsMax, safetyMs, session, twins } = cast;
  const operations = Math.min(Math.ceil(safetyMs / operationMs), Math.ceil(operationsMax / count));
  return Array.from({ length: count }, (_, at) => ({
    id: twins && at === 1 ? 'c0' : `c${at}`,
    seed: prng.uint32(),
    operations,
    ...manners,
    session: (twins && at <= 1) || chance(prng, session),
  }));
}

/** Sometimes, where clients are faulty and there are some: whoever shares an id has a session. */
export function drawTwins(prng: Prng, faults: boolean, count: number): boolean {
  return faults && count >= 4 && chance(prng, 0.3);
}

export function drawClientLinks(prng: Prng, faults: boolean): ClientLinks {
  const delayMeanMs = pick(prng, [0.5, 2, 10]);
  const links = { requestLoss: 0, replyLoss: 0, delayMinMs: delayMeanMs / 5, delayMeanMs };
  if (!faults) return links;
  return { ...links, requestLoss: pick(prng, [0, 0.01, 0.05]), replyLoss: pick(prng, [0, 0.02, 0.1]) };
}
