import { unreachable } from '../../base/assert.js';
import type { Prng } from '../../base/prng.js';
import type { Value } from '../../check/index.js';
import { LIMITS } from '../../base/limits.js';
import type { Command, Operation as KvOperation, Session } from '../../kv/types.js';
import type { Consistency } from '../../replica/router.js';
import { chance, weighted } from '../plan/dice.js';
import type { ClientPlan, SemisyncClient } from '../plan/plan.js';

/** What a client wants to do next. */
export type Intent =
  | { readonly kind: 'get'; readonly key: string; readonly consistency: Consistency }
  | { readonly kind: 'put' | 'append'; readonly key: string; readonly value: string }
  | { readonly kind: 'cas'; readonly key: string; readonly expected: Value; readonly value: string }
  | { readonly kind: 'delete'; readonly key: string }
  | { readonly kind: 'increment'; readonly key: string };

export type Write = Exclude<Intent, { readonly kind: 'get' }>;

/** Registers and counters do not share keys: what holds of the one cannot be checked of the other. */
const REGISTER = 'k';
const COUNTER = 'i';

/** Every key that clients of these plans may use. */
export function keysOf(clients: readonly ClientPlan[]): { registers: string[]; counters: string[] } {
  const count = Math.max(1, ...clients.map(({ keys }) => keys));
  const names = (prefix: string): string[] => Array.from({ length: count }, (_, at) => `${prefix}${at}`);
  return { registers: names(REGISTER), counters: names(COUNTER) };
}

/** Draws the next intent. `unique` is in no other value of the run; `known` is what the client believes a key holds. */
export function drawIntent(
  prng: Prng,
  plan: ClientPlan,
  unique: string,
  known: ReadonlyMap<string, Value>,
  mayRepeat: boolean,
): Intent {
  const { mix, reads } = plan;
  const at = prng.between(0, plan.keys - 1);
  const key = `${REGISTER}${at}`;
  const kind = weighted(prng, [
    ['get', mix.get],
    ['put', mix.put],
    ['append', mix.append],
    ['cas', mix.cas],
    // Both of a pair with one id would be told of one delete: their requests look the same (session_conflict).
    ['delete', mayRepeat ? mix.delete : 0],
    ['increment', mayRepeat ? mix.increment : 0],
  ] as const);
  switch (kind) {
    case 'get': {
      if (plan.semisync !== undefined) return { kind, key, consistency: drawSemisync(prng, plan.semisync) };
      const consistency = weighted(prng, [
        ['linearizable', reads.linearizable],
        ['lease', reads.lease],
        ['stale', reads.stale],
      ] as const);
      return { kind, key, consistency };
    }
    case 'put':
      return { kind, key, value: unique + '.'.repeat(prng.between(0, plan.paddingBytes)) };
    case 'append':
      return { kind, key, value: unique };
    case 'cas':
      return { kind, key, expected: chance(prng, 0.9) ? (known.get(key) ?? null) : null, value: unique };
    case 'delete':
      return { kind, key };
    case 'increment':
      return { kind, key: `${COUNTER}${at}` };
    default:
      return unreachable(kind);
  }
}

function drawSemisync(prng: Prng, { reads }: SemisyncClient): Consistency {
  return weighted(prng, [
    ['leader', reads.leader],
    ['strong', reads.strong],
    ['follower', reads.follower],
    ['bounded', reads.bounded],
  ] as const);
}

export function commandOf(intent: Write, session: Session | null): Command {
  const operations = [operationOf(intent)];
  return session === null ? { operations } : { operations, session };
}

/** Keys and values of the simulation are ASCII. */
function operationOf(intent: Write): KvOperation {
  switch (intent.kind) {
    case 'put':
      return { op: 'put', key: intent.key, value: Buffer.from(intent.value) };
    case 'append':
      return { op: 'append', key: intent.key, value: Buffer.from(intent.value), maxBytes: LIMITS.valueBytes };
    case 'cas':
      return {
        op: 'put',
        key: intent.key,
        value: Buffer.from(intent.value),
        condition:
          intent.expected === null ? { kind: 'absent' } : { kind: 'value', value: Buffer.from(intent.expected) },
      };
    case 'delete':
      return { op: 'delete', key: intent.key };
    case 'increment':
      return { op: 'increment', key: intent.key, delta: 1n };
    default:
      return unreachable(intent);
  }
}
