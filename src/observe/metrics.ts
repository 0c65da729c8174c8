import { Counter, Gauge, Registry } from 'prom-client';
import { assertDefined } from '../base/assert.js';
import { VERSION } from '../version.js';
import { METRICS, type HistogramName, type LabelsArgument, type MetricName, type SampledName } from './catalogue.js';
import { Distribution, PlainHistogram } from './histogram.js';
import { RequestAccounts } from './request-accounts.js';
import { observeRuntime, type RuntimeProbe } from './runtime.js';

/** Where a collector writes what it found, while somebody scrapes. */
export interface MetricSink {
  /** The value now: of a gauge, or the total so far of a counter. Refused by the compiler with wrong labels. */
  set<Name extends SampledName>(name: Name, value: number, ...labels: LabelsArgument<Name>): void;
}

/** The metrics of one replica. Recording costs additions; text is made when somebody scrapes. */
export interface Metrics {
  /** Counts an answered client request and its latency. `operation` is one of a small fixed set, such as `put`. */
  observeRequest(
    api: 'http' | 'resp',
    operation: string,
    outcome: 'ok' | 'rejected' | 'unknown',
    milliseconds: number,
  ): void;
  /** Counts a refused request by its catalogue code. */
  countRefused(api: 'http' | 'resp', code: string): void;
  /** A series of a histogram, to be kept by whoever records into it: `series.observe(seconds)`. */
  histogram<Name extends HistogramName>(name: Name, ...labels: LabelsArgument<Name>): Distribution;
  /** `collect` is called at each scrape and tells the present values. Keep it short: it runs on the replica's loop. */
  onScrape(collect: (sink: MetricSink) => void): void;
  /** The Prometheus text format, version 0.0.4. */
  text(): Promise<string>;
  /** The same as an array of { name, help, type, values: [{ labels, value }] }. */
  json(): Promise<unknown>;
  /** Stops watching the event loop. */
  close(): void;
}

/** Creates the metrics of one replica: its id becomes the label `replica` of every series. */
export function createMetrics(labels: { readonly replica: string }): Metrics {
  return new ReplicaMetrics(labels.replica);
}

class ReplicaMetrics implements Metrics {
  readonly #registry = new Registry();
  readonly #sampled = new Map<string, Counter | Gauge>();
  readonly #histograms = new Map<string, PlainHistogram>();
  readonly #collectors: ((sink: MetricSink) => void)[] = [];
  readonly #requests: RequestAccounts;
  readonly #runtime: RuntimeProbe;
  readonly #sink: MetricSink = {
    set: (name, value, ...[given]) => {
      const metric = assertDefined(this.#sampled.get(name), `${name} is in the catalogue`);
      if (metric instanceof Counter) metric.inc({ ...given }, value);
      else metric.set({ ...given }, value);
    },
  };

  constructor(replica: string) {
    this.#registry.setDefaultLabels({ replica });
    for (const name of Object.keys(METRICS) as MetricName[]) this.#register(name);
    this.#requests = new RequestAccounts((name, given) => this.#series(name, given));
    this.#runtime = observeRuntime();
    this.onScrape((sink) => sink.set('kvorum_build_info', 1, { version: VERSION, node: process.version }));
    this.onScrape((sink) => this.#requests.collect(sink));
    this.onScrape((sink) => this.#runtime.collect(sink));
  }

  #register(name: MetricName): void {
    const { type, help, labels } = METRICS[name];
    const labelNames = [...labels];
    const registers = [this.#registry];
    if (type === 'histogram') {
      this.#histograms.set(name, new PlainHistogram({ name, help, labelNames, registry: this.#registry }));
    } else if (type === 'counter') {
      this.#sampled.set(name, new Counter({ name, help, labelNames, registers }));
    } else {
      this.#sampled.set(name, new Gauge({ name, help, labelNames, registers }));
    }
  }

  observeRequest(
    api: 'http' | 'resp',
    operation: string,
    outcome: 'ok' | 'rejected' | 'unknown',
    milliseconds: number,
  ): void {
    this.#requests.observe(api, operation, outcome, milliseconds / 1000);
  }

  countRefused(api: 'http' | 'resp', code: string): void {
    this.#requests.refused(api, code);
  }

  histogram<Name extends HistogramName>(name: Name, ...[labels]: LabelsArgument<Name>): Distribution {
    return this.#series(name, { ...labels });
  }

  #series(name: HistogramName, labels: Readonly<Record<string, string>>): Distribution {
    const series = new Distribution(labels);
    assertDefined(this.#histograms.get(name), `${name} is in the catalogue`).add(series);
    return series;
  }

  onScrape(collect: (sink: MetricSink) => void): void {
    this.#collectors.push(collect);
  }

  #collect(): void {
    for (const metric of this.#sampled.values()) metric.reset();
    for (const [name, metric] of this.#sampled) {
      // prom-client shows a metric without labels as 0 before anybody set it: a value nobody measured.
      if (METRICS[name as MetricName].labels.length === 0) metric.remove();
    }
    for (const collect of this.#collectors) collect(this.#sink);
  }

  text(): Promise<string> {
    this.#collect();
    return this.#registry.metrics();
  }

  json(): Promise<unknown> {
    this.#collect();
    return this.#registry.getMetricsAsJSON();
  }

  close(): void {
    this.#runtime.close();
  }
}
