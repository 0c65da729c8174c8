import { assert, assertDefined } from '../../base/assert.js';
import { indexAfter, type LogIndex, type Term } from '../../base/brand.js';
import type { Entry } from './messages.js';

/** An entry's position without its payload. */
export interface Position {
  readonly index: LogIndex;
  readonly term: Term;
}

/** What a log needs to know of its entries; other engines bring their own kinds. */
export interface LogEntry extends Position {
  readonly payload: Uint8Array;
}

/**
 * The retained entries of one member, in memory:
 *
 *      cut away        retained, contiguous
 *   1 ........ base | base+1 .......... last
 *              ^ only its term is known
 *
 * Entries are whole batches, a few thousand a second at most, and immutable: slices share them.
 */
export class RaftLog<E extends LogEntry = Entry> {
  #baseIndex: LogIndex;
  #baseTerm: Term;
  #entries: E[];

  constructor(baseIndex: LogIndex, baseTerm: Term, entries: readonly E[]) {
    this.#baseIndex = baseIndex;
    this.#baseTerm = baseTerm;
    this.#entries = [];
    for (const entry of entries) this.append(entry);
  }

  get baseIndex(): LogIndex {
    return this.#baseIndex;
  }

  get baseTerm(): Term {
    return this.#baseTerm;
  }

  get firstIndex(): LogIndex {
    return indexAfter(this.#baseIndex);
  }

  get lastIndex(): LogIndex {
    return indexAfter(this.#baseIndex, this.#entries.length);
  }

  get lastTerm(): Term {
    return this.#entries.at(-1)?.term ?? this.#baseTerm;
  }

  /** Null when the entry was cut away or does not exist yet. */
  termOf(index: LogIndex): Term | null {
    if (index === this.#baseIndex) return this.#baseTerm;
    return this.#entries[index - this.#baseIndex - 1]?.term ?? null;
  }

  at(index: LogIndex): E {
    return assertDefined(this.#entries[index - this.#baseIndex - 1], `entry ${index} is retained`);
  }

  append(entry: E): void {
    assert(entry.index === this.lastIndex + 1, `A7: entry ${entry.index} does not follow ${this.lastIndex}`);
    assert(entry.term >= this.lastTerm, `terms never decrease along the log (entry ${entry.index})`);
    this.#entries.push(entry);
  }

  /** Forgets everything at and after `index`: only for a real conflict (raft.md A1). */
  truncateFrom(index: LogIndex): void {
    assert(index > this.#baseIndex, 'what was cut away is committed and never truncated');
    assert(index <= this.lastIndex, 'there is something to truncate');
    this.#entries.length = index - this.#baseIndex - 1;
  }

  /** Entries from `from` on: at most `countMax`, and at most `bytesMax` of payload unless the first alone has more. */
  slice(from: LogIndex, countMax: number, bytesMax: number): E[] {
    assert(from > this.#baseIndex, 'only retained entries are sliced');
    const start = from - this.#baseIndex - 1;
    let end = start;
    let bytes = 0;
    for (; end < this.#entries.length && end - start < countMax; end++) {
      bytes += this.#entries[end]?.payload.length ?? 0;
      if (bytes > bytesMax && end > start) break;
    }
    return this.#entries.slice(start, end);
  }

  /** Entries with `from` <= index <= `to`. */
  range(from: LogIndex, to: LogIndex): E[] {
    assert(from > this.#baseIndex && to <= this.lastIndex, `entries ${from} to ${to} are retained`);
    return this.#entries.slice(from - this.#baseIndex - 1, to - this.#baseIndex);
  }

  /** Forgets everything up to and including `index`, but its term. */
  cutPrefix(index: LogIndex): void {
    if (index <= this.#baseIndex) return;
    const term = assertDefined(this.termOf(index), 'the log is cut within what it holds');
    this.#entries.splice(0, index - this.#baseIndex);
    this.#baseIndex = index;
    this.#baseTerm = term;
  }

  /** Starts again after a snapshot at (index, term). */
  reset(index: LogIndex, term: Term): void {
    this.#entries = [];
    this.#baseIndex = index;
    this.#baseTerm = term;
  }

  /**
   * The last position with index <= `index` and term <= `term`: where two logs can still agree (raft.md A2). Both ends
   * use it, which makes at most one probe per term. Terms never decrease along the log, so this is a binary search.
   */
  lastAtMost(index: LogIndex, term: Term): Position {
    let low = 0; // Number of entries known to be in.
    let high = Math.max(0, Math.min(index - this.#baseIndex, this.#entries.length));
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      const entry = this.#entries[middle - 1];
      if (entry !== undefined && entry.term <= term) low = middle;
      else high = middle - 1;
    }
    const found = indexAfter(this.#baseIndex, low);
    return { index: found, term: this.termOf(found) ?? this.#baseTerm };
  }
}
