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
  /** At most so many siblings per key; a batch beyond it drops the oldest and counts it. */
  readonly siblingsMax: number;
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
  readonly reader: DottedReader;
  readonly vector: Vector;
  readonly counter: number;
  readonly collectedTo: number;
  /** Applies one batch, which must be the next of its origin. Winners and losers both advance the vector. */
  apply(batch: AppliedBatch, sink: ResultSink | null): void;
  /** Tombstones and expired items with counters up to `counter` go (ap.md §1.0.6). At most `limit` at a time; true when done. */
  collect(counter: number, nowMs: number, limit: number): boolean;
  /** The origin's owner is gone for good and everybody has all of it. */
  retire(origin: OriginId): void;

  /** Items whose dots `have` does not cover, of a state pinned now, in key order; pieces of about `maxBytes`. */
  openItems(have: Vector): ItemSource;
  /** Takes in a piece of somebody else's openItems, beside the state: nothing is visible before `finishItems`. */
  openShadow(): ItemShadow;

  /** Hash over all items with counters above collectedTo, equal at equal vectors (ap.md §1.0.7). Kept as items change. */
  root(): { readonly hash: string; readonly collectedTo: number };
  /** All leaf hashes, 8 bytes each. */
  leaves(): Uint8Array;
  /** Items of these leaves (tombstones included), encoded as openItems does. */
  itemsOfLeaves(leaves: readonly number[]): Uint8Array;
  /** Repairs: takes those items that are newer than ours, at equal vectors. Returns how many. */
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
  /** Null at the end. */
  next(maxBytes: number): Uint8Array | null;
  close(): void;
}

export interface ItemShadow {
  /** Bytes held so far. */
  readonly bytes: number;
  /** Throws DecodeError's KvorumError for bytes that are no items. */
  add(items: Uint8Array): void;
  /**
   * Merges everything at once (ap.md §1.0.5 rule 5): an item of theirs whose dot our vector covers, and that we do not
   * have, was deleted here: it is dropped; the newer of two wins. The vector rises to `vector`. `whole`: the items are all that
   * they have, so an item of ours that is not among them, and whose dot `vector` covers, was deleted there: it goes.
   */
  finish(end: {
    readonly whole?: boolean;
    readonly vector: Vector;
    readonly boots: Vector;
    readonly counter: number;
    readonly collectedTo: number;
  }): void;
}
