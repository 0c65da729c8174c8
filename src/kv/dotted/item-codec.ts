import type { Dot } from '../../base/dot.js';
import { LIMITS } from '../../base/limits.js';
import type { ByteReader } from '../byte-reader.js';
import type { ByteWriter } from '../byte-writer.js';
import { DecodeError } from '../decode-error.js';
import { DELETED, itemOf, versionsOf, type DottedItem, type Version } from './item.js';
import type { Origins } from './origins.js';

/**
 * How an item is written, in the checkpoint and in streams:
 *
 *   varint count of versions | versions, newest first | varint count of pending dots | pending dots
 *   version: byte flags | varint origin | varint seq | varint counter | varint wallMs |
 *            [varint expiresAtMs] | [varint length | value bytes]
 *   dot: varint origin | varint seq
 *
 * Origins are numbers in a table that is kept beside the items.
 */
const TOMBSTONE = 1;
const EXPIRES = 2;
const FLAGS = 3;

export function writeItem(writer: ByteWriter, item: DottedItem, origins: Origins): void {
  const versions = versionsOf(item);
  writer.varint(versions.length);
  for (const version of versions) writeVersion(writer, version, origins);
  const pending = item.pending ?? [];
  writer.varint(pending.length);
  for (const { origin, seq } of pending) {
    writer.varint(origins.number(origin));
    writer.varint(seq);
  }
}

function writeVersion(writer: ByteWriter, version: Version, origins: Origins): void {
  const { source, start, end, write, counter, expiresAtMs } = version;
  const isTombstone = source === DELETED;
  writer.byte((isTombstone ? TOMBSTONE : 0) | (expiresAtMs > 0 ? EXPIRES : 0));
  writer.varint(origins.number(write.origin));
  writer.varint(write.seq);
  writer.varint(counter);
  writer.varint(write.wallMs);
  if (expiresAtMs > 0) writer.varint(expiresAtMs);
  if (isTombstone) return;
  writer.varint(end - start);
  writer.bytes(source, start, end);
}

/** Values are views of what `reader` reads. Throws DecodeError. */
export function readItem(reader: ByteReader, origins: Origins): DottedItem {
  const count = reader.varint();
  if (count === 0) throw new DecodeError('an item without a version');
  if (count > reader.end - reader.at) throw new DecodeError('more versions than bytes');
  const versions: Version[] = [];
  while (versions.length < count) versions.push(readVersion(reader, origins));
  const pending = readPending(reader, origins);
  const item = itemOf(versions, pending);
  if (item === null) throw new DecodeError('an item without a version');
  return item;
}

function readPending(reader: ByteReader, origins: Origins): Dot[] {
  const count = reader.varint();
  if (count > reader.end - reader.at) throw new DecodeError('more dots than bytes');
  const pending: Dot[] = [];
  while (pending.length < count) pending.push({ origin: origins.id(reader.varint()), seq: positive(reader) });
  return pending;
}

function positive(reader: ByteReader): number {
  const value = reader.varint();
  if (value === 0) throw new DecodeError('a zero where numbers begin at 1');
  return value;
}

function readVersion(reader: ByteReader, origins: Origins): Version {
  const flags = reader.byte();
  if (flags > FLAGS) throw new DecodeError('an unknown flag of an item');
  const origin = reader.varint();
  const seq = positive(reader);
  const counter = positive(reader);
  const write = origins.write(origin, seq, reader.varint());
  const expiresAtMs = (flags & EXPIRES) > 0 ? positive(reader) : 0;
  if ((flags & TOMBSTONE) > 0) {
    if (expiresAtMs > 0) throw new DecodeError('a tombstone that expires');
    return { source: DELETED, start: 0, end: 0, write, counter, expiresAtMs };
  }
  const length = reader.varint();
  if (length > LIMITS.valueBytesCeiling) throw new DecodeError('a value beyond its limit');
  const start = reader.take(length);
  return { source: reader.source, start, end: start + length, write, counter, expiresAtMs };
}
