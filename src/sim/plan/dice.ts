import { assertDefined } from '../../base/assert.js';
import type { Prng } from '../../base/prng.js';

export function chance(prng: Prng, probability: number): boolean {
  return prng.float() < probability;
}

export function pick<T>(prng: Prng, from: readonly T[]): T {
  return assertDefined(from[prng.between(0, from.length - 1)], 'there is something to choose from');
}

/** One of them, as often as its weight says. */
export function weighted<T>(prng: Prng, from: readonly (readonly [T, number])[]): T {
  const total = from.reduce((sum, [, weight]) => sum + weight, 0);
  let left = prng.float() * total;
  for (const [each, weight] of from) {
    left -= weight;
    if (left < 0) return each;
  }
  return assertDefined(from.at(-1), 'there is something to choose from')[0];
}
