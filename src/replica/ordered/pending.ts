import type { LogIndex, ReplicaId, Term } from '../../base/brand.js';
import { assert } from '../../base/assert.js';
import type { KvorumError } from '../../base/errors/error.js';
import type { ReadWaiter, WriteWaiter } from '../router.js';

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

/** A batch that was appended by the leader of `term`, and the index it got there. */
export interface Appended {
  readonly batch: WriteBatch;
  readonly index: LogIndex;
  readonly term: Term;
}

/** A batch that the engine has taken and not told about, and who was to append it. */
interface Proposed {
  readonly batch: WriteBatch;
  readonly leader: ReplicaId | null;
  readonly term: Term;
  /** The batch's own, or earlier when an answer is no longer to be expected. */
  deadlineMs: number;
}

/**
 * Batches that the engine has taken, until they are applied or their deadline passes. First known by id only
 * (proposed, not yet told where it was appended), then by the index and term at which it was appended.
 *
 * Leaders of several terms may have appended at the same index, and until an entry is committed there, any of them may
 * still win (Raft paper, figure 8): all of them are kept.
 */
export class ProposalTable {
  readonly #proposed = new Map<number, Proposed>();
  readonly #appended = new Map<LogIndex, readonly Appended[]>();
  #appendedCount = 0;

  get size(): number {
    return this.#proposed.size + this.#appendedCount;
  }

  /** True when any batch that came after `id` is in the table: then `id` may not be proposed again (order). */
  hasLater(id: number): boolean {
    for (const other of this.#proposed.keys()) if (other > id) return true;
    for (const there of this.#appended.values()) if (there.some(({ batch }) => batch.id > id)) return true;
    return false;
  }

  /** `leader` and `term` as known when the batch was handed to the engine: who is going to answer. */
  propose(batch: WriteBatch, leader: ReplicaId | null, term: Term): void {
    assert(!this.#proposed.has(batch.id), 'a proposal id is used once');
    this.#proposed.set(batch.id, { batch, leader, term, deadlineMs: batch.deadlineMs });
  }

  /** Takes the batch out, for example because it was refused. */
  takeProposed(id: number): WriteBatch | undefined {
    const found = this.#proposed.get(id);
    this.#proposed.delete(id);
    return found?.batch;
  }

  /** The batch was appended at (index, term). */
  appended(batch: WriteBatch, index: LogIndex, term: Term): void {
    const there = this.#appended.get(index) ?? [];
    assert(!there.some((other) => other.term === term), 'one leader appends one batch at an index');
    this.#appended.set(index, [...there, { batch, index, term }]);
    this.#appendedCount++;
  }

  /** What waits for the entry at `index`, in any term; taken out. */
  takeAppended(index: LogIndex): readonly Appended[] {
    if (this.#appendedCount === 0) return [];
    const there = this.#appended.get(index);
    if (there === undefined) return [];
    this.#appended.delete(index);
    this.#appendedCount -= there.length;
    return there;
  }

  /**
   * Takes out what can no longer be committed, now that an entry of `term` is: terms never decrease along the log, so
   * nothing of an older term can follow it.
   */
  takeOlderThan(term: Term): WriteBatch[] {
    return this.#takeAppendedIf((appended) => appended.term < term);
  }

  /** Nobody will answer for what went to `peer`: its deadline is not later than `deadlineMs`. */
  hurryForwardedTo(peer: ReplicaId, deadlineMs: number): void {
    for (const proposed of this.#proposed.values()) {
      if (proposed.leader === peer && proposed.deadlineMs > deadlineMs) proposed.deadlineMs = deadlineMs;
    }
  }

  /** The group is in `term` now: what went to a leader of an older one has a deadline not later than `deadlineMs`. */
  hurryOlderThan(term: Term, deadlineMs: number): void {
    for (const proposed of this.#proposed.values()) {
      if (proposed.term < term && proposed.deadlineMs > deadlineMs) proposed.deadlineMs = deadlineMs;
    }
  }

  /** Takes out what was appended and has not been applied before its deadline, with where it was appended. */
  takeLate(nowMs: number): readonly Appended[] {
    return this.#appendedCount === 0 ? [] : this.#takePlacedIf(({ batch }) => batch.deadlineMs <= nowMs);
  }

  /** Takes out everything whose deadline has passed. Whether it took effect is unknown. */
  takeExpired(nowMs: number): WriteBatch[] {
    const expired: WriteBatch[] = [];
    for (const [id, { batch, deadlineMs }] of this.#proposed) {
      if (deadlineMs > nowMs) continue;
      this.#proposed.delete(id);
      expired.push(batch);
    }
    if (this.#appendedCount === 0) return expired;
    return [...expired, ...this.#takeAppendedIf(({ batch }) => batch.deadlineMs <= nowMs)];
  }

  /** Takes out everything appended at or before `index` (a snapshot replaced those entries). */
  takeUpTo(index: LogIndex): WriteBatch[] {
    return this.#takeAppendedIf((appended) => appended.index <= index);
  }

  #takeAppendedIf(condition: (appended: Appended) => boolean): WriteBatch[] {
    return this.#takePlacedIf(condition).map(({ batch }) => batch);
  }

  #takePlacedIf(condition: (appended: Appended) => boolean): Appended[] {
    const taken: Appended[] = [];
    for (const [index, there] of this.#appended) {
      const gone = there.filter(condition);
      if (gone.length === 0) continue;
      if (gone.length === there.length) this.#appended.delete(index);
      else
        this.#appended.set(
          index,
          there.filter((appended) => !gone.includes(appended)),
        );
      for (const appended of gone) taken.push(appended);
    }
    this.#appendedCount -= taken.length;
    return taken;
  }

  takeAll(): WriteBatch[] {
    const proposed = [...this.#proposed.values()].map(({ batch }) => batch);
    this.#proposed.clear();
    return [...proposed, ...this.#takeAppendedIf(() => true)];
  }
}
