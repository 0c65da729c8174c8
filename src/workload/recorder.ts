import type { Histogram, RecordableHistogram } from 'node:perf_hooks';
import { isWrite, KIND_NAMES, type Kind, type KindName } from './kinds.js';
import type { Failure } from './lane.js';
import { createLatencies, recordMs } from './latency.js';

/** How often one error came for one kind of operation; `connect` stands for attempts to connect. */
export interface ErrorCount {
  readonly code: string;
  readonly operation: KindName | 'connect';
  /** The write may have taken effect. */
  readonly unknown: boolean;
  readonly count: number;
  /** The first message with this code. */
  readonly example: string;
}

/** What was done in about one second of the measurement; the last one is shorter or longer. */
export interface SecondReport {
  readonly lengthMs: number;
  readonly operations: number;
  readonly errors: number;
  readonly latencies: Histogram;
}

/** Everything that is counted of one thread's measurement. */
export interface Counts {
  readonly latencies: Readonly<Partial<Record<KindName, Histogram>>>;
  readonly errors: readonly ErrorCount[];
  /** Successes that were answered before the measurement's end: what throughput is made of. */
  readonly finishedInTime: number;
  /** Reads that found nothing. */
  readonly misses: number;
  /** How long after its due time an operation was sent (open loop). */
  readonly lateness: Histogram;
}

/** Messages come from servers: only so much of each is kept. */
const EXAMPLE_CHARS_MAX = 160;
/** Different errors that are told apart; a server that invents codes can't fill the memory. */
const ERRORS_MAX = 200;

interface Accumulated {
  code: string;
  operation: KindName | 'connect';
  unknown: boolean;
  count: number;
  example: string;
}

/**
 * Counts operations that began within the measurement, and their latencies if they succeeded. What began in the warm-up is
 * not counted, and what began in time is waited for: a server that hangs at the end does not look fast.
 */
export class Recorder {
  #startMs = Infinity;
  #endMs = Infinity;
  #finishedInTime = 0;
  #misses = 0;
  readonly #latencies: Partial<Record<KindName, RecordableHistogram>> = {};
  readonly #errors = new Map<string, Accumulated>();
  readonly #lateness = createLatencies();
  #secondStartMs = 0;
  #secondOperations = 0;
  #secondErrors = 0;
  #secondLatencies = createLatencies();

  /** The measurement begins: with operations that are sent, or due, from now on. */
  begin(nowMs: number): void {
    this.#startMs = nowMs;
    this.#secondStartMs = nowMs;
  }

  end(nowMs: number): void {
    this.#endMs = nowMs;
  }

  get begun(): boolean {
    return this.#startMs !== Infinity;
  }

  late(startMs: number, nowMs: number): void {
    if (startMs >= this.#startMs) recordMs(this.#lateness, nowMs - startMs);
  }

  done(kind: Kind, startMs: number, nowMs: number, failure: Failure | null, found: boolean): void {
    if (startMs < this.#startMs) return;
    const name = KIND_NAMES[kind];
    if (failure !== null) {
      this.#secondErrors++;
      this.#count(failure, name, failure.unknown && isWrite(kind));
      return;
    }
    const milliseconds = nowMs - startMs;
    recordMs((this.#latencies[name] ??= createLatencies()), milliseconds);
    recordMs(this.#secondLatencies, milliseconds);
    this.#secondOperations++;
    if (nowMs <= this.#endMs) this.#finishedInTime++;
    if (!found) this.#misses++;
  }

  /** A connection that could not be made. */
  notConnected(failure: Failure): void {
    if (this.begun) this.#count(failure, 'connect', false);
  }

  /** What happened since the last call, or the beginning. */
  takeSecond(nowMs: number): SecondReport {
    const report = {
      lengthMs: nowMs - this.#secondStartMs,
      operations: this.#secondOperations,
      errors: this.#secondErrors,
      latencies: this.#secondLatencies,
    };
    this.#secondStartMs = nowMs;
    this.#secondOperations = 0;
    this.#secondErrors = 0;
    this.#secondLatencies = createLatencies();
    return report;
  }

  counts(): Counts {
    return {
      latencies: this.#latencies,
      errors: [...this.#errors.values()],
      finishedInTime: this.#finishedInTime,
      misses: this.#misses,
      lateness: this.#lateness,
    };
  }

  #count({ code, message }: Failure, operation: Accumulated['operation'], unknown: boolean): void {
    const name = this.#errors.size < ERRORS_MAX ? code : 'other';
    const id = `${name} ${operation} ${unknown}`;
    const known = this.#errors.get(`${code} ${operation} ${unknown}`) ?? this.#errors.get(id);
    if (known !== undefined) known.count++;
    else {
      const example = message.slice(0, EXAMPLE_CHARS_MAX);
      this.#errors.set(id, { code: name, operation, unknown, count: 1, example });
    }
  }
}
