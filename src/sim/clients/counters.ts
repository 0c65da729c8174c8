/** One increment by 1, as its client knows it. `sum`: what it was told; null: the outcome is unknown. */
export interface Increment {
  readonly client: string;
  readonly key: string;
  readonly call: number;
  readonly return: number | null;
  readonly sum: number | null;
}

/**
 * Decides whether increments of one counter by 1 are linearizable and were carried out exactly once each, in
 * O(n log n): the sums that were told are all different, grow in the order of real time, and leave no more holes than
 * there are increments without an outcome. Returns what is wrong, or null.
 */
export function checkCounter(increments: readonly Increment[], final: number | null): string | null {
  const told = increments
    .filter((each): each is Increment & { sum: number; return: number } => each.sum !== null && each.return !== null)
    .sort((a, b) => a.sum - b.sum);
  const unknown = increments.length - told.length;
  const problem = repeated(told) ?? outOfOrder(told);
  if (problem !== null) return problem;
  const highest = Math.max(told.at(-1)?.sum ?? 0, final ?? 0);
  const holes = highest - told.length;
  if (holes > unknown) {
    return `the counter is ${highest} after ${told.length} increments that were told and ${unknown} unknown ones`;
  }
  if (final !== null && final < (told.at(-1)?.sum ?? 0)) {
    return `the counter ends at ${final}; ${told.at(-1)?.client} was told ${told.at(-1)?.sum}`;
  }
  return null;
}

type Told = Increment & { readonly sum: number; readonly return: number };

function repeated(told: readonly Told[]): string | null {
  for (const [at, { client, sum }] of told.entries()) {
    const before = told[at - 1];
    if (before !== undefined && before.sum === sum) return `${before.client} and ${client} were both told ${sum}`;
  }
  return null;
}

/** By rising sum: nobody may have returned before somebody with a smaller sum began. */
function outOfOrder(told: readonly Told[]): string | null {
  let earliest: Told | null = null;
  for (const each of told.toReversed()) {
    if (earliest !== null && earliest.return < each.call) {
      return `${earliest.client} was told ${earliest.sum} before ${each.client} began and was told ${each.sum}`;
    }
    if (earliest === null || each.return < earliest.return) earliest = each;
  }
  return null;
}
