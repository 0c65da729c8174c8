import { percentilesOf, type Percentiles } from '../../workload/latency.js';
import type { WorkloadResult } from '../../workload/merge.js';
import type { Machine } from '../../workload/machine.js';
import type { WorkloadSettings } from '../../workload/settings.js';
import type { SweepStep } from '../../workload/sweep.js';
import { formatTable } from './table.js';

/** One run of a sweep, or the only one. */
export interface BenchRow {
  readonly step: SweepStep;
  readonly result: WorkloadResult;
  readonly seconds: readonly SecondRow[];
  /** Null: no keys were loaded before it. */
  readonly load: LoadRow | null;
  /** It was ended before its time. */
  readonly interrupted: boolean;
}

/** A second of a run, for plots. */
export interface SecondRow {
  readonly second: number;
  readonly operations: number;
  readonly errors: number;
  readonly p50Us: number | null;
  readonly p99Us: number | null;
}

export interface LoadRow {
  readonly keys: number;
  readonly failed: number;
  readonly seconds: number;
}

/** What was measured against. */
export interface BenchTarget {
  readonly cluster: string | null;
  readonly version: string | null;
  readonly endpoints: readonly string[];
}

/** Plain ASCII, so that it survives mails, tickets and logs. */
export function formatSummary(row: BenchRow): string {
  const { result } = row;
  const { elapsedMs, operations, operationsPerSecond } = result;
  const seconds = (elapsedMs / 1000).toFixed(2);
  const parts = [
    formatSettings(result.settings),
    ...(row.interrupted ? ['interrupted these are the figures until then'] : []),
    ...invalidLines(result),
    `throughput  ${Math.round(operationsPerSecond)} ops/s (${operations} operations in ${seconds} s)`,
    ...rateLines(result),
    `generator   busy ${result.threads.map(({ busy }) => `${Math.round(busy * 100)} %`).join(', ')} of the time`,
    '',
    'latency in microseconds',
    formatLatencies(result),
    '',
    formatErrors(result),
  ];
  const missed = missLine(result);
  if (missed !== null) parts.push('', missed);
  return `${parts.join('\n')}\n`;
}

export function formatSettings(settings: WorkloadSettings): string {
  const { clients, distribution, driver, keys, pipeline, rate, threads, valueBytes, warmUpSeconds } = settings;
  const { max, min } = valueBytes;
  const loop = rate === null ? 'closed loop' : `open loop at ${rate}/s`;
  const thread = threads === 1 ? '1 thread' : `${threads} threads`;
  return [
    `workload    ${mixText(settings)}, ${keys} keys, ${distribution}, values of ${min === max ? min : `${min}..${max}`} bytes`,
    `load        ${driver}, ${loop}, ${clients} clients x pipeline ${pipeline}, ${thread}, warm-up ${warmUpSeconds} s`,
  ].join('\n');
}

function mixText({ mix }: WorkloadSettings): string {
  const names = { read: 'read', update: 'update', insert: 'insert', scan: 'scan', readModifyWrite: 'rmw' } as const;
  const shares = Object.entries(names).map(([kind, name]) => [mix[kind as keyof typeof names], name] as const);
  const given = shares.filter(([share]) => share > 0);
  return given.map(([share, name]) => `${Number((share * 100).toFixed(2))} % ${name}`).join(', ');
}

/** Where the figures are, so that nobody copies them without it; the reasons in full end the command. */
function invalidLines({ invalid }: WorkloadResult): string[] {
  if (invalid.length === 0) return [];
  return [`INVALID     ${invalid.map(({ reason }) => reason).join(', ')}: these are not the figures of the store`];
}

function rateLines({ dropped, lateness, settings, waitingMax }: WorkloadResult): string[] {
  if (settings.rate === null) return [];
  const late = percentilesOf(lateness);
  const sent =
    late === null
      ? 'nothing that was due was sent'
      : `sent p50 ${late.p50Us} us, p99 ${late.p99Us} us after it was due`;
  return [`schedule    ${sent}; at most ${waitingMax} waiting, ${dropped} dropped`];
}

const HEADINGS = ['operation', 'count', 'mean', 'p50', 'p90', 'p99', 'p99.9', 'p99.99', 'max'] as const;

function formatLatencies({ byKind, latencies }: WorkloadResult): string {
  const rows = [...byKind].map(([kind, histogram]) => latencyRow(kind, percentilesOf(histogram)));
  if (rows.length !== 1) rows.push(latencyRow('all', percentilesOf(latencies)));
  return formatTable(HEADINGS, rows);
}

function latencyRow(name: string, found: Percentiles | null): string[] {
  if (found === null) return [name, '0', ...HEADINGS.slice(2).map(() => '-')];
  const { count, maxUs, meanUs, p50Us, p90Us, p9999Us, p999Us, p99Us } = found;
  return [name, String(count), ...[meanUs, p50Us, p90Us, p99Us, p999Us, p9999Us, maxUs].map(oneDigit)];
}

function oneDigit(value: number): string {
  return value.toFixed(1);
}

function formatErrors({ errors, failed, unknown }: WorkloadResult): string {
  if (errors.length === 0) return 'errors      none';
  const rows = errors.map(({ code, count, example, operation, unknown: open }) => [
    code,
    operation,
    operation === 'connect' ? 'not sent' : open ? 'UNKNOWN' : 'failed',
    String(count),
    example,
  ]);
  const total = `errors      ${failed} failed, ${unknown} with an unknown outcome`;
  return `${total}\n${formatTable(['code', 'operation', 'outcome', 'count', 'first message'], rows)}`;
}

function missLine({ byKind, misses }: WorkloadResult): string | null {
  const reads = (byKind.get('read')?.count ?? 0) + (byKind.get('rmw')?.count ?? 0);
  if (misses === 0) return null;
  const share = Math.round((misses / Math.max(1, reads)) * 100);
  return `misses      ${misses} reads (${share} %) found no key${share > 10 ? ': --load writes the keys first' : ''}`;
}

/** The table at the end of a sweep. */
export function formatSweep(rows: readonly BenchRow[]): string {
  const names = Object.keys(rows[0]?.step ?? {}) as (keyof SweepStep)[];
  const headings = [...names, 'ops/s', 'p50 us', 'p99 us', 'p99.9 us', 'max us', 'failed', 'unknown', 'valid'];
  const cells = rows.map(({ result, step }) => {
    const found = percentilesOf(result.latencies);
    const us = [found?.p50Us, found?.p99Us, found?.p999Us, found?.maxUs];
    return [
      ...names.map((name) => String(step[name])),
      String(Math.round(result.operationsPerSecond)),
      ...us.map((value) => (value === undefined ? '-' : oneDigit(value))),
      String(result.failed),
      String(result.unknown),
      result.invalid.length === 0 ? 'yes' : 'NO',
    ];
  });
  return `${formatTable(headings, cells)}\n`;
}

/** The JSON document of a run or a sweep. */
export function benchDocument(rows: readonly BenchRow[], target: BenchTarget, machine: Machine): object {
  return { schemaVersion: 1, machine, target, runs: rows.map(runDocument) };
}

function runDocument({ interrupted, load, result, seconds, step }: BenchRow): object {
  const { byKind, latencies, lateness, settings } = result;
  return {
    step,
    settings,
    valid: result.invalid.length === 0,
    invalid: result.invalid,
    interrupted,
    elapsedSeconds: result.elapsedMs / 1000,
    operations: result.operations,
    operationsPerSecond: Math.round(result.operationsPerSecond * 10) / 10,
    latency: percentilesOf(latencies),
    latencyByOperation: Object.fromEntries([...byKind].map(([kind, histogram]) => [kind, percentilesOf(histogram)])),
    failed: result.failed,
    unknown: result.unknown,
    errors: result.errors,
    misses: result.misses,
    schedule:
      settings.rate === null
        ? null
        : {
            lateness: percentilesOf(lateness),
            waitingAtEnd: result.waitingAtEnd,
            waitingMax: result.waitingMax,
            dropped: result.dropped,
          },
    generators: result.threads,
    load,
    seconds,
  };
}
