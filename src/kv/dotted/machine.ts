import { latin1Slice } from '../../../native-like/bytes/index.js';
import { assert, InvariantViolation } from '../../base/assert.js';
import type { OriginId, Revision } from '../../base/brand.js';
import type { Dot, Vector } from '../../base/dot.js';
import { KvorumError } from '../../base/errors/error.js';
import { BatchReader } from '../batch-reader.js';
import type { DecodedCommand } from '../command-decoder.js';
import { DecodeError } from '../decode-error.js';
import type { KvBase } from '../records.js';
import type { FrozenState } from '../state-machine.js';
import type { OperationStatus, ResultSink } from '../types.js';
import { collect } from './collector.js';
import { ConflictLog } from './conflict-log.js';
import { digestOf } from './digest.js';
import { DELETED, versionsOf, type DottedItem, type Write } from './item.js';
import { itemsOfLeaves, repairItems } from './leaf-repair.js';
import { LastWriter, Siblings, type Merge } from './merge.js';
import { decodeDottedMeta, encodeDottedMeta, NO_META, type StoredMeta } from './meta.js';
import { Origins } from './origins.js';
import { PinnedItems } from './pinned-items.js';
import { StateReader } from './reader.js';
import { SeenMatrix, type SeenRows } from './seen-rows.js';
import { StagedItems, type ShadowTarget, type SyncEnd } from './shadow.js';
import { DottedState } from './state.js';
import type {
  AppliedBatch,
  DottedOptions,
  DottedReader,
  DottedStateMachine,
  ItemShadow,
  ItemSource,
  Overwritten,
} from './types.js';

/** What one batch's commands need beside themselves. */
interface BatchContext {
  readonly write: Write;
  /** Told to sinks. */
  readonly dot: Dot;
  readonly counter: number;
  readonly sink: ResultSink | null;
}

/**
 * The state machine of one leaderless group. Deterministic: at equal vectors the items are equal, in whatever order the
 * origins' batches came (each origin's own in its order).
 */
export class DottedKv implements DottedStateMachine {
  readonly reader: DottedReader;
  readonly #options: DottedOptions;
  readonly #origins: Origins;
  readonly #state: DottedState;
  readonly #seen: SeenMatrix;
  readonly #conflicts: ConflictLog;
  readonly #merge: Merge;
  readonly #vector: Map<OriginId, number>;
  readonly #boots: Map<OriginId, number>;
  readonly #retired: Set<OriginId>;
  #counter: number;

  private constructor(base: KvBase, meta: StoredMeta, options: DottedOptions) {
    this.#options = options;
    this.#origins = new Origins(meta.origins);
    this.#state = new DottedState(base, this.#origins, meta);
    this.#state.leaves.load(meta.leaves, 0);
    this.#seen = new SeenMatrix(meta.seen);
    this.#conflicts = new ConflictLog(options.conflictLog, this.#seen);
    this.#vector = new Map(meta.vector);
    this.#boots = new Map(meta.boots);
    this.#retired = new Set(meta.retired);
    this.#counter = meta.counter;
    this.#merge =
      options.conflicts === 'lww'
        ? new LastWriter(this.#state, this.#conflicts)
        : new Siblings(this.#state, this.#conflicts, this.#vector, this.#seen);
    this.reader = new StateReader(this.#state, this);
  }

  /**
   * The state as of a checkpoint: `base` holds its records, `meta` is what `freeze` gave for it; null for an empty
   * group. Throws `checkpoint_corrupt`, and `config_invalid` when the keyspace was created with another option `conflicts`.
   */
  static open(base: KvBase, meta: Uint8Array | null, options: DottedOptions): DottedKv {
    const stored = meta === null ? NO_META : decodeDottedMeta(meta);
    if (meta !== null && stored.conflicts !== options.conflicts) {
      const detail = `The keyspace keeps its items for conflicts: ${stored.conflicts}; it can't become ${options.conflicts}.`;
      throw new KvorumError('config_invalid', detail);
    }
    return new DottedKv(base, stored, options);
  }

  get vector(): Vector {
    return this.#vector;
  }

  get boots(): Vector {
    return this.#boots;
  }

  get counter(): number {
    return this.#counter;
  }

  get collectedTo(): number {
    return this.#state.collectedTo;
  }

  get retired(): ReadonlySet<OriginId> {
    return this.#retired;
  }

  get quarantined(): number {
    return this.#merge.quarantined;
  }

  get tombstones(): { readonly count: number; readonly bytes: number } {
    return { count: this.#state.tombstones, bytes: this.#state.tombstoneBytes };
  }

  apply(batch: AppliedBatch, sink: ResultSink | null): void {
    const { seq, boot, counter, commands, payload } = batch;
    const number = this.#origins.number(batch.origin);
    const origin = this.#origins.id(number);
    assert(seq === (this.#vector.get(origin) ?? 0) + 1, 'batches of an origin are applied without a gap');
    assert(counter >= 1 && commands >= 1, 'a batch has commands with counters');
    this.#seen.learn(origin, batch.dependencies);
    for (const dependency of batch.dependencies) this.#origins.number(dependency.origin);
    // Before the commands: a context that covers what is here now has nothing pending.
    this.#vector.set(origin, seq);
    this.#boots.set(origin, boot);
    this.#counter = Math.max(this.#counter, counter + commands - 1);
    const context = { write: this.#origins.write(number, seq, batch.wallMs), dot: { origin, seq }, counter, sink };
    const applied = this.#applyCommands(payload, context);
    assert(applied === commands, 'a batch has as many commands as its header says');
  }

  #applyCommands(payload: Uint8Array, context: BatchContext): number {
    const { write, dot, sink } = context;
    const reader = new BatchReader(payload);
    const merge = this.#merge;
    try {
      for (let position = 0; ; position++) {
        const form = reader.next();
        if (form === 'end') return position;
        if (form === 'put') {
          const key = latin1Slice(payload, reader.keyStart, reader.keyEnd);
          const { valueStart: start, valueEnd: end } = reader;
          const counter = context.counter + position;
          const existed = merge.take(key, { source: payload, start, end, write, counter, expiresAtMs: 0 }, undefined);
          sink?.onPut(position, !existed, counter as Revision, dot);
        } else {
          this.#applyCommand(reader.decode(), position, context);
        }
      }
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      throw new InvariantViolation(`a logged batch does not decode: ${error.message}`, { cause: error });
    }
  }

  #applyCommand({ operations, session }: DecodedCommand, position: number, context: BatchContext): void {
    const [operation] = operations;
    assert(operation !== undefined && operations.length === 1 && session === null, 'batches were validated');
    assert(operation.op === 'put' || operation.op === 'delete', 'batches were validated');
    assert(operation.condition === undefined, 'batches were validated');
    const { write, dot, sink } = context;
    const revision = (context.counter + position) as Revision;
    const previous = sink !== null && operation.returnPrevious === true ? this.reader.get(operation.key) : undefined;
    const existed =
      operation.op === 'put'
        ? this.#merge.take(
            operation.key,
            {
              source: operation.value,
              start: 0,
              end: operation.value.length,
              write,
              counter: revision,
              expiresAtMs: operation.expiresAtMs ?? 0,
            },
            operation.context,
          )
        : this.#merge.take(
            operation.key,
            { source: DELETED, start: 0, end: 0, write, counter: revision, expiresAtMs: 0 },
            operation.context,
          );
    if (sink === null) return;
    if (operation.op === 'put' && operation.returnPrevious !== true) {
      sink.onPut(position, !existed, revision, dot);
      return;
    }
    const status = statusOf(operation.op, existed);
    const result = { status, previous: previous ?? null, integer: null, revision };
    sink.onResult(position, { revision, operations: [result], error: null, duplicate: false, dot });
  }

  collect(counter: number, nowMs: number, limit: number): boolean {
    return collect(this.#state, counter, nowMs, limit);
  }

  retire(origin: OriginId): void {
    this.#retired.add(origin);
    this.#origins.number(origin);
    this.#seen.forget(origin);
  }

  openItems(have: Vector): ItemSource {
    return new PinnedItems(this.#state, this, have, this.#seen.copy());
  }

  openShadow(): ItemShadow {
    const target: ShadowTarget = {
      state: this.#state,
      conflicts: this.#options.conflicts,
      conflictLog: this.#conflicts,
      vector: this.#vector,
      adopt: (item) => this.#adopt(item),
      advance: (end, seen) => this.#advance(end, seen),
    };
    return new StagedItems(target);
  }

  /** Records name origins by numbers: each one has its number before it is written. */
  #adopt(item: DottedItem): void {
    for (const { write } of versionsOf(item)) this.#origins.number(write.origin);
    for (const { origin } of item.pending ?? []) this.#origins.number(origin);
  }

  #advance({ vector, boots, counter, collectedTo }: SyncEnd, seen: readonly SeenRows[]): void {
    for (const rows of seen) {
      this.#seen.join(rows);
      for (const row of rows.values()) for (const origin of row.keys()) this.#origins.number(origin);
      for (const origin of rows.keys()) this.#origins.number(origin);
    }
    for (const [origin, seq] of vector) {
      this.#origins.number(origin);
      if ((this.#vector.get(origin) ?? 0) >= seq) continue;
      this.#vector.set(origin, seq);
      this.#boots.set(origin, boots.get(origin) ?? 0);
    }
    this.#counter = Math.max(this.#counter, counter);
    // They have had everything up to it, and so have we now. Nothing counts as expired: time is the reader's affair.
    collect(this.#state, collectedTo, 0, Infinity);
  }

  root(): { readonly hash: string; readonly collectedTo: number } {
    return { hash: this.#state.leaves.root, collectedTo: this.#state.collectedTo };
  }

  leaves(): Uint8Array {
    return this.#state.leaves.encode();
  }

  itemsOfLeaves(leaves: readonly number[]): Uint8Array {
    return itemsOfLeaves(this.#state, leaves);
  }

  mergeItems(items: Uint8Array): number {
    return repairItems(this.#state, items, (item) => this.#adopt(item));
  }

  overwritten(limit: number): { readonly total: number; readonly entries: readonly Overwritten[] } {
    return { total: this.#conflicts.total, entries: this.#conflicts.last(limit) };
  }

  freeze(): FrozenState {
    const changes = this.#state.freeze();
    const { size, tombstones, tombstoneBytes, collectedTo } = this.#state;
    const meta = encodeDottedMeta({
      conflicts: this.#options.conflicts,
      vector: this.#vector,
      boots: this.#boots,
      counter: this.#counter,
      collectedTo,
      retired: [...this.#retired],
      size,
      tombstones,
      tombstoneBytes,
      origins: this.#origins.ids,
      seen: this.#seen.rows,
      leaves: this.#state.leaves.encode(),
    });
    return { changes, meta, revision: this.#counter as Revision };
  }

  thaw(): void {
    this.#state.thaw();
  }

  abandonFreeze(): void {
    this.#state.abandonFreeze();
  }

  digest(): string {
    return digestOf(this.#state, this.#vector, this.#counter);
  }
}

function statusOf(op: 'put' | 'delete', existed: boolean): OperationStatus {
  if (op === 'put') return existed ? 'replaced' : 'created';
  return existed ? 'deleted' : 'absent';
}
