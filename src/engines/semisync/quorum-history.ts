import { assert, assertDefined } from '../../base/assert.js';
import { indexAfter, type LogIndex } from '../../base/brand.js';
import type { PlacedQuorum, SemisyncEntry } from './messages.js';
import { readOpening } from './opening.js';

/** Changes of the write quorum that may be under way at once: a promise lists them. */
export const OPEN_CHANGES_MAX = 16;

export function quorumPayload(writeQuorum: number): Uint8Array {
  return Uint8Array.of(writeQuorum);
}

/** Null for what no leader writes. */
export function readQuorum(payload: Uint8Array, followers: number): number | null {
  const [writeQuorum] = payload;
  return payload.length === 1 && writeQuorum !== undefined && writeQuorum <= followers ? writeQuorum : null;
}

/**
 * The write quorums that the log brought, by the index of their entries, and where epochs began by force. One is in force
 * *after* its entry: a change is committed with the one before it (ap.md §1.3.4), an entry that opens an epoch with its own. Below the floor (what the last checkpoint holds) only the one that
 * was in force there is kept.
 */
export class QuorumHistory {
  /** Ascending. The first is in force at the floor, the others come after it. */
  #placed: PlacedQuorum[];
  #floor: LogIndex;

  constructor(base: PlacedQuorum, floor: LogIndex) {
    assert(base.index <= floor, 'the base is in force at the floor');
    this.#placed = [base];
    this.#floor = floor;
  }

  get latest(): PlacedQuorum {
    return assertDefined(this.#placed.at(-1), 'the base is never undone');
  }

  /** In force after `index`. */
  after(index: LogIndex): PlacedQuorum {
    assert(index >= this.#floor, `the write quorum at ${index} is not known any more, only from ${this.#floor} on`);
    return assertDefined(
      this.#placed.findLast((placed) => placed.index <= index),
      'the base is in force at the floor',
    );
  }

  /** By which the entry at `index` is committed. */
  forEntry(index: LogIndex): number {
    return this.after(indexAfter(index, -1)).writeQuorum;
  }

  /** Changes after `index`, oldest first. */
  later(index: LogIndex): readonly PlacedQuorum[] {
    return this.latest.index <= index ? [] : this.#placed.filter((placed) => placed.index > index);
  }

  /**
   * Of the changes after `index` those that no later one undercuts: the smallest write quorum of any suffix is among them.
   * Each asks for more followers than the one before, so that there are at most 64, however long the history is.
   */
  smallestAfter(index: LogIndex): readonly PlacedQuorum[] {
    let smallest = Number.POSITIVE_INFINITY;
    const kept: PlacedQuorum[] = [];
    for (const placed of this.later(index).toReversed()) {
      if (placed.writeQuorum >= smallest) continue;
      smallest = placed.writeQuorum;
      kept.push(placed);
    }
    return kept.reverse();
  }

  /** An entry was appended to the log. */
  append({ index, kind, payload, term }: SemisyncEntry, followers: number): void {
    const { forcedTerm, writeQuorum } = this.latest;
    if (kind === 'noop' && payload.length > 0) {
      const opening = readOpening(payload, followers);
      assert(opening !== null, `entry ${index} opens an epoch in a way that makes sense`);
      const forced = opening.lossPossible ? term : forcedTerm;
      this.#place({ index, writeQuorum: opening.writeQuorum ?? writeQuorum, forcedTerm: forced });
    }
    if (kind !== 'quorum') return;
    const changed = readQuorum(payload, followers);
    assert(changed !== null, `entry ${index} holds a write quorum that makes sense`);
    this.#place({ index, writeQuorum: changed, forcedTerm });
  }

  #place(placed: PlacedQuorum): void {
    assert(placed.index > this.latest.index && placed.index > this.#floor, 'they come in the order of the log');
    this.#placed.push(placed);
  }

  /** Entries at and after `index` are gone from the log. */
  truncateFrom(index: LogIndex): void {
    assert(index > this.#floor, 'what a checkpoint holds is not truncated');
    while (this.latest.index >= index) this.#placed.pop();
  }

  /** A snapshot took the place of the log up to `index`; what comes after it stays with `keepSuffix`. */
  install(index: LogIndex, base: PlacedQuorum, keepSuffix: boolean): void {
    assert(base.index <= index, 'a snapshot knows no write quorum that comes after it');
    this.#placed = [base, ...(keepSuffix ? this.#placed.filter((placed) => placed.index > index) : [])];
    this.#floor = index;
  }

  /** A checkpoint holds everything up to `index`: nobody asks for what was in force before. */
  prune(index: LogIndex): void {
    if (index <= this.#floor) return;
    this.#floor = index;
    while ((this.#placed[1]?.index ?? Number.POSITIVE_INFINITY) <= index) this.#placed.shift();
  }
}
