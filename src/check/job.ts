import { checkPartitions } from './check.js';
import { createModel, type ModelName, type ModelOptions } from './model.js';
import type { Partition } from './partition.js';

/** What a thread of the pool is asked; everything survives a structured clone. */
export interface CheckJob {
  readonly partitions: readonly Partition[];
  readonly model: ModelName;
  readonly options: ModelOptions;
  readonly budget: number;
}

export interface CheckJobResult {
  /** The key of the smallest violation. */
  readonly violation: string | null;
  readonly undecided: readonly string[];
  readonly steps: number;
}

/** Runs in a thread of the pool (parallel.ts). */
export function runJob({ budget, model, options, partitions }: CheckJob): CheckJobResult {
  const { steps, undecided, violation } = checkPartitions(partitions, createModel(model, options), budget);
  return { violation: violation?.key ?? null, undecided, steps };
}
