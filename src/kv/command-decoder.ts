import { latin1Slice } from '../../native-like/bytes/index.js';
import { assert, unreachable } from '../base/assert.js';
import { isOrigin, type Revision } from '../base/brand.js';
import type { Dot } from '../base/dot.js';
import { LIMITS } from '../base/limits.js';
import { ByteReader } from './byte-reader.js';
import { COMMAND, CONDITION, DOT, OPERATION, OPERATION_KINDS, SESSION } from './command-fields.js';
import { DecodeError } from './decode-error.js';
import type { Condition, KeyString, Operation } from './types.js';

/** A command as the state machine takes it: the client's id stays a byte string, nothing needs it as text. */
export interface DecodedCommand {
  readonly operations: readonly Operation[];
  readonly session: { readonly client: KeyString; readonly seq: number } | null;
}

const EMPTY = new Uint8Array(0);

/** A length-delimited field's length; its bytes start at `reader.at` and lie within the message. */
function fieldLength(reader: ByteReader, bytesMax: number): number {
  const length = reader.varint();
  if (length > bytesMax) throw new DecodeError(`a field of ${length} bytes, at most ${bytesMax} are allowed`);
  if (length > reader.end - reader.at) throw new DecodeError('the bytes end inside a field');
  return length;
}

function byteString(reader: ByteReader, bytesMax: number): string {
  const length = fieldLength(reader, bytesMax);
  const start = reader.take(length);
  return latin1Slice(reader.source, start, start + length);
}

function valueBytes(reader: ByteReader): Uint8Array {
  const length = fieldLength(reader, LIMITS.valueBytesCeiling);
  const start = reader.take(length);
  return length === 0 ? EMPTY : reader.source.subarray(start, start + length);
}

/** A nested message that lies in the next bytes; `reader` moves behind it. */
function nested(reader: ByteReader): ByteReader {
  const length = fieldLength(reader, LIMITS.frameBytes);
  const start = reader.take(length);
  return new ByteReader(reader.source, start, start + length);
}

function always(reader: ByteReader): void {
  if (reader.varint() !== 1) throw new DecodeError('a condition that is not true');
}

function decodeCondition(reader: ByteReader): Condition {
  let condition: Condition | null = null;
  while (!reader.done) {
    const tag = reader.varint();
    switch (tag) {
      case CONDITION.absent:
        always(reader);
        condition = { kind: 'absent' };
        break;
      case CONDITION.present:
        always(reader);
        condition = { kind: 'present' };
        break;
      case CONDITION.revision:
        condition = { kind: 'revision', revision: reader.varint() as Revision };
        break;
      case CONDITION.value:
        condition = { kind: 'value', value: valueBytes(reader) };
        break;
      default:
        // A condition that this version does not know must not be taken for none.
        throw new DecodeError('an unknown condition');
    }
  }
  if (condition === null) throw new DecodeError('an empty condition');
  return condition;
}

/** The fields of an Operation message, before it is known which of them its kind uses. */
interface OperationFields {
  kind: number;
  key: KeyString;
  value: Uint8Array;
  condition: Condition | null;
  returnPrevious: boolean;
  delta: bigint;
  maxBytes: number;
  expiresAtMs: number;
  context: Dot[];
}

function decodeDot(reader: ByteReader): Dot {
  let origin = '';
  let seq = 0;
  while (!reader.done) {
    const tag = reader.varint();
    if (tag === DOT.origin) origin = byteString(reader, LIMITS.originBytes);
    else if (tag === DOT.seq) seq = reader.varint();
    else reader.skip(tag);
  }
  if (!isOrigin(origin) || seq === 0) throw new DecodeError('a dot without origin or position');
  return { origin, seq };
}

function readOperation(reader: ByteReader): OperationFields {
  const fields: OperationFields = {
    kind: 0,
    key: '',
    value: EMPTY,
    condition: null,
    returnPrevious: false,
    delta: 0n,
    maxBytes: 0,
    expiresAtMs: 0,
    context: [],
  };
  while (!reader.done) {
    const tag = reader.varint();
    switch (tag) {
      case OPERATION.kind:
        fields.kind = reader.varint();
        break;
      case OPERATION.key:
        fields.key = byteString(reader, LIMITS.keyBytesCeiling);
        break;
      case OPERATION.value:
        fields.value = valueBytes(reader);
        break;
      case OPERATION.condition:
        fields.condition = decodeCondition(nested(reader));
        break;
      case OPERATION.returnPrevious:
        fields.returnPrevious = reader.varint() !== 0;
        break;
      case OPERATION.delta:
        fields.delta = reader.int64();
        break;
      case OPERATION.maxBytes:
        fields.maxBytes = reader.varint();
        break;
      case OPERATION.expiresAtMs:
        fields.expiresAtMs = reader.varint();
        break;
      case OPERATION.context:
        if (fields.context.length >= LIMITS.contextDots) throw new DecodeError('too many dots in a context');
        fields.context.push(decodeDot(nested(reader)));
        break;
      default:
        reader.skip(tag);
    }
  }
  return fields;
}

function decodeOperation(reader: ByteReader): Operation {
  const { kind, key, value, condition, returnPrevious, delta, maxBytes, expiresAtMs, context } = readOperation(reader);
  if (key === '') throw new DecodeError('an operation without a key');
  const op = OPERATION_KINDS[kind];
  if (op === undefined) throw new DecodeError(`operation kind ${kind}`);
  const isPlain = condition === null && !returnPrevious && context.length === 0 && expiresAtMs === 0;
  const options = {
    ...(condition === null ? {} : { condition }),
    ...(returnPrevious ? { returnPrevious } : {}),
    ...(context.length === 0 ? {} : { context }),
  };
  if (expiresAtMs > 0 && op !== 'put') throw new DecodeError(`${op} does not expire`);
  switch (op) {
    case 'put':
      if (isPlain) return { op, key, value };
      return { op, key, value, ...options, ...(expiresAtMs === 0 ? {} : { expiresAtMs }) };
    case 'delete':
      return isPlain ? { op, key } : { op, key, ...options };
    case 'increment':
    case 'append':
      if (!isPlain) throw new DecodeError(`${op} takes no condition`);
      return op === 'append' ? { op, key, value, maxBytes } : { op, key, delta };
    default:
      return unreachable(op);
  }
}

function decodeSession(reader: ByteReader): { client: KeyString; seq: number } {
  let client = '';
  let seq = 0;
  while (!reader.done) {
    const tag = reader.varint();
    if (tag === SESSION.clientId) client = byteString(reader, LIMITS.clientIdBytes);
    else if (tag === SESSION.seq) seq = reader.varint();
    else reader.skip(tag);
  }
  if (client === '') throw new DecodeError('a session without a client id');
  return { client, seq };
}

function asksForPrevious(operation: Operation): boolean {
  return (operation.op === 'put' || operation.op === 'delete') && operation.returnPrevious === true;
}

/** Decodes the Command at [start, end). Values are views of `source`. Throws DecodeError. */
export function decodeCommand(source: Uint8Array, start: number, end: number): DecodedCommand {
  assert(start <= end && end <= source.length, 'a command lies within its batch');
  const reader = new ByteReader(source, start, end);
  const operations: Operation[] = [];
  let session: DecodedCommand['session'] = null;
  while (!reader.done) {
    const tag = reader.varint();
    if (tag === COMMAND.operations) {
      if (operations.length >= LIMITS.batchOperations) throw new DecodeError('too many operations');
      operations.push(decodeOperation(nested(reader)));
    } else if (tag === COMMAND.session) {
      session = decodeSession(nested(reader));
    } else {
      reader.skip(tag);
    }
  }
  if (operations.length === 0) throw new DecodeError('a command without an operation');
  if (session !== null && operations.length > 1 && operations.some(asksForPrevious)) {
    throw new DecodeError('a session keeps the previous value of one operation only');
  }
  return { operations, session };
}
