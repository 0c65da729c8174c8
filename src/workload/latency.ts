import { createHistogram, type Histogram, type RecordableHistogram } from 'node:perf_hooks';

/** Three significant digits up to an hour: 280 KiB, and adding two histograms is exact. */
const HOUR_NS = 3_600_000_000_000;
const FIGURES = 3;
const NS_PER_MS = 1e6;
const NS_PER_US = 1e3;

/** Of nanoseconds. */
export function createLatencies(): RecordableHistogram {
  return createHistogram({ lowest: 1, highest: HOUR_NS, figures: FIGURES });
}

export function recordMs(latencies: RecordableHistogram, milliseconds: number): void {
  latencies.record(Math.min(Math.max(1, Math.round(milliseconds * NS_PER_MS)), HOUR_NS));
}

/** All of them in one. Histograms that have come from other threads are views: what is added to must be one's own. */
export function mergeLatencies(parts: Iterable<Histogram>): RecordableHistogram {
  const merged = createLatencies();
  for (const part of parts) if (part.count > 0) merged.add(part as RecordableHistogram);
  return merged;
}

export interface Percentiles {
  readonly count: number;
  readonly meanUs: number;
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly p9999Us: number;
  readonly maxUs: number;
}

/** Null of nothing. */
export function percentilesOf(latencies: Histogram): Percentiles | null {
  const { count, max, mean } = latencies;
  if (count === 0) return null;
  // All are upper ends of buckets, a thousandth above the value at most.
  const at = (percentile: number): number => inUs(Math.min(latencies.percentile(percentile), max));
  return {
    count,
    meanUs: inUs(mean),
    p50Us: at(50),
    p90Us: at(90),
    p99Us: at(99),
    p999Us: at(99.9),
    p9999Us: at(99.99),
    maxUs: inUs(max),
  };
}

function inUs(nanoseconds: number): number {
  return Math.round(nanoseconds / NS_PER_US / 0.1) / 10;
}

/** Steps between a percentile and half way from there to 100 %: HdrHistogram's default. */
const STEPS_PER_HALF = 5;

/**
 * The percentile distribution as HdrHistogram's tools print and plot it (`.hgrm`), in microseconds. The counts are those
 * that the percentiles stand for: perf_hooks does not tell how many values are in a bucket.
 */
export function formatHgrm(latencies: Histogram): string {
  const { count, max, mean, stddev } = latencies;
  const lines = ['       Value     Percentile TotalCount 1/(1-Percentile)', ''];
  const row = (valueNs: number, share: number, inverse: string): void => {
    const total = Math.max(count === 0 ? 0 : 1, Math.ceil(share * count));
    lines.push(
      `${microseconds(valueNs).padStart(12)} ${share.toFixed(12)} ${String(total).padStart(10)} ${inverse}`.trimEnd(),
    );
  };
  for (const share of count === 0 ? [] : shares(count)) {
    const value = share === 0 ? latencies.min : Math.min(latencies.percentile(share * 100), max);
    row(value, share, (1 / (1 - share)).toFixed(2).padStart(14));
  }
  if (count > 0) row(max, 1, '           inf');
  const [average, deviation] = count === 0 ? [0, 0] : [mean, stddev];
  lines.push(
    `#[Mean    = ${microseconds(average).padStart(12)}, StdDeviation   = ${microseconds(deviation).padStart(12)}]`,
    `#[Max     = ${microseconds(count === 0 ? 0 : max).padStart(12)}, Total count    = ${String(count).padStart(12)}]`,
    '#[Buckets =           32, SubBuckets     =         2048]',
    '',
  );
  return lines.join('\n');
}

/** 0, 0.1, … 0.5, 0.55, … 0.75, 0.775, … until less than one value is left above. */
function shares(count: number): number[] {
  const found: number[] = [];
  for (let base = 0, rest = 1; rest * count >= 1; base += rest / 2, rest /= 2) {
    for (let step = 0; step < STEPS_PER_HALF; step++) found.push(base + (rest / 2) * (step / STEPS_PER_HALF));
  }
  return found;
}

function microseconds(nanoseconds: number): string {
  return (nanoseconds / NS_PER_US).toFixed(3);
}
