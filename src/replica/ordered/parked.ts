import type { WriteBatch } from './pending.js';

/** How long a write waits for a leader before it is answered `no_leader`: a few elections at default timings. */
export const PARKED_MS_MAX = 2000;
/** Bytes of writes that may wait for a leader; beyond it new ones are answered `busy`. */
const PARKED_BYTES_MAX = 16 * 1024 * 1024;

/** Writes that wait for a leader, in order. */
export class ParkedWrites {
  #batches: WriteBatch[] = [];
  #bytes = 0;

  get count(): number {
    return this.#batches.length;
  }

  /** False: there is no room. */
  park(batch: WriteBatch): boolean {
    if (this.#bytes + batch.payload.length > PARKED_BYTES_MAX) return false;
    this.#batches.push(batch);
    this.#bytes += batch.payload.length;
    return true;
  }

  takeAll(): readonly WriteBatch[] {
    const all = this.#batches;
    this.#batches = [];
    this.#bytes = 0;
    return all;
  }

  /** Takes out what has waited long enough, or is past its deadline. */
  takeExpired(nowMs: number): readonly WriteBatch[] {
    const [first] = this.#batches;
    if (first === undefined || untilMs(first) > nowMs) return [];
    const expired = this.#batches.filter((batch) => untilMs(batch) <= nowMs);
    this.#batches = this.#batches.filter((batch) => untilMs(batch) > nowMs);
    this.#bytes = this.#batches.reduce((sum, batch) => sum + batch.payload.length, 0);
    return expired;
  }
}

function untilMs(batch: WriteBatch): number {
  return Math.min(batch.proposedMs + PARKED_MS_MAX, batch.deadlineMs);
}
