import { assert } from '../base/assert.js';
import type { KeyCursor } from './key-index.js';
import type { KeyString } from './types.js';

/** Merges ordered cursors: a binary min-heap by the cursors' current keys. */
export class KeyMerge {
  readonly #heap: KeyCursor[];

  /** `cursors` is taken over; those at their end are left out. */
  constructor(cursors: readonly KeyCursor[]) {
    this.#heap = cursors.filter((cursor) => cursor.key !== null);
    for (let at = (this.#heap.length >>> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  /** The lowest key of all cursors; null when all are at their end. */
  get key(): KeyString | null {
    return this.#heap[0]?.key ?? null;
  }

  /** Moves every cursor that stands at the lowest key behind it. */
  advance(): void {
    const key = this.key;
    assert(key !== null, 'only a merge that has a key advances');
    for (let top = this.#heap[0]; top !== undefined && top.key === key; top = this.#heap[0]) {
      top.advance();
      assert(top.key === null || top.key >= key, 'a cursor moves in byte order');
      if (top.key === null) this.#removeTop();
      else this.#sink(0);
    }
  }

  #removeTop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #keyAt(at: number): KeyString {
    return this.#heap[at]?.key as KeyString;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const cursor = heap[from] as KeyCursor;
    const key = cursor.key as KeyString;
    let at = from;
    for (let child = 2 * at + 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && this.#keyAt(child + 1) < this.#keyAt(child)) child++;
      if (this.#keyAt(child) >= key) break;
      heap[at] = heap[child] as KeyCursor;
      at = child;
    }
    heap[at] = cursor;
  }
}
