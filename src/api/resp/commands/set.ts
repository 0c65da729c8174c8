import type { Condition } from '../../../kv/types.js';
import { Refusal, SYNTAX_ERROR } from '../replies.js';
import type { Request } from '../request.js';
import type { RespCommand } from './command.js';
import { EXPIRY_OPTIONS, expiryAt, type ExpiryOption } from './expiry.js';
import { onlyResult, planPut, writeItem } from './strings.js';

interface SetOptions {
  readonly condition: Condition | null;
  readonly get: boolean;
  readonly keepTtl: boolean;
  readonly expiry: { readonly option: ExpiryOption; readonly atMs: number } | null;
}

/** The options behind key and value, in any order, as Redis 7.0 reads them: NX and GET may be combined. */
function parseSetOptions(request: Request): SetOptions | Refusal {
  let condition: 'absent' | 'present' | null = null;
  let get = false;
  let keepTtl = false;
  let expiry: { readonly option: ExpiryOption; readonly argument: number } | null = null;
  for (let at = 3; at < request.count; at++) {
    const option = EXPIRY_OPTIONS.find((name) => request.is(at, name));
    if (option !== undefined && expiry === null && !keepTtl && at + 1 < request.count) {
      expiry = { option, argument: ++at };
    } else if (request.is(at, 'nx') && condition !== 'present') {
      condition = 'absent';
    } else if (request.is(at, 'xx') && condition !== 'absent') {
      condition = 'present';
    } else if (request.is(at, 'get')) {
      get = true;
    } else if (request.is(at, 'keepttl') && expiry === null) {
      keepTtl = true;
    } else {
      return SYNTAX_ERROR;
    }
  }
  const kind = condition === null ? null : { kind: condition };
  if (expiry === null) return { condition: kind, get, keepTtl, expiry: null };
  const atMs = expiryAt(request, expiry.argument, expiry.option, 'set');
  return atMs instanceof Refusal ? atMs : { condition: kind, get, keepTtl, expiry: { option: expiry.option, atMs } };
}

/** The dispatcher handles the plain `SET key value` itself; this is SET with options. */
export const SET: RespCommand = {
  name: 'set',
  kind: 'write',
  arity: -3,
  flags: ['write', 'denyoom'],
  keys: [1, 1, 1],
  group: 'string',
  since: '1.0.0',
  summary: 'Set the string value of a key',
  plan: (request, limits) => {
    const options = parseSetOptions(request);
    if (options instanceof Refusal) return options;
    const { condition, expiry, get, keepTtl } = options;
    const rest = {
      returnPrevious: get,
      ...(condition === null ? {} : { condition }),
      ...(expiry === null ? {} : { expiresAtMs: expiry.atMs }),
    };
    const plan = planPut(request, limits, rest, (out, result) => {
      const { status, previous } = onlyResult(result);
      if (get) writeItem(out, previous);
      else if (status === 'unmet') out.nil();
      else out.ok();
    });
    if (plan instanceof Refusal) return plan;
    return {
      ...plan,
      ...(expiry === null ? {} : { expiry: expiry.option.toUpperCase() }),
      ...(keepTtl ? { reads: 'SET with KEEPTTL reads the expiry and writes' } : {}),
    };
  },
};
