import type { Prng } from '../../../src/base/prng.js';
import { ILLEGAL, type Model } from '../../../src/check/model.js';
import { isReadOnly, type Operation, type OperationKind, type Value } from '../../../src/check/operation.js';

export interface HistoryOptions {
  readonly clients: number;
  readonly operations: number;
  readonly keys?: number;
  /** Written by put, append and cas, drawn anew each time; without it every written value is unique: `c3.17;`. */
  readonly texts?: readonly string[];
  /** Share of operations whose outcome stays unknown. */
  readonly unknown?: number;
  /** Share of answers that are replaced by a random one. */
  readonly lies?: number;
  /** Weights of kinds; those of the model in equal parts by default. */
  readonly kinds?: readonly OperationKind[];
  /** Deletes say whether there was a key. */
  readonly reportsExisted?: boolean;
}

interface Running {
  operation: Operation;
  /** When it takes effect; after its return when it is unknown, or never. */
  effectAt: number;
  done: boolean;
}

/**
 * A history of clients on a store where every operation takes effect at a random instant of its interval; linearizable
 * as long as nobody lies. Times are small integers, so that many of them are equal.
 */
export function randomHistory(prng: Prng, model: Model, options: HistoryOptions): Operation[] {
  const { clients, keys = 1, lies = 0, operations: count, unknown = 0 } = options;
  const running: Running[] = [];
  const freeAt = Array.from({ length: clients }, () => prng.between(0, 3));
  for (let at = 0; at < count; at++) {
    const client = freeAt.indexOf(Math.min(...freeAt));
    const call = freeAt[client] ?? 0;
    const end = call + prng.between(0, 6);
    freeAt[client] = end + prng.between(0, 3);
    const isUnknown = prng.float() < unknown;
    const operation = draw(prng, model, options, { client: client + 1, call, end, at, key: prng.between(1, keys) });
    const effectAt = isUnknown ? call + prng.between(0, 20) : call + prng.float() * (end - call);
    const never = isUnknown && prng.float() < 0.4;
    running.push({
      operation: { ...operation, outcome: isUnknown ? 'unknown' : 'ok', return: isUnknown ? null : end },
      effectAt: never ? Infinity : effectAt,
      done: false,
    });
  }
  takeEffect(running, model);
  return running.map(({ operation }) => (prng.float() < lies ? lie(prng, operation, options) : operation));
}

function draw(
  prng: Prng,
  model: Model,
  { kinds = model.kinds, texts }: HistoryOptions,
  { at, call, client, end, key }: { client: number; call: number; end: number; at: number; key: number },
): Operation {
  const kind = kinds[prng.between(0, kinds.length - 1)] ?? 'get';
  const text = (): string => texts?.[prng.between(0, texts.length - 1)] ?? `c${client}.${at};`;
  const value = kind === 'get' || kind === 'delete' ? null : text();
  const operation = { client, kind, key: `k${key}`, value, call, return: end, outcome: 'ok' } as const;
  if (kind !== 'cas') return operation;
  return { ...operation, expected: texts === undefined || prng.float() < 0.2 ? null : text() };
}

/** Runs everything in the order of its effects, and fills in what it saw. */
function takeEffect(running: Running[], model: Model): void {
  const states = new Map<string, Value>();
  for (const each of running.toSorted((a, b) => a.effectAt - b.effectAt)) {
    const { operation } = each;
    const { key, kind, outcome } = operation;
    const state = states.has(key) ? (states.get(key) ?? null) : model.initial;
    if (each.effectAt === Infinity) continue;
    if (kind === 'get' && outcome === 'ok') each.operation = { ...operation, value: state };
    if (kind === 'delete' && outcome === 'ok') each.operation = { ...operation, existed: state !== null };
    if (kind === 'cas' && (operation.expected ?? null) !== state) {
      // Without a text of the other clients to guess, a cas expects what is there more often than not.
      if (operation.value?.startsWith('c') === true && operation.expected === null) {
        each.operation = { ...operation, expected: state };
      } else if (outcome === 'ok') each.operation = { ...operation, outcome: 'mismatch' };
    }
    const next = model.step(state, each.operation);
    states.set(key, next === ILLEGAL ? state : next);
  }
}

function lie(prng: Prng, operation: Operation, { texts = ['c1.1;', 'c2.2;'] }: HistoryOptions): Operation {
  const { kind, outcome } = operation;
  if (kind === 'get') {
    const value = prng.float() < 0.2 ? null : (texts[prng.between(0, texts.length - 1)] ?? null);
    return { ...operation, value };
  }
  if (kind === 'cas' && outcome !== 'unknown') return { ...operation, outcome: outcome === 'ok' ? 'mismatch' : 'ok' };
  if (kind === 'delete' && operation.existed !== undefined) return { ...operation, existed: !operation.existed };
  return isReadOnly(operation) ? operation : { ...operation, call: operation.call - 2 };
}

/** Deletes that report nothing. */
export function withoutReports(history: readonly Operation[]): Operation[] {
  return history.map(({ existed: _existed, ...operation }) => operation);
}
