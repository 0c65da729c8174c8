import type { OriginId } from '../../../../src/base/brand.js';
import { covers, type Dot, type Vector } from '../../../../src/base/dot.js';
import { DottedKv, type AppliedBatch, type DottedOptions, type ItemSource } from '../../../../src/kv/dotted/index.js';
import { isTombstone, versionsOf } from '../../../../src/kv/dotted/item.js';
import { decodePiece } from '../../../../src/kv/dotted/pieces.js';
import type { Operation } from '../../../../src/kv/index.js';
import { MapBase, textOf } from '../support.js';
import { batch, origin, pour } from './support.js';

/** What the model knows of one command. */
export interface Written extends Dot {
  readonly key: string;
  /** Null: a delete. */
  readonly value: string | null;
  readonly counter: number;
  readonly expiresAtMs: number;
  readonly context: readonly Dot[];
}

interface Frozen {
  readonly state: ReturnType<DottedKv['freeze']>;
  readonly logBefore: number;
}

/** One member: the machine, its checkpoint, and the log of what it applied since. */
export class Member {
  readonly base = new MapBase();
  kv: DottedKv;
  readonly name: string;
  readonly #options: DottedOptions;
  #meta: Uint8Array | null = null;
  #frozen: Frozen | null = null;
  #log: AppliedBatch[] = [];
  seq = 0;

  constructor(name: string, options: DottedOptions) {
    this.name = name;
    this.#options = options;
    this.kv = DottedKv.open(this.base, null, options);
  }

  apply(given: AppliedBatch): void {
    this.kv.apply(given, null);
    this.#log.push(given);
  }

  freeze(): void {
    if (this.#frozen !== null) return;
    this.#frozen = { state: this.kv.freeze(), logBefore: this.#log.length };
  }

  thaw(): void {
    if (this.#frozen === null) return;
    const { state, logBefore } = this.#frozen;
    this.base.write(state.changes());
    this.kv.thaw();
    this.#meta = state.meta;
    this.#log = this.#log.slice(logBefore);
    this.#frozen = null;
  }

  abandon(): void {
    if (this.#frozen === null) return;
    this.kv.abandonFreeze();
    this.#frozen = null;
  }

  /** What was only in memory is gone; the log brings it back. */
  crash(): void {
    this.#frozen = null;
    const { nowMs } = this.kv.reader;
    this.kv = DottedKv.open(this.base, this.#meta, this.#options);
    this.kv.reader.nowMs = nowMs;
    for (const each of this.#log) this.kv.apply(each, null);
  }

  /** As after a full sync: the log no longer tells how the state came about. */
  checkpoint(): void {
    this.abandon();
    this.freeze();
    this.thaw();
  }
}

export const NAMES = ['a', 'b', 'c'] as const;

/** Three members that write and exchange batches in any order, and a record of everything that was ever written. */
export class World {
  readonly members: readonly Member[];
  readonly #batches = new Map<OriginId, AppliedBatch[]>();
  readonly #written: Written[] = [];
  readonly #isCausal: boolean;
  readonly #sources = new Map<string, { readonly source: ItemSource; readonly whole: boolean }>();
  nowMs = 1000;

  constructor(options: DottedOptions) {
    this.members = NAMES.map((name) => new Member(name, options));
    this.#isCausal = options.conflicts === 'siblings';
    for (const name of NAMES) this.#batches.set(origin(name), []);
  }

  member(at: number): Member {
    return this.members[at % this.members.length] as Member;
  }

  write(at: number, operations: readonly Operation[]): void {
    const member = this.member(at);
    const { kv, name } = member;
    const dependencies = [...kv.vector]
      .filter(([from]) => from !== origin(name))
      .map(([from, seq]) => ({ origin: from, seq }));
    const counter = kv.counter + 1;
    const made = batch({ from: name, seq: ++member.seq, counter, operations, dependencies });
    this.#batches.get(made.origin)?.push(made);
    for (const [position, operation] of operations.entries()) {
      if (operation.op !== 'put' && operation.op !== 'delete') throw new Error('puts and deletes');
      this.#written.push({
        origin: made.origin,
        seq: made.seq,
        key: operation.key,
        counter: counter + position,
        value:
          operation.op === 'put' ? textOf({ source: operation.value, start: 0, end: operation.value.length }) : null,
        expiresAtMs: operation.op === 'put' ? (operation.expiresAtMs ?? 0) : 0,
        // A delete without a context is of all that its writer had.
        context: operation.context ?? (operation.op === 'delete' ? [...dependencies, made] : []),
      });
    }
    member.apply(made);
  }

  /** The next batch of a member's origin, when it is there and may be delivered. */
  deliver(to: number, from: number): boolean {
    const { kv } = this.member(to);
    const source = origin(this.member(from).name);
    const next = this.#batches.get(source)?.[kv.vector.get(source) ?? 0];
    if (next === undefined) return false;
    if (this.#isCausal && !next.dependencies.every((dot) => covers(kv.vector, dot))) return false;
    this.member(to).apply(next);
    return true;
  }

  deliverAll(): void {
    for (let isMoving = true; isMoving;) {
      isMoving = false;
      for (const to of NAMES.keys()) for (const from of NAMES.keys()) if (this.deliver(to, from)) isMoving = true;
    }
  }

  /** Pins the state of `from` for `to`, or hands over what was pinned. */
  sync(to: number, from: number, whole: boolean): void {
    const [receiver, sender] = [this.member(to), this.member(from)];
    if (receiver === sender) return;
    const name = `${sender.name}${receiver.name}`;
    const open = this.#sources.get(name);
    if (open === undefined) {
      const have = whole ? new Map() : receiver.kv.vector;
      this.#sources.set(name, { source: sender.kv.openItems(have), whole });
      return;
    }
    this.#sources.delete(name);
    pour(open.source, receiver.kv, open.whole);
    receiver.checkpoint();
  }

  crash(at: number): void {
    const member = this.member(at);
    for (const name of this.#sources.keys()) if (name.includes(member.name)) this.#sources.delete(name);
    member.crash();
  }

  /** Up to here everybody has applied everything (ap.md §1.0.6). */
  stable(): number {
    let stable = Infinity;
    for (const { name, kv } of this.members) {
      const batches = this.#batches.get(origin(name)) ?? [];
      for (const other of this.members) {
        const missing = batches[other.kv.vector.get(origin(name)) ?? 0];
        stable = Math.min(stable, missing === undefined ? kv.counter : missing.counter - 1);
      }
    }
    return stable;
  }

  collect(at: number, limit: number): boolean {
    return this.member(at).kv.collect(this.stable(), this.nowMs, limit);
  }

  /** What a state at `vector` holds by the rules alone, newest first. */
  expected(vector: Vector, key: string): readonly Written[] {
    const applied = this.#written.filter((one) => one.key === key && covers(vector, one));
    applied.sort((x, y) => y.counter - x.counter || (x.origin < y.origin ? 1 : -1));
    if (!this.#isCausal) return applied.slice(0, 1);
    const isReplaced = (one: Written): boolean =>
      applied.some(({ context, counter }) =>
        context.some((dot) => dot.origin === one.origin && dot.seq >= one.seq && one.counter < counter),
      );
    return applied.filter((one) => !isReplaced(one));
  }

  get keys(): readonly string[] {
    return [...new Set(this.#written.map(({ key }) => key))].sort();
  }
}

/** Every version that is not subject to the collectors' clocks, as text. */
export function dump(kv: DottedKv): string {
  const lines: string[] = [];
  const source = kv.openItems(new Map());
  for (let piece = source.next(1000); piece !== null; piece = source.next(1000)) {
    for (const [key, item] of decodePiece(piece).items) {
      for (const version of versionsOf(item)) {
        const { write, counter, expiresAtMs } = version;
        if ((isTombstone(version) || expiresAtMs > 0) && counter <= kv.collectedTo) continue;
        const value = isTombstone(version) ? null : textOf(version);
        lines.push(JSON.stringify([key, write.origin, write.seq, counter, expiresAtMs, value]));
      }
    }
  }
  return lines.join('\n');
}
