/** How many keys there are, known to all threads at once: an insert of one is seen by the reads of the others. */
export class KeyCounter {
  readonly shared: SharedArrayBuffer;
  readonly #count: Int32Array;

  constructor(shared = new SharedArrayBuffer(4)) {
    this.shared = shared;
    this.#count = new Int32Array(shared);
  }

  static of(keys: number): KeyCounter {
    const counter = new KeyCounter();
    Atomics.store(counter.#count, 0, keys);
    return counter;
  }

  get keys(): number {
    return Atomics.load(this.#count, 0);
  }

  /** The key of an insert. */
  take(): number {
    return Atomics.add(this.#count, 0, 1);
  }
}
