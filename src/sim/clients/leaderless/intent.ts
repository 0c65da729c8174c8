import type { Prng } from '../../../base/prng.js';
import { chance, weighted } from '../../plan/dice.js';
import type { ClientPlan, LevelMix } from '../../plan/plan.js';
import type { SimLevel } from './wire.js';

/** What a client wants to do next. */
export interface LeaderlessIntent {
  readonly kind: 'put' | 'get' | 'delete';
  readonly key: string;
  readonly level: SimLevel;
  readonly value: string | null;
  readonly ttlMs: number | null;
  /** Says nothing of what it has seen, where siblings are kept. */
  readonly blind: boolean;
}

const REGISTER = 'k';
/** Keys whose values may expire: by the clocks of replicas, so that histories of them prove little. */
export const EXPIRING = 'e';
const TTL_MS = [20, 200, 1000] as const;

/** Every key that clients of these plans may use. */
export function leaderlessKeysOf(clients: readonly ClientPlan[]): string[] {
  const count = Math.max(1, ...clients.map(({ keys }) => keys));
  return [REGISTER, EXPIRING].flatMap((prefix) => Array.from({ length: count }, (_, at) => `${prefix}${at}`));
}

/** `unique` is in no other value of the run. */
export function drawLeaderlessIntent(prng: Prng, plan: ClientPlan, unique: string): LeaderlessIntent {
  const { keys, leaderless, mix, paddingBytes } = plan;
  const at = prng.between(0, keys - 1);
  const expires = chance(prng, leaderless?.expiry ?? 0);
  const key = `${expires ? EXPIRING : REGISTER}${at}`;
  const kind = weighted(prng, [
    ['get', mix.get],
    ['put', mix.put],
    ['delete', mix.delete],
  ] as const);
  const isPut = kind === 'put';
  const padding = prng.between(0, paddingBytes);
  return {
    kind,
    key,
    level: drawLevel(prng, kind === 'get' ? leaderless?.reads : leaderless?.writes),
    value: isPut ? unique + '.'.repeat(padding) : null,
    ttlMs: isPut && expires && chance(prng, 0.8) ? (TTL_MS[prng.between(0, TTL_MS.length - 1)] ?? null) : null,
    blind: chance(prng, leaderless?.blind ?? 0),
  };
}

function drawLevel(prng: Prng, mix: LevelMix = { one: 1, quorum: 0, all: 0 }): SimLevel {
  return weighted(prng, [
    ['one', mix.one],
    ['quorum', mix.quorum],
    ['all', mix.all],
  ] as const);
}
