import type { LogIndex, ReplicaId, Term } from '../../base/brand.js';
import { assert } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import { KvorumError } from '../../base/errors/error.js';
import type { ProposalOutcome, RaftEvent } from '../../engines/raft/events.js';
import type { Entry, ProposalRefusal } from '../../engines/raft/messages.js';
import type { KvStateMachine } from '../../kv/index.js';
import type { Command, ValueRef } from '../../kv/types.js';
import { BatchAnswers } from '../ordered/batch-answers.js';
import type { WriteBatch } from '../ordered/pending.js';
import { WriteIntake } from '../ordered/write-intake.js';
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
 * Client writes of one member, from the request to its answer (see WriteIntake): what is proposed here may be appended by
 * any leader, and is answered when it is applied.
 */
export class WritePath {
  readonly #options: WritePathOptions;
  readonly #intake: WriteIntake;
  readonly #answers = new BatchAnswers();
  #appliedTerm = 0 as Term;

  constructor(options: WritePathOptions) {
    this.#options = options;
    this.#intake = new WriteIntake({ ...options, propose: (batch) => this.#propose(batch) });
  }

  /** Requests that have no answer yet, in batches. */
  get pendingBatches(): number {
    return this.#intake.pendingBatches;
  }

  put(key: ValueRef, value: ValueRef, waiter: WriteWaiter, token: number): void {
    this.#intake.put(key, value, waiter, token);
  }

  submit(command: Command, waiter: WriteWaiter, token: number): void {
    this.#intake.submit(command, waiter, token);
  }

  /** See WriteIntake, as the next two. */
  seal(): void {
    this.#intake.seal();
  }

  retryParked(): void {
    this.#intake.retryParked();
  }

  refuseParked(error: KvorumError): void {
    this.#intake.refuseParked(error);
  }

  #propose(batch: WriteBatch): void {
    const { leader, term } = this.#options.target();
    this.#intake.table.propose(batch, leader, term);
    this.#options.step({ type: 'propose', id: batch.id, payload: batch.payload });
  }

  /** What became of proposals, all that one drain told. Refused ones leave the table first, so that order can be kept. */
  onOutcomes(outcomes: readonly ProposalOutcome[], appliedIndex: LogIndex): void {
    const refused: (readonly [WriteBatch, ProposalRefusal])[] = [];
    for (const outcome of outcomes) {
      const batch = this.#intake.table.takeProposed(outcome.id);
      if (batch === undefined) continue; // Its deadline has passed: the waiters know that the outcome is unknown.
      if (outcome.accepted === null) refused.push([batch, outcome.refused ?? 'no_leader']);
      else this.#onAccepted(batch, outcome.accepted.index, outcome.accepted.term, appliedIndex);
    }
    for (const [batch, refusal] of refused) this.#onRefused(batch, refusal);
  }

  #onAccepted(batch: WriteBatch, index: LogIndex, term: Term, appliedIndex: LogIndex): void {
    if (index <= appliedIndex) {
      // The leader's answer was overtaken by the entry itself: applied here already, its result is gone.
      this.#intake.unknown(batch, 'The result was lost on the way from the leader');
      return;
    }
    if (term < this.#appliedTerm) this.#intake.refuse(batch, new KvorumError('lost_leadership'));
    else this.#intake.table.appended(batch, index, term);
  }

  #onRefused(batch: WriteBatch, refusal: ProposalRefusal): void {
    if (refusal === 'busy') {
      this.#intake.refuse(batch, new KvorumError('busy', 'Too much is waiting to be committed'));
      return;
    }
    // Certain that nothing was appended: try again, unless a later write of ours is on its way already (order).
    if (this.#intake.table.hasLater(batch.id)) {
      this.#intake.refuse(batch, new KvorumError('no_leader', 'The leader changed while the write was on its way'));
      return;
    }
    this.#intake.park(batch);
  }

  /** Applies one committed entry and answers whoever waits for it. */
  applyEntry(entry: Entry, kv: KvStateMachine): void {
    const waiting = this.#intake.table.takeAppended(entry.index);
    const mine = waiting.find(({ term }) => term === entry.term);
    assert(mine === undefined || entry.kind === 'commands', 'what was appended for us holds commands');
    if (entry.kind === 'commands') this.#applyCommands(entry.payload, kv, mine?.batch ?? null);
    for (const other of waiting)
      if (other !== mine) this.#intake.refuse(other.batch, new KvorumError('lost_leadership'));
    this.#onCommittedTerm(entry.term);
  }

  /** Something of `term` is committed: nothing of an older term can follow it. */
  #onCommittedTerm(term: Term): void {
    if (term <= this.#appliedTerm) return;
    this.#appliedTerm = term;
    for (const batch of this.#intake.table.takeOlderThan(term))
      this.#intake.refuse(batch, new KvorumError('lost_leadership'));
  }

  #applyCommands(payload: Uint8Array, kv: KvStateMachine, mine: WriteBatch | null): void {
    this.#answers.apply(payload, kv, mine);
    if (mine !== null) this.#options.stats.proposalsCommitted++;
  }

  /** The link to `peer` is lost, and with it the answer to what was forwarded to it. */
  onPeerDown(peer: ReplicaId): void {
    this.#intake.table.hurryForwardedTo(peer, this.#options.clock.monotonicMs() + LATE_ANSWER_MS_MAX);
  }

  /** The group moved on to `term`: a leader of an older one appends nothing any more, and hardly ever answers. */
  onTerm(term: Term): void {
    this.#intake.table.hurryOlderThan(term, this.#options.clock.monotonicMs() + LATE_ANSWER_MS_MAX);
  }

  /** A snapshot replaced everything up to (index, term): results of writes in that range are not known here. */
  onSnapshotInstalled(index: LogIndex, term: Term): void {
    for (const batch of this.#intake.table.takeUpTo(index))
      this.#intake.unknown(batch, 'A snapshot replaced the log meanwhile');
    this.#onCommittedTerm(term);
  }

  /** Answers what has waited too long. */
  expire(nowMs: number): void {
    for (const batch of this.#intake.table.takeExpired(nowMs))
      this.#intake.unknown(batch, 'No majority confirmed it in time');
    this.#intake.expireParked(nowMs);
  }

  /** The member stops for ever. */
  failAll(unknown: KvorumError, certain: KvorumError): void {
    this.#intake.failAll(unknown, certain);
  }
}
