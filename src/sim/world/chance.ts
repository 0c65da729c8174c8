import type { Prng } from '../../base/prng.js';

const LN_2 = 0.693_147_180_559_945_3;
/** Bounds of an exponential sample, in multiples of its mean. */
const TIMES_MAX = 20;

export function happens(prng: Prng, chance: number): boolean {
  return chance > 0 && prng.float() < chance;
}

/**
 * A sample of about an exponential distribution of mean 1. Without Math.log, whose last bit may differ between versions
 * of V8 (reliability.md §3.1): the leading zeros of a random word are the whole part of -log2, and between two powers of
 * two it is taken as linear.
 */
export function exponential(prng: Prng): number {
  const word = prng.uint32();
  const zeros = Math.clz32(word);
  const fraction = word === 0 ? 0 : word / (0x8000_0000 >>> zeros) - 1;
  return Math.min(TIMES_MAX, LN_2 * (zeros + 1 - fraction));
}

/** How long something takes whose mean is `meanMs`; sometimes ten to a hundred times as long. */
export function duration(prng: Prng, meanMs: number, slowTail: number): number {
  const sample = meanMs * exponential(prng);
  return happens(prng, slowTail) ? sample * prng.between(10, 100) : sample;
}
