import type { OriginId } from '../../../../src/base/brand.js';
import type { Dot } from '../../../../src/base/dot.js';
import {
  DottedKv,
  validateDottedBatch,
  type AppliedBatch,
  type DottedOptions,
  type ItemSource,
} from '../../../../src/kv/dotted/index.js';
import type { CommandResult, Operation } from '../../../../src/kv/index.js';
import { batchOf, bytes, MapBase, textOf } from '../support.js';

export const LWW: DottedOptions = { conflicts: 'lww', conflictLog: 8 };
export const SIBLINGS: DottedOptions = { conflicts: 'siblings', conflictLog: 8 };

export function origin(name: string): OriginId {
  return `${name}~1` as OriginId;
}

export function put(key: string, value: string, more: { expiresAtMs?: number; context?: Dot[] } = {}): Operation {
  return { op: 'put', key, value: bytes(value), ...more };
}

export function del(key: string, context?: Dot[]): Operation {
  return context === undefined ? { op: 'delete', key } : { op: 'delete', key, context };
}

export interface BatchSpec {
  readonly from: string;
  readonly seq: number;
  readonly counter: number;
  readonly operations: readonly Operation[];
  readonly dependencies?: readonly Dot[];
}

export function batch({ from, seq, counter, operations, dependencies = [] }: BatchSpec): AppliedBatch {
  const payload = batchOf(...operations.map((only) => ({ operations: [only] })));
  if (!validateDottedBatch(payload, operations.length)) throw new Error('not a batch of a leaderless group');
  const wallMs = 1_700_000_000_000 + counter;
  return { origin: origin(from), seq, boot: 1, counter, commands: operations.length, wallMs, dependencies, payload };
}

export function fresh(options: DottedOptions = LWW): DottedKv {
  return DottedKv.open(new MapBase(), null, options);
}

/** One write of one command after the other, each replica with its own clock and positions. */
export class Writer {
  #seq = 0;
  readonly #name: string;
  readonly #kv: DottedKv;

  constructor(name: string, kv: DottedKv) {
    this.#name = name;
    this.#kv = kv;
  }

  /** Applies the operations as one batch here, and gives it, for others. */
  write(...operations: Operation[]): AppliedBatch {
    const dependencies = [...this.#kv.vector]
      .filter(([from]) => from !== origin(this.#name))
      .map(([from, seq]) => ({ origin: from, seq }));
    const spec = { from: this.#name, seq: ++this.#seq, counter: this.#kv.counter + 1, operations, dependencies };
    const made = batch(spec);
    this.#kv.apply(made, null);
    return made;
  }
}

export type Told = CommandResult | { readonly created: boolean; readonly revision: number; readonly dot: Dot };

export function applyTold(kv: DottedKv, given: AppliedBatch): Told[] {
  const told: Told[] = [];
  kv.apply(given, {
    onPut: (position, created, revision, dot) => {
      if (position !== told.length || dot === undefined) throw new Error('results come in order, with their dots');
      told.push({ created, revision, dot });
    },
    onResult: (position, result) => {
      if (position !== told.length) throw new Error('results come in order');
      told.push(result);
    },
  });
  return told;
}

export function valueOf(kv: DottedKv, key: string): string | null {
  return textOf(kv.reader.get(key));
}

/** All visible keys with their values. */
export function contents(kv: DottedKv): Record<string, string> {
  const found: [string, string][] = [];
  for (let start: string | null = ''; start !== null;) {
    const page = kv.reader.scan({ start, end: null, limit: 3, maxBytes: 1_000_000 });
    for (const [key, item] of page.items) found.push([key, textOf(item) ?? '']);
    start = page.next;
  }
  return Object.fromEntries(found);
}

/** Everything of `source`, in small pieces, and then the rest of what a full sync does. */
export function fullSync(from: DottedKv, to: DottedKv, whole = false): void {
  pour(from.openItems(whole ? new Map() : to.vector), to, whole);
}

export function pour(source: ItemSource, to: DottedKv, whole = false): void {
  const shadow = to.openShadow();
  for (let piece = source.next(64); piece !== null; piece = source.next(64)) shadow.add(piece);
  const { vector, boots, counter, collectedTo } = source;
  shadow.finish({ whole, vector, boots, counter, collectedTo });
}
