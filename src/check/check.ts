import { Machine } from './machine.js';
import { MemoryBudget } from './memo.js';
import { createModel, type Model, type ModelName, type ModelOptions } from './model.js';
import type { Operation } from './operation.js';
import { partitionByKey, type Partition } from './partition.js';
import { Search } from './search.js';

/** `unknown`: the budget did not suffice. It is never to be taken for `ok` (reliability.md §4.1). */
export type Verdict = 'ok' | 'violation' | 'unknown';

/** Steps of the first round, for each key; each round that follows has ROUND_GROWTH times as many. */
export const FIRST_ROUND_STEPS = 20_000;
export const ROUND_GROWTH = 8;
/** Steps for one key until its verdict is `unknown`: five to ten seconds of work. */
export const DEFAULT_BUDGET_STEPS = 100_000_000;

export interface CheckOptions extends ModelOptions {
  /** Steps for each key before its verdict is `unknown`. */
  readonly budget?: number;
}

export interface CheckResult {
  readonly verdict: Verdict;
  /** Operations that were checked: neither failed ones nor reads without an answer. */
  readonly operations: number;
  readonly keys: number;
  /** Of the search, over all keys. */
  readonly steps: number;
  /** The smallest history of one key that was found not to be linearizable; input to explainViolation. */
  readonly violation: Partition | null;
  /** Keys for which the budget did not suffice. */
  readonly undecided: readonly string[];
}

/**
 * Decides whether the history could have come from one copy of the data on which every operation takes effect at one
 * instant between its call and its return. The model is given by name, with `init` and `absentEmpty` in the options, or
 * as a model, which brings its own.
 */
export function checkLinearizable(
  operations: readonly Operation[],
  model: Model | ModelName,
  options: CheckOptions = {},
): CheckResult {
  const used = typeof model === 'string' ? createModel(model, options) : model;
  return checkPartitions(partitionByKey(operations, used), used, options.budget);
}

/** How far to go, and with what. */
export interface RoundsOptions {
  readonly budget?: number | undefined;
  /** After so many rounds the rest is left undecided, whatever the budget is. */
  readonly roundsMax?: number;
  /** Told after every key that is decided. */
  readonly onDecided?: (operations: number) => void;
}

interface Pending {
  readonly partition: Partition;
  /** null before its first turn. */
  search: Search | null;
}

/**
 * Partitions take turns with budgets that grow, instead of one after the other: one that is hard would keep the verdict
 * waiting that another gives at once (reliability.md §4.1). When a round has found violations it is the last one.
 */
export function checkPartitions(
  partitions: readonly Partition[],
  model: Model,
  budget: number = DEFAULT_BUDGET_STEPS,
  { onDecided, roundsMax = Infinity }: RoundsOptions = {},
): CheckResult {
  let pending: Pending[] = partitions.map((partition) => ({ partition, search: null }));
  const undecided: string[] = [];
  let steps = 0;
  let violation: Partition | null = null;
  const memory = new MemoryBudget();
  let round = FIRST_ROUND_STEPS;
  for (let rounds = 0; rounds < roundsMax && pending.length > 0 && violation === null; rounds++) {
    const unfinished: Pending[] = [];
    for (const each of pending) {
      const { partition } = each;
      const search = each.search ?? new Search(new Machine(partition.operations, model), memory);
      const before = search.steps;
      const progress = search.run(Math.min(round, budget - before));
      steps += search.steps - before;
      if (progress === 'more' && search.steps < budget) {
        unfinished.push({ partition, search });
        continue;
      }
      search.close();
      if (progress === 'violation') violation = smallerOf(violation, partition);
      else if (progress !== 'ok') undecided.push(partition.key);
      if (progress === 'ok' || progress === 'violation') onDecided?.(partition.operations.length);
    }
    pending = unfinished;
    round *= ROUND_GROWTH;
  }
  undecided.push(...pending.map(({ partition }) => partition.key));
  return {
    verdict: verdictOf(violation, undecided),
    operations: partitions.reduce((sum, partition) => sum + partition.operations.length, 0),
    keys: partitions.length,
    steps,
    violation,
    undecided,
  };
}

export function smallerOf(a: Partition | null, b: Partition): Partition {
  return a === null || b.operations.length < a.operations.length ? b : a;
}

export function verdictOf(violation: Partition | null, undecided: readonly string[]): Verdict {
  return violation !== null ? 'violation' : undecided.length > 0 ? 'unknown' : 'ok';
}
