import type { LogIndex, ReplicaId, Term } from '../../base/brand.js';
import { assert } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import { KvorumError } from '../../base/errors/error.js';
import type { Entry } from '../../engines/entry.js';
import type { ProposalOutcome, SemisyncEvent, WriteRefusal } from '../../engines/semisync/events.js';
import type { KvStateMachine } from '../../kv/index.js';
import type { Command, ValueRef } from '../../kv/types.js';
import { BatchAnswers } from '../ordered/batch-answers.js';
import type { WriteBatch } from '../ordered/pending.js';
import { WriteIntake } from '../ordered/write-intake.js';
import type { WriteWaiter } from '../router.js';
import { notLeader, refusalError } from './refusals.js';
import type { SemisyncStats } from './stats.js';

export interface WritePathOptions {
  readonly self: ReplicaId;
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  readonly stats: SemisyncStats;
  /** Hands an event to the engine and makes sure that a turn drains it. */
  step(event: SemisyncEvent): void;
  /** Makes sure that a turn runs, which calls `seal`. */
  wake(): void;
  /** As far as the engine knows; itself when it leads. */
  leader(): ReplicaId | null;
  /** Leader: why no client's write may be appended yet (establish.ts); null when it may. */
  refusal(): WriteRefusal | null;
  /** Leader: how many followers have an appended entry, of how many; null when it is committed. */
  acksOf(index: LogIndex): { readonly acks: number; readonly required: number } | null;
}

/**
 * Client writes of one member, from the request to its answer. Only the leader takes them, and nothing is forwarded
 * (api/http hands requests on). All requests of a turn become one log entry. Whatever was appended when the member stops leading has
 * an unknown outcome, at once (ap.md §1.3.5 "Fencing").
 */
export class WritePath {
  readonly #options: WritePathOptions;
  readonly #intake: WriteIntake;
  readonly #answers = new BatchAnswers();

  constructor(options: WritePathOptions) {
    this.#options = options;
    this.#intake = new WriteIntake({ ...options, propose: (batch) => this.#propose(batch) });
  }

  /** Requests that have no answer yet, in batches. */
  get pendingBatches(): number {
    return this.#intake.pendingBatches;
  }

  put(key: ValueRef, value: ValueRef, waiter: WriteWaiter, token: number): void {
    const refusal = this.#refusal();
    if (refusal === null) this.#intake.put(key, value, waiter, token);
    else waiter.onError(token, refusal);
  }

  submit(command: Command, waiter: WriteWaiter, token: number): void {
    const refusal = this.#refusal();
    if (refusal === null) this.#intake.submit(command, waiter, token);
    else waiter.onError(token, refusal);
  }

  #refusal(): KvorumError | null {
    const leader = this.#options.leader();
    if (this.#intake.stopped !== null || leader === null || leader === this.#options.self) return this.#intake.stopped;
    this.#options.stats.proposalsRefused++;
    return notLeader(leader);
  }

  /** See WriteIntake. */
  seal(): void {
    this.#intake.seal();
  }

  /** A leader is known: what waited for one is proposed in order, or told who it is. */
  retryParked(): void {
    this.#intake.retryParked();
  }

  #propose(batch: WriteBatch): void {
    const leader = this.#options.leader();
    if (leader === null) return this.#intake.park(batch);
    if (leader !== this.#options.self) return this.#intake.refuse(batch, notLeader(leader));
    const refused = this.#options.refusal();
    if (refused !== null) return this.#onRefused(batch, refused);
    this.#intake.table.propose(batch, leader, 0 as Term);
    this.#options.step({ type: 'propose', id: batch.id, payload: batch.payload });
  }

  /** What became of proposals, all that one drain told. Refused ones leave the table first, so that order can be kept. */
  onOutcomes(outcomes: readonly ProposalOutcome[], appliedIndex: LogIndex): void {
    const refused: (readonly [WriteBatch, WriteRefusal])[] = [];
    for (const outcome of outcomes) {
      const batch = this.#intake.table.takeProposed(outcome.id);
      if (batch === undefined) continue; // Its deadline has passed: the waiters know that the outcome is unknown.
      const { accepted } = outcome;
      if (accepted === null) {
        refused.push([batch, outcome.refused ?? { reason: 'not_leader' }]);
        continue;
      }
      assert(accepted.index > appliedIndex, 'nothing is applied before its outcome is told');
      this.#intake.table.appended(batch, accepted.index, accepted.term);
    }
    for (const [batch, refusal] of refused) this.#onRefused(batch, refusal);
  }

  #onRefused(batch: WriteBatch, refused: WriteRefusal): void {
    if (refused.reason !== 'not_leader') {
      if (refused.reason === 'not_enough_replicas') {
        this.#options.stats.refusedNotEnoughReplicas += batch.waiters.length;
      }
      this.#intake.refuse(batch, refusalError(refused));
      return;
    }
    // Certain that nothing was appended: it may wait, unless a later write of ours is on its way already (order).
    if (this.#intake.table.hasLater(batch.id)) this.#intake.refuse(batch, new KvorumError('no_leader'));
    else if (this.#options.leader() === this.#options.self) this.#intake.park(batch);
    else this.#propose(batch);
  }

  /** Applies one committed entry and answers whoever waits for it. */
  applyEntry(entry: Entry, kv: KvStateMachine): void {
    const [mine] = this.#intake.table.takeAppended(entry.index);
    assert(mine === undefined || mine.term === entry.term, 'who leads appends alone');
    assert(mine === undefined || entry.kind === 'commands', 'what was appended for us holds commands');
    if (entry.kind !== 'commands') return;
    this.#answers.apply(entry.payload, kv, mine?.batch ?? null);
    if (mine !== undefined) this.#options.stats.proposalsCommitted++;
  }

  /** Before anything else is answered: another epoch may have thrown away what was appended. `now`: of an epoch led since. */
  stopLeading(now: Term | null): void {
    const gone = now === null ? this.#intake.table.takeAll() : this.#intake.table.takeOlderThan(now);
    for (const batch of gone) this.#intake.unknown(batch, 'The replica stopped leading before enough followers had it');
  }

  /** Answers what has waited too long. */
  expire(nowMs: number): void {
    for (const { batch, index } of this.#intake.table.takeLate(nowMs))
      this.#intake.unknown(batch, ...this.#lateAt(index));
    for (const batch of this.#intake.table.takeExpired(nowMs))
      this.#intake.unknown(batch, 'The log did not take it in time');
    this.#intake.expireParked(nowMs);
  }

  /** ap.md §1.3.2 step 3b: it stays in the log and may be committed later. */
  #lateAt(index: LogIndex): readonly [detail: string, extra: Readonly<Record<string, unknown>>] {
    const acks = this.#options.acksOf(index);
    if (acks === null) return ['It was acknowledged, but not applied in time', { index }];
    const detail = `${acks.acks} of ${acks.required} followers have acknowledged it, it may still take effect`;
    return [detail, { index, ...acks }];
  }

  /** The member stops for ever. */
  failAll(unknown: KvorumError, certain: KvorumError): void {
    this.#intake.failAll(unknown, certain);
  }
}
