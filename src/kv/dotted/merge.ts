import type { OriginId } from '../../base/brand.js';
import { covers, type Dot, type Vector } from '../../base/dot.js';
import type { KeyString } from '../types.js';
import type { ConflictLog } from './conflict-log.js';
import { compareVersions, DELETED, hasValue, isSameWrite, itemOf, versionsOf, type Version } from './item.js';
import type { SeenMatrix } from './seen-rows.js';
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

export const BATCH_SIBLINGS_MAX = 8;

/**
 * Concurrent versions stay side by side: dotted version vectors (ap.md §1.1.4) with the vector of the whole state in the place
 * of one per key, so that an item carries dots and nothing else. A write replaces what its context covers; without a
 * context a put replaces nothing and is one more sibling, as in Riak; a delete replaces all that its origin had: it would
 * be no delete otherwise. A context may speak of writes that are not here yet: they are remembered as pending, and
 * dropped on arrival.
 *
 * Puts without a context do not pile up within one batch: of more than BATCH_SIBLINGS_MAX the oldest goes, which the log
 * of overwritten values tells. That is decided by the batch alone, so everywhere alike. Over batches, who takes the
 * write limits them: it gives a context of what is there.
 */
export class Siblings implements Merge {
  quarantined = 0;
  readonly #state: DottedState;
  readonly #conflicts: ConflictLog;
  readonly #vector: Vector;
  readonly #seen: SeenMatrix;

  /** `vector` and `seen` are of what has been applied, the batch of the version being taken included. */
  constructor(state: DottedState, conflicts: ConflictLog, vector: Vector, seen: SeenMatrix) {
    this.#state = state;
    this.#conflicts = conflicts;
    this.#vector = vector;
    this.#seen = seen;
  }

  take(key: KeyString, version: Version, given: readonly Dot[] | undefined): boolean {
    const context = given ?? [];
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
    const isBlindDelete = given === undefined && version.source === DELETED;
    const kept = versions.filter(({ write }) =>
      isBlindDelete ? !this.#seen.had(version.write.origin, write) : !isCovered(context, write),
    );
    if (kept.length >= BATCH_SIBLINGS_MAX) this.#dropOldest(key, version, kept);
    const pending = before?.pending ?? [];
    const isReplaced = isCovered(pending, version.write);
    // Of its own origin a write has seen what is there, and nothing waits: at most it covers the rest of its batch.
    const ahead = context.filter(({ origin }) => origin !== version.write.origin);
    const after = itemOf(isReplaced ? kept : [...kept, version], unmet([...pending, ...ahead], this.#vector));
    this.#state.replace(key, before, after);
    if (version.source !== DELETED) return before !== null && hasValue(before);
    return versions.some((other) => other.source !== DELETED && !kept.includes(other));
  }

  #dropOldest(key: KeyString, version: Version, kept: Version[]): void {
    const ofBatch = kept.filter(({ write }) => write === version.write);
    const oldest = ofBatch.at(-1);
    if (oldest === undefined || ofBatch.length < BATCH_SIBLINGS_MAX) return;
    kept.splice(kept.indexOf(oldest), 1);
    this.#conflicts.record(key, version, oldest);
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
