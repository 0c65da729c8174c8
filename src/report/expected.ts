import { assert } from '../base/assert.js';

/** Delay of what is sent to one follower: uniform between both ends, in milliseconds. */
export type DelayRange = readonly [min: number, max: number];

export interface OrderStatistic {
  readonly meanMs: number;
  readonly medianMs: number;
  readonly deviationMs: number;
}

/** For one range a + (b - a) W / (F + 1) is exact; so many steps are within a ten-thousandth of that. */
const STEPS = 4000;

/**
 * The W-th smallest of one delay of each follower: what a single write waits for (ap.md §1.3.8). For F followers with the
 * same range [a, b] its mean is a + (b - a) W / (F + 1); other ranges are integrated: E[X] is the integral of P(X > t).
 */
export function orderStatistic(delays: readonly DelayRange[], writeQuorum: number): OrderStatistic {
  assert(writeQuorum >= 1 && writeQuorum <= delays.length, 'a write quorum of 1 to F followers');
  const end = Math.max(...delays.map(([, max]) => max));
  const width = end / STEPS;
  let mean = 0;
  let square = 0;
  let median: number | null = null;
  for (let step = 0; step < STEPS; step++) {
    const t = (step + 0.5) * width;
    const later = fewerThan(
      writeQuorum,
      delays.map((range) => arrivedBy(range, t)),
    );
    if (later <= 0.5) median ??= t;
    mean += later * width;
    square += 2 * t * later * width;
  }
  return { meanMs: mean, medianMs: median ?? end, deviationMs: Math.sqrt(Math.max(0, square - mean * mean)) };
}

function arrivedBy([min, max]: DelayRange, t: number): number {
  if (t >= max) return 1;
  return t <= min ? 0 : (t - min) / (max - min);
}

/** The probability that fewer than `count` of independent events happen. */
function fewerThan(count: number, probabilities: readonly number[]): number {
  // exactly[k]: that k of those looked at so far happened.
  let exactly = [1];
  for (const p of probabilities) {
    exactly = Array.from({ length: exactly.length + 1 }, (_, k) => {
      return (exactly[k] ?? 0) * (1 - p) + (exactly[k - 1] ?? 0) * p;
    });
  }
  return exactly.slice(0, count).reduce((sum, each) => sum + each, 0);
}
