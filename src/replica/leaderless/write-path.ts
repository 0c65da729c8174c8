import type { OriginId, ReplicaId } from '../../base/brand.js';
import type { Clock } from '../../base/clock.js';
import type { Dot } from '../../base/dot.js';
import { KvorumError } from '../../base/errors/error.js';
import { LIMITS } from '../../base/limits.js';
import type { LeaderlessEvent, Requirement, WriteOutcome } from '../../engines/leaderless/events.js';
import { BatchBuilder } from '../../kv/index.js';
import type { Command, CommandResult, ResultSink, ValueRef } from '../../kv/types.js';
import type { Level, WriteWaiter } from '../router.js';
import type { EnsureEnd, Ensures } from './ensures.js';
import { countOf } from './levels.js';
import type { LeaderlessStats } from './stats.js';

/** How long a write waits for a member that is starting before it is answered `starting`. */
const PARKED_MS_MAX = 2000;
/** Bytes of writes that may wait for that; beyond it new ones are answered `busy`. */
const PARKED_BYTES_MAX = 16 * 1024 * 1024;

export interface WritePathOptions {
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  readonly stats: LeaderlessStats;
  readonly ensures: Ensures;
  step(event: LeaderlessEvent): void;
  wake(): void;
  requirement(level: Level): Requirement;
  /** Whether `member` is known to hold `dot`, one of ours, durably. */
  holds(member: ReplicaId, dot: Dot): boolean;
}

/** The writes of one turn: one batch of our origin's log. */
interface WriteBatch {
  readonly id: number;
  readonly payload: Uint8Array;
  readonly waiters: readonly WriteWaiter[];
  readonly tokens: readonly number[];
  /** Null: all of them are answered as soon as they are durable here. */
  readonly levels: readonly Level[] | null;
  readonly seenCounter: number;
  readonly deadlineMs: number;
  readonly submittedMs: number;
  dot: Dot | null;
}

/** A result that is known, and waits for more members. */
interface Held {
  readonly waiter: WriteWaiter;
  readonly token: number;
  readonly tell: (dot: Dot) => void;
}

/** Client writes of one member, from the request to its answer. All requests of a turn become one batch. */
export class WritePath implements ResultSink {
  readonly #options: WritePathOptions;
  readonly #builder = new BatchBuilder();
  #waiters: WriteWaiter[] = [];
  #tokens: number[] = [];
  #levels: Level[] | null = null;
  #seenCounter = 0;
  #parked: WriteBatch[] = [];
  #parkedBytes = 0;
  #nextId = 1;
  /** As of this turn: nothing may be written now. */
  #holding = false;
  /** Handed to the engine, by id, in order. */
  readonly #proposed = new Map<number, WriteBatch>();
  /** In the log, by position, in order. */
  readonly #appended = new Map<number, WriteBatch>();
  #applying: WriteBatch | null = null;
  readonly #held = new Map<Level, Held[]>();
  /** Set when the member has stopped: what every later request is told. */
  #stopped: KvorumError | null = null;

  constructor(options: WritePathOptions) {
    this.#options = options;
  }

  /** Batches without an answer yet, but for those that wait for other members. */
  get pendingBatches(): number {
    return this.#proposed.size + this.#appended.size + this.#parked.length + (this.#builder.count > 0 ? 1 : 0);
  }

  get hasParked(): boolean {
    return this.#parked.length > 0;
  }

  put(key: ValueRef, value: ValueRef, waiter: WriteWaiter, token: number, level: Level, seenCounter: number): void {
    if (this.#stopped !== null) return waiter.onError(token, this.#stopped);
    this.#builder.addPut(key, value);
    this.#enqueued(waiter, token, level, seenCounter);
  }

  submit(command: Command, waiter: WriteWaiter, token: number, level: Level, seenCounter: number): void {
    if (this.#stopped !== null) return waiter.onError(token, this.#stopped);
    this.#builder.addCommand(command);
    this.#enqueued(waiter, token, level, seenCounter);
  }

  #enqueued(waiter: WriteWaiter, token: number, level: Level, seenCounter: number): void {
    if (this.#levels === null && level !== 'one' && level !== 'session') {
      this.#levels = this.#tokens.map(() => 'one');
    }
    this.#levels?.push(level);
    this.#waiters.push(waiter);
    this.#tokens.push(token);
    if (seenCounter > this.#seenCounter) this.#seenCounter = seenCounter;
    if (this.#builder.bytes >= LIMITS.entryPayloadBytes) this.seal();
    this.#options.wake();
  }

  /** Closes the open batch and hands it to the engine, or holds it back. Called once per turn. */
  seal(hold = this.#holding): void {
    this.#holding = hold;
    const batch = this.#takeOpen();
    if (batch === null) return;
    if (hold || this.#parked.length > 0) this.#park(batch);
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
      levels: this.#levels,
      seenCounter: this.#seenCounter,
      deadlineMs: nowMs + this.#options.requestTimeoutMs,
      submittedMs: nowMs,
      dot: null,
    };
    this.#waiters = [];
    this.#tokens = [];
    this.#levels = null;
    this.#seenCounter = 0;
    return batch;
  }

  #propose(batch: WriteBatch): void {
    const { id, payload, seenCounter, tokens } = batch;
    this.#proposed.set(id, batch);
    const wallMs = this.#options.clock.wallMs();
    this.#options.step({ type: 'write', id, payload, commands: tokens.length, wallMs, seenCounter });
  }

  #park(batch: WriteBatch): void {
    if (this.#parkedBytes + batch.payload.length > PARKED_BYTES_MAX) {
      this.#refuse(batch, new KvorumError('busy', 'Too many writes wait for this replica to start'));
      return;
    }
    this.#parked.push(batch);
    this.#parkedBytes += batch.payload.length;
  }

  /** Hands over again, in order, what waited for the member to start. */
  retryParked(): void {
    const parked = this.#parked;
    this.#parked = [];
    this.#parkedBytes = 0;
    for (const batch of parked) this.#propose(batch);
  }

  onWritten(outcomes: readonly WriteOutcome[]): void {
    for (const { id, dot, refused } of outcomes) {
      const batch = this.#proposed.get(id);
      if (batch === undefined) continue; // Its deadline has passed: the waiters know that the outcome is unknown.
      this.#proposed.delete(id);
      if (dot !== null) {
        batch.dot = dot;
        this.#appended.set(dot.seq, batch);
      } else if (refused === 'starting') {
        this.#park(batch);
      } else if (refused === 'clock_exhausted') {
        this.#refuse(batch, new KvorumError('clock_exhausted'));
      } else {
        this.#refuse(batch, new KvorumError('busy', 'Too much is waiting for the disk'));
      }
    }
  }

  #refuse(batch: WriteBatch, error: KvorumError): void {
    this.#options.stats.writesRefused += batch.tokens.length;
    failAll(batch, error);
  }

  /** The batch at `dot` is about to be applied: the results of what waits for it go to the returned sink. */
  beginApply({ origin, seq }: Dot): ResultSink | null {
    const batch = this.#appended.get(seq);
    if (batch?.dot?.origin !== origin) return null;
    this.#appended.delete(seq);
    this.#applying = batch;
    return this;
  }

  endApply(): void {
    const batch = this.#applying;
    if (batch === null) return;
    this.#applying = null;
    for (const [level, held] of this.#held) this.#ensure(batch, level, held);
    this.#held.clear();
  }

  onPut(position: number, created: boolean, revision: Parameters<ResultSink['onPut']>[2], dot?: Dot): void {
    const batch = this.#applying;
    const waiter = batch?.waiters[position];
    if (batch === null || waiter === undefined) return;
    const token = batch.tokens[position] ?? 0;
    const level = batch.levels?.[position] ?? 'one';
    if (level === 'one' || level === 'session') {
      this.#options.stats.writesDone++;
      waiter.onPut(token, created, revision, dot);
    } else {
      this.#hold(level, { waiter, token, tell: (at) => waiter.onPut(token, created, revision, at) });
    }
  }

  onResult(position: number, result: CommandResult): void {
    const batch = this.#applying;
    const waiter = batch?.waiters[position];
    if (batch === null || waiter === undefined) return;
    const token = batch.tokens[position] ?? 0;
    const level = batch.levels?.[position] ?? 'one';
    if (level === 'one' || level === 'session') {
      this.#options.stats.writesDone++;
      waiter.onResult(token, result);
    } else {
      this.#hold(level, { waiter, token, tell: () => waiter.onResult(token, result) });
    }
  }

  #hold(level: Level, held: Held): void {
    const there = this.#held.get(level);
    if (there === undefined) this.#held.set(level, [held]);
    else there.push(held);
  }

  /** It is durable here; now others must have it. A write that too few confirm in time is not undone (ap.md §1.1). */
  #ensure(batch: WriteBatch, level: Level, held: readonly Held[]): void {
    const { dot } = batch;
    if (dot === null) return;
    const { ensures, stats } = this.#options;
    const need = this.#options.requirement(level);
    ensures.start([dot], need, batch.deadlineMs, (end) => {
      if (end.result === 'covered') {
        stats.writesDone += held.length;
        for (const { tell } of held) tell(dot);
        return;
      }
      stats.writesUnknown += held.length;
      const error = this.#shortfall(end, level, need, dot);
      for (const { token, waiter } of held) waiter.onError(token, error);
    });
  }

  #shortfall({ result }: EnsureEnd, level: Level, need: Requirement, dot: Dot): KvorumError {
    const { have, required } = countOf(need, (member) => this.#options.holds(member, dot));
    const why = result === 'busy' ? 'Too many writes wait for other members' : 'It is not undone';
    const detail = `${have} of ${required} replicas are known to have it (level ${level}). ${why}`;
    return new KvorumError('outcome_unknown', detail, { extra: { acks: have, required } });
  }

  /** What went into the log of another origin than the present one is not known to survive. */
  onRenewed(origin: OriginId): void {
    for (const [seq, batch] of this.#appended) {
      if (batch.dot?.origin === origin) continue;
      this.#appended.delete(seq);
      this.#unknown(batch, 'The replica took another incarnation meanwhile');
    }
  }

  expire(nowMs: number): void {
    for (const [id, batch] of this.#proposed) {
      if (batch.deadlineMs > nowMs) break;
      this.#proposed.delete(id);
      this.#unknown(batch, 'The disk did not take it in time');
    }
    for (const [seq, batch] of this.#appended) {
      if (batch.deadlineMs > nowMs) break;
      this.#appended.delete(seq);
      this.#unknown(batch, 'The disk did not take it in time');
    }
    const first = this.#parked[0];
    if (first === undefined || parkedUntilMs(first) > nowMs) return;
    const keep = this.#parked.filter((batch) => parkedUntilMs(batch) > nowMs);
    const late = this.#parked.filter((batch) => parkedUntilMs(batch) <= nowMs);
    this.#parked = keep;
    this.#parkedBytes = keep.reduce((sum, { payload }) => sum + payload.length, 0);
    const error = new KvorumError('starting', 'The replica has not met another member of the keyspace yet');
    for (const batch of late) this.#refuse(batch, error);
  }

  #unknown(batch: WriteBatch, detail: string): void {
    this.#options.stats.writesUnknown += batch.tokens.length;
    failAll(batch, new KvorumError('outcome_unknown', detail));
  }

  /** The member stops for ever: what the engine has taken is answered with `unknown`, and what it has not, with `certain`. */
  stop(unknown: KvorumError, certain: KvorumError): void {
    this.#stopped = certain;
    const open = this.#takeOpen();
    const untaken = open === null ? this.#parked : [...this.#parked, open];
    const taken = [...this.#proposed.values(), ...this.#appended.values()];
    this.#parked = [];
    this.#parkedBytes = 0;
    this.#proposed.clear();
    this.#appended.clear();
    for (const batch of taken) failAll(batch, unknown);
    for (const batch of untaken) failAll(batch, certain);
  }
}

function parkedUntilMs({ submittedMs, deadlineMs }: WriteBatch): number {
  return Math.min(submittedMs + PARKED_MS_MAX, deadlineMs);
}

function failAll({ tokens, waiters }: WriteBatch, error: KvorumError): void {
  for (let at = 0; at < waiters.length; at++) waiters[at]?.onError(tokens[at] ?? 0, error);
}
