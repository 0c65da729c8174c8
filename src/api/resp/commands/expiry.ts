import { systemClock } from '../../../base/clock.js';
import type { KvReader, Operation } from '../../../kv/types.js';
import { checkKey, checkValue } from '../checks.js';
import { NOT_AN_INTEGER, Refusal } from '../replies.js';
import type { Request } from '../request.js';
import { readCommand, type RespCommand, type WriteLimits, type WritePlan } from './command.js';

/** Options that set a time to live: how many milliseconds one is, and whether they count from now. */
const UNITS = {
  ex: { milliseconds: 1000n, relative: true },
  px: { milliseconds: 1n, relative: true },
  exat: { milliseconds: 1000n, relative: false },
  pxat: { milliseconds: 1n, relative: false },
} as const;
export type ExpiryOption = keyof typeof UNITS;
export const EXPIRY_OPTIONS: readonly ExpiryOption[] = ['ex', 'px', 'exat', 'pxat'];

/** The instant, in milliseconds since 1970, or what is wrong with it. */
export function expiryAt(request: Request, at: number, option: ExpiryOption, command: string): number | Refusal {
  const given = request.integer(at);
  if (given === null) return NOT_AN_INTEGER;
  const { milliseconds, relative } = UNITS[option];
  const instant = given * milliseconds + (relative ? BigInt(Math.round(systemClock.wallMs())) : 0n);
  if (given <= 0n || instant > BigInt(Number.MAX_SAFE_INTEGER)) {
    return new Refusal(`ERR invalid expire time in '${command}' command`);
  }
  return Number(instant);
}

/** SETEX and PSETEX: key, time, value. */
function planSet(request: Request, limits: WriteLimits, option: ExpiryOption, name: string): WritePlan | Refusal {
  const refusal = checkKey(request, 1, limits) ?? checkValue(request, 3, limits);
  if (refusal !== null) return refusal;
  const expiresAtMs = expiryAt(request, 2, option, name);
  if (expiresAtMs instanceof Refusal) return expiresAtMs;
  const put: Operation = { op: 'put', key: request.byteString(1), value: request.bytes(3), expiresAtMs };
  return { operations: [put], expiry: name.toUpperCase(), answer: (out) => out.ok() };
}

function setWithExpiry(name: string, option: ExpiryOption, since: string, summary: string): RespCommand {
  return {
    name,
    kind: 'write',
    arity: 4,
    flags: ['write', 'denyoom'],
    keys: [1, 1, 1],
    group: 'string',
    since,
    summary,
    plan: (request, limits) => planSet(request, limits, option, name),
  };
}

/** As Redis: -2 without the key, -1 without an expiry. */
function expiryOf(reader: KvReader, key: string): number {
  const item = reader.get(key);
  if (item === undefined) return -2;
  return item.expiresAtMs ?? -1;
}

function lookUp(name: string, since: string, summary: string, tell: (expiresAtMs: number) => number): RespCommand {
  return readCommand<string, number>({
    name,
    kind: 'read',
    arity: 2,
    flags: ['readonly', 'fast'],
    keys: [1, 1, 1],
    group: 'generic',
    since,
    summary,
    prepare: (request) => request.byteString(1),
    look: (reader, key) => {
      const at = expiryOf(reader, key);
      return at < 0 ? at : tell(at);
    },
    answer: (out, value) => out.integer(value),
  });
}

function leftMs(expiresAtMs: number): number {
  return Math.max(0, Math.round(expiresAtMs - systemClock.wallMs()));
}

export const EXPIRY_COMMANDS: readonly RespCommand[] = [
  setWithExpiry('setex', 'ex', '2.0.0', 'Set the value and expiration of a key'),
  setWithExpiry('psetex', 'px', '2.6.0', 'Set the value and expiration in milliseconds of a key'),
  lookUp('ttl', '1.0.0', 'Get the time to live for a key in seconds', (at) => Math.floor((leftMs(at) + 500) / 1000)),
  lookUp('pttl', '2.6.0', 'Get the time to live for a key in milliseconds', leftMs),
  lookUp('expiretime', '7.0.0', 'Get the expiration Unix timestamp for a key', (at) => Math.floor((at + 500) / 1000)),
  lookUp('pexpiretime', '7.0.0', 'Get the expiration Unix timestamp for a key in milliseconds', (at) => at),
];
