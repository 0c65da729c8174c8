import { assert } from '../../base/assert.js';

/** Maps values of the data to places in the picture. */
export interface Scale {
  readonly ticks: readonly number[];
  /** Shows a tick with as many digits as the steps between ticks need. */
  readonly format: (tick: number) => string;
  readonly at: (value: number) => number;
}

const STEPS = [1, 2, 2.5, 5, 10];

/** The smallest round step (1, 2, 2.5 or 5 times a power of ten) that needs no more than `ticksMax` ticks from 0 to `end`. */
export function roundStep(end: number, ticksMax: number): number {
  assert(end > 0 && Number.isFinite(end) && ticksMax >= 2, 'an axis has a length');
  const least = end / (ticksMax - 1);
  const power = 10 ** Math.floor(Math.log10(least));
  // A hair less than the least: 0.3 / 3 is no more than 0.1.
  const factor = STEPS.find((step) => step * power >= least * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** From 0 to the first round number that is not below `max`. `from` and `to` are the places of both ends. */
export function linearScale(max: number, ticksMax: number, from: number, to: number): Scale {
  const step = roundStep(max > 0 ? max : 1, ticksMax);
  const count = Math.max(1, Math.ceil((max > 0 ? max : 1) / step - 1e-9));
  const digits = Math.max(0, Math.min(6, digitsOf(step)));
  const end = step * count;
  return {
    ticks: Array.from({ length: count + 1 }, (_, at) => Number((at * step).toFixed(digits))),
    format: (tick) => groupThousands(tick.toFixed(digits)),
    at: (value) => from + (value / end) * (to - from),
  };
}

/** Decimals that the step needs: 2.5 has one, 0.25 two, 50 none. */
function digitsOf(step: number): number {
  for (let digits = 0; digits <= 6; digits++)
    if (Math.abs(step - Number(step.toFixed(digits))) < step * 1e-9) return digits;
  return 6;
}

/** 136277 reads as 136,277. */
export function groupThousands(text: string): string {
  const [whole = '', fraction] = text.split('.');
  const grouped = whole.replaceAll(/\B(?=(\d{3})+(?!\d))/g, ',');
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** About three digits, as one would say it: 0.44, 6.72, 24.2, 136,277. */
export function threeDigits(value: number): string {
  if (value >= 100) return groupThousands(value.toFixed(0));
  return value.toFixed(value >= 10 ? 1 : 2);
}
