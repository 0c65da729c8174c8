import type { OriginId } from '../../base/brand.js';
import { covers, type Vector } from '../../base/dot.js';
import type { KeyString } from '../types.js';
import type { ConflictLog } from './conflict-log.js';
import {
  compareVersions,
  isSameWrite,
  isTombstone,
  itemOf,
  versionsOf,
  type DottedItem,
  type Version,
} from './item.js';
import { unmet } from './merge.js';
import { decodePiece } from './pieces.js';
import type { SeenRows } from './seen-rows.js';
import type { DottedState } from './state.js';
import type { DottedOptions, ItemShadow } from './types.js';

export type SyncEnd = Parameters<ItemShadow['finish']>[0];

/** The owner of a shadow: what it merges into. */
export interface ShadowTarget {
  readonly state: DottedState;
  readonly conflicts: DottedOptions['conflicts'];
  readonly conflictLog: ConflictLog;
  readonly vector: Vector;
  /** Every version of `item` is about to be kept. */
  adopt(item: DottedItem): void;
  /** The items are merged: the vector, the clock and what is collected follow. */
  advance(end: SyncEnd, seen: readonly SeenRows[]): void;
}

/** Items of another member that wait beside the state until all of them are there (ap.md §1.0.5 rule 4). */
export class StagedItems implements ItemShadow {
  readonly #target: ShadowTarget;
  readonly #staged = new Map<KeyString, DottedItem>();
  readonly #seen: SeenRows[] = [];
  #bytes = 0;

  constructor(target: ShadowTarget) {
    this.#target = target;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(items: Uint8Array): void {
    const piece = decodePiece(items);
    for (const [key, item] of piece.items) this.#staged.set(key, item);
    this.#seen.push(piece.seen);
    this.#bytes += items.length;
  }

  finish(end: SyncEnd): void {
    const { state } = this.#target;
    if (end.whole === true) this.#dropAbsent(end.vector);
    for (const [key, theirs] of this.#staged) {
      const mine = state.items.find(key);
      const merged = this.#merge(key, mine, theirs, end.vector);
      if (merged === mine) continue;
      if (merged !== null) this.#target.adopt(merged);
      state.replace(key, mine, merged);
    }
    this.#staged.clear();
    this.#target.advance(end, this.#seen);
  }

  /** What we have, they do not, and they have seen: it was deleted there. */
  #dropAbsent(theirVector: Vector): void {
    const { state } = this.#target;
    const dropped: [KeyString, DottedItem, DottedItem | null][] = [];
    const cursor = state.items.cursor('', null);
    try {
      for (; cursor.key !== null; cursor.advance()) {
        if (this.#staged.has(cursor.key)) continue;
        const mine = cursor.value;
        const kept = versionsOf(mine).filter(({ write }) => !covers(theirVector, write));
        if (kept.length < versionsOf(mine).length) dropped.push([cursor.key, mine, itemOf(kept, mine.pending)]);
      }
    } finally {
      cursor.close();
    }
    for (const [key, before, after] of dropped) state.replace(key, before, after);
  }

  /** Rule 5: what one side has and the other has seen but does not have was deleted; the newer of two wins. */
  #merge(key: KeyString, mine: DottedItem | null, theirs: DottedItem, theirVector: Vector): DottedItem | null {
    const { vector, conflicts } = this.#target;
    if (conflicts === 'lww') return this.#isFresh(theirs) ? this.#newer(key, mine, theirs, theirVector) : mine;
    const ours = mine === null ? [] : versionsOf(mine);
    const theirAll = versionsOf(theirs);
    const fresh = theirAll.filter((version) => this.#isFresh(version));
    const kept = ours.filter(
      (version) => !covers(theirVector, version.write) || theirAll.some((other) => isSameWrite(other, version)),
    );
    if (fresh.length === 0 && kept.length === ours.length) return mine;
    const pending = unmet([...(mine?.pending ?? []), ...(theirs.pending ?? [])], highest(vector, theirVector));
    return itemOf([...kept, ...fresh], pending);
  }

  /** The dot filter. Also, everybody has had a tombstone up to what is collected, and it was collected here. */
  #isFresh(version: Version): boolean {
    const { vector, state } = this.#target;
    if (covers(vector, version.write)) return false;
    return !isTombstone(version) || version.counter > state.collectedTo;
  }

  #newer(key: KeyString, mine: DottedItem | null, theirs: DottedItem, theirVector: Vector): DottedItem | null {
    if (mine === null || compareVersions(theirs, mine) > 0) {
      // When they had ours, it was they who replaced it, and said so.
      if (mine !== null && !covers(theirVector, mine.write)) this.#target.conflictLog.record(key, theirs, mine);
      return theirs.others === undefined ? theirs : itemOf([theirs]);
    }
    this.#target.conflictLog.lost(key, mine, theirs);
    return mine;
  }
}

export function highest(a: Vector, b: Vector): ReadonlyMap<OriginId, number> {
  const joined = new Map(a);
  for (const [origin, seq] of b) if ((joined.get(origin) ?? 0) < seq) joined.set(origin, seq);
  return joined;
}
