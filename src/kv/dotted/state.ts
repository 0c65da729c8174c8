import { varintSize } from '../../../native-like/bytes/index.js';
import { assert } from '../../base/assert.js';
import { Layers } from '../layers.js';
import type { KvBase, KvChange } from '../records.js';
import type { KeyString } from '../types.js';
import { hasValue, isPlain, versionsOf, DELETED, type DottedItem, type Version } from './item.js';
import { LeafSums } from './leaf-sums.js';
import type { Origins } from './origins.js';
import { EXPIRING, GARBAGE, itemRecords, markKey } from './records.js';

/** Told of every change before it happens: pins what it still has to read. */
export interface ChangeListener {
  beforeChange(key: KeyString, before: DottedItem | null): void;
}

export interface Sizes {
  readonly size: number;
  readonly tombstones: number;
  readonly tombstoneBytes: number;
  readonly collectedTo: number;
}

/** The items of a leaderless keyspace with what is kept about them: counts, marks of what may be collected, range hash. */
export class DottedState {
  readonly items: Layers<DottedItem>;
  /** Tombstones and expiring values by counter. */
  readonly garbage: Layers<true>;
  /** Expiring values up to `collectedTo`, by the time when they expire. */
  readonly expiring: Layers<true>;
  readonly leaves = new LeafSums();
  readonly listeners = new Set<ChangeListener>();
  #size: number;
  #tombstones: number;
  #tombstoneBytes: number;
  #collectedTo: number;

  constructor(base: KvBase, origins: Origins, sizes: Sizes) {
    this.items = new Layers(base, itemRecords(origins));
    this.garbage = new Layers(base, GARBAGE);
    this.expiring = new Layers(base, EXPIRING);
    this.#size = sizes.size;
    this.#tombstones = sizes.tombstones;
    this.#tombstoneBytes = sizes.tombstoneBytes;
    this.#collectedTo = sizes.collectedTo;
  }

  /** Keys with a value, expired ones included until they are collected. */
  get size(): number {
    return this.#size;
  }

  get tombstones(): number {
    return this.#tombstones;
  }

  get tombstoneBytes(): number {
    return this.#tombstoneBytes;
  }

  /** Tombstones, and values that expire, are part of the range hash while their counters are above this. */
  get collectedTo(): number {
    return this.#collectedTo;
  }

  /** Changes the item of `key` from what it is now; null: nothing is known of the key. */
  replace(key: KeyString, before: DottedItem | null, after: DottedItem | null): void {
    if (this.listeners.size > 0) for (const listener of this.listeners) listener.beforeChange(key, before);
    this.items.set(key, after);
    if (after !== null && isPlain(after) && (before === null || isPlain(before))) {
      if (before === null) this.#size++;
      else this.leaves.subtract(before);
      this.leaves.add(after);
      return;
    }
    if (before !== null) this.#account(key, before, -1);
    if (after !== null) this.#account(key, after, 1);
  }

  #account(key: KeyString, item: DottedItem, sign: 1 | -1): void {
    if (hasValue(item)) this.#size += sign;
    for (const version of versionsOf(item)) this.#accountVersion(key, version, sign);
  }

  #accountVersion(key: KeyString, version: Version, sign: 1 | -1): void {
    const { source, counter, expiresAtMs } = version;
    const isTombstone = source === DELETED;
    const isStable = counter <= this.#collectedTo;
    if (isTombstone) {
      this.#tombstones += sign;
      this.#tombstoneBytes += sign * tombstoneBytes(key, version);
    }
    const mark = sign > 0 ? true : null;
    if (isTombstone || (expiresAtMs > 0 && !isStable)) this.garbage.set(markKey(counter, key), mark);
    else if (expiresAtMs > 0) this.expiring.set(markKey(expiresAtMs, key), mark);
    // What members collect at different times must not make their hashes differ.
    if ((isTombstone || expiresAtMs > 0) && isStable) return;
    if (sign > 0) this.leaves.add(version);
    else this.leaves.subtract(version);
  }

  /**
   * Raises collectedTo, with what becomes of the items that have something with a mark up to it: their marks and hashes
   * depend on it.
   */
  collect(collectedTo: number, changes: ReadonlyMap<KeyString, DottedItem | null>): void {
    assert(collectedTo >= this.#collectedTo, 'what was collected stays collected');
    for (const key of changes.keys()) {
      const before = this.items.find(key);
      assert(before !== null, 'only what exists is collected');
      for (const listener of this.listeners) listener.beforeChange(key, before);
      this.#account(key, before, -1);
    }
    this.#collectedTo = collectedTo;
    for (const [key, after] of changes) {
      this.items.set(key, after);
      if (after !== null) this.#account(key, after, 1);
    }
    assert(this.#size >= 0 && this.#tombstones >= 0, 'only what exists is collected');
  }

  freeze(): () => IterableIterator<KvChange> {
    const parts = [this.items.freeze(), this.garbage.freeze(), this.expiring.freeze()];
    return function* changes() {
      for (const part of parts) yield* part();
    };
  }

  thaw(): void {
    for (const part of [this.items, this.garbage, this.expiring]) part.thaw();
  }

  abandonFreeze(): void {
    for (const part of [this.items, this.garbage, this.expiring]) part.abandonFreeze();
  }
}

/** About what a tombstone takes in the checkpoint, with its mark. */
function tombstoneBytes(key: KeyString, { write, counter }: Version): number {
  return 2 * key.length + 12 + varintSize(write.seq) + varintSize(counter) + varintSize(write.wallMs);
}
