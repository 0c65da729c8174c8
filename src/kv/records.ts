import { varintSize, writeVarint } from '../../native-like/bytes/index.js';
import { assert } from '../base/assert.js';
import type { Revision } from '../base/brand.js';
import { KvorumError } from '../base/errors/error.js';
import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { DecodeError } from './decode-error.js';
import type { Item, KeyString } from './types.js';

/**
 * What the state machine keeps in the checkpoint, an ordered byte map:
 *
 *   'd' key        varint createRevision | varint modRevision | varint version | value bytes to the end
 *   's' client id  varint touched | varint seq | varint digest | result (result-codec.ts) to the end
 *   'x' client id  varint evicted: the session was evicted as the evicted-th one
 *
 * and, beside the map, the meta: varint format | revision | live keys | session clock | sessions evicted so far | 0 or 1:
 * whether an evicted session was forgotten.
 */
export const PREFIX = { data: 'd', session: 's', evicted: 'x' } as const;
/** The end of a prefix's range: the char after it. */
export const PREFIX_END = { data: 'e', session: 't', evicted: 'y' } as const;

/** What the state machine needs of the last durable checkpoint (storage's CheckpointReader is one). */
export interface KvBase {
  /** The bytes may be retained. */
  get(key: string): Uint8Array | undefined;
  has(key: string): boolean;
  /** Ascending by byte order over [start, end); `end` null means to the last. */
  range(start: string, end: string | null): Iterable<readonly [key: string, value: Uint8Array]>;
}

/** One record to be written to the checkpoint; null removes it. */
export type KvChange = readonly [key: string, value: Uint8Array | null];

export interface KvMeta {
  readonly revision: Revision;
  readonly size: number;
  readonly sessionClock: number;
  readonly evictions: number;
  readonly hasForgotten: boolean;
}

const FORMAT = 1;

export function encodeItem(item: Item): Uint8Array {
  const { createRevision, modRevision, version, source, start, end } = item;
  assert(createRevision >= 1 && createRevision <= modRevision, 'an item is changed after it was created');
  assert(version >= 1, 'an item is created as version 1');
  const head = varintSize(createRevision) + varintSize(modRevision) + varintSize(version);
  const record = new Uint8Array(head + end - start);
  let at = writeVarint(record, 0, createRevision);
  at = writeVarint(record, at, modRevision);
  at = writeVarint(record, at, version);
  record.set(source.subarray(start, end), at);
  return record;
}

/** The item's value is a view of `record`. */
export function decodeItem(key: KeyString, record: Uint8Array): Item {
  return decodeRecord(`key ${JSON.stringify(key)}`, record, (reader) => {
    const createRevision = reader.varint() as Revision;
    const modRevision = reader.varint() as Revision;
    const version = reader.varint();
    return { source: record, start: reader.at, end: record.length, createRevision, modRevision, version };
  });
}

export function encodeMeta(meta: KvMeta): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(FORMAT);
  writer.varint(meta.revision);
  writer.varint(meta.size);
  writer.varint(meta.sessionClock);
  writer.varint(meta.evictions);
  writer.byte(meta.hasForgotten ? 1 : 0);
  return writer.take();
}

export function decodeMeta(bytes: Uint8Array): KvMeta {
  return decodeRecord('meta', bytes, (reader) => {
    const format = reader.varint();
    if (format !== FORMAT) throw new DecodeError(`format ${format}, this version reads ${FORMAT}`);
    return {
      revision: reader.varint() as Revision,
      size: reader.varint(),
      sessionClock: reader.varint(),
      evictions: reader.varint(),
      hasForgotten: reader.byte() === 1,
    };
  });
}

/** Reads a record that the checkpoint's own checksums protect: bad bytes mean damage. Throws `checkpoint_corrupt`. */
export function decodeRecord<T>(what: string, record: Uint8Array, decode: (reader: ByteReader) => T): T {
  try {
    return decode(new ByteReader(record));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new KvorumError('checkpoint_corrupt', `The record of ${what} is damaged: ${error.message}`, { cause: error });
  }
}
