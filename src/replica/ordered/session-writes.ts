import { assert } from '../../base/assert.js';
import type { KvorumError } from '../../base/errors/error.js';
import type { Command, ValueRef } from '../../kv/types.js';
import type { RequestOptions, WriteOptions, WriteWaiter } from '../router.js';

export interface SessionWritesOptions {
  readonly limits: { readonly keyBytes: number; readonly valueBytes: number };
  readonly writes: {
    put(key: ValueRef, value: ValueRef, waiter: WriteWaiter, token: number): void;
    submit(command: Command, waiter: WriteWaiter, token: number): void;
  };
  /** Why the replica takes no requests now. */
  refusal(): KvorumError | null;
  /** True when something must be checked before the session's write may be taken up: `whenSeen` does. */
  mustWait(options: RequestOptions | undefined): boolean;
  whenSeen(options: RequestOptions | undefined, waiter: WriteWaiter, token: number, then: () => void): void;
}

/** Writes of a keyspace on their way to its member: at once, or when what their session has seen is applied here. */
export class SessionWrites {
  readonly #options: SessionWritesOptions;

  constructor(options: SessionWritesOptions) {
    this.#options = options;
  }

  put(key: ValueRef, value: ValueRef, waiter: WriteWaiter, token: number, options?: WriteOptions): void {
    const { limits, writes } = this.#options;
    const keyBytes = key.end - key.start;
    assert(keyBytes > 0 && keyBytes <= limits.keyBytes, 'the caller has checked the length of the key');
    assert(value.end - value.start <= limits.valueBytes, 'the caller has checked the length of the value');
    const refusal = this.#options.refusal();
    if (refusal !== null) waiter.onError(token, refusal);
    else if (!this.#options.mustWait(options)) writes.put(key, value, waiter, token);
    else {
      const copies = [copyOf(key), copyOf(value)] as const;
      this.#options.whenSeen(options, waiter, token, () => writes.put(...copies, waiter, token));
    }
  }

  submit(command: Command, waiter: WriteWaiter, token: number, options?: WriteOptions): void {
    const { writes } = this.#options;
    const refusal = this.#options.refusal();
    if (refusal !== null) waiter.onError(token, refusal);
    else if (!this.#options.mustWait(options)) writes.submit(command, waiter, token);
    else this.#options.whenSeen(options, waiter, token, () => writes.submit(command, waiter, token));
  }
}

/** The source is the caller's, and good for this call only. */
function copyOf({ end, source, start }: ValueRef): ValueRef {
  return { source: source.slice(start, end), start: 0, end: end - start };
}
