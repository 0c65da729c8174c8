import type { LogIndex, ReplicaId, Term } from '../../base/brand.js';
import { assert } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import { KvorumError } from '../../base/errors/error.js';
import { LIMITS } from '../../base/limits.js';
import type { ProposalOutcome, RaftEvent } from '../../engines/raft/events.js';
import type { Entry, ProposalRefusal } from '../../engines/raft/messages.js';
import { BatchBuilder, type KvStateMachine } from '../../kv/index.js';
import type { Command, CommandResult, ResultSink, ValueRef } from '../../kv/types.js';
import { ProposalTable, failWrites, type WriteBatch } from './pending.js';
import type { WriteWaiter } from '../router.js';
import type { MemberStats } from '../stats.js';

/** How long a write waits for a leader before it is answered `no_leader`: a few elections at default timings. */
const PARKED_MS_MAX = 2000;
/** Bytes of writes that may wait for a leader; beyond it new ones are answered `busy`. */
const PARKED_BYTES_MAX = 16 * 1024 * 1024;
/** How long an answer of a leader that is gone or deposed may still be on its way. */
const LATE_ANSWER_MS_MAX = 100;

export interface WritePathOptions {
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  readonly stats: MemberStats;
  /** Hands an event to the engine and makes sure that a turn drains it. */
  step(event: RaftEvent): void;
  /** Makes sure that a turn runs, which calls `seal`. */
  wake(): void;
  /** Who is going to append what is proposed now, as far as the engine knows. */
  target(): { readonly leader: ReplicaId | null; readonly term: Term };
}

/**
 * Client writes of one member, from the request to its answer. All requests of a turn are packed into one batch, which
 * becomes one log entry. A batch that finds no leader is parked and proposed again in order, for a while.
 */
export class WritePath implements ResultSink {
  readonly #options: WritePathOptions;
  readonly #builder = new BatchBuilder();
  readonly #table = new ProposalTable();
  #waiters: WriteWaiter[] = [];
  #tokens: number[] = [];
  #parked: WriteBatch[] = [];
  #parkedBytes = 0;
  #nextId = 1;
  /** The batch whose entry is being applied: where onPut and onResult lead. */
  #applying: WriteBatch | null = null;
  #appliedTerm = 0 as Term;
  /** Set when the member has stopped: what every later request is told. */
  #stopped: KvorumError | null = null;

  constructor(options: WritePathOptions) {
    this.#options = options;
  }

  /** Requests that have no answer yet, in batches. */
  get pendingBatches(): number {
    return this.#table.size + this.#parked.length + (this.#builder.count > 0 ? 1 : 0);
  }

  put(key: ValueRef, value: ValueRef, waiter: WriteWaiter, token: number): void {
    if (this.#stopped !== null) return waiter.onError(token, this.#stopped);
    this.#builder.addPut(key, value);
    this.#enqueued(waiter, token);
  }

  submit(command: Command, waiter: WriteWaiter, token: number): void {
    if (this.#stopped !== null) return waiter.onError(token, this.#stopped);
    this.#builder.addCommand(command);
    this.#enqueued(waiter, token);
  }

  #enqueued(waiter: WriteWaiter, token: number): void {
    this.#waiters.push(waiter);
    this.#tokens.push(token);
    if (this.#builder.bytes >= LIMITS.entryPayloadBytes) this.seal();
    this.#options.wake();
  }

  /** Closes the open batch and proposes it. Called once per turn, and whenever the batch is full. */
  seal(): void {
    const batch = this.#takeOpen();
    if (batch === null) return;
    if (this.#parked.length > 0) this.#park(batch);
    else this.#propose(batch);
  }

  #takeOpen(): WriteBatch | null {
    if (this.#builder.count === 0) return null;
    const nowMs = this.#options.clock.monotonicMs();
    const batch: WriteBatch = {
      id: this.#nextId++,
      payload: this.#builder.take(),
      waiters: this.#waiters,
      tokens: this.#tokens,
      deadlineMs: nowMs + this.#options.requestTimeoutMs,
      proposedMs: nowMs,
    };
    this.#waiters = [];
    this.#tokens = [];
    return batch;
  }

  #propose(batch: WriteBatch): void {
    const { leader, term } = this.#options.target();
    this.#table.propose(batch, leader, term);
    this.#options.step({ type: 'propose', id: batch.id, payload: batch.payload });
  }

  #park(batch: WriteBatch): void {
    if (this.#parkedBytes + batch.payload.length > PARKED_BYTES_MAX) {
      this.#refuse(batch, new KvorumError('busy', 'Too many writes wait for a leader'));
      return;
    }
    this.#parked.push(batch);
    this.#parkedBytes += batch.payload.length;
  }

  #refuse(batch: WriteBatch, error: KvorumError): void {
    this.#options.stats.proposalsRefused++;
    failWrites(batch, error);
  }

  /** Proposes again what waited for a leader, in order. */
  retryParked(): void {
    if (this.#parked.length === 0) return;
    const parked = this.#parked;
    this.#parked = [];
    this.#parkedBytes = 0;
    for (const batch of parked) this.#propose(batch);
  }

  /** There will be no leader for what waits for one. */
  refuseParked(error: KvorumError): void {
    const parked = this.#parked;
    this.#parked = [];
    this.#parkedBytes = 0;
    for (const batch of parked) this.#refuse(batch, error);
  }

  /** What became of proposals, all that one drain told. Refused ones leave the table first, so that order can be kept. */
  onOutcomes(outcomes: readonly ProposalOutcome[], appliedIndex: LogIndex): void {
    const refused: (readonly [WriteBatch, ProposalRefusal])[] = [];
    for (const outcome of outcomes) {
      const batch = this.#table.takeProposed(outcome.id);
      if (batch === undefined) continue; // Its deadline has passed: the waiters know that the outcome is unknown.
      if (outcome.accepted === null) refused.push([batch, outcome.refused ?? 'no_leader']);
      else this.#onAccepted(batch, outcome.accepted.index, outcome.accepted.term, appliedIndex);
    }
    for (const [batch, refusal] of refused) this.#onRefused(batch, refusal);
  }

  #onAccepted(batch: WriteBatch, index: LogIndex, term: Term, appliedIndex: LogIndex): void {
    if (index <= appliedIndex) {
      // The leader's answer was overtaken by the entry itself: applied here already, its result is gone.
      this.#options.stats.proposalsUnknown++;
      failWrites(batch, new KvorumError('outcome_unknown', 'The result was lost on the way from the leader'));
      return;
    }
    if (term < this.#appliedTerm) this.#refuse(batch, new KvorumError('lost_leadership'));
    else this.#table.appended(batch, index, term);
  }

  #onRefused(batch: WriteBatch, refusal: ProposalRefusal): void {
    if (refusal === 'busy') {
      this.#refuse(batch, new KvorumError('busy', 'Too much is waiting to be committed'));
      return;
    }
    // Certain that nothing was appended: try again, unless a later write of ours is on its way already (order).
    if (this.#table.hasLater(batch.id)) {
      this.#refuse(batch, new KvorumError('no_leader', 'The leader changed while the write was on its way'));
      return;
    }
    this.#park(batch);
  }

  /** Applies one committed entry and answers whoever waits for it. */
  applyEntry(entry: Entry, kv: KvStateMachine): void {
    const waiting = this.#table.takeAppended(entry.index);
    const mine = waiting.find(({ term }) => term === entry.term);
    assert(mine === undefined || entry.kind === 'commands', 'what was appended for us holds commands');
    if (entry.kind === 'commands') this.#applyCommands(entry.payload, kv, mine?.batch ?? null);
    for (const other of waiting) if (other !== mine) this.#refuse(other.batch, new KvorumError('lost_leadership'));
    this.#onCommittedTerm(entry.term);
  }

  /** Something of `term` is committed: nothing of an older term can follow it. */
  #onCommittedTerm(term: Term): void {
    if (term <= this.#appliedTerm) return;
    this.#appliedTerm = term;
    for (const batch of this.#table.takeOlderThan(term)) this.#refuse(batch, new KvorumError('lost_leadership'));
  }

  #applyCommands(payload: Uint8Array, kv: KvStateMachine, mine: WriteBatch | null): void {
    if (mine === null) {
      kv.applyBatch(payload, null);
      return;
    }
    this.#applying = mine;
    kv.applyBatch(payload, this);
    this.#applying = null;
    this.#options.stats.proposalsCommitted++;
  }

  onPut(position: number, created: boolean, revision: Parameters<ResultSink['onPut']>[2]): void {
    const batch = this.#applying;
    batch?.waiters[position]?.onPut(batch.tokens[position] ?? 0, created, revision);
  }

  onResult(position: number, result: CommandResult): void {
    const batch = this.#applying;
    batch?.waiters[position]?.onResult(batch.tokens[position] ?? 0, result);
  }

  /** The link to `peer` is lost, and with it the answer to what was forwarded to it. */
  onPeerDown(peer: ReplicaId): void {
    this.#table.hurryForwardedTo(peer, this.#options.clock.monotonicMs() + LATE_ANSWER_MS_MAX);
  }

  /** The group moved on to `term`: a leader of an older one appends nothing any more, and hardly ever answers. */
  onTerm(term: Term): void {
    this.#table.hurryOlderThan(term, this.#options.clock.monotonicMs() + LATE_ANSWER_MS_MAX);
  }

  /** A snapshot replaced everything up to (index, term): results of writes in that range are not known here. */
  onSnapshotInstalled(index: LogIndex, term: Term): void {
    for (const batch of this.#table.takeUpTo(index)) this.#unknown(batch, 'A snapshot replaced the log meanwhile');
    this.#onCommittedTerm(term);
  }

  /** Answers what has waited too long. */
  expire(nowMs: number): void {
    for (const batch of this.#table.takeExpired(nowMs)) this.#unknown(batch, 'No majority confirmed it in time');
    const first = this.#parked[0];
    if (first === undefined || this.#parkedUntilMs(first) > nowMs) return;
    const keep: WriteBatch[] = [];
    for (const batch of this.#parked) {
      if (this.#parkedUntilMs(batch) > nowMs) keep.push(batch);
      else this.#refuse(batch, new KvorumError('no_leader'));
    }
    this.#parked = keep;
    this.#parkedBytes = keep.reduce((sum, batch) => sum + batch.payload.length, 0);
  }

  #parkedUntilMs(batch: WriteBatch): number {
    return Math.min(batch.proposedMs + PARKED_MS_MAX, batch.deadlineMs);
  }

  #unknown(batch: WriteBatch, detail: string): void {
    this.#options.stats.proposalsUnknown++;
    failWrites(batch, new KvorumError('outcome_unknown', detail));
  }

  /**
   * The member stops for ever: what the engine has taken is answered with `unknown`, and what it has not, with
   * `certain`, because that did not happen.
   */
  failAll(unknown: KvorumError, certain: KvorumError): void {
    this.#stopped = certain;
    const open = this.#takeOpen();
    const untaken = open === null ? this.#parked : [...this.#parked, open];
    this.#parked = [];
    this.#parkedBytes = 0;
    for (const batch of this.#table.takeAll()) failWrites(batch, unknown);
    for (const batch of untaken) failWrites(batch, certain);
  }
}
