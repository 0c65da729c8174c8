import { KvorumError } from '../../base/errors/error.js';
import type { Keyspace, ReadWaiter, Router } from '../../replica/router.js';
import { refusedWithoutOrder } from '../leaderless.js';
import type { AnyReadCommand, WritePlan } from './commands/command.js';
import { Refusal } from './replies.js';
import type { Request } from './request.js';

/** What a refusal depends on. */
interface Asked {
  readonly keyspace: Keyspace;
  readonly request: Request;
  readonly server: { readonly router: Router };
}

/** Commands of Redis that this server does not have, and why they could not work without a leader either. */
const NEED_ORDER: ReadonlyMap<string, string> = new Map([
  ['multi', 'MULTI runs commands with nothing in between'],
  ['exec', 'EXEC runs commands with nothing in between'],
  ['discard', 'DISCARD ends a MULTI, which runs commands with nothing in between'],
  ['watch', 'WATCH compares and writes'],
  ['unwatch', 'UNWATCH ends a WATCH, which compares and writes'],
  ['rename', 'RENAME reads a key and writes another one'],
  ['renamenx', 'RENAMENX reads a key and writes another one'],
  ['copy', 'COPY reads a key and writes another one'],
  ['incrbyfloat', 'INCRBYFLOAT reads and writes'],
  ['setrange', 'SETRANGE reads and writes'],
  ['setbit', 'SETBIT reads and writes'],
  ['getex', 'GETEX reads and writes'],
  ['expire', 'EXPIRE reads a value and writes it with an expiry; SET with EX does it at once'],
  ['pexpire', 'PEXPIRE reads a value and writes it with an expiry; SET with PX does it at once'],
  ['expireat', 'EXPIREAT reads a value and writes it with an expiry; SET with EXAT does it at once'],
  ['pexpireat', 'PEXPIREAT reads a value and writes it with an expiry; SET with PXAT does it at once'],
  ['persist', 'PERSIST reads a value and writes it without an expiry'],
]);

/** For a command that is not known here: null when that is all there is to say. */
export function neededOrder({ keyspace, request, server }: Asked): Refusal | null {
  if (keyspace.leaderless === null) return null;
  const what = NEED_ORDER.get(request.byteString(0).slice(0, 16).toLowerCase());
  return what === undefined ? null : Refusal.of(refusedWithoutOrder(server.router, keyspace, what));
}

/** What the operations of a plan do not tell the keyspace, which refuses the rest itself. */
export function engineRefusal({ keyspace, server }: Asked, plan: WritePlan): Refusal | null {
  if (keyspace.leaderless === null) {
    if (plan.expiry === undefined) return null;
    const detail = `Expiry (${plan.expiry}) is not in this version of Kvorum where a keyspace has a leader`;
    return Refusal.of(new KvorumError('unsupported_operation', detail));
  }
  if (plan.reads === undefined) return null;
  return Refusal.of(refusedWithoutOrder(server.router, keyspace, plan.reads));
}

/**
 * Levels above one compare the versions of keys. Commands that name none (SCAN, KEYS, DBSIZE, RANDOMKEY) tell what this
 * replica holds.
 */
export function readLeaderless(
  keyspace: Keyspace,
  command: AnyReadCommand,
  request: Request,
  waiter: ReadWaiter,
  token: number,
): void {
  const { defaultConsistency } = keyspace;
  if (defaultConsistency === 'session' || defaultConsistency === 'one') {
    keyspace.read(defaultConsistency, waiter, token);
    return;
  }
  const [first, last, step] = command.keys;
  if (first === 0) {
    keyspace.read('one', waiter, token);
    return;
  }
  const keys: string[] = [];
  const end = last < 0 ? request.count + last : last;
  for (let at = first; at <= end; at += step) keys.push(request.byteString(at));
  keyspace.read(defaultConsistency, waiter, token, { keys });
}
