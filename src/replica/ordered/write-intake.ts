import type { Clock } from '../../base/clock.js';
import { KvorumError } from '../../base/errors/error.js';
import type { Command, ValueRef } from '../../kv/types.js';
import type { WriteWaiter } from '../router.js';
import type { MemberStats } from '../stats.js';
import { OpenBatch } from './open-batch.js';
import { ParkedWrites } from './parked.js';
import { failWrites, ProposalTable, type WriteBatch } from './pending.js';

export interface WriteIntakeOptions {
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  readonly stats: MemberStats;
  /** Makes sure that a turn runs, which calls `seal`. */
  wake(): void;
  /** Hands a batch to the engine, or parks or refuses it. */
  propose(batch: WriteBatch): void;
}

/**
 * Client writes of one member until the engine has them, and afterwards: all requests of a turn are packed into one batch,
 * which becomes one log entry; one that finds no leader is parked and proposed again in order, for a while.
 */
export class WriteIntake {
  /** What the engine has taken. */
  readonly table = new ProposalTable();
  readonly #options: WriteIntakeOptions;
  readonly #open = new OpenBatch();
  readonly #parked = new ParkedWrites();
  #stopped: KvorumError | null = null;

  constructor(options: WriteIntakeOptions) {
    this.#options = options;
  }

  /** Set when the member has stopped: what every later request is told. */
  get stopped(): KvorumError | null {
    return this.#stopped;
  }

  /** Requests that have no answer yet, in batches. */
  get pendingBatches(): number {
    return this.table.size + this.#parked.count + (this.#open.isEmpty ? 0 : 1);
  }

  put(key: ValueRef, value: ValueRef, waiter: WriteWaiter, token: number): void {
    if (this.#stopped !== null) return waiter.onError(token, this.#stopped);
    this.#open.put(key, value, waiter, token);
    this.#enqueued();
  }

  submit(command: Command, waiter: WriteWaiter, token: number): void {
    if (this.#stopped !== null) return waiter.onError(token, this.#stopped);
    this.#open.add(command, waiter, token);
    this.#enqueued();
  }

  #enqueued(): void {
    if (this.#open.isFull) this.seal();
    this.#options.wake();
  }

  /** Closes the open batch and proposes it. Called once per turn, and whenever the batch is full. */
  seal(): void {
    const batch = this.#takeOpen();
    if (batch === null) return;
    if (this.#parked.count > 0) this.park(batch);
    else this.#options.propose(batch);
  }

  #takeOpen(): WriteBatch | null {
    if (this.#open.isEmpty) return null;
    const { clock, requestTimeoutMs } = this.#options;
    return this.#open.take(clock.monotonicMs(), requestTimeoutMs);
  }

  park(batch: WriteBatch): void {
    if (this.#parked.park(batch)) return;
    this.refuse(batch, new KvorumError('busy', 'Too many writes wait for a leader'));
  }

  /** It certainly did not happen. */
  refuse(batch: WriteBatch, error: KvorumError): void {
    this.#options.stats.proposalsRefused++;
    failWrites(batch, error);
  }

  unknown(batch: WriteBatch, detail: string, extra?: Readonly<Record<string, unknown>>): void {
    this.#options.stats.proposalsUnknown++;
    failWrites(batch, new KvorumError('outcome_unknown', detail, extra === undefined ? undefined : { extra }));
  }

  /** Proposes again what waited for a leader, in order. */
  retryParked(): void {
    if (this.#parked.count === 0) return;
    for (const batch of this.#parked.takeAll()) this.#options.propose(batch);
  }

  /** There will be no leader for what waits for one. */
  refuseParked(error: KvorumError): void {
    for (const batch of this.#parked.takeAll()) this.refuse(batch, error);
  }

  /** Answers what has waited for a leader for too long. */
  expireParked(nowMs: number): void {
    for (const batch of this.#parked.takeExpired(nowMs)) this.refuse(batch, new KvorumError('no_leader'));
  }

  /**
   * The member stops for ever: what the engine has taken is answered with `unknown`, and what it has not, with
   * `certain`, because that did not happen.
   */
  failAll(unknown: KvorumError, certain: KvorumError): void {
    this.#stopped = certain;
    const open = this.#takeOpen();
    const untaken = [...this.#parked.takeAll(), ...(open === null ? [] : [open])];
    for (const batch of this.table.takeAll()) failWrites(batch, unknown);
    for (const batch of untaken) failWrites(batch, certain);
  }
}
