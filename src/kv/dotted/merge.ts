import type { OriginId } from '../../base/brand.js';
import { covers, type Dot, type Vector } from '../../base/dot.js';
import type { KeyString } from '../types.js';
import type { ConflictLog } from './conflict-log.js';
import { compareVersions, DELETED, hasValue, isSameWrite, itemOf, versionsOf, type Version } from './item.js';
import type { DottedState } from './state.js';

/** What becomes of a key when a write of it is applied. */
export interface Merge {
  /** True when the key had a value before; of a delete: a value that it deletes. `context`: what the write replaces. */
  take(key: KeyString, version: Version, context: readonly Dot[] | undefined): boolean;
  /** Writes that claim the timestamp of another one: an origin was used twice (ap.md §1.0.2). What was here stays. */
  readonly quarantined: number;
}

/** The greater timestamp wins, whatever came first. */
export class LastWriter implements Merge {
  quarantined = 0;
  readonly #state: DottedState;
  readonly #conflicts: ConflictLog;

  constructor(state: DottedState, conflicts: ConflictLog) {
    this.#state = state;
    this.#conflicts = conflicts;
  }

  take(key: KeyString, version: Version): boolean {
    const state = this.#state;
    const before = state.items.find(key);
    if (before === null) {
      state.replace(key, null, version);
      return false;
    }
    const order = version.counter - before.counter || compareVersions(version, before);
    if (order > 0) {
      if (before.write.origin !== version.write.origin) this.#conflicts.replaced(key, version, before);
      state.replace(key, before, version);
    } else if (order < 0) {
      this.#conflicts.lost(key, before, version);
    } else if (!isSameWrite(before, version)) {
      this.quarantined++;
    }
    return before.source !== DELETED;
  }
}

/**
 * Concurrent versions stay side by side: dotted version vectors (ap.md §1.1.4) with the vector of the whole state in the place
 * of one per key, so that an item carries dots and nothing else. A write replaces what its context covers; without a
 * context it replaces nothing and is one more sibling, as in Riak. A context may speak of writes that are not here yet:
 * they are remembered as pending, and dropped on arrival.
 */
export class Siblings implements Merge {
  quarantined = 0;
  readonly #state: DottedState;
  readonly #vector: Vector;

  /** `vector` covers what has been applied, the batch of the version being taken included. */
  constructor(state: DottedState, vector: Vector) {
    this.#state = state;
    this.#vector = vector;
  }

  take(key: KeyString, version: Version, context: readonly Dot[] = []): boolean {
    const before = this.#state.items.find(key);
    if (before === null && context.length === 0) {
      this.#state.replace(key, null, version);
      return false;
    }
    const versions = before === null ? [] : versionsOf(before);
    if (versions.some((other) => other.counter === version.counter && compareVersions(other, version) === 0)) {
      if (!versions.some((other) => isSameWrite(other, version))) this.quarantined++;
      return true;
    }
    const kept = versions.filter(({ write }) => !isCovered(context, write));
    const pending = before?.pending ?? [];
    const isReplaced = isCovered(pending, version.write);
    const after = itemOf(isReplaced ? kept : [...kept, version], unmet([...pending, ...context], this.#vector));
    this.#state.replace(key, before, after);
    if (version.source !== DELETED) return before !== null && hasValue(before);
    return versions.some((other) => other.source !== DELETED && !kept.includes(other));
  }
}

function isCovered(context: readonly Dot[], { origin, seq }: Dot): boolean {
  return context.some((dot) => dot.origin === origin && dot.seq >= seq);
}

/** What of `dots` is not here yet, one per origin. */
export function unmet(dots: readonly Dot[], vector: Vector): Dot[] {
  const highest = new Map<OriginId, number>();
  for (const dot of dots) {
    if (!covers(vector, dot)) highest.set(dot.origin, Math.max(dot.seq, highest.get(dot.origin) ?? 0));
  }
  return [...highest].sort(([a], [b]) => (a < b ? -1 : 1)).map(([origin, seq]) => ({ origin, seq }));
}
