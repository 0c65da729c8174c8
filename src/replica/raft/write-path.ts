import type { LogIndex, ReplicaId, Term } from '../../base/brand.js';
import { assert } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import { KvorumError } from '../../base/errors/error.js';
import type { ProposalOutcome, RaftEvent } from '../../engines/raft/events.js';
import type { Entry, ProposalRefusal } from '../../engines/raft/messages.js';
import type { KvStateMachine } from '../../kv/index.js';
import type { Command, ValueRef } from '../../kv/types.js';
import { BatchAnswers } from '../ordered/batch-answers.js';
import { OpenBatch } from '../ordered/open-batch.js';
import { ParkedWrites } from '../ordered/parked.js';
import { ProposalTable, failWrites, type WriteBatch } from '../ordered/pending.js';
import type { WriteWaiter } from '../router.js';
import type { MemberStats } from '../stats.js';

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
export class WritePath {
  readonly #options: WritePathOptions;
  readonly #open = new OpenBatch();
  readonly #table = new ProposalTable();
  readonly #parked = new ParkedWrites();
  readonly #answers = new BatchAnswers();
  #appliedTerm = 0 as Term;
  /** Set when the member has stopped: what every later request is told. */
  #stopped: KvorumError | null = null;

  constructor(options: WritePathOptions) {
    this.#options = options;
  }

  /** Requests that have no answer yet, in batches. */
  get pendingBatches(): number {
    return this.#table.size + this.#parked.count + (this.#open.isEmpty ? 0 : 1);
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
    if (this.#parked.count > 0) this.#park(batch);
    else this.#propose(batch);
  }

  #takeOpen(): WriteBatch | null {
    if (this.#open.isEmpty) return null;
    const { clock, requestTimeoutMs } = this.#options;
    return this.#open.take(clock.monotonicMs(), requestTimeoutMs);
  }

  #propose(batch: WriteBatch): void {
    const { leader, term } = this.#options.target();
    this.#table.propose(batch, leader, term);
    this.#options.step({ type: 'propose', id: batch.id, payload: batch.payload });
  }

  #park(batch: WriteBatch): void {
    if (this.#parked.park(batch)) return;
    this.#refuse(batch, new KvorumError('busy', 'Too many writes wait for a leader'));
  }

  #refuse(batch: WriteBatch, error: KvorumError): void {
    this.#options.stats.proposalsRefused++;
    failWrites(batch, error);
  }

  /** Proposes again what waited for a leader, in order. */
  retryParked(): void {
    if (this.#parked.count === 0) return;
    for (const batch of this.#parked.takeAll()) this.#propose(batch);
  }

  /** There will be no leader for what waits for one. */
  refuseParked(error: KvorumError): void {
    for (const batch of this.#parked.takeAll()) this.#refuse(batch, error);
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
    this.#answers.apply(payload, kv, mine);
    if (mine !== null) this.#options.stats.proposalsCommitted++;
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
    for (const batch of this.#parked.takeExpired(nowMs)) this.#refuse(batch, new KvorumError('no_leader'));
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
    const untaken = [...this.#parked.takeAll(), ...(open === null ? [] : [open])];
    for (const batch of this.#table.takeAll()) failWrites(batch, unknown);
    for (const batch of untaken) failWrites(batch, certain);
  }
}
