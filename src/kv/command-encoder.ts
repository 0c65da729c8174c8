import { varintSize } from '../../native-like/bytes/index.js';
import { assert, unreachable } from '../base/assert.js';
import type { Dot } from '../base/dot.js';
import { LIMITS } from '../base/limits.js';
import type { ByteWriter } from './byte-writer.js';
import { BATCH, COMMAND, CONDITION, DOT, OPERATION, OPERATION_KINDS, SESSION } from './command-fields.js';
import type { Command, Condition, Operation, Session } from './types.js';

const utf8 = new TextEncoder();
// Matching the control characters is the point: a byte string has chars U+0000 to U+00FF only.
// eslint-disable-next-line no-control-regex
const BYTE_STRING = /^[\u0000-\u00ff]*$/;

/** Bytes of a length-delimited field with its tag. */
function fieldSize(length: number): number {
  return 1 + varintSize(length) + length;
}

function conditionSize(condition: Condition): number {
  switch (condition.kind) {
    case 'absent':
    case 'present':
      return 2;
    case 'revision':
      return 1 + varintSize(condition.revision);
    case 'value':
      return fieldSize(condition.value.length);
    default:
      return unreachable(condition);
  }
}

function operationSize(operation: Operation): number {
  const size = (operation.op === 'put' ? 0 : 2) + fieldSize(operation.key.length);
  switch (operation.op) {
    case 'put':
      return size + fieldSize(operation.value.length) + optionsSize(operation);
    case 'delete':
      return size + optionsSize(operation);
    case 'increment':
      return size + 9;
    case 'append':
      return size + fieldSize(operation.value.length) + 1 + varintSize(operation.maxBytes);
    default:
      return unreachable(operation);
  }
}

function optionsSize(operation: Operation & { readonly op: 'put' | 'delete' }): number {
  const condition = operation.condition === undefined ? 0 : fieldSize(conditionSize(operation.condition));
  let size = condition + (operation.returnPrevious === true ? 2 : 0);
  if (operation.op === 'put' && operation.expiresAtMs !== undefined) size += 1 + varintSize(operation.expiresAtMs);
  for (const dot of operation.context ?? []) size += fieldSize(dotSize(dot));
  return size;
}

function dotSize({ origin, seq }: Dot): number {
  return fieldSize(origin.length) + 1 + varintSize(seq);
}

function writeContext(writer: ByteWriter, context: readonly Dot[]): void {
  for (const dot of context) {
    writeHead(writer, OPERATION.context, dotSize(dot));
    writeHead(writer, DOT.origin, dot.origin.length);
    writer.text(dot.origin);
    writeHead(writer, DOT.seq, dot.seq);
  }
}

function writeHead(writer: ByteWriter, tag: number, length: number): void {
  writer.byte(tag);
  writer.varint(length);
}

function writeBytes(writer: ByteWriter, tag: number, bytes: Uint8Array): void {
  writeHead(writer, tag, bytes.length);
  writer.bytes(bytes, 0, bytes.length);
}

function writeCondition(writer: ByteWriter, condition: Condition): void {
  writeHead(writer, OPERATION.condition, conditionSize(condition));
  switch (condition.kind) {
    case 'absent':
      writeHead(writer, CONDITION.absent, 1);
      return;
    case 'present':
      writeHead(writer, CONDITION.present, 1);
      return;
    case 'revision':
      writeHead(writer, CONDITION.revision, condition.revision);
      return;
    case 'value':
      writeBytes(writer, CONDITION.value, condition.value);
  }
}

function writeOperation(writer: ByteWriter, operation: Operation): void {
  writeHead(writer, COMMAND.operations, operationSize(operation));
  if (operation.op !== 'put') writeHead(writer, OPERATION.kind, OPERATION_KINDS.indexOf(operation.op));
  writeHead(writer, OPERATION.key, operation.key.length);
  writer.text(operation.key);
  if (operation.op === 'put' || operation.op === 'append') writeBytes(writer, OPERATION.value, operation.value);
  switch (operation.op) {
    case 'put':
    case 'delete':
      if (operation.condition !== undefined) writeCondition(writer, operation.condition);
      if (operation.returnPrevious === true) writeHead(writer, OPERATION.returnPrevious, 1);
      if (operation.op === 'put' && operation.expiresAtMs !== undefined) {
        writeHead(writer, OPERATION.expiresAtMs, operation.expiresAtMs);
      }
      if (operation.context !== undefined) writeContext(writer, operation.context);
      return;
    case 'increment':
      writer.byte(OPERATION.delta);
      writer.int64(operation.delta);
      return;
    case 'append':
      writeHead(writer, OPERATION.maxBytes, operation.maxBytes);
  }
}

function checkExpiry(expiresAtMs: number | undefined): void {
  const isTime = expiresAtMs === undefined || (Number.isSafeInteger(expiresAtMs) && expiresAtMs > 0);
  assert(isTime, 'a value expires at a time after 1970');
}

function checkContext(context: readonly Dot[]): void {
  assert(context.length <= LIMITS.contextDots, 'a context has at most limits.contextDots dots');
  for (const { origin, seq } of context) {
    assert(origin.length <= LIMITS.originBytes && BYTE_STRING.test(origin), 'an origin is a short byte string');
    assert(Number.isSafeInteger(seq) && seq >= 1, 'a dot is a position from 1');
  }
}

/** Asserts what command.proto says about `command`: callers checked requests against their limits before. */
function checkCommand(command: Command): void {
  const { operations, session } = command;
  assert(operations.length >= 1, 'a command has an operation');
  assert(operations.length <= LIMITS.batchOperations, 'a command has at most limits.batchOperations operations');
  for (const operation of operations) {
    const { key } = operation;
    assert(key.length >= 1 && key.length <= LIMITS.keyBytesCeiling, 'a key has 1 to limits.keyBytesCeiling bytes');
    assert(BYTE_STRING.test(key), 'a key is a byte string');
    if (operation.op === 'put' || operation.op === 'append') {
      assert(operation.value.length <= LIMITS.valueBytesCeiling, 'a value is within limits.valueBytesCeiling');
    }
    if (operation.op === 'put') checkExpiry(operation.expiresAtMs);
    if (operation.op === 'put' || operation.op === 'delete') checkContext(operation.context ?? []);
    const returnsPrevious = (operation.op === 'put' || operation.op === 'delete') && operation.returnPrevious === true;
    const keepsOneValue = operations.length === 1 || session === undefined || !returnsPrevious;
    assert(keepsOneValue, 'a command with a session asks for the previous value of one operation only');
  }
}

function writeSession(writer: ByteWriter, clientId: Uint8Array, session: Session): void {
  writeHead(writer, COMMAND.session, fieldSize(clientId.length) + 1 + varintSize(session.seq));
  writeBytes(writer, SESSION.clientId, clientId);
  writeHead(writer, SESSION.seq, session.seq);
}

/** Appends `command` as one member of a Batch. Throws InvariantViolation when it is not within command.proto's bounds. */
export function writeCommand(writer: ByteWriter, command: Command): void {
  checkCommand(command);
  const { session } = command;
  let clientId: Uint8Array | null = null;
  let size = 0;
  for (const operation of command.operations) size += fieldSize(operationSize(operation));
  if (session !== undefined) {
    clientId = utf8.encode(session.clientId);
    assert(clientId.length >= 1 && clientId.length <= LIMITS.clientIdBytes, 'a client id has 1 to 128 bytes');
    assert(Number.isSafeInteger(session.seq) && session.seq >= 0, 'a sequence number is a safe integer from 0');
    size += fieldSize(fieldSize(clientId.length) + 1 + varintSize(session.seq));
  }
  writer.reserve(fieldSize(size));
  writeHead(writer, BATCH.commands, size);
  const start = writer.at;
  for (const operation of command.operations) writeOperation(writer, operation);
  if (session !== undefined && clientId !== null) writeSession(writer, clientId, session);
  assert(writer.at - start === size, 'a command is as long as its head says');
}
