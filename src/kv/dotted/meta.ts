import type { OriginId } from '../../base/brand.js';
import type { ByteReader } from '../byte-reader.js';
import { ByteWriter } from '../byte-writer.js';
import { DecodeError } from '../decode-error.js';
import { decodeRecord } from '../records.js';
import { LEAF_BYTES, LEAVES } from './leaf-sums.js';
import { Origins, readOrigin } from './origins.js';
import { NO_ROWS, readRows, writeRows, type SeenRows } from './seen-rows.js';
import type { DottedMeta, DottedOptions } from './types.js';

/**
 * The meta of a checkpoint of a leaderless state:
 *
 *   varint format | byte conflicts (0 lww, 1 siblings) | varint counter | varint collectedTo | varint size |
 *   varint tombstones | varint tombstone bytes |
 *   varint count of origins | origins in the order of their numbers: varint length, name, varint seq, varint boot, byte retired |
 *   what origins have seen (seen-rows.ts) |
 *   1024 leaves of 8 bytes
 */
const FORMAT = 1;
const CONFLICTS = ['lww', 'siblings'] as const;

export interface StoredMeta extends DottedMeta {
  readonly conflicts: DottedOptions['conflicts'];
  readonly tombstoneBytes: number;
  readonly origins: readonly OriginId[];
  readonly seen: SeenRows;
  /** As LeafSums encodes them. */
  readonly leaves: Uint8Array;
}

export const NO_META: StoredMeta = {
  conflicts: 'lww',
  vector: new Map(),
  boots: new Map(),
  counter: 0,
  collectedTo: 0,
  retired: [],
  size: 0,
  tombstones: 0,
  tombstoneBytes: 0,
  origins: [],
  seen: NO_ROWS,
  leaves: new Uint8Array(LEAVES * LEAF_BYTES),
};

const writer = new ByteWriter();

export function encodeDottedMeta(meta: StoredMeta): Uint8Array {
  const numbers = new Origins(meta.origins);
  writer.varint(FORMAT);
  writer.byte(CONFLICTS.indexOf(meta.conflicts));
  for (const value of [meta.counter, meta.collectedTo, meta.size, meta.tombstones]) writer.varint(value);
  writer.varint(meta.tombstoneBytes);
  writer.varint(meta.origins.length);
  for (const origin of meta.origins) {
    writer.varint(origin.length);
    writer.text(origin);
    writer.varint(meta.vector.get(origin) ?? 0);
    writer.varint(meta.boots.get(origin) ?? 0);
    writer.byte(meta.retired.includes(origin) ? 1 : 0);
  }
  writeRows(writer, meta.seen, numbers);
  writer.bytes(meta.leaves, 0, meta.leaves.length);
  return writer.take();
}

/** Throws `checkpoint_corrupt`. */
export function decodeDottedMeta(bytes: Uint8Array): StoredMeta {
  return decodeRecord('meta', bytes, (reader) => {
    const format = reader.varint();
    if (format !== FORMAT) throw new DecodeError(`format ${format}, this version reads ${FORMAT}`);
    const conflicts = CONFLICTS[reader.byte()];
    if (conflicts === undefined) throw new DecodeError('an unknown way with conflicts');
    const counter = reader.varint();
    const collectedTo = reader.varint();
    const size = reader.varint();
    const tombstones = reader.varint();
    const tombstoneBytes = reader.varint();
    const table = readOrigins(reader);
    const seen = readRows(reader, new Origins(table.origins));
    const start = reader.take(LEAVES * LEAF_BYTES);
    if (!reader.done) throw new DecodeError('bytes behind the meta');
    const leaves = bytes.slice(start, start + LEAVES * LEAF_BYTES);
    return { conflicts, counter, collectedTo, size, tombstones, tombstoneBytes, ...table, seen, leaves };
  });
}

function readOrigins(reader: ByteReader): Pick<StoredMeta, 'origins' | 'vector' | 'boots' | 'retired'> {
  const origins: OriginId[] = [];
  const vector = new Map<OriginId, number>();
  const boots = new Map<OriginId, number>();
  const retired: OriginId[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const origin = readOrigin(reader);
    const seq = reader.varint();
    const boot = reader.varint();
    origins.push(origin);
    if (seq > 0) vector.set(origin, seq);
    if (seq > 0) boots.set(origin, boot);
    if (reader.byte() === 1) retired.push(origin);
  }
  if (new Set(origins).size !== origins.length) throw new DecodeError('an origin twice');
  return { origins, vector, boots, retired };
}
