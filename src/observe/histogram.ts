import { Histogram, type Registry } from 'prom-client';
import { assert } from '../base/assert.js';

/** Upper bounds in seconds, 1-2-5 per decade from 50 µs to 10 s: from a read in memory to a request that gave up. */
export const SECONDS_BUCKETS: readonly number[] = [
  0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10,
];

/** One series of a histogram: recording is an addition, everything else happens on scrape. */
export class Distribution {
  readonly labels: Readonly<Record<string, string>>;
  readonly counts = new Float64Array(SECONDS_BUCKETS.length + 1);
  sum = 0;

  constructor(labels: Readonly<Record<string, string>>) {
    this.labels = labels;
  }

  observe(seconds: number): void {
    let bucket = 0;
    while (bucket < SECONDS_BUCKETS.length && seconds > (SECONDS_BUCKETS[bucket] ?? 0)) bucket++;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += seconds;
  }
}

interface Sample {
  readonly value: number;
  readonly labels: Record<string, string | number>;
  readonly sharedLabels: Readonly<Record<string, string>>;
  readonly metricName: string;
}

/**
 * A prom-client histogram that reads plain numbers on scrape: prom-client's own `observe` hashes the labels at each
 * call, which costs more than the rest of a request's accounting.
 */
export class PlainHistogram extends Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #series: Distribution[] = [];

  constructor(options: { name: string; help: string; labelNames: readonly string[]; registry: Registry }) {
    const { name, help, labelNames, registry } = options;
    super({ name, help, labelNames: [...labelNames], buckets: [...SECONDS_BUCKETS], registers: [registry] });
    this.#name = name;
    this.#help = help;
  }

  add(series: Distribution): void {
    assert(!this.#series.includes(series), `a series of ${this.#name} is added once`);
    this.#series.push(series);
  }

  /** What prom-client 15 asks when it makes text, and what its `get` is built on. */
  getForPromString(): Promise<unknown> {
    const values = this.#series.flatMap((series) => this.#samples(series));
    return Promise.resolve({ name: this.#name, help: this.#help, type: 'histogram', aggregator: 'sum', values });
  }

  #samples(series: Distribution): Sample[] {
    const sharedLabels = series.labels;
    let cumulative = 0;
    const samples: Sample[] = [];
    for (let bucket = 0; bucket < series.counts.length; bucket++) {
      cumulative += series.counts[bucket] ?? 0;
      const le = SECONDS_BUCKETS[bucket] ?? '+Inf';
      samples.push({ value: cumulative, labels: { le }, sharedLabels, metricName: `${this.#name}_bucket` });
    }
    samples.push({ value: series.sum, labels: {}, sharedLabels, metricName: `${this.#name}_sum` });
    samples.push({ value: cumulative, labels: {}, sharedLabels, metricName: `${this.#name}_count` });
    return samples;
  }
}
