import { assert } from '../../base/assert.js';
import type { LogIndex } from '../../base/brand.js';
import type { Entry } from '../../engines/entry.js';

/** Payload bytes applied in one turn, so that heartbeats and acknowledgements keep flowing (raft.md §3.8). */
const APPLY_BYTES_PER_TURN = 4 * 1024 * 1024;

/** Committed entries that are not applied yet. After a restart: the whole tail of the log. */
export class ApplyQueue {
  #entries: Entry[] = [];

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  add(entries: readonly Entry[]): void {
    for (const entry of entries) this.#entries.push(entry);
  }

  /**
   * Hands out what may be applied in one turn, in order; the rest stays. Returns how many entries are done with.
   * `applied`: an installed snapshot may hold the first ones already.
   */
  run(applied: LogIndex, apply: (entry: Entry) => void): number {
    let at = applied;
    let bytes = 0;
    let count = 0;
    for (const entry of this.#entries) {
      if (bytes >= APPLY_BYTES_PER_TURN) break;
      count++;
      if (entry.index <= at) continue;
      assert(entry.index === at + 1, 'entries are applied in order, without a gap');
      apply(entry);
      at = entry.index;
      bytes += entry.payload.length;
    }
    this.#entries = count === this.#entries.length ? [] : this.#entries.slice(count);
    return count;
  }

  /** A snapshot holds everything up to `index`. */
  dropUpTo(index: LogIndex): void {
    this.#entries = this.#entries.filter((entry) => entry.index > index);
  }

  /** What waits is of a history that is over. */
  clear(): void {
    this.#entries = [];
  }
}
