import { assert, assertDefined } from '../base/assert.js';
import { formatOperation } from './history.js';
import type { Operation, OperationKind, Outcome, Value, Version } from './operation.js';

/** What a client is about to do. */
export interface Invocation {
  readonly kind: OperationKind;
  readonly key: string;
  /** What put, append and cas write. */
  readonly value?: Value;
  readonly expected?: Value;
  readonly session?: string | number;
}

/** What a client learned. */
export interface Answer {
  /** What a get read. */
  readonly value?: Value;
  /** What a delete reported. */
  readonly existed?: boolean;
  /** What was written or read. */
  readonly version?: Version;
}

declare const tokenBrand: unique symbol;
/** Names an operation that was begun. */
export type Token = number & { readonly [tokenBrand]: true };

const OPERATIONS_MAX = 1_000_000;

/**
 * Records what clients ask and hear. Times are the ordinals of calls and returns, so that it needs no clock, and no two
 * are equal; all clients have to be in this process. A client whose operation ended `unknown` may go on under its name.
 */
export class HistoryRecorder {
  readonly #operations: Operation[] = [];
  readonly #operationsMax: number;
  #now = 0;

  constructor(operationsMax = OPERATIONS_MAX) {
    this.#operationsMax = operationsMax;
  }

  /** True when nothing more can be recorded. An operation that happens and is not recorded would be a false witness. */
  get isFull(): boolean {
    return this.#operations.length >= this.#operationsMax;
  }

  get size(): number {
    return this.#operations.length;
  }

  /** Call it before anything is sent. */
  invoke(client: string | number, { expected, key, kind, session, value = null }: Invocation): Token {
    assert(!this.isFull, 'the history has room for the operation');
    const operation: Operation = {
      client,
      ...(session === undefined ? {} : { session }),
      kind,
      key,
      value,
      ...(expected === undefined ? {} : { expected }),
      call: this.#now++,
      return: null,
      outcome: 'unknown',
    };
    return (this.#operations.push(operation) - 1) as Token;
  }

  /** Call it when the answer is there, once. Operations without an answer count as unknown. */
  complete(token: Token, outcome: Outcome, answer: Answer = {}): void {
    const begun = assertDefined(this.#operations[token], 'the operation was begun');
    assert(begun.return === null, 'an operation returns once');
    assert(outcome !== 'mismatch' || begun.kind === 'cas', 'only a cas compares');
    assert(outcome !== 'ok' || begun.kind !== 'get' || answer.value !== undefined, 'a get has read something');
    this.#operations[token] = { ...begun, ...answer, return: this.#now++, outcome };
  }

  operations(): readonly Operation[] {
    return this.#operations;
  }

  /** For `kvorum check`. */
  toNdjson(): string {
    return this.#operations.map((operation) => `${formatOperation(operation)}\n`).join('');
  }
}
