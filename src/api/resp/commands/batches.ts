import { KvorumError } from '../../../base/errors/error.js';
import { LIMITS } from '../../../base/limits.js';
import type { Condition, Item, KvReader, Operation } from '../../../kv/types.js';
import { checkBatch, checkKey, checkValue } from '../checks.js';
import { Refusal, errorLine, wrongArity } from '../replies.js';
import type { ReplyWriter } from '../reply-writer.js';
import type { Request } from '../request.js';
import { readCommand, type RespCommand, type WriteLimits } from './command.js';
import { keysOf } from './keys.js';
import { writeItem } from './strings.js';

const ABSENT: Condition = { kind: 'absent' };
/** Bytes of one MGET reply: one reply cannot be sent in parts as several can. */
const MGET_BYTES_MAX = 2 * LIMITS.requestBytes;

type Put = Extract<Operation, { op: 'put' }>;

/** The pairs of MSET and MSETNX as puts. */
function parsePairs(request: Request, limits: WriteLimits, name: string, condition: Condition | null): Put[] | Refusal {
  if (request.count % 2 === 0) return wrongArity(name);
  const tooMany = checkBatch((request.count - 1) / 2);
  if (tooMany !== null) return tooMany;
  const puts: Put[] = [];
  for (let at = 1; at < request.count; at += 2) {
    const refusal = checkKey(request, at, limits) ?? checkValue(request, at + 1, limits);
    if (refusal !== null) return refusal;
    const put: Put = { op: 'put', key: request.byteString(at), value: request.bytes(at + 1) };
    puts.push(condition === null ? put : { ...put, condition });
  }
  return puts;
}

/** Of a key named twice the last value counts; the first put would make the second one's condition fail. */
function lastOfEachKey(puts: readonly Put[]): Put[] {
  return [...new Map(puts.map((put) => [put.key, put])).values()];
}

/** Every value from one state. Null: together they are too large for one reply. */
function lookUpAll(reader: KvReader, keys: readonly string[]): (Item | undefined)[] | null {
  let bytes = 0;
  const found: (Item | undefined)[] = [];
  for (const key of keys) {
    const item = reader.get(key);
    found.push(item);
    if (item !== undefined) bytes += item.end - item.start;
    if (bytes > MGET_BYTES_MAX) return null;
  }
  return found;
}

function answerAll(out: ReplyWriter, found: readonly (Item | undefined)[] | null): void {
  if (found === null) {
    out.error(errorLine(new KvorumError('request_too_large', `The values have more than ${MGET_BYTES_MAX} bytes`)));
    return;
  }
  out.array(found.length);
  for (const item of found) writeItem(out, item);
}

export const BATCHES: readonly RespCommand[] = [
  readCommand<readonly string[], readonly (Item | undefined)[] | null>({
    name: 'mget',
    kind: 'read',
    arity: -2,
    flags: ['readonly', 'fast'],
    keys: [1, -1, 1],
    group: 'string',
    since: '1.0.0',
    summary: 'Get the values of all the given keys',
    prepare: keysOf,
    look: lookUpAll,
    answer: answerAll,
  }),
  {
    name: 'mset',
    kind: 'write',
    arity: -3,
    flags: ['write', 'denyoom'],
    keys: [1, -1, 2],
    group: 'string',
    since: '1.0.1',
    summary: 'Set multiple keys to multiple values',
    plan: (request, limits) => {
      const operations = parsePairs(request, limits, 'mset', null);
      return operations instanceof Refusal ? operations : { operations, answer: (out) => out.ok() };
    },
  },
  {
    name: 'msetnx',
    kind: 'write',
    arity: -3,
    flags: ['write', 'denyoom'],
    keys: [1, -1, 2],
    group: 'string',
    since: '1.0.1',
    summary: 'Set multiple keys to multiple values, only if none of the keys exist',
    plan: (request, limits) => {
      const puts = parsePairs(request, limits, 'msetnx', ABSENT);
      if (puts instanceof Refusal) return puts;
      return {
        operations: lastOfEachKey(puts),
        answer: (out, result) => out.integer(result.operations.some(({ status }) => status === 'unmet') ? 0 : 1),
      };
    },
  },
];
