import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { assertDefined } from '../base/assert.js';
import {
  checkPartitions,
  DEFAULT_BUDGET_STEPS,
  FIRST_ROUND_STEPS,
  ROUND_GROWTH,
  smallerOf,
  verdictOf,
  type CheckResult,
} from './check.js';
import type { CheckJob, CheckJobResult } from './job.js';
import type { Model } from './model.js';
import type { Partition } from './partition.js';

/** Histories up to this length are read through faster than threads start and operations are copied to them. */
const INLINE_OPERATIONS_MAX = 50_000;
const THREADS_MAX = 8;
/** Jobs for each thread, so that all end at about the same time. */
const JOBS_PER_THREAD = 4;

export interface ParallelOptions {
  readonly budget?: number | undefined;
  /** Told how many operations more are decided. */
  readonly onDecided?: (operations: number) => void;
}

/**
 * Checks partitions in threads, where that pays: those of a long history, and of a short one those that the first round
 * did not decide, when there are several. The rounds are those of checkPartitions.
 */
export async function checkInParallel(
  partitions: readonly Partition[],
  model: Model,
  { budget = DEFAULT_BUDGET_STEPS, onDecided = () => undefined }: ParallelOptions = {},
): Promise<CheckResult> {
  const operations = partitions.reduce((sum, partition) => sum + partition.operations.length, 0);
  if (operations > INLINE_OPERATIONS_MAX && partitions.length > 1) {
    return runRounds(partitions, model, { budget, onDecided });
  }
  const first = checkPartitions(partitions, model, budget, { roundsMax: 1, onDecided });
  if (first.verdict !== 'unknown') return first;
  const left = select(partitions, first.undecided);
  const options = { budget, onDecided };
  const rest =
    left.length === 1 ? checkPartitions(left, model, budget, options) : await runRounds(left, model, options);
  return { ...rest, operations, keys: partitions.length, steps: first.steps + rest.steps };
}

async function runRounds(
  partitions: readonly Partition[],
  model: Model,
  { budget, onDecided }: { readonly budget: number; readonly onDecided: (operations: number) => void },
): Promise<CheckResult> {
  const threads = Math.min(availableParallelism(), THREADS_MAX, partitions.length);
  const { Piscina } = await import('piscina'); // Only now: most histories need no threads.
  await using pool = new Piscina<CheckJob, CheckJobResult>({
    filename: fileURLToPath(new URL('./job.js', import.meta.url)),
    minThreads: threads,
    maxThreads: threads,
  });
  let pending = partitions;
  let violation: Partition | null = null;
  let steps = 0;
  for (let round = Math.min(FIRST_ROUND_STEPS, budget); ; round = Math.min(round * ROUND_GROWTH, budget)) {
    const batches = batch(pending, threads * JOBS_PER_THREAD);
    const results = await Promise.all(
      batches.map(async (each) => {
        const job = { partitions: each, model: model.name, options: model.options, budget: round };
        const result = await pool.run(job, { name: 'runJob' });
        onDecided(sizeOf(each) - sizeOf(select(each, result.undecided)));
        return result;
      }),
    );
    for (const result of results) {
      steps += result.steps;
      if (result.violation !== null) violation = smallerOf(violation, find(pending, result.violation));
    }
    pending = select(
      pending,
      results.flatMap((result) => result.undecided),
    );
    if (violation !== null || pending.length === 0 || round === budget) break;
  }
  const undecided = pending.map(({ key }) => key);
  const verdict = verdictOf(violation, undecided);
  return { verdict, operations: sizeOf(partitions), keys: partitions.length, steps, violation, undecided };
}

function select(partitions: readonly Partition[], keys: readonly string[]): Partition[] {
  const wanted = new Set(keys);
  return partitions.filter(({ key }) => wanted.has(key));
}

function find(partitions: readonly Partition[], key: string): Partition {
  return assertDefined(
    partitions.find((partition) => partition.key === key),
    'a job decides about its own keys',
  );
}

function sizeOf(partitions: readonly Partition[]): number {
  return partitions.reduce((sum, { operations }) => sum + operations.length, 0);
}

/** At most `count` heaps of about the same size: the largest first, each on the smallest heap. */
function batch(partitions: readonly Partition[], count: number): Partition[][] {
  const heaps = Array.from({ length: Math.min(count, partitions.length) }, () => ({
    size: 0,
    partitions: new Array<Partition>(),
  }));
  for (const partition of partitions.toSorted((a, b) => b.operations.length - a.operations.length)) {
    const smallest = heaps.reduce((best, heap) => (heap.size < best.size ? heap : best));
    smallest.partitions.push(partition);
    smallest.size += partition.operations.length;
  }
  return heaps.map((heap) => heap.partitions);
}
