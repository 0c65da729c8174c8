/** Uniform random numbers from a seed; injected wherever pure code needs chance (reliability.md §3.1). */
export interface Prng {
  /** An integer in [0, 2^32). */
  uint32(): number;
  /** An integer in [low, high], both included. */
  between(low: number, high: number): number;
  /** A float in [0, 1). */
  float(): number;
  /** An independent generator, so that a draw added in one place does not shift the draws of another. */
  fork(label: string): Prng;
}

/** sfc32 (Chris Doty-Humphrey, PractRand): small, fast, passes BigCrush. Not for secrets. */
export function createPrng(seed: number): Prng {
  let a = 0x9e3779b9 | 0;
  let b = 0x243f6a88 | 0;
  let c = seed | 0;
  let counter = 1;
  const uint32 = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 15; round++) uint32();
  const float = (): number => uint32() / 0x1_0000_0000;
  return {
    uint32,
    float,
    between: (low, high) => low + Math.floor(float() * (high - low + 1)),
    fork: (label) => createPrng(hashLabel(label) ^ uint32()),
  };
}

/** FNV-1a over UTF-16 units. */
function hashLabel(label: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < label.length; at++) hash = Math.imul(hash ^ label.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
