import { assertDefined } from '../base/assert.js';
import { Machine } from './machine.js';
import type { Model } from './model.js';
import { isReadOnly, opened, standingOf, type Operation, type Value } from './operation.js';
import type { Partition } from './partition.js';
import { Search, type Progress } from './search.js';
import { shrink } from './shrink.js';

/** Steps for one question about a part of the history; what they do not suffice for is left as it is. */
const QUESTION_STEPS = 200_000;
/** Writes whose values a read might have returned instead: the latest ones. */
const CANDIDATES_MAX = 40;
const CONCURRENT_MAX = 12;

/** An operation of the part of the history that is shown. */
export interface Witness {
  readonly operation: Operation;
  /** True when it had not returned yet when the culprit did: it counts as a write that may have taken effect. */
  readonly running: boolean;
  /** Its place in the order that explains everything but the culprit, from 1; null when it need not take effect there. */
  readonly place: number | null;
}

export interface Explanation {
  readonly key: string;
  readonly model: Model;
  /** Operations of the key in the whole history. */
  readonly operations: number;
  /** Those that had been called when the culprit returned: the shortest part that is not linearizable. */
  readonly prefix: number;
  /** What suffices of them to show it, in the order of calls. */
  readonly witnesses: readonly Witness[];
  /** The operation whose return has no explanation. Everything that returned before it has one. */
  readonly culprit: Operation;
  /** Others that ran at the same time as the culprit, at most CONCURRENT_MAX of them: they change nothing. */
  readonly concurrent: readonly Operation[];
  /** What the culprit, a get, could have read instead; null when it is none, or not known. */
  readonly possible: readonly Value[] | null;
}

/** An operation of the history as it is, and as it counts in a part of it. */
export interface Item {
  readonly original: Operation;
  readonly counted: Operation;
}

/** Makes a violation small enough to be understood. Takes some hundred times as long as finding it, within bounds. */
export function explainViolation({ key, operations }: Partition, model: Model): Explanation {
  const { culprit, items } = shortestPrefix(operations, model);
  const few = shrink(items, culprit, model, (part) => ask(part, model) === 'violation');
  const places = placesWithout(culprit, few, model);
  return {
    key,
    model,
    operations: operations.length,
    prefix: items.length,
    witnesses: few
      .map((item) => ({
        operation: item.original,
        running: standingOf(item.original) === 'settled' && standingOf(item.counted) === 'open',
        place: places.get(item.original) ?? null,
      }))
      .sort((a, b) => a.operation.call - b.operation.call),
    culprit,
    concurrent: concurrentWith(culprit, items, few),
    possible: possibleReads(culprit, items, model),
  };
}

function ask(items: readonly Item[], model: Model): Progress {
  const operations = items.map(({ counted }) => counted);
  return new Search(new Machine(operations, model)).run(QUESTION_STEPS);
}

/**
 * The history up to the first return that makes it not linearizable. Whatever had not returned by then counts as open:
 * if the whole had an explanation, so would every such part, which is why a binary search finds the first.
 */
function shortestPrefix(operations: readonly Operation[], model: Model): { items: Item[]; culprit: Operation } {
  const returned = operations
    .filter((operation) => standingOf(operation) === 'settled')
    .sort((a, b) => (a.return ?? 0) - (b.return ?? 0) || a.call - b.call);
  const rank = new Map(returned.map((operation, at) => [operation, at]));
  let low = 0;
  let high = returned.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ask(prefixUpTo(operations, returned, rank, middle), model) === 'violation') high = middle;
    else low = middle + 1;
  }
  const culprit = assertDefined(returned[high], 'a violation needs an operation that returned');
  return { items: prefixUpTo(operations, returned, rank, high), culprit };
}

function prefixUpTo(
  operations: readonly Operation[],
  returned: readonly Operation[],
  rank: ReadonlyMap<Operation, number>,
  last: number,
): Item[] {
  const end = returned[last]?.return ?? 0;
  return operations
    .filter(({ call }) => call <= end)
    .map((original) => ({ original, counted: (rank.get(original) ?? 0) <= last ? original : opened(original) }))
    .filter(({ counted }) => standingOf(counted) !== 'silent');
}

/** Where each operation stands in an order that explains all but the culprit. */
function placesWithout(culprit: Operation, items: readonly Item[], model: Model): ReadonlyMap<Operation, number> {
  const others = items
    .filter(({ original }) => original !== culprit || !isReadOnly(culprit))
    .map((item) => (item.original === culprit ? { ...item, counted: opened(culprit) } : item));
  const machine = new Machine(
    others.map(({ counted }) => counted),
    model,
  );
  const search = new Search(machine);
  const places = new Map<Operation, number>();
  if (search.run(QUESTION_STEPS) !== 'ok') return places;
  for (const [at, number] of search.order().entries()) {
    const item = others[machine.source[number] as number];
    if (item !== undefined) places.set(item.original, at + 1);
  }
  return places;
}

function concurrentWith(culprit: Operation, items: readonly Item[], shown: readonly Item[]): Operation[] {
  const known = new Set(shown);
  return items
    .filter((item) => !known.has(item) && (item.original.return ?? Infinity) >= culprit.call)
    .map(({ original }) => original)
    .slice(0, CONCURRENT_MAX);
}

function possibleReads(culprit: Operation, items: readonly Item[], model: Model): Value[] | null {
  if (culprit.kind !== 'get' || items.some(({ counted }) => counted.kind === 'append')) return null;
  const written = items
    .filter(({ counted }) => !isReadOnly(counted))
    .sort((a, b) => b.counted.call - a.counted.call)
    .slice(0, CANDIDATES_MAX)
    .map(({ counted }) => model.normalise(counted.value));
  const candidates = [...new Set<Value>([...written, model.initial, null])];
  return candidates.filter((value) => {
    const instead = items.map((item) =>
      item.original === culprit ? { ...item, counted: { ...culprit, value } } : item,
    );
    return ask(instead, model) === 'ok';
  });
}
