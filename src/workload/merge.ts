import type { Histogram, RecordableHistogram } from 'node:perf_hooks';
import type { ThreadLoad, ThreadResult } from './job.js';
import { KIND_NAMES, type KindName } from './kinds.js';
import { mergeLatencies } from './latency.js';
import type { ErrorCount, SecondReport } from './recorder.js';
import type { WorkloadSettings } from './settings.js';
import { judge, type Invalidity } from './validity.js';

/** All threads of one run together. */
export interface WorkloadResult {
  readonly settings: WorkloadSettings;
  /** Of the measurement, without the wait for the last answers. */
  readonly elapsedMs: number;
  /** That succeeded. */
  readonly operations: number;
  readonly operationsPerSecond: number;
  /** That failed for certain. */
  readonly failed: number;
  /** Writes that may or may not have taken effect. */
  readonly unknown: number;
  readonly errors: readonly ErrorCount[];
  /** Reads that found nothing. */
  readonly misses: number;
  readonly latencies: RecordableHistogram;
  readonly byKind: ReadonlyMap<KindName, RecordableHistogram>;
  /** Open loop: how late operations were sent. */
  readonly lateness: RecordableHistogram;
  readonly waitingAtEnd: number;
  readonly waitingMax: number;
  readonly dropped: number;
  readonly threads: readonly ThreadLoad[];
  readonly invalid: readonly Invalidity[];
}

export function mergeThreads(settings: WorkloadSettings, threads: readonly ThreadResult[]): WorkloadResult {
  const sum = (of: (thread: ThreadResult) => number): number => threads.reduce((total, each) => total + of(each), 0);
  const max = (of: (thread: ThreadResult) => number): number => Math.max(...threads.map(of));
  const byKind = new Map<KindName, RecordableHistogram>();
  for (const kind of new Set(KIND_NAMES)) {
    const parts = threads.map(({ latencies }) => latencies[kind]).filter((part) => part !== undefined);
    if (parts.length > 0) byKind.set(kind, mergeLatencies(parts));
  }
  const latencies = mergeLatencies(byKind.values());
  const errors = mergeErrors(threads.flatMap((thread) => thread.errors));
  const failures = errors.filter(({ operation }) => operation !== 'connect');
  const run = {
    elapsedMs: max(({ elapsedMs }) => elapsedMs),
    waitingAtEnd: sum(({ waitingAtEnd }) => waitingAtEnd),
    waitingMax: sum(({ waitingMax }) => waitingMax),
    dropped: sum(({ dropped }) => dropped),
    threads: threads.map(({ busy, delayP99Ms }) => ({ busy, delayP99Ms })),
  };
  return {
    settings,
    ...run,
    operations: latencies.count,
    operationsPerSecond: sum(({ elapsedMs, finishedInTime }) => (finishedInTime / Math.max(1, elapsedMs)) * 1000),
    failed: total(failures.filter(({ unknown }) => !unknown)),
    unknown: total(failures.filter(({ unknown }) => unknown)),
    errors,
    misses: sum(({ misses }) => misses),
    latencies,
    byKind,
    lateness: mergeLatencies(threads.map(({ lateness }) => lateness)),
    invalid: judge(settings, run),
  };
}

function total(errors: readonly ErrorCount[]): number {
  return errors.reduce((sum, { count }) => sum + count, 0);
}

/** The most frequent first. */
export function mergeErrors(errors: readonly ErrorCount[]): ErrorCount[] {
  const merged = new Map<string, ErrorCount>();
  for (const error of errors) {
    const id = `${error.code} ${error.operation} ${error.unknown}`;
    const known = merged.get(id);
    merged.set(id, known === undefined ? error : { ...known, count: known.count + error.count });
  }
  return [...merged.values()].sort((a, b) => b.count - a.count);
}

/** One second of all threads. */
export interface MergedSecond {
  /** 1 is the first second of the measurement. */
  readonly second: number;
  readonly lengthMs: number;
  readonly operations: number;
  readonly errors: number;
  readonly latencies: Histogram;
}

/** Puts the seconds of the threads together; each is told once every thread has reported it, in order. */
export class SecondsMerger {
  readonly #waiting: SecondReport[][];
  readonly #onSecond: (second: MergedSecond) => void;
  #told = 0;

  constructor(threads: number, onSecond: (second: MergedSecond) => void) {
    this.#waiting = Array.from({ length: threads }, () => []);
    this.#onSecond = onSecond;
  }

  add(thread: number, report: SecondReport): void {
    this.#waiting[thread]?.push(report);
    while (this.#waiting.every((reports) => reports.length > 0)) {
      this.#tell(this.#waiting.map((reports) => reports.shift()).filter((each) => each !== undefined));
    }
  }

  /** What some threads have reported and others have not. */
  end(): void {
    while (this.#waiting.some((reports) => reports.length > 0)) {
      this.#tell(this.#waiting.map((reports) => reports.shift()).filter((each) => each !== undefined));
    }
  }

  #tell(reports: readonly SecondReport[]): void {
    const lengthMs = Math.max(...reports.map((each) => each.lengthMs));
    const operations = reports.reduce((sum, each) => sum + each.operations, 0);
    const errors = reports.reduce((sum, each) => sum + each.errors, 0);
    const latencies = mergeLatencies(reports.map((each) => each.latencies));
    this.#onSecond({ second: ++this.#told, lengthMs, operations, errors, latencies });
  }
}
