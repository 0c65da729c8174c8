import type { HistogramName, LabelsOf } from './catalogue.js';
import type { Distribution } from './histogram.js';
import type { MetricSink } from './metrics.js';

type Api = 'http' | 'resp';
type Outcome = 'ok' | 'rejected' | 'unknown';

/** Operations and codes are fixed sets; should a caller ever pass what a client sent, memory stays bounded. */
const LABEL_VALUES_MAX = 512;

interface Account {
  readonly api: Api;
  readonly operation: string;
  ok: number;
  rejected: number;
  unknown: number;
  readonly duration: Distribution;
}

/** Requests of clients by API, operation and outcome: a Map lookup and three additions per request. */
export class RequestAccounts {
  readonly #createSeries: (name: HistogramName, labels: LabelsOf<HistogramName>) => Distribution;
  readonly #accounts: Readonly<Record<Api, Map<string, Account>>> = { http: new Map(), resp: new Map() };
  readonly #refused: Readonly<Record<Api, Map<string, number>>> = { http: new Map(), resp: new Map() };

  constructor(createSeries: (name: HistogramName, labels: LabelsOf<HistogramName>) => Distribution) {
    this.#createSeries = createSeries;
  }

  observe(api: Api, operation: string, outcome: Outcome, seconds: number): void {
    const account = this.#accounts[api].get(operation) ?? this.#open(api, operation);
    account[outcome]++;
    account.duration.observe(seconds);
  }

  #open(api: Api, wanted: string): Account {
    const accounts = this.#accounts[api];
    const operation = accounts.size < LABEL_VALUES_MAX ? wanted : 'other';
    const existing = accounts.get(operation);
    if (existing !== undefined) return existing;
    const duration = this.#createSeries('kvorum_client_request_duration_seconds', { api, op: operation });
    const account: Account = { api, operation, ok: 0, rejected: 0, unknown: 0, duration };
    accounts.set(operation, account);
    return account;
  }

  refused(api: Api, wanted: string): void {
    const codes = this.#refused[api];
    const code = codes.has(wanted) || codes.size < LABEL_VALUES_MAX ? wanted : 'other';
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }

  collect(sink: MetricSink): void {
    for (const api of ['http', 'resp'] as const) {
      for (const account of this.#accounts[api].values()) {
        for (const outcome of ['ok', 'rejected', 'unknown'] as const) {
          sink.set('kvorum_client_requests_total', account[outcome], { api, op: account.operation, outcome });
        }
      }
      for (const [code, count] of this.#refused[api]) sink.set('kvorum_client_refused_total', count, { api, code });
    }
  }
}
