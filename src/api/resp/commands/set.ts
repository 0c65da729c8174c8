import { KvorumError } from '../../../base/errors/error.js';
import type { Condition } from '../../../kv/types.js';
import { Refusal, SYNTAX_ERROR } from '../replies.js';
import type { Request } from '../request.js';
import type { RespCommand } from './command.js';
import { onlyResult, planPut, writeItem } from './strings.js';

/** Options that set a time to live; KEEPTTL changes nothing as no key has one. */
const EXPIRY_OPTIONS = ['ex', 'px', 'exat', 'pxat'] as const;

interface SetOptions {
  readonly condition: Condition | null;
  readonly get: boolean;
}

/** The options behind key and value, in any order, as Redis 7.0 reads them: NX and GET may be combined. */
function parseSetOptions(request: Request): SetOptions | Refusal {
  let condition: 'absent' | 'present' | null = null;
  let get = false;
  let keepTtl = false;
  let expiry: string | null = null;
  for (let at = 3; at < request.count; at++) {
    const option = EXPIRY_OPTIONS.find((name) => request.is(at, name));
    if (option !== undefined && expiry === null && !keepTtl && at + 1 < request.count) {
      expiry = option;
      at++;
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
  if (expiry !== null) {
    const detail = `Expiry (${expiry.toUpperCase()}) is not in this version of Kvorum`;
    return Refusal.of(new KvorumError('unsupported_operation', detail));
  }
  return { condition: condition === null ? null : { kind: condition }, get };
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
    const { condition, get } = options;
    const rest = condition === null ? { returnPrevious: get } : { condition, returnPrevious: get };
    return planPut(request, limits, rest, (out, result) => {
      const { status, previous } = onlyResult(result);
      if (get) writeItem(out, previous);
      else if (status === 'unmet') out.nil();
      else out.ok();
    });
  },
};
