import type { KvReader, Operation } from '../../../kv/types.js';
import { checkBatch, checkKey } from '../checks.js';
import { readCommand, type RespCommand } from './command.js';
import type { Request } from '../request.js';

/** Arguments from the first key to the last, as byte strings. */
export function keysOf(request: Request): string[] {
  const keys: string[] = [];
  for (let at = 1; at < request.count; at++) keys.push(request.byteString(at));
  return keys;
}

/** DEL and UNLINK: one atomic command, however many keys. */
function deletion(name: string, since: string, summary: string): RespCommand {
  return {
    name,
    kind: 'write',
    arity: -2,
    flags: name === 'unlink' ? ['write', 'fast'] : ['write'],
    keys: [1, -1, 1],
    group: 'generic',
    since,
    summary,
    plan: (request, limits) => {
      const refusal = checkBatch(request.count - 1);
      if (refusal !== null) return refusal;
      const operations: Operation[] = [];
      for (let at = 1; at < request.count; at++) {
        // A key that cannot exist counts as absent.
        if (checkKey(request, at, limits) === null) operations.push({ op: 'delete', key: request.byteString(at) });
      }
      return {
        operations,
        answer: (out, result) => out.integer(result.operations.filter(({ status }) => status === 'deleted').length),
      };
    },
  };
}

/** A named key counts as often as it is named, as in Redis. */
function countPresent(reader: KvReader, keys: readonly string[]): number {
  let present = 0;
  for (const key of keys) if (reader.has(key)) present++;
  return present;
}

function presence(name: string, since: string, summary: string): RespCommand {
  return readCommand<readonly string[], number>({
    name,
    kind: 'read',
    arity: -2,
    flags: ['readonly', 'fast'],
    keys: [1, -1, 1],
    group: 'generic',
    since,
    summary,
    prepare: keysOf,
    look: countPresent,
    answer: (out, present) => out.integer(present),
  });
}

export const KEY_COMMANDS: readonly RespCommand[] = [
  deletion('del', '1.0.0', 'Delete a key'),
  deletion('unlink', '4.0.0', 'Delete a key'),
  presence('exists', '1.0.0', 'Determine if a key exists'),
  presence('touch', '3.2.1', 'Alters the last access time of a key(s). Returns the number of existing keys specified.'),
  readCommand<string, boolean>({
    name: 'type',
    kind: 'read',
    arity: 2,
    flags: ['readonly', 'fast'],
    keys: [1, 1, 1],
    group: 'generic',
    since: '1.0.0',
    summary: 'Determine the type stored at key',
    prepare: (request) => request.byteString(1),
    look: (reader, key) => reader.has(key),
    answer: (out, present) => out.simple(present ? 'string' : 'none'),
  }),
  readCommand<null, number>({
    name: 'dbsize',
    kind: 'read',
    arity: 1,
    flags: ['readonly', 'fast'],
    keys: [0, 0, 0],
    group: 'server',
    since: '1.0.0',
    summary: 'Return the number of keys in the selected database',
    prepare: () => null,
    look: (reader) => reader.size,
    answer: (out, size) => out.integer(size),
  }),
];
