import { assert } from '../../base/assert.js';
import { covers, type Vector } from '../../base/dot.js';
import { Overlay } from '../overlay.js';
import type { KeyString } from '../types.js';
import { versionsOf, type DottedItem } from './item.js';
import { PieceWriter } from './pieces.js';
import type { SeenRows } from './seen-rows.js';
import type { ChangeListener, DottedState } from './state.js';
import type { ItemSource } from './types.js';

/** Items looked at in one `next`, also when none of them is sent: bounds how long it blocks the loop. */
const VISITS_MAX = 8192;

export interface Position {
  readonly vector: Vector;
  readonly boots: Vector;
  readonly counter: number;
  readonly collectedTo: number;
}

/**
 * The state as of one moment, read in pieces while it goes on changing: what changes before it was read is remembered as
 * it was. Costs as much memory as keys change meanwhile; checkpoints may come and go.
 */
export class PinnedItems implements ItemSource, ChangeListener {
  readonly vector: Vector;
  readonly boots: Vector;
  readonly counter: number;
  readonly collectedTo: number;
  readonly #state: DottedState;
  readonly #have: Vector;
  readonly #seen: SeenRows;
  readonly #before = new Overlay<DottedItem>();
  readonly #writer = new PieceWriter();
  /** The first key that was not read yet; null: all were. */
  #next: KeyString | null = '';

  constructor(state: DottedState, position: Position, have: Vector, seen: SeenRows) {
    this.vector = new Map(position.vector);
    this.boots = new Map(position.boots);
    this.counter = position.counter;
    this.collectedTo = position.collectedTo;
    this.#state = state;
    this.#have = new Map(have);
    this.#seen = seen;
    state.listeners.add(this);
  }

  beforeChange(key: KeyString, before: DottedItem | null): void {
    if (this.#next === null || key < this.#next || this.#before.items.has(key)) return;
    this.#before.set(key, before);
  }

  /** A piece may be without items when many were passed over. */
  next(maxBytes: number): Uint8Array | null {
    assert(maxBytes >= 1, 'a piece holds something');
    if (this.#next === null) return null;
    const cursor = this.#state.items.cursor(this.#next, null, this.#before);
    const writer = this.#writer;
    try {
      for (let visits = 0; visits < VISITS_MAX && writer.bytes < maxBytes && cursor.key !== null; visits++) {
        const { key, value } = cursor;
        if (versionsOf(value).some(({ write }) => !covers(this.#have, write))) writer.add(key, value);
        cursor.advance();
      }
      this.#next = cursor.key;
    } finally {
      cursor.close();
    }
    if (this.#next !== null) return writer.take();
    this.close();
    return writer.take(this.#seen);
  }

  close(): void {
    this.#next = null;
    this.#state.listeners.delete(this);
    this.#before.items.clear();
  }
}
