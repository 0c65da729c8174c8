import type { OriginBatch } from './types.js';

/**
 * Batches of one origin that were received and cannot be accepted yet: an earlier one is missing, a dependency is, or the
 * disk is behind. Bounded for itself: the causally first batch that anybody misses is at the head of some origin, and
 * with a buffer of its own it can always be taken in, whatever others wait for (ap.md §1.2.3). Overflow drops the
 * highest positions, which are asked for again.
 */
export class OriginBuffer {
  readonly #batchesMax: number;
  readonly #bytesMax: number;
  readonly #batches = new Map<number, OriginBatch>();
  #bytes = 0;
  #highest = 0;
  /** Everything up to here is accepted or in the buffer. */
  #received: number;

  constructor(accepted: number, batchesMax: number, bytesMax: number) {
    this.#received = accepted;
    this.#batchesMax = batchesMax;
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#batches.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get received(): number {
    return this.#received;
  }

  get highest(): number {
    return this.#highest;
  }

  get full(): boolean {
    return this.#batches.size >= this.#batchesMax || this.#bytes >= this.#bytesMax;
  }

  get(seq: number): OriginBatch | undefined {
    return this.#batches.get(seq);
  }

  /** Returns how many batches fell out at the end to make room: the new one may be among them. */
  add(batch: OriginBatch): number {
    this.#batches.set(batch.seq, batch);
    this.#bytes += batch.encoded.length;
    if (batch.seq > this.#highest) this.#highest = batch.seq;
    let dropped = 0;
    while (this.#batches.size > 1 && this.#beyond) {
      if (this.#received >= this.#highest) this.#received = this.#highest - 1;
      this.#drop(this.#highest);
      dropped++;
    }
    while (this.#batches.has(this.#received + 1)) this.#received++;
    return dropped;
  }

  get #beyond(): boolean {
    return this.#batches.size > this.#batchesMax || this.#bytes > this.#bytesMax;
  }

  /** Takes out the next one, which is then accepted. */
  remove(seq: number): void {
    this.#drop(seq);
  }

  /** The next one cannot be accepted, now or ever: what comes after it stays, but does not count as received. */
  refuse(seq: number): void {
    this.#drop(seq);
    this.#received = seq - 1;
  }

  /** Nothing of it will ever be accepted. */
  clear(): void {
    this.#batches.clear();
    this.#bytes = 0;
    this.#highest = 0;
  }

  /** Everything up to `accepted` is there by other means. */
  skipTo(accepted: number): void {
    for (const seq of this.#batches.keys()) if (seq <= accepted) this.#drop(seq);
    if (this.#received < accepted) this.#received = accepted;
    while (this.#batches.has(this.#received + 1)) this.#received++;
  }

  #drop(seq: number): void {
    const batch = this.#batches.get(seq);
    if (batch === undefined) return;
    this.#batches.delete(seq);
    this.#bytes -= batch.encoded.length;
    if (seq !== this.#highest) return;
    if (this.#batches.has(seq - 1)) this.#highest = seq - 1;
    else this.#highest = [...this.#batches.keys()].reduce((highest, key) => Math.max(highest, key), 0);
  }
}
