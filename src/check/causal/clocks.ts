const BLOCK_BITS = 5;
const BLOCK = 1 << BLOCK_BITS;
const INITIAL_WORDS = 1 << 12;
/** Of all clocks of one check together: 512 MiB. */
const WORDS_MAX = 1 << 27;

/**
 * Vector clocks that are never changed and share what they have in common. A clock counts, for every chain, how many of
 * its operations happened before. Most operations learn little, so that most blocks of a clock are those of the one
 * before: a history of 100,000 operations in 1,000 sessions would need 400 MB otherwise.
 */
export class Clocks {
  readonly #blocks: number;
  /** For each clock the numbers of its blocks. */
  #heads: Int32Array = new Int32Array(INITIAL_WORDS);
  #headsUsed: number;
  #counts: Int32Array = new Int32Array(INITIAL_WORDS);
  #countsUsed = BLOCK;
  readonly #wordsMax: number;

  constructor(chains: number, wordsMax = WORDS_MAX) {
    this.#blocks = (chains + BLOCK - 1) >>> BLOCK_BITS;
    this.#headsUsed = this.#blocks;
    this.#heads = roomFor(this.#heads, this.#headsUsed);
    this.#wordsMax = wordsMax;
  }

  /** The clock of those before whom nothing happened. */
  get zero(): number {
    return 0;
  }

  /** True when no more should be made. */
  get isFull(): boolean {
    return this.#headsUsed + this.#countsUsed > this.#wordsMax;
  }

  count(clock: number, chain: number): number {
    const block = this.#heads[clock * this.#blocks + (chain >>> BLOCK_BITS)] as number;
    return this.#counts[block * BLOCK + (chain & (BLOCK - 1))] as number;
  }

  /** A clock that knows what both know, and `count` operations of `chain`. */
  join(a: number, b: number, chain: number, count: number): number {
    const blocks = this.#blocks;
    const clock = this.#headsUsed / blocks;
    this.#heads = roomFor(this.#heads, this.#headsUsed + blocks);
    const heads = this.#heads;
    const special = chain >>> BLOCK_BITS;
    let isA = true;
    let isB = true;
    for (let at = 0; at < blocks; at++) {
      const ours = heads[a * blocks + at] as number;
      const theirs = heads[b * blocks + at] as number;
      const joined = this.#joinBlocks(ours, theirs, at === special ? chain & (BLOCK - 1) : -1, count);
      heads[this.#headsUsed + at] = joined;
      isA &&= joined === ours;
      isB &&= joined === theirs;
    }
    if (isA) return a;
    if (isB) return b;
    this.#headsUsed += blocks;
    return clock;
  }

  /** One of the two where it suffices. `place` is that of the count that is raised, or -1. */
  #joinBlocks(a: number, b: number, place: number, count: number): number {
    if (a === b && place < 0) return a;
    this.#counts = roomFor(this.#counts, this.#countsUsed + BLOCK);
    const counts = this.#counts;
    const to = this.#countsUsed;
    let isA = true;
    let isB = true;
    for (let at = 0; at < BLOCK; at++) {
      const ours = counts[a * BLOCK + at] as number;
      const theirs = counts[b * BLOCK + at] as number;
      let larger = ours > theirs ? ours : theirs;
      if (at === place && count > larger) larger = count;
      counts[to + at] = larger;
      isA &&= larger === ours;
      isB &&= larger === theirs;
    }
    if (isA) return a;
    if (isB) return b;
    this.#countsUsed += BLOCK;
    return to >>> BLOCK_BITS;
  }
}

function roomFor(words: Int32Array, needed: number): Int32Array {
  if (needed <= words.length) return words;
  const grown = new Int32Array(Math.max(needed, words.length * 2));
  grown.set(words);
  return grown;
}
