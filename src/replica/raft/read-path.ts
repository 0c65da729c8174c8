import type { LogIndex } from '../../base/brand.js';
import type { Clock } from '../../base/clock.js';
import { KvorumError } from '../../base/errors/error.js';
import { LIMITS } from '../../base/limits.js';
import type { RaftEvent, ReadOutcome } from '../../engines/raft/events.js';
import type { KvReader } from '../../kv/types.js';
import { failReads, type ReadBatch as SharedRound } from '../ordered/pending.js';
import type { ReadWaiter } from '../router.js';
import type { MemberStats } from '../stats.js';

/** How long a read waits for a leader before it is answered `no_leader`. */
const READ_RETRY_MS_MAX = 2000;

export interface ReadPathOptions {
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  readonly stats: MemberStats;
  step(event: RaftEvent): void;
  wake(): void;
  /** raft.md L6: is the leader lease still good right now? */
  leaseValid(): boolean;
}

interface ReadBatch extends SharedRound {
  /** The leader's lease is good enough (raft.md L4). */
  readonly lease: boolean;
}

interface WaitingRead {
  readonly batch: ReadBatch;
  readonly index: LogIndex;
}

/** Reads of this turn, of one kind. */
interface OpenBatch {
  readonly lease: boolean;
  waiters: ReadWaiter[];
  tokens: number[];
}

/** Linearizable reads of one member: all of a turn share one read index, and wait until it is applied (raft.md L1-L3). */
export class ReadPath {
  readonly #options: ReadPathOptions;
  readonly #open: readonly OpenBatch[] = [
    { lease: false, waiters: [], tokens: [] },
    { lease: true, waiters: [], tokens: [] },
  ];
  readonly #asked = new Map<number, ReadBatch>();
  #waiting: WaitingRead[] = [];
  #retry: ReadBatch[] = [];
  #count = 0;
  #nextId = 1;
  /** Set when the member has stopped: what every later read is told. */
  #stopped: KvorumError | null = null;

  constructor(options: ReadPathOptions) {
    this.#options = options;
  }

  get pendingBatches(): number {
    const open = this.#open.filter(({ waiters }) => waiters.length > 0).length;
    return this.#asked.size + this.#waiting.length + this.#retry.length + open;
  }

  read(waiter: ReadWaiter, token: number, lease: boolean): void {
    if (this.#stopped !== null) return waiter.onError(token, this.#stopped);
    if (this.#count >= LIMITS.pendingReads) {
      this.#options.stats.readsRefused++;
      waiter.onError(token, new KvorumError('busy', 'Too many reads are waiting'));
      return;
    }
    this.#count++;
    const open = this.#open[lease ? 1 : 0];
    open?.waiters.push(waiter);
    open?.tokens.push(token);
    this.#options.wake();
  }

  /** Closes the open batches and asks for a read index. Called once per turn. */
  seal(): void {
    for (const open of this.#open) {
      if (open.waiters.length === 0) continue;
      const deadlineMs = this.#options.clock.monotonicMs() + this.#options.requestTimeoutMs;
      const { lease, waiters, tokens } = open;
      open.waiters = [];
      open.tokens = [];
      this.#ask({ id: this.#nextId++, lease, waiters, tokens, deadlineMs });
    }
  }

  /** Every attempt has an id of its own (raft.md L7). */
  #ask(batch: ReadBatch): void {
    this.#asked.set(batch.id, batch);
    this.#options.stats.readRounds++;
    this.#options.step({ type: 'readIndex', id: batch.id, lease: batch.lease });
  }

  retry(): void {
    if (this.#retry.length === 0) return;
    const again = this.#retry;
    this.#retry = [];
    for (const batch of again) this.#ask({ ...batch, id: this.#nextId++ });
  }

  /** There will be no leader for what waits for one. */
  refuseRetried(error: KvorumError): void {
    const again = this.#retry;
    this.#retry = [];
    for (const batch of again) this.#fail(batch, error);
  }

  onOutcome(outcome: ReadOutcome, appliedIndex: LogIndex, reader: KvReader): void {
    const batch = this.#asked.get(outcome.id);
    if (batch === undefined) return; // Expired, and its waiters were told.
    this.#asked.delete(outcome.id);
    if (outcome.index === null) {
      if (outcome.refused === 'busy') this.#fail(batch, new KvorumError('busy', 'Too many reads are waiting'));
      else this.#retry.push(batch);
      return;
    }
    if (outcome.lease && !this.#options.leaseValid()) {
      // By a round this time: the engine, which counts ticks, may not know yet that the loop is late.
      this.#ask({ ...batch, id: this.#nextId++, lease: false });
      return;
    }
    if (outcome.index <= appliedIndex) this.#serve(batch, reader);
    else this.#waiting.push({ batch, index: outcome.index });
  }

  /** Serves what waited for entries that are now applied. */
  onApplied(appliedIndex: LogIndex, reader: KvReader): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const read of waiting) {
      if (read.index <= appliedIndex) this.#serve(read.batch, reader);
      else this.#waiting.push(read);
    }
  }

  #serve(batch: ReadBatch, reader: KvReader): void {
    this.#count -= batch.waiters.length;
    this.#options.stats.readsServed += batch.waiters.length;
    for (let at = 0; at < batch.waiters.length; at++) {
      batch.waiters[at]?.onReadable(batch.tokens[at] ?? 0, reader);
    }
  }

  #fail(batch: ReadBatch, error: KvorumError): void {
    this.#count -= batch.waiters.length;
    this.#options.stats.readsRefused += batch.waiters.length;
    failReads(batch, error);
  }

  expire(nowMs: number): void {
    for (const [id, batch] of this.#asked) {
      if (batch.deadlineMs > nowMs) continue;
      this.#asked.delete(id);
      this.#fail(batch, new KvorumError('read_timeout'));
    }
    this.#waiting = this.#waiting.filter(({ batch }) => {
      if (batch.deadlineMs > nowMs) return true;
      this.#fail(batch, new KvorumError('read_timeout'));
      return false;
    });
    const tooLateMs = nowMs + this.#options.requestTimeoutMs - READ_RETRY_MS_MAX;
    this.#retry = this.#retry.filter((batch) => {
      if (batch.deadlineMs > tooLateMs && batch.deadlineMs > nowMs) return true;
      this.#fail(batch, new KvorumError('no_leader'));
      return false;
    });
  }

  failAll(error: KvorumError): void {
    this.#stopped = error;
    this.seal();
    const all = [...this.#asked.values(), ...this.#waiting.map(({ batch }) => batch), ...this.#retry];
    this.#asked.clear();
    this.#waiting = [];
    this.#retry = [];
    for (const batch of all) this.#fail(batch, error);
  }
}
