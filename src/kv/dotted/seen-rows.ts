import type { OriginId } from '../../base/brand.js';
import type { Dot } from '../../base/dot.js';
import type { ByteReader } from '../byte-reader.js';
import type { ByteWriter } from '../byte-writer.js';
import type { Origins } from './origins.js';

/** Per origin, what it had of the others' logs at its last batch: the sum of what its batches said (ap.md §1.2.1). */
export type SeenRows = ReadonlyMap<OriginId, ReadonlyMap<OriginId, number>>;

export const NO_ROWS: SeenRows = new Map();

/** What the writers of the applied batches had seen. As of its last batch, exactly. */
export class SeenMatrix {
  readonly #rows = new Map<OriginId, Map<OriginId, number>>();

  constructor(rows: SeenRows) {
    this.join(rows);
  }

  /** Live: copy what is to stay. */
  get rows(): SeenRows {
    return this.#rows;
  }

  copy(): SeenRows {
    return new SeenMatrix(this.#rows).rows;
  }

  /** Takes in what the next batch of `origin` says. */
  learn(origin: OriginId, dependencies: readonly Dot[]): void {
    if (dependencies.length === 0) return;
    let row = this.#rows.get(origin);
    if (row === undefined) {
      row = new Map();
      this.#rows.set(origin, row);
    }
    for (const dot of dependencies) if ((row.get(dot.origin) ?? 0) < dot.seq) row.set(dot.origin, dot.seq);
  }

  /** Rows only grow along an origin's log: of two, the sum is the later one. */
  join(rows: SeenRows): void {
    for (const [origin, row] of rows) {
      this.learn(
        origin,
        [...row].map(([other, seq]) => ({ origin: other, seq })),
      );
    }
  }

  forget(origin: OriginId): void {
    this.#rows.delete(origin);
  }

  /** Proven: when the last applied batch of `writer` was written, `dot` was there. */
  had(writer: OriginId, { origin, seq }: Dot): boolean {
    return writer === origin || (this.#rows.get(writer)?.get(origin) ?? 0) >= seq;
  }
}

/** varint count of rows | rows: varint origin, varint count, count x (varint origin, varint seq) */
export function writeRows(writer: ByteWriter, rows: SeenRows, origins: Origins): void {
  writer.varint(rows.size);
  for (const [origin, row] of rows) {
    writer.varint(origins.number(origin));
    writer.varint(row.size);
    for (const [other, seq] of row) {
      writer.varint(origins.number(other));
      writer.varint(seq);
    }
  }
}

/** Throws DecodeError. */
export function readRows(reader: ByteReader, origins: Origins): SeenRows {
  const rows = new Map<OriginId, Map<OriginId, number>>();
  for (let left = reader.varint(); left > 0; left--) {
    const row = new Map<OriginId, number>();
    rows.set(origins.id(reader.varint()), row);
    for (let entries = reader.varint(); entries > 0; entries--) row.set(origins.id(reader.varint()), reader.varint());
  }
  return rows;
}
