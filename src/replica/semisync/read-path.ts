import type { LogIndex, ReplicaId } from '../../base/brand.js';
import type { Clock } from '../../base/clock.js';
import { KvorumError } from '../../base/errors/error.js';
import { LIMITS } from '../../base/limits.js';
import type { ReadOutcome, SemisyncEvent } from '../../engines/semisync/events.js';
import type { KvReader } from '../../kv/types.js';
import { PARKED_MS_MAX } from '../ordered/parked.js';
import type { ReadBatch } from '../ordered/pending.js';
import { ReadRounds } from '../ordered/read-rounds.js';
import type { ReadWaiter } from '../router.js';
import { notLeader } from './refusals.js';
import type { SemisyncStats } from './stats.js';

export interface ReadPathOptions {
  readonly self: ReplicaId;
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  readonly stats: SemisyncStats;
  step(event: SemisyncEvent): void;
  wake(): void;
  leader(): ReplicaId | null;
  /** This member leads, and has applied the entry that opens its epoch: it knows everything that was acknowledged. */
  started(): boolean;
  reader(): KvReader;
  stalenessMs(): number;
}

/** Reads that wait for this member to lead, or to be told who does. */
interface PostponedReads {
  readonly strong: boolean;
  readonly batch: ReadBatch;
  readonly untilMs: number;
}

/** Reads of one member (ap.md §1.3.7). All strong reads of a turn share one round, and wait until its index is applied. */
export class ReadPath {
  readonly #options: ReadPathOptions;
  #waiters: ReadWaiter[] = [];
  #tokens: number[] = [];
  readonly #rounds: ReadRounds<ReadBatch>;
  #postponed: PostponedReads[] = [];
  /** Set when the member has stopped: what every later read is told. */
  #stopped: KvorumError | null = null;

  constructor(options: ReadPathOptions) {
    this.#options = options;
    this.#rounds = new ReadRounds(options.stats);
  }

  get pendingBatches(): number {
    return this.#rounds.pendingBatches + this.#postponed.length + (this.#waiters.length > 0 ? 1 : 0);
  }

  /** What this member has, however old. */
  follower(waiter: ReadWaiter, token: number): void {
    if (this.#stopped !== null) return waiter.onError(token, this.#stopped);
    this.#options.stats.readsServed++;
    waiter.onReadable(token, this.#options.reader());
  }

  /**
   * What this member has, if it is young enough. A leader is told that it leads by every heartbeat's answers: one that was
   * told longer ago than the bound asks, instead of refusing what it has all of.
   */
  bounded(waiter: ReadWaiter, token: number, maxStalenessMs: number): void {
    const stalenessMs = this.#options.stalenessMs();
    if (stalenessMs <= maxStalenessMs) return this.follower(waiter, token);
    if (this.#options.leader() === this.#options.self) return this.strong(waiter, token);
    this.#options.stats.readsRefused++;
    waiter.onError(token, tooStale(stalenessMs, maxStalenessMs));
  }

  /** What the leader has: everything that was acknowledged, unless somebody leads whom it has not heard of. */
  leader(waiter: ReadWaiter, token: number): void {
    if (this.#options.started()) this.follower(waiter, token);
    else if (this.#admit(waiter, token)) this.#postpone(this.#batchOf([waiter], [token]), false);
  }

  /** The same, after it made sure that it still leads. */
  strong(waiter: ReadWaiter, token: number): void {
    if (!this.#admit(waiter, token)) return;
    this.#waiters.push(waiter);
    this.#tokens.push(token);
    this.#options.wake();
  }

  #admit(waiter: ReadWaiter, token: number): boolean {
    const refusal = this.#refusal();
    if (refusal === null) this.#rounds.count++;
    else waiter.onError(token, refusal);
    return refusal === null;
  }

  #refusal(): KvorumError | null {
    if (this.#stopped !== null) return this.#stopped;
    const leader = this.#options.leader();
    const elsewhere = leader !== null && leader !== this.#options.self;
    if (!elsewhere && this.#rounds.count < LIMITS.pendingReads) return null;
    this.#options.stats.readsRefused++;
    return elsewhere ? notLeader(leader) : new KvorumError('busy', 'Too many reads are waiting');
  }

  #batchOf(waiters: readonly ReadWaiter[], tokens: readonly number[]): ReadBatch {
    const deadlineMs = this.#options.clock.monotonicMs() + this.#options.requestTimeoutMs;
    return { id: this.#rounds.nextId(), waiters, tokens, deadlineMs };
  }

  /** Closes the open batch of strong reads. Called once per turn. */
  seal(): void {
    if (this.#waiters.length === 0) return;
    const batch = this.#batchOf(this.#waiters, this.#tokens);
    this.#waiters = [];
    this.#tokens = [];
    this.#askOrPostpone(batch);
  }

  #askOrPostpone(batch: ReadBatch): void {
    const leader = this.#options.leader();
    if (leader === this.#options.self) this.#ask(batch);
    else if (leader === null) this.#postpone(batch, true);
    else this.#rounds.fail(batch, notLeader(leader));
  }

  #ask(batch: ReadBatch): void {
    this.#rounds.ask(batch);
    this.#options.step({ type: 'readIndex', id: batch.id });
  }

  #postpone(batch: ReadBatch, strong: boolean): void {
    const untilMs = Math.min(batch.deadlineMs, this.#options.clock.monotonicMs() + PARKED_MS_MAX);
    this.#postponed.push({ strong, batch, untilMs });
  }

  /** Leadership may have changed, or begun. */
  retry(): void {
    if (this.#postponed.length === 0) return;
    const { self } = this.#options;
    const leader = this.#options.leader();
    const started = this.#options.started();
    const again = this.#postponed;
    this.#postponed = [];
    for (const read of again) {
      if (leader !== null && leader !== self) this.#rounds.fail(read.batch, notLeader(leader));
      else if (leader === self && read.strong) this.#ask({ ...read.batch, id: this.#rounds.nextId() });
      else if (started && !read.strong) this.#rounds.serve(read.batch, this.#options.reader());
      else this.#postponed.push(read);
    }
  }

  onOutcome({ id, index, refused }: ReadOutcome, appliedIndex: LogIndex): void {
    const batch = this.#rounds.take(id);
    if (batch === undefined) return;
    if (index === null) {
      if (refused === 'busy') this.#rounds.fail(batch, new KvorumError('busy', 'Too many reads are waiting'));
      else if (refused === 'unconfirmed') this.#rounds.fail(batch, new KvorumError('unconfirmed'));
      else if (this.#options.leader() === this.#options.self) this.#postpone(batch, true);
      else this.#askOrPostpone(batch);
    } else if (index <= appliedIndex) this.#rounds.serve(batch, this.#options.reader());
    else this.#rounds.wait(batch, index);
  }

  /** Serves what waited for entries that are now applied. */
  onApplied(appliedIndex: LogIndex): void {
    if (this.#postponed.length > 0) this.retry();
    this.#rounds.onApplied(appliedIndex, this.#options.reader());
  }

  /** Only a leader serves them: what waits for an index to be applied begins again, where somebody leads. */
  stopLeading(): void {
    for (const batch of this.#rounds.takeWaiting()) this.#askOrPostpone({ ...batch, id: this.#rounds.nextId() });
  }

  expire(nowMs: number): void {
    this.#rounds.expire(nowMs, () => new KvorumError('unconfirmed'));
    const tired = this.#postponed.filter(({ untilMs }) => untilMs <= nowMs);
    if (tired.length === 0) return;
    this.#postponed = this.#postponed.filter(({ untilMs }) => untilMs > nowMs);
    const leads = this.#options.leader() === this.#options.self;
    for (const { batch } of tired) this.#rounds.fail(batch, leads ? notStarted() : new KvorumError('no_leader'));
  }

  failAll(error: KvorumError): void {
    this.#stopped = error;
    const open = this.#batchOf(this.#waiters, this.#tokens);
    this.#waiters = [];
    this.#tokens = [];
    const all = [...this.#rounds.takeAll(), ...this.#postponed.map(({ batch }) => batch), open];
    this.#postponed = [];
    for (const batch of all) this.#rounds.fail(batch, error);
  }
}

function tooStale(stalenessMs: number, maxMs: number): KvorumError {
  const known = Number.isFinite(stalenessMs);
  const age = known ? `up to ${Math.ceil(stalenessMs)} ms old` : 'of an unknown age';
  return new KvorumError('too_stale', `What this replica has is ${age}, and the read allows ${maxMs} ms`, {
    extra: { staleness_ms: known ? Math.ceil(stalenessMs) : null },
  });
}

function notStarted(): KvorumError {
  return new KvorumError('unconfirmed', 'Too few followers have the entry that opens the epoch of this leader');
}
