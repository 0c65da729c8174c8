import { assert } from '../base/assert.js';
import type { Revision } from '../base/brand.js';
import { LIMITS } from '../base/limits.js';
import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { DecodeError } from './decode-error.js';
import type { CommandResult, Item, OperationResult, OperationStatus } from './types.js';

/**
 * Results as sessions keep them: bytes, because thousands of result objects would be a burden for the garbage collector,
 * and because previous values must not keep whole payloads in memory.
 *
 *   varint revision | varint count | count x operation
 *   operation: byte status | byte flags | [varint revision] | [integer] | [item]
 *   item: varint createRevision | modRevision | version | length | value bytes
 */
const STATUSES: readonly OperationStatus[] = [
  'created',
  'replaced',
  'deleted',
  'absent',
  'unmet',
  'not_an_integer',
  'integer_overflow',
  'value_would_be_too_large',
  'skipped',
];
const HAS_REVISION = 1;
const HAS_INT64 = 2;
const HAS_NUMBER = 4;
const HAS_PREVIOUS = 8;
const FLAGS = 15;

const writer = new ByteWriter();

/** `revision` and `operations` of a result without an error. Previous values are copied. */
export function encodeResult(result: Pick<CommandResult, 'revision' | 'operations'>): Uint8Array {
  assert(writer.at === 0, 'results are encoded one at a time');
  writer.varint(result.revision);
  writer.varint(result.operations.length);
  for (const operation of result.operations) writeOperation(operation);
  return writer.take();
}

function writeOperation({ status, previous, integer, revision }: OperationResult): void {
  const code = STATUSES.indexOf(status);
  assert(code >= 0, 'every status has a code');
  const integerFlag = typeof integer === 'bigint' ? HAS_INT64 : integer === null ? 0 : HAS_NUMBER;
  writer.byte(code);
  writer.byte((revision > 0 ? HAS_REVISION : 0) | integerFlag | (previous === null ? 0 : HAS_PREVIOUS));
  if (revision > 0) writer.varint(revision);
  if (typeof integer === 'bigint') writer.int64(integer);
  else if (integer !== null) writer.varint(integer);
  if (previous !== null) writeItem(previous);
}

function writeItem({ createRevision, modRevision, version, source, start, end }: Item): void {
  writer.varint(createRevision);
  writer.varint(modRevision);
  writer.varint(version);
  writer.varint(end - start);
  writer.bytes(source, start, end);
}

/** Throws DecodeError. Previous values are views of `bytes`. */
export function decodeResult(bytes: Uint8Array): Pick<CommandResult, 'revision' | 'operations'> {
  const reader = new ByteReader(bytes);
  const revision = reader.varint() as Revision;
  const count = reader.varint();
  if (count > LIMITS.batchOperations) throw new DecodeError('too many operations in a result');
  const operations: OperationResult[] = [];
  while (operations.length < count) operations.push(readOperation(reader));
  if (!reader.done) throw new DecodeError('bytes behind a result');
  return { revision, operations };
}

function readOperation(reader: ByteReader): OperationResult {
  const status = STATUSES[reader.byte()];
  const flags = reader.byte();
  if (status === undefined || flags > FLAGS) throw new DecodeError('an unknown status or flag in a result');
  const revision = ((flags & HAS_REVISION) > 0 ? reader.varint() : 0) as Revision;
  let integer: bigint | number | null = null;
  if ((flags & HAS_INT64) > 0) integer = reader.int64();
  else if ((flags & HAS_NUMBER) > 0) integer = reader.varint();
  const previous = (flags & HAS_PREVIOUS) > 0 ? readItem(reader) : null;
  return { status, previous, integer, revision };
}

function readItem(reader: ByteReader): Item {
  const createRevision = reader.varint() as Revision;
  const modRevision = reader.varint() as Revision;
  const version = reader.varint();
  const length = reader.varint();
  const start = reader.take(length);
  return { source: reader.source, start, end: start + length, createRevision, modRevision, version };
}
