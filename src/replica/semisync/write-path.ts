import type { LogIndex, ReplicaId, Term } from '../../base/brand.js';
import { assert } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import { KvorumError } from '../../base/errors/error.js';
import type { Entry } from '../../engines/entry.js';
import type { ProposalOutcome, SemisyncEvent, WriteRefusal } from '../../engines/semisync/events.js';
import type { KvStateMachine } from '../../kv/index.js';
import type { Command, ValueRef } from '../../kv/types.js';
import { BatchAnswers } from '../ordered/batch-answers.js';
import { OpenBatch } from '../ordered/open-batch.js';
import { ParkedWrites } from '../ordered/parked.js';
import { ProposalTable, failWrites, type WriteBatch } from '../ordered/pending.js';
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
  readonly #open = new OpenBatch();
  readonly #table = new ProposalTable();
  readonly #parked = new ParkedWrites();
  readonly #answers = new BatchAnswers();
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
    const refusal = this.#refusal();
    if (refusal !== null) return waiter.onError(token, refusal);
    this.#open.put(key, value, waiter, token);
    this.#enqueued();
  }

  submit(command: Command, waiter: WriteWaiter, token: number): void {
    const refusal = this.#refusal();
    if (refusal !== null) return waiter.onError(token, refusal);
    this.#open.add(command, waiter, token);
    this.#enqueued();
  }

  #refusal(): KvorumError | null {
    const leader = this.#options.leader();
    if (this.#stopped !== null || leader === null || leader === this.#options.self) return this.#stopped;
    this.#options.stats.proposalsRefused++;
    return notLeader(leader);
  }

  #enqueued(): void {
    if (this.#open.isFull) this.seal();
    this.#options.wake();
  }

  /** Closes the open batch and proposes it. Called once per turn, and whenever the batch is full. */
  seal(): void {
    if (this.#open.isEmpty) return;
    const { clock, requestTimeoutMs } = this.#options;
    const batch = this.#open.take(clock.monotonicMs(), requestTimeoutMs);
    if (batch === null) return;
    if (this.#parked.count > 0) this.#park(batch);
    else this.#propose(batch);
  }

  #propose(batch: WriteBatch): void {
    const leader = this.#options.leader();
    if (leader === null) return this.#park(batch);
    if (leader !== this.#options.self) return this.#refuse(batch, notLeader(leader));
    const refused = this.#options.refusal();
    if (refused !== null) return this.#onRefused(batch, refused);
    this.#table.propose(batch, leader, 0 as Term);
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

  /** A leader is known: what waited for one is proposed in order, or told who it is. */
  retryParked(): void {
    if (this.#parked.count === 0) return;
    for (const batch of this.#parked.takeAll()) this.#propose(batch);
  }

  /** What became of proposals, all that one drain told. Refused ones leave the table first, so that order can be kept. */
  onOutcomes(outcomes: readonly ProposalOutcome[], appliedIndex: LogIndex): void {
    const refused: (readonly [WriteBatch, WriteRefusal])[] = [];
    for (const outcome of outcomes) {
      const batch = this.#table.takeProposed(outcome.id);
      if (batch === undefined) continue; // Its deadline has passed: the waiters know that the outcome is unknown.
      const { accepted } = outcome;
      if (accepted === null) {
        refused.push([batch, outcome.refused ?? { reason: 'not_leader' }]);
        continue;
      }
      assert(accepted.index > appliedIndex, 'nothing is applied before its outcome is told');
      this.#table.appended(batch, accepted.index, accepted.term);
    }
    for (const [batch, refusal] of refused) this.#onRefused(batch, refusal);
  }

  #onRefused(batch: WriteBatch, refused: WriteRefusal): void {
    if (refused.reason !== 'not_leader') {
      if (refused.reason === 'not_enough_replicas') {
        this.#options.stats.refusedNotEnoughReplicas += batch.waiters.length;
      }
      this.#refuse(batch, refusalError(refused));
      return;
    }
    // Certain that nothing was appended: it may wait, unless a later write of ours is on its way already (order).
    if (this.#table.hasLater(batch.id)) this.#refuse(batch, new KvorumError('no_leader'));
    else if (this.#options.leader() === this.#options.self) this.#park(batch);
    else this.#propose(batch);
  }

  /** Applies one committed entry and answers whoever waits for it. */
  applyEntry(entry: Entry, kv: KvStateMachine): void {
    const [mine] = this.#table.takeAppended(entry.index);
    assert(mine === undefined || mine.term === entry.term, 'who leads appends alone');
    assert(mine === undefined || entry.kind === 'commands', 'what was appended for us holds commands');
    if (entry.kind !== 'commands') return;
    this.#answers.apply(entry.payload, kv, mine?.batch ?? null);
    if (mine !== undefined) this.#options.stats.proposalsCommitted++;
  }

  /** Before anything else is answered: another epoch may have thrown away what was appended. `now`: of an epoch led since. */
  stopLeading(now: Term | null): void {
    const gone = now === null ? this.#table.takeAll() : this.#table.takeOlderThan(now);
    for (const batch of gone) this.#unknown(batch, 'The replica stopped leading before enough followers had it');
  }

  /** Answers what has waited too long. */
  expire(nowMs: number): void {
    for (const { batch, index } of this.#table.takeLate(nowMs)) this.#unknown(batch, ...this.#lateAt(index));
    for (const batch of this.#table.takeExpired(nowMs)) this.#unknown(batch, 'The log did not take it in time');
    for (const batch of this.#parked.takeExpired(nowMs)) this.#refuse(batch, new KvorumError('no_leader'));
  }

  /** ap.md §1.3.2 step 3b: it stays in the log and may be committed later. */
  #lateAt(index: LogIndex): readonly [detail: string, extra: Readonly<Record<string, unknown>>] {
    const acks = this.#options.acksOf(index);
    if (acks === null) return ['It was acknowledged, but not applied in time', { index }];
    const detail = `${acks.acks} of ${acks.required} followers have acknowledged it, it may still take effect`;
    return [detail, { index, ...acks }];
  }

  #unknown(batch: WriteBatch, detail: string, extra?: Readonly<Record<string, unknown>>): void {
    this.#options.stats.proposalsUnknown++;
    failWrites(batch, new KvorumError('outcome_unknown', detail, extra === undefined ? undefined : { extra }));
  }

  /**
   * The member stops for ever: what the engine has taken is answered with `unknown`, and what it has not, with
   * `certain`, because that did not happen.
   */
  failAll(unknown: KvorumError, certain: KvorumError): void {
    this.#stopped = certain;
    const { clock, requestTimeoutMs } = this.#options;
    const open = this.#open.take(clock.monotonicMs(), requestTimeoutMs);
    const untaken = [...this.#parked.takeAll(), ...(open === null ? [] : [open])];
    for (const batch of this.#table.takeAll()) failWrites(batch, unknown);
    for (const batch of untaken) failWrites(batch, certain);
  }
}
