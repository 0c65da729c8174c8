import type { LogIndex, Term } from '../base/brand.js';
import { assert } from '../base/assert.js';
import type { KvorumError } from '../base/errors/error.js';
import type { ReadWaiter, WriteWaiter } from './router.js';

/** The client requests behind one log entry: `waiters[i]` asked for the command at position i of the batch. */
export interface WriteBatch {
  /** Our own counter: never a client's token. */
  readonly id: number;
  readonly payload: Uint8Array;
  readonly waiters: readonly WriteWaiter[];
  readonly tokens: readonly number[];
  readonly deadlineMs: number;
  readonly proposedMs: number;
}

/** The client requests behind one read index round. */
export interface ReadBatch {
  readonly id: number;
  /** The leader's lease is good enough (raft.md L4). */
  readonly lease: boolean;
  readonly waiters: readonly ReadWaiter[];
  readonly tokens: readonly number[];
  readonly deadlineMs: number;
}

export function failWrites(batch: WriteBatch, error: KvorumError): void {
  for (let at = 0; at < batch.waiters.length; at++) {
    batch.waiters[at]?.onError(batch.tokens[at] ?? 0, error);
  }
}

export function failReads(batch: ReadBatch, error: KvorumError): void {
  for (let at = 0; at < batch.waiters.length; at++) {
    batch.waiters[at]?.onError(batch.tokens[at] ?? 0, error);
  }
}

/**
 * Batches that the engine has taken, until they are applied or their deadline passes. First known by id only
 * (proposed, not yet told where it was appended), then by the index and term at which it was appended.
 */
export class ProposalTable {
  readonly #proposed = new Map<number, WriteBatch>();
  readonly #appended = new Map<LogIndex, { readonly batch: WriteBatch; readonly term: Term }>();

  get size(): number {
    return this.#proposed.size + this.#appended.size;
  }

  /** True when any batch that came after `id` is in the table: then `id` may not be proposed again (order). */
  hasLater(id: number): boolean {
    for (const other of this.#proposed.keys()) if (other > id) return true;
    for (const { batch } of this.#appended.values()) if (batch.id > id) return true;
    return false;
  }

  propose(batch: WriteBatch): void {
    assert(!this.#proposed.has(batch.id), 'a proposal id is used once');
    this.#proposed.set(batch.id, batch);
  }

  /** Takes the batch out, for example because it was refused. */
  takeProposed(id: number): WriteBatch | undefined {
    const batch = this.#proposed.get(id);
    this.#proposed.delete(id);
    return batch;
  }

  /**
   * The batch `id` was appended at (index, term). Returns a batch that was believed to be at that index with another
   * term: it is certain that this one was replaced.
   */
  appended(batch: WriteBatch, index: LogIndex, term: Term): WriteBatch | undefined {
    const replaced = this.#appended.get(index);
    this.#appended.set(index, { batch, term });
    return replaced?.batch;
  }

  /** What waits for the entry at `index`, with the term it was appended in; taken out. */
  takeAppended(index: LogIndex): { readonly batch: WriteBatch; readonly term: Term } | undefined {
    if (this.#appended.size === 0) return undefined;
    const found = this.#appended.get(index);
    if (found !== undefined) this.#appended.delete(index);
    return found;
  }

  /** Takes out everything whose deadline has passed. Whether it took effect is unknown. */
  takeExpired(nowMs: number): WriteBatch[] {
    const expired: WriteBatch[] = [];
    for (const [id, batch] of this.#proposed) {
      if (batch.deadlineMs > nowMs) continue;
      this.#proposed.delete(id);
      expired.push(batch);
    }
    for (const [index, { batch }] of this.#appended) {
      if (batch.deadlineMs > nowMs) continue;
      this.#appended.delete(index);
      expired.push(batch);
    }
    return expired;
  }

  /** Takes out everything appended at or before `index` (a snapshot replaced those entries). */
  takeUpTo(index: LogIndex): WriteBatch[] {
    const taken: WriteBatch[] = [];
    for (const [at, { batch }] of this.#appended) {
      if (at > index) continue;
      this.#appended.delete(at);
      taken.push(batch);
    }
    return taken;
  }

  takeAll(): WriteBatch[] {
    const all = [...this.#proposed.values(), ...[...this.#appended.values()].map(({ batch }) => batch)];
    this.#proposed.clear();
    this.#appended.clear();
    return all;
  }
}
