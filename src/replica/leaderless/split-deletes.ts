import { KvorumError } from '../../base/errors/error.js';
import type { Dot } from '../../base/dot.js';
import type { Revision } from '../../base/brand.js';
import type { Command, CommandResult, Operation, OperationResult } from '../../kv/types.js';
import type { WriteWaiter } from '../router.js';

/** Several deletes in one request are several deletes here, each for itself; the client gets one answer. */
export class SplitDeletes implements WriteWaiter {
  readonly #operations: readonly Operation[];
  readonly #results: OperationResult[] = [];
  #waiting: number;
  #failed = 0;
  #waiter: WriteWaiter | null = null;
  #token = 0;
  #revision = 0 as Revision;
  #dot: Dot | undefined;
  #error: KvorumError | null = null;

  private constructor(operations: readonly Operation[]) {
    this.#operations = operations;
    this.#waiting = operations.length;
  }

  /** Null: the command is something else. */
  static of({ operations }: Command): SplitDeletes | null {
    const only = operations.length > 1 && operations.every(isPlainDelete);
    return only ? new SplitDeletes(operations) : null;
  }

  run(waiter: WriteWaiter, token: number, submit: (one: Command, part: WriteWaiter, at: number) => void): void {
    this.#waiter = waiter;
    this.#token = token;
    for (const [at, operation] of this.#operations.entries()) submit({ operations: [operation] }, this, at);
  }

  onPut(): void {
    // There are no puts among them.
  }

  onResult(at: number, { operations, revision, dot }: CommandResult): void {
    const [result] = operations;
    if (result !== undefined) this.#results[at] = result;
    if (revision > this.#revision) this.#revision = revision;
    this.#dot = dot ?? this.#dot;
    this.#told();
  }

  onError(_at: number, error: KvorumError): void {
    if (this.#error === null || error.spec.retry === 'outcome-unknown') this.#error = error;
    this.#failed++;
    this.#told();
  }

  #told(): void {
    if (--this.#waiting > 0) return;
    if (this.#error !== null) return this.#waiter?.onError(this.#token, this.#outcome(this.#error));
    const operations = this.#results;
    const dot = this.#dot === undefined ? {} : { dot: this.#dot };
    this.#waiter?.onResult(this.#token, {
      revision: this.#revision,
      operations,
      error: null,
      duplicate: false,
      ...dot,
    });
  }

  /** An error that says that nothing happened is the answer only when that is true of all of them. */
  #outcome(error: KvorumError): KvorumError {
    const all = this.#failed === this.#operations.length;
    if (all || error.spec.retry === 'outcome-unknown') return error;
    return new KvorumError('outcome_unknown', `Some of the keys were deleted, others not: ${error.message}`);
  }
}

function isPlainDelete(operation: Operation): boolean {
  return operation.op === 'delete' && operation.condition === undefined && operation.returnPrevious !== true;
}
