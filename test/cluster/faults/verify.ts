import type { Test } from 'tap';
import { checkLinearizable, type CheckResult, type Operation } from '../../../src/check/index.js';
import type { Increment } from './counters.js';
import type { History } from './history.js';

/** As many operations of a violation as a reader can follow. */
const SHOWN_MAX = 40;

export function check(operations: readonly Operation[]): CheckResult {
  return checkLinearizable(operations, 'kv');
}

/** Fails the test, and shows the operations of the key, unless the history is linearizable. */
export function assertLinearizable(t: Test, history: History, what: string): void {
  const result = check(history.operations);
  t.equal(result.verdict, 'ok', `${what}: ${result.operations} operations on ${result.keys} keys are linearizable`);
  for (const operation of (result.violation?.operations ?? []).slice(-SHOWN_MAX)) t.comment(JSON.stringify(operation));
}

/** Null when the increments of one counter are linearizable; otherwise what is wrong with them. */
export function checkIncrements(increments: readonly Increment[]): string | null {
  const answered = increments.filter((it): it is Increment & { result: number; return: number } => it.result !== null);
  const seen = new Set<number>();
  for (const { result } of answered) {
    if (seen.has(result)) return `two increments were told ${result}`;
    seen.add(result);
  }
  // Whoever began after another had its answer counts higher.
  const byReturn = [...answered].sort((a, b) => a.return - b.return);
  let highest = 0;
  let at = 0;
  for (const increment of [...answered].sort((a, b) => a.call - b.call)) {
    for (let next = byReturn[at]; next !== undefined && next.return < increment.call; next = byReturn[++at]) {
      highest = Math.max(highest, next.result);
    }
    if (increment.result <= highest) return `${increment.result} was told after ${highest} had been`;
  }
  // What nobody was told was done by increments without an answer.
  const most = Math.max(0, ...seen);
  const silent = increments.length - answered.length;
  const missing = most - seen.size;
  return missing > silent ? `${missing} increments up to ${most} are nobody’s, ${silent} are without an answer` : null;
}
