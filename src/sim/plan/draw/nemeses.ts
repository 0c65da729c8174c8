import { assertDefined } from '../../../base/assert.js';
import type { Prng } from '../../../base/prng.js';
import { chance, pick, weighted } from '../dice.js';
import type { FaultClass } from '../faults.js';
import { NEMESES, type Nemesis } from '../nemesis/index.js';
import type { NemesisAction, Plan, Scalar } from '../plan.js';

/** How often each nemesis is drawn beside the others, by name: a table for each engine. What is not in it is never drawn. */
export type Weights = Readonly<Record<string, number>>;

export interface Rhythm {
  /** How many bursts there may be. */
  readonly bursts: readonly number[];
  /** A calm is some of these, and a little more, long. */
  readonly calmMs: number;
  readonly calms: readonly number[];
}

const BURST_STEP_MS = 250;

/**
 * Bursts of actions with calm between them. Without the calm nothing gets done and nothing is at stake: a group that is
 * always down breaks no promise. Without the bursts faults never overlap (reliability.md §3.8).
 */
export function drawNemeses(
  prng: Prng,
  weights: Weights,
  faults: readonly FaultClass[],
  rhythm: Rhythm,
): Pick<Plan, 'nemeses' | 'safetyMs'> {
  const possible = Object.entries(weights)
    .map(([name, weight]) => [assertDefined(NEMESES.get(name), 'what is drawn exists'), weight] as const)
    .filter(([each]) => each.faults.every((needed) => faults.includes(needed)));
  // A few kinds at a time: their combinations are what differs from seed to seed.
  const kinds = possible.filter(() => chance(prng, 0.6));
  const drawnFrom = kinds.length > 0 ? kinds : possible;
  const bursts = pick(prng, rhythm.bursts);
  const perBurst = pick(prng, [1, 2, 3, 5]);
  const nemeses: NemesisAction[] = [];
  let atMs = chance(prng, 0.2) ? 0 : drawCalm(prng, rhythm);
  for (let burst = 0; burst < bursts; burst++) {
    const actions = prng.between(1, 2 * perBurst - 1);
    for (let action = 0; action < actions && drawnFrom.length > 0; action++) {
      nemeses.push(drawAction(prng, weighted(prng, drawnFrom), atMs));
      // Two at once, now and then.
      if (chance(prng, 0.7)) atMs += prng.between(1, BURST_STEP_MS);
    }
    atMs += drawCalm(prng, rhythm);
  }
  return { nemeses, safetyMs: atMs };
}

/** Time to get over it, mostly, and for some work. */
function drawCalm(prng: Prng, { calmMs, calms }: Rhythm): number {
  return Math.ceil(calmMs * pick(prng, calms)) + prng.between(100, 700);
}

/** One action, with options drawn from what the nemesis offers. */
export function drawAction(prng: Prng, { choices, name }: Nemesis, atMs: number): NemesisAction {
  const options: Record<string, Scalar> = {};
  for (const [option, possible] of Object.entries(choices)) options[option] = pick(prng, possible);
  return { atMs, nemesis: name, seed: prng.uint32(), options };
}
