import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { BenchResult } from './harness.js';

export interface Environment {
  readonly node: string;
  readonly cpu: string;
  readonly cpus: number;
  readonly platform: string;
  /** Short hash; `-dirty` when the tree had changes that are not committed. */
  readonly commit: string;
  /** ISO 8601, UTC. */
  readonly date: string;
}

export function environment(): Environment {
  return {
    node: process.version,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cpus: cpus().length,
    platform: `${process.platform}-${process.arch}`,
    commit: commit(),
    date: new Date().toISOString(),
  };
}

function commit(): string {
  try {
    return git('describe', '--always', '--dirty', '--exclude=*');
  } catch {
    return 'unknown';
  }
}

function git(...args: string[]): string {
  return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

const SCALES = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

/** Three significant digits with a metric prefix: `12.3 M`. */
export function metric(value: number, unit = ''): string {
  const [scale, prefix] = SCALES.find(([scale]) => value >= scale) ?? [1, ''];
  return `${(value / scale).toPrecision(3)} ${prefix}${unit}`.trimEnd();
}

function duration(seconds: number): string {
  if (seconds < 1e-6) return `${(seconds * 1e9).toPrecision(3)} ns`;
  if (seconds < 1e-3) return `${(seconds * 1e6).toPrecision(3)} µs`;
  return `${(seconds * 1e3).toPrecision(3)} ms`;
}

export const TABLE_HEADER = row('case', 'op/s', '±', 'per op', 'work');

export function tableRow(result: BenchResult): string {
  const { work } = result;
  const rate =
    work === undefined ? '' : `${metric(result.hz * work.amount, work.unit === 'B' ? 'B' : ` ${work.unit}`)}/s`;
  return row(result.name, metric(result.hz), `${result.rme.toFixed(1)} %`, duration(result.mean), rate);
}

function row(...[name = '', hz = '', rme = '', mean = '', work = '']: string[]): string {
  return `${name.padEnd(58)} ${hz.padStart(9)} ${rme.padStart(7)} ${mean.padStart(9)} ${work.padStart(20)}`.trimEnd();
}

/** Writes `bench/results/<date>-<commit>.json` and returns its path. */
export function writeResults(results: readonly BenchResult[], environment: Environment): string {
  const folder = join('bench', 'results');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${environment.date.slice(0, 10)}-${environment.commit}.json`);
  writeFileSync(path, `${JSON.stringify({ environment, results }, null, 2)}\n`);
  return path;
}
