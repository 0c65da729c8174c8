/** Words in front of the bits of an entry: hash, state, index of the first word, number of words. */
const HEADER_WORDS = 4;
const WORD_BYTES = 4;
/** For all the searches of one thread together. */
const MEMORY_BYTES_MAX = 512 * 1024 * 1024;

/** What the memos of several searches may take together. When it is used up, a search that needs more ends undecided. */
export class MemoryBudget {
  #leftBytes: number;

  constructor(bytes: number = MEMORY_BYTES_MAX) {
    this.#leftBytes = bytes;
  }

  get isUsedUp(): boolean {
    return this.#leftBytes < 0;
  }

  take(bytes: number): void {
    this.#leftBytes -= bytes;
  }

  give(bytes: number): void {
    this.#leftBytes += bytes;
  }
}

/**
 * The configurations that a search has been in: which operations have taken effect, and the state. Entries are compared
 * in full; a hash alone would sometimes take an unseen configuration for a seen one and call a good history bad.
 *
 * Operations are numbered by their calls, so that the set is a full prefix, a few mixed words and nothing: only the mixed
 * words are kept, and entries stay small however long the history is.
 */
export class Memo {
  /** Offset of an entry in the arena, plus one; 0 is free. Open addressing, at most half full. */
  #slots = new Int32Array(128);
  #arena = new Int32Array(1024);
  #used = 0;
  #count = 0;
  /** Beyond the first tables, which are small. */
  #takenBytes = 0;
  readonly #memory: MemoryBudget;

  constructor(memory: MemoryBudget) {
    this.#memory = memory;
  }

  /** Gives its memory back to the budget; the memo must not be used any more. */
  close(): void {
    this.#memory.give(this.#takenBytes);
    this.#takenBytes = 0;
  }

  /** False when the configuration was there already. `low` to `high` are the words of `bits` that are mixed. */
  add(hash: number, state: number, bits: Int32Array, low: number, high: number, open: Int32Array): boolean {
    const words = high >= low ? high - low + 1 : 0;
    const mask = this.#slots.length - 1;
    let slot = mix(hash ^ Math.imul(state + 1, 0x9e3779b1)) & mask;
    for (;;) {
      const at = (this.#slots[slot] as number) - 1;
      if (at < 0) break;
      if (this.#equals(at, hash, state, bits, low, words, open)) return false;
      slot = (slot + 1) & mask;
    }
    this.#slots[slot] = this.#append(hash, state, bits, low, words, open) + 1;
    if (++this.#count * 2 > this.#slots.length) this.#rehash();
    return true;
  }

  // oxlint-disable-next-line max-params -- the hot path: no object per look-up
  #equals(
    at: number,
    hash: number,
    state: number,
    bits: Int32Array,
    low: number,
    words: number,
    open: Int32Array,
  ): boolean {
    const arena = this.#arena;
    if (arena[at] !== hash || arena[at + 1] !== state || arena[at + 2] !== low || arena[at + 3] !== words) return false;
    let from = at + HEADER_WORDS;
    for (let word = 0; word < words; word++) if (arena[from + word] !== bits[low + word]) return false;
    from += words;
    for (let word = 0; word < open.length; word++) if (arena[from + word] !== open[word]) return false;
    return true;
  }

  #append(hash: number, state: number, bits: Int32Array, low: number, words: number, open: Int32Array): number {
    const at = this.#used;
    const end = at + HEADER_WORDS + words + open.length;
    if (end > this.#arena.length) {
      const grown = new Int32Array(Math.max(this.#arena.length * 2, end));
      this.#take(grown.length - this.#arena.length);
      grown.set(this.#arena.subarray(0, at));
      this.#arena = grown;
    }
    const arena = this.#arena;
    arena[at] = hash;
    arena[at + 1] = state;
    arena[at + 2] = low;
    arena[at + 3] = words;
    let to = at + HEADER_WORDS;
    for (let word = 0; word < words; word++) arena[to++] = bits[low + word] as number;
    for (let word = 0; word < open.length; word++) arena[to++] = open[word] as number;
    this.#used = end;
    return at;
  }

  #take(words: number): void {
    this.#memory.take(words * WORD_BYTES);
    this.#takenBytes += words * WORD_BYTES;
  }

  #rehash(): void {
    const old = this.#slots;
    const slots = new Int32Array(old.length * 4);
    this.#take(slots.length - old.length);
    const mask = slots.length - 1;
    for (const entry of old) {
      if (entry === 0) continue;
      const hash = this.#arena[entry - 1] as number;
      const state = this.#arena[entry] as number;
      let slot = mix(hash ^ Math.imul(state + 1, 0x9e3779b1)) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = entry;
    }
    this.#slots = slots;
  }
}

/** The finaliser of MurmurHash3: every bit of the input moves every bit of the output. */
export function mix(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) | 0;
}
