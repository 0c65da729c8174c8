/**
 * Micro-benchmarks on benchmark.js 2.1, kept away from its traps: no setup or teardown (it would recompile the function
 * from its source text and lose what it closes over), errors that it swallows are rethrown, every case is checked for its
 * result before it is timed, and every result reaches a sink, so that V8 can't delete the work.
 */
import Benchmark from 'benchmark';
import { assert } from '../../src/base/assert.js';

export interface BenchCase {
  /** Path-like and unique: `crc32c/64 KiB`. */
  readonly name: string;
  /** One operation; gives a number that depends on all of its work. */
  readonly run: () => number;
  /** What `run` must give. Throws or answers false when it is wrong. */
  readonly check: () => boolean;
  /** Units of work in one operation, for the columns per second. */
  readonly work?: { readonly amount: number; readonly unit: 'B' | 'entries' | 'requests' | 'commands' };
}

/** A case whose operation is asynchronous: timed one by one by our own clock, as benchmark.js adds an event loop turn. */
export interface AsyncBenchCase {
  readonly name: string;
  readonly runAsync: () => Promise<number>;
  readonly check: () => Promise<boolean>;
  readonly work?: BenchCase['work'];
}

/** Cases that share fixtures; built only when one of them is wanted. */
export interface BenchSuite {
  readonly name: string;
  readonly create: () => SuiteCases | Promise<SuiteCases>;
}
export interface SuiteCases {
  readonly cases: readonly (BenchCase | AsyncBenchCase)[];
  readonly close?: () => Promise<void> | void;
}

export interface BenchResult {
  readonly name: string;
  /** Operations per second. */
  readonly hz: number;
  /** Relative margin of error of the mean at 95 %, in per cent. */
  readonly rme: number;
  readonly samples: number;
  /** Seconds per operation. */
  readonly mean: number;
  readonly work?: BenchCase['work'];
}

/** Written by every operation; exported so that nobody can prove it unused. */
export const sink = { value: 0 };

export async function runCase(one: BenchCase | AsyncBenchCase, seconds: number): Promise<BenchResult> {
  assert(await one.check(), `${one.name} gives a wrong result`);
  const timed = 'run' in one ? timeSync(one, seconds) : await timeAsync(one, seconds);
  return one.work === undefined ? timed : { ...timed, work: one.work };
}

function timeSync(one: BenchCase, seconds: number): BenchResult {
  const { run } = one;
  const bench = new Benchmark(
    one.name,
    () => {
      sink.value = (sink.value + run()) | 0;
    },
    { maxTime: seconds, minSamples: 5 },
  );
  bench.run({ async: false });
  const { error } = bench as unknown as { error?: unknown };
  if (error !== undefined) throw new Error(`${one.name} failed`, { cause: error });
  assert(Number.isFinite(bench.hz) && bench.hz > 0, `${one.name} was not measured`);
  const { rme, sample, mean } = bench.stats;
  return { name: one.name, hz: bench.hz, rme, samples: sample.length, mean };
}

/** Two-sided 95 % quantile of the normal distribution: asynchronous cases have many samples. */
const Z_95 = 1.96;

async function timeAsync(one: AsyncBenchCase, seconds: number): Promise<BenchResult> {
  const samples: number[] = [];
  const warmUntil = performance.now() + Math.min(seconds, 1) * 200;
  while (performance.now() < warmUntil) sink.value = (sink.value + (await one.runAsync())) | 0;
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until || samples.length < 5) {
    const begun = performance.now();
    const result = await one.runAsync();
    samples.push((performance.now() - begun) / 1000);
    sink.value = (sink.value + result) | 0;
  }
  const mean = samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
  const squares = samples.reduce((sum, sample) => sum + (sample - mean) ** 2, 0);
  const standardError = Math.sqrt(squares / (samples.length - 1) / samples.length);
  return {
    name: one.name,
    hz: 1 / mean,
    rme: ((Z_95 * standardError) / mean) * 100,
    samples: samples.length,
    mean,
  };
}
