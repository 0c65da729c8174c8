import type { OriginId, Revision } from '../../base/brand.js';
import type { Dot, Vector } from '../../base/dot.js';
import type { FrozenState } from '../state-machine.js';
import type { KeyString, KeyVersion, KvReader, ResultSink } from '../types.js';

/**
 * The contract of the state machine of leaderless keyspaces: keys whose items remember which write they are (their *dot*)
 * and when it was (counter and origin, a Lamport timestamp). Applying the same batches in any order that keeps each
 * origin's order gives the same state. Deterministic and pure: no clock; expiry is judged by the `nowMs` that readers give.
 */

/** What apply has to know of a batch: see engines/leaderless/types.ts. */
export interface AppliedBatch extends Dot {
  readonly boot: number;
  readonly counter: number;
  readonly commands: number;
  readonly wallMs: number;
  readonly dependencies: readonly Dot[];
  readonly payload: Uint8Array;
}

/** A value that a concurrent write replaced: last-writer-wins loses it on purpose, and says so. */
export interface Overwritten {
  readonly key: KeyString;
  readonly winner: Dot & { readonly counter: number; readonly wallMs: number };
  readonly loser: Dot & { readonly counter: number; readonly wallMs: number };
  /** Null: the loser was a delete. At most conflictValueBytes of it. */
  readonly value: Uint8Array | null;
  readonly valueBytes: number;
}

export interface DottedOptions {
  /** `siblings`: concurrent values are kept until a write that has seen them replaces them (dotted version vectors). */
  readonly conflicts: 'lww' | 'siblings';
  /** How many overwritten concurrent values are remembered. */
  readonly conflictLog: number;
}

/** Everything that a checkpoint's meta holds beside the items. */
export interface DottedMeta {
  readonly vector: Vector;
  readonly boots: Vector;
  readonly counter: number;
  readonly collectedTo: number;
  readonly retired: readonly OriginId[];
  readonly size: number;
  readonly tombstones: number;
}

export interface DottedStateMachine {
  /** Points to one object for the machine's whole life. */
  readonly reader: DottedReader;
  /** What has been applied. This object changes as batches are applied: copy what is to stay. */
  readonly vector: Vector;
  /** Boot of the last applied batch, per origin; 0: not known. Changes like `vector`. */
  readonly boots: Vector;
  /** The highest Lamport counter of all that has been applied. */
  readonly counter: number;
  readonly collectedTo: number;
  readonly retired: ReadonlySet<OriginId>;
  /** Writes that claimed the timestamp of another one: an origin was used twice. What came first stays. */
  readonly quarantined: number;
  /**
   * Applies one batch, which must be the next of its origin. Winners and losers both advance the vector. Its payload is kept,
   * must not change, and was checked by `validateDottedBatch` before it was logged.
   */
  apply(batch: AppliedBatch, sink: ResultSink | null): void;
  /**
   * Tombstones and expired items with counters up to `counter` go (ap.md §1.0.6). About `limit` at a time; true when done.
   * `collectedTo` rises as far as it was done. Items that expire later go by their time, in a later call.
   */
  collect(counter: number, nowMs: number, limit: number): boolean;
  /** The origin's owner is gone for good and everybody has all of it. */
  retire(origin: OriginId): void;

  /** Items whose dots `have` does not cover, of a state pinned now, in key order; pieces of about `maxBytes`. */
  openItems(have: Vector): ItemSource;
  /** Takes in pieces of somebody else's openItems, beside the state: nothing is visible before its `finish`. */
  openShadow(): ItemShadow;

  /**
   * Range hash over the versions of all keys (ap.md §1.0.7), equal at equal vectors and equal collectedTo; what members
   * collect at different times is left out. Kept as items change: asking costs nothing.
   */
  root(): { readonly hash: string; readonly collectedTo: number };
  /** All leaf hashes, 8 bytes each. */
  leaves(): Uint8Array;
  /** Items of these leaves (tombstones included), encoded as openItems does. */
  itemsOfLeaves(leaves: readonly number[]): Uint8Array;
  /** Repairs: takes those items that are newer than ours, at equal vectors. Returns how many. Throws like ItemShadow.add. */
  mergeItems(items: Uint8Array): number;

  overwritten(limit: number): { readonly total: number; readonly entries: readonly Overwritten[] };
  readonly tombstones: { readonly count: number; readonly bytes: number };

  freeze(): FrozenState;
  thaw(): void;
  abandonFreeze(): void;
  /** Over everything that decides about later results; equal at equal vectors and collectedTo. Reads everything. */
  digest(): string;
}

export interface DottedReader extends KvReader {
  /** Expired items count as absent from here on. Set by the driver before each turn's reads. */
  nowMs: number;
  version(key: KeyString): KeyVersion | null;
  readonly revision: Revision;
}

export interface ItemSource {
  readonly vector: Vector;
  readonly boots: Vector;
  readonly counter: number;
  readonly collectedTo: number;
  /** Null at the end. A piece may hold no items, when many were passed over. */
  next(maxBytes: number): Uint8Array | null;
  close(): void;
}

export interface ItemShadow {
  /** Bytes held so far. */
  readonly bytes: number;
  /** Throws `checkpoint_corrupt` for bytes that are no items. */
  add(items: Uint8Array): void;
  /**
   * Merges everything at once (ap.md §1.0.5 rule 5): an item of theirs whose dot our vector covers, and that we do not
   * have, was deleted here: it is dropped; the newer of two wins. The vector rises to `vector`. `whole`: the items are all that
   * they have, so an item of ours that is not among them, and whose dot `vector` covers, was deleted there: it goes.
   * Needed by who may have missed tombstones that were collected meanwhile: a folder that was no member for a while.
   */
  finish(end: {
    readonly whole?: boolean;
    readonly vector: Vector;
    readonly boots: Vector;
    readonly counter: number;
    readonly collectedTo: number;
  }): void;
}
