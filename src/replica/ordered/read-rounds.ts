import type { LogIndex } from '../../base/brand.js';
import { KvorumError } from '../../base/errors/error.js';
import type { KvReader } from '../../kv/types.js';
import type { MemberStats } from '../stats.js';
import { failReads, type ReadBatch } from './pending.js';

interface WaitingRead<B> {
  readonly batch: B;
  readonly index: LogIndex;
}

/**
 * Reads that share rounds to the other members: asked, until the round tells an index; waiting, until that is applied here.
 * Counts all reads that have no answer yet, whoever holds them.
 */
export class ReadRounds<B extends ReadBatch> {
  readonly #stats: MemberStats;
  readonly #asked = new Map<number, B>();
  #waiting: WaitingRead<B>[] = [];
  #nextId = 1;
  /** Reads without an answer. */
  count = 0;

  constructor(stats: MemberStats) {
    this.#stats = stats;
  }

  get pendingBatches(): number {
    return this.#asked.size + this.#waiting.length;
  }

  /** Our own counter: never a client's token. */
  nextId(): number {
    return this.#nextId++;
  }

  /** Its round begins. */
  ask(batch: B): void {
    this.#asked.set(batch.id, batch);
    this.#stats.readRounds++;
  }

  /** Its round is over; undefined: it has expired, and its waiters were told. */
  take(id: number): B | undefined {
    const batch = this.#asked.get(id);
    this.#asked.delete(id);
    return batch;
  }

  /** Until `index` is applied. */
  wait(batch: B, index: LogIndex): void {
    this.#waiting.push({ batch, index });
  }

  takeWaiting(): readonly B[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting.map(({ batch }) => batch);
  }

  /** Serves what waited for entries that are now applied. */
  onApplied(appliedIndex: LogIndex, reader: KvReader): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const read of waiting) {
      if (read.index <= appliedIndex) this.serve(read.batch, reader);
      else this.#waiting.push(read);
    }
  }

  serve(batch: B, reader: KvReader): void {
    this.count -= batch.waiters.length;
    this.#stats.readsServed += batch.waiters.length;
    for (let at = 0; at < batch.waiters.length; at++) {
      batch.waiters[at]?.onReadable(batch.tokens[at] ?? 0, reader);
    }
  }

  fail(batch: B, error: KvorumError): void {
    this.count -= batch.waiters.length;
    this.#stats.readsRefused += batch.waiters.length;
    failReads(batch, error);
  }

  /** `unanswered`: what those are told whose round has not ended. */
  expire(nowMs: number, unanswered: () => KvorumError): void {
    for (const [id, batch] of this.#asked) {
      if (batch.deadlineMs > nowMs) continue;
      this.#asked.delete(id);
      this.fail(batch, unanswered());
    }
    const late = this.#waiting.filter(({ batch }) => batch.deadlineMs <= nowMs);
    if (late.length === 0) return;
    this.#waiting = this.#waiting.filter(({ batch }) => batch.deadlineMs > nowMs);
    for (const { batch } of late) this.fail(batch, new KvorumError('read_timeout'));
  }

  /** Everything that was asked or waits; taken out. */
  takeAll(): readonly B[] {
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    return [...asked, ...this.takeWaiting()];
  }
}
