import type { RecordableHistogram } from 'node:perf_hooks';
import { mergeLatencies } from '../workload/latency.js';
import type { WorkloadResult } from '../workload/merge.js';

/** What one or several equal runs came to. Latencies are those of successes. */
export interface Figures {
  readonly count: number;
  readonly failed: number;
  /** Writes that may or may not have taken effect. */
  readonly unknown: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly meanMs: number | null;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  readonly maxMs: number | null;
  readonly operationsPerSecond: number;
  /** Why the generator, and not the store, was measured; empty when the figures are valid. */
  readonly invalid: readonly string[];
}

const NS_PER_MS = 1e6;

export function figuresOf(runs: readonly WorkloadResult[]): Figures {
  const latencies = mergeLatencies(runs.map((run) => run.latencies));
  const elapsedMs = sum(runs, (run) => run.elapsedMs);
  const finished = sum(runs, (run) => (run.operationsPerSecond * run.elapsedMs) / 1000);
  const errors: Record<string, number> = {};
  for (const { code, count } of runs.flatMap((run) => run.errors)) errors[code] = (errors[code] ?? 0) + count;
  return {
    count: latencies.count,
    failed: sum(runs, (run) => run.failed),
    unknown: sum(runs, (run) => run.unknown),
    errors,
    ...latencyFigures(latencies),
    operationsPerSecond: rounded((finished / Math.max(1, elapsedMs)) * 1000, 1),
    invalid: [...new Set(runs.flatMap((run) => run.invalid.map(({ text }) => text)))],
  };
}

function latencyFigures(
  latencies: RecordableHistogram,
): Pick<Figures, 'meanMs' | 'p50Ms' | 'p95Ms' | 'p99Ms' | 'maxMs'> {
  if (latencies.count === 0) return { meanMs: null, p50Ms: null, p95Ms: null, p99Ms: null, maxMs: null };
  // Percentiles are upper ends of buckets, a thousandth above the value at most.
  const at = (percentile: number): number => inMs(Math.min(latencies.percentile(percentile), latencies.max));
  return { meanMs: inMs(latencies.mean), p50Ms: at(50), p95Ms: at(95), p99Ms: at(99), maxMs: inMs(latencies.max) };
}

function inMs(nanoseconds: number): number {
  return rounded(nanoseconds / NS_PER_MS, 3);
}

export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
