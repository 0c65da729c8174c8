import { LIMITS } from '../../base/limits.js';
import { BatchBuilder } from '../../kv/index.js';
import type { Command, ValueRef } from '../../kv/types.js';
import type { WriteWaiter } from '../router.js';
import type { WriteBatch } from './pending.js';

/** The writes of this turn, until they become one log entry. */
export class OpenBatch {
  readonly #builder = new BatchBuilder();
  #waiters: WriteWaiter[] = [];
  #tokens: number[] = [];
  #nextId = 1;

  get isEmpty(): boolean {
    return this.#builder.count === 0;
  }

  /** It has as much as one entry should. */
  get isFull(): boolean {
    return this.#builder.bytes >= LIMITS.entryPayloadBytes;
  }

  put(key: ValueRef, value: ValueRef, waiter: WriteWaiter, token: number): void {
    this.#builder.addPut(key, value);
    this.#waiters.push(waiter);
    this.#tokens.push(token);
  }

  add(command: Command, waiter: WriteWaiter, token: number): void {
    this.#builder.addCommand(command);
    this.#waiters.push(waiter);
    this.#tokens.push(token);
  }

  /** Closes it, and begins another one; null when there is nothing in it. */
  take(nowMs: number, timeoutMs: number): WriteBatch | null {
    if (this.#builder.count === 0) return null;
    const batch: WriteBatch = {
      id: this.#nextId++,
      payload: this.#builder.take(),
      waiters: this.#waiters,
      tokens: this.#tokens,
      deadlineMs: nowMs + timeoutMs,
      proposedMs: nowMs,
    };
    this.#waiters = [];
    this.#tokens = [];
    return batch;
  }
}
