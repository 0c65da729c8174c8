import { unreachable } from '../base/assert.js';
import type { Operation, OperationKind, Value } from './operation.js';

export type ModelName = 'register' | 'cas-register' | 'kv';

export const MODEL_NAMES: readonly ModelName[] = ['register', 'cas-register', 'kv'];

export interface ModelOptions {
  /** What every key starts with; absent (null) by default. */
  readonly init?: Value;
  /** True when "" and absent are the same thing. */
  readonly absentEmpty?: boolean;
}

export const ILLEGAL = Symbol('illegal');

/**
 * What one key does when operations take effect one after the other. `step` is the specification; the search uses the
 * same rules on small integers (machine.ts), and tests hold the two together.
 */
export interface Model {
  readonly name: ModelName;
  readonly options: ModelOptions;
  readonly kinds: readonly OperationKind[];
  readonly initial: Value;
  /** Brings a written, read or expected value into the form that is compared. */
  normalise(value: Value): Value;
  /** The value afterwards, or ILLEGAL when the operation cannot have ended as it did. */
  step(state: Value, operation: Operation): Value | typeof ILLEGAL;
}

const KINDS: Readonly<Record<ModelName, readonly OperationKind[]>> = {
  register: ['put', 'get'],
  'cas-register': ['put', 'get', 'cas'],
  kv: ['put', 'get', 'append', 'delete', 'cas'],
};

export function createModel(name: ModelName, options: ModelOptions = {}): Model {
  const { absentEmpty = false, init = null } = options;
  const normalise = (value: Value): Value => (absentEmpty && value === '' ? null : value);
  return {
    name,
    options,
    kinds: KINDS[name],
    initial: normalise(init),
    normalise,
    step: (state, operation) => {
      const next = apply(state, operation, normalise);
      return next === ILLEGAL ? ILLEGAL : normalise(next);
    },
  };
}

function apply(state: Value, operation: Operation, normalise: (value: Value) => Value): Value | typeof ILLEGAL {
  const { existed, expected = null, kind, outcome, value } = operation;
  switch (kind) {
    case 'get':
      return normalise(value) === state ? state : ILLEGAL;
    case 'put':
      return value;
    case 'append':
      return (state ?? '') + (value ?? '');
    case 'delete':
      return existed === undefined || outcome === 'unknown' || existed === (state !== null) ? null : ILLEGAL;
    case 'cas': {
      const equal = normalise(expected) === state;
      if (outcome === 'unknown') return equal ? value : state;
      if (outcome === 'mismatch') return equal ? ILLEGAL : state;
      return equal ? value : ILLEGAL;
    }
    default:
      return unreachable(kind);
  }
}
