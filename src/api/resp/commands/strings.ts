import type { CommandResult, Item, Operation, OperationResult, ValueRef } from '../../../kv/types.js';
import { KvorumError } from '../../../base/errors/error.js';
import { assertDefined } from '../../../base/assert.js';
import { checkKey, checkValue } from '../checks.js';
import { INTEGER_OVERFLOW, NOT_AN_INTEGER, Refusal } from '../replies.js';
import type { ReplyWriter } from '../reply-writer.js';
import type { Request } from '../request.js';
import { readCommand, type RespCommand, type WriteLimits, type WritePlan } from './command.js';

export function writeItem(out: ReplyWriter, item: Item | null | undefined): void {
  if (item === null || item === undefined) out.nil();
  else out.bulk(item.source, item.start, item.end);
}

/** The result of a command that holds one operation. */
export function onlyResult(result: CommandResult): OperationResult {
  return assertDefined(result.operations[0], 'a command of one operation has one result');
}

export const GET: RespCommand = readCommand<string, Item | undefined>({
  name: 'get',
  kind: 'read',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: [1, 1, 1],
  group: 'string',
  since: '1.0.0',
  summary: 'Get the value of a key',
  prepare: (request) => request.byteString(1),
  look: (reader, key) => reader.get(key),
  answer: writeItem,
});

export const STRLEN: RespCommand = readCommand<string, number>({
  name: 'strlen',
  kind: 'read',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: [1, 1, 1],
  group: 'string',
  since: '2.2.0',
  summary: 'Get the length of the value stored in a key',
  prepare: (request) => request.byteString(1),
  look: (reader, key) => {
    const item = reader.get(key);
    return item === undefined ? 0 : item.end - item.start;
  },
  answer: (out, length) => out.integer(length),
});

interface Range {
  readonly key: string;
  readonly from: bigint;
  readonly to: bigint;
}

/** Both ends included; negative ones count from the end, as in Redis. */
function slice(item: Item | undefined, { from, to }: Range): ValueRef | null {
  const length = BigInt(item === undefined ? 0 : item.end - item.start);
  if (item === undefined || (from < 0n && to < 0n && from > to)) return null;
  const clamp = (at: bigint): bigint => (at < 0n ? (at + length < 0n ? 0n : at + length) : at);
  const first = clamp(from);
  const last = clamp(to) >= length ? length - 1n : clamp(to);
  if (first > last || length === 0n) return null;
  return { source: item.source, start: item.start + Number(first), end: item.start + Number(last) + 1 };
}

function range(name: string, since: string): RespCommand {
  return readCommand<Range, ValueRef | null>({
    name,
    kind: 'read',
    arity: 4,
    flags: ['readonly'],
    keys: [1, 1, 1],
    group: 'string',
    since,
    summary: 'Get a substring of the string stored at a key',
    prepare: (request) => {
      const from = request.integer(2);
      const to = request.integer(3);
      return from === null || to === null ? NOT_AN_INTEGER : { key: request.byteString(1), from, to };
    },
    look: (reader, asked) => slice(reader.get(asked.key), asked),
    answer: (out, found) => {
      if (found === null) out.text('');
      else out.bulk(found.source, found.start, found.end);
    },
  });
}

export const RANGES: readonly RespCommand[] = [range('getrange', '2.4.0'), range('substr', '1.0.0')];

/** One put, checked against the limits. */
export function planPut(
  request: Request,
  limits: WriteLimits,
  rest: Pick<Operation & { op: 'put' }, 'condition' | 'returnPrevious' | 'expiresAtMs'>,
  answer: WritePlan['answer'],
): WritePlan | Refusal {
  const refusal = checkKey(request, 1, limits) ?? checkValue(request, 2, limits);
  if (refusal !== null) return refusal;
  return { operations: [{ op: 'put', key: request.byteString(1), value: request.bytes(2), ...rest }], answer };
}

export const GETSET: RespCommand = {
  name: 'getset',
  kind: 'write',
  arity: 3,
  flags: ['write', 'denyoom', 'fast'],
  keys: [1, 1, 1],
  group: 'string',
  since: '1.0.0',
  summary: 'Set the string value of a key and return its old value',
  plan: (request, limits) =>
    planPut(request, limits, { returnPrevious: true }, (out, result) => writeItem(out, onlyResult(result).previous)),
};

export const SETNX: RespCommand = {
  name: 'setnx',
  kind: 'write',
  arity: 3,
  flags: ['write', 'denyoom', 'fast'],
  keys: [1, 1, 1],
  group: 'string',
  since: '1.0.0',
  summary: 'Set the value of a key, only if the key does not exist',
  plan: (request, limits) =>
    planPut(request, limits, { condition: { kind: 'absent' } }, (out, result) =>
      out.integer(onlyResult(result).status === 'unmet' ? 0 : 1),
    ),
};

export const GETDEL: RespCommand = {
  name: 'getdel',
  kind: 'write',
  arity: 2,
  flags: ['write', 'fast'],
  keys: [1, 1, 1],
  group: 'string',
  since: '6.2.0',
  summary: 'Get the value of a key and delete the key',
  plan: (request, limits) => ({
    // A key that cannot exist is absent.
    operations:
      checkKey(request, 1, limits) === null ? [{ op: 'delete', key: request.byteString(1), returnPrevious: true }] : [],
    answer: (out, result) => writeItem(out, result.operations[0]?.previous),
  }),
};

export const APPEND: RespCommand = {
  name: 'append',
  kind: 'write',
  arity: 3,
  flags: ['write', 'denyoom', 'fast'],
  keys: [1, 1, 1],
  group: 'string',
  since: '2.0.0',
  summary: 'Append a value to a key',
  plan: (request, limits) => {
    const refusal = checkKey(request, 1, limits) ?? checkValue(request, 2, limits);
    if (refusal !== null) return refusal;
    const maxBytes = limits.valueBytes;
    const operation: Operation = { op: 'append', key: request.byteString(1), value: request.bytes(2), maxBytes };
    return { operations: [operation], answer: (out, result) => answerNumber(out, result, maxBytes) };
  },
};

/** The sum or the length, or why there is none. */
function answerNumber(out: ReplyWriter, result: CommandResult, maxBytes: number): void {
  const { status, integer } = onlyResult(result);
  if (status === 'not_an_integer') out.error(NOT_AN_INTEGER.message);
  else if (status === 'integer_overflow') out.error(INTEGER_OVERFLOW.message);
  else if (status === 'value_would_be_too_large') {
    out.error(Refusal.of(new KvorumError(status, `The value would be longer than ${maxBytes} bytes`)).message);
  } else out.integer(assertDefined(integer, 'an increment or append that was done has a number'));
}

function planIncrement(request: Request, limits: WriteLimits, delta: bigint | null): WritePlan | Refusal {
  const refusal = checkKey(request, 1, limits);
  if (refusal !== null) return refusal;
  if (delta === null) return NOT_AN_INTEGER;
  const operation: Operation = { op: 'increment', key: request.byteString(1), delta };
  return { operations: [operation], answer: (out, result) => answerNumber(out, result, limits.valueBytes) };
}

function counter(
  name: string,
  arity: number,
  summary: string,
  deltaOf: (request: Request) => bigint | null | Refusal,
): RespCommand {
  return {
    name,
    kind: 'write',
    arity,
    flags: ['write', 'denyoom', 'fast'],
    keys: [1, 1, 1],
    group: 'string',
    since: '1.0.0',
    summary,
    plan: (request, limits) => {
      const delta = deltaOf(request);
      return delta instanceof Refusal ? delta : planIncrement(request, limits, delta);
    },
  };
}

/** DECRBY of the smallest integer: its negative does not exist. */
const LLONG_MIN = -(2n ** 63n);

export const COUNTERS: readonly RespCommand[] = [
  counter('incr', 2, 'Increment the integer value of a key by one', () => 1n),
  counter('decr', 2, 'Decrement the integer value of a key by one', () => -1n),
  counter('incrby', 3, 'Increment the integer value of a key by the given amount', (request) => request.integer(2)),
  counter('decrby', 3, 'Decrement the integer value of a key by the given number', (request) => {
    const by = request.integer(2);
    if (by === LLONG_MIN) return new Refusal('ERR decrement would overflow', 'integer_overflow');
    return by === null ? null : -by;
  }),
];
