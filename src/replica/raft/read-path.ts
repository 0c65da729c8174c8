import type { LogIndex } from '../../base/brand.js';
import type { Clock } from '../../base/clock.js';
import { KvorumError } from '../../base/errors/error.js';
import { LIMITS } from '../../base/limits.js';
import type { RaftEvent, ReadOutcome } from '../../engines/raft/events.js';
import type { KvReader } from '../../kv/types.js';
import type { ReadBatch as SharedRound } from '../ordered/pending.js';
import { ReadRounds } from '../ordered/read-rounds.js';
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
  readonly #rounds: ReadRounds<ReadBatch>;
  #retry: ReadBatch[] = [];
  /** Set when the member has stopped: what every later read is told. */
  #stopped: KvorumError | null = null;

  constructor(options: ReadPathOptions) {
    this.#options = options;
    this.#rounds = new ReadRounds(options.stats);
  }

  get pendingBatches(): number {
    const open = this.#open.filter(({ waiters }) => waiters.length > 0).length;
    return this.#rounds.pendingBatches + this.#retry.length + open;
  }

  read(waiter: ReadWaiter, token: number, lease: boolean): void {
    if (this.#stopped !== null) return waiter.onError(token, this.#stopped);
    if (this.#rounds.count >= LIMITS.pendingReads) {
      this.#options.stats.readsRefused++;
      waiter.onError(token, new KvorumError('busy', 'Too many reads are waiting'));
      return;
    }
    this.#rounds.count++;
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
      this.#ask({ id: this.#rounds.nextId(), lease, waiters, tokens, deadlineMs });
    }
  }

  /** Every attempt has an id of its own (raft.md L7). */
  #ask(batch: ReadBatch): void {
    this.#rounds.ask(batch);
    this.#options.step({ type: 'readIndex', id: batch.id, lease: batch.lease });
  }

  retry(): void {
    if (this.#retry.length === 0) return;
    const again = this.#retry;
    this.#retry = [];
    for (const batch of again) this.#ask({ ...batch, id: this.#rounds.nextId() });
  }

  /** There will be no leader for what waits for one. */
  refuseRetried(error: KvorumError): void {
    const again = this.#retry;
    this.#retry = [];
    for (const batch of again) this.#rounds.fail(batch, error);
  }

  onOutcome(outcome: ReadOutcome, appliedIndex: LogIndex, reader: KvReader): void {
    const batch = this.#rounds.take(outcome.id);
    if (batch === undefined) return;
    if (outcome.index === null) {
      if (outcome.refused === 'busy') this.#rounds.fail(batch, new KvorumError('busy', 'Too many reads are waiting'));
      else this.#retry.push(batch);
      return;
    }
    if (outcome.lease && !this.#options.leaseValid()) {
      // By a round this time: the engine, which counts ticks, may not know yet that the loop is late.
      this.#ask({ ...batch, id: this.#rounds.nextId(), lease: false });
      return;
    }
    if (outcome.index <= appliedIndex) this.#rounds.serve(batch, reader);
    else this.#rounds.wait(batch, outcome.index);
  }

  /** Serves what waited for entries that are now applied. */
  onApplied(appliedIndex: LogIndex, reader: KvReader): void {
    this.#rounds.onApplied(appliedIndex, reader);
  }

  expire(nowMs: number): void {
    this.#rounds.expire(nowMs, () => new KvorumError('read_timeout'));
    const tooLateMs = nowMs + this.#options.requestTimeoutMs - READ_RETRY_MS_MAX;
    this.#retry = this.#retry.filter((batch) => {
      if (batch.deadlineMs > tooLateMs && batch.deadlineMs > nowMs) return true;
      this.#rounds.fail(batch, new KvorumError('no_leader'));
      return false;
    });
  }

  failAll(error: KvorumError): void {
    this.#stopped = error;
    this.seal();
    const all = [...this.#rounds.takeAll(), ...this.#retry];
    this.#retry = [];
    for (const batch of all) this.#rounds.fail(batch, error);
  }
}
