import { runPlan, type RunOptions, type RunResult } from '../run.js';
import type { Plan } from '../plan/plan.js';
import { Violation } from '../world/types.js';

/**
 * Runs a plan twice and compares the hash after every event (reliability.md §3.1): a run that depends on anything but
 * its plan can neither be replayed nor shrunk. The violation names the first event that differs.
 */
export async function runTwice(plan: Plan, options: RunOptions = {}): Promise<RunResult> {
  const hashes: number[] = [];
  const first = await runPlan(plan, { ...options, onEvent: ({ hash }) => hashes.push(hash) });
  if (first.violation !== null) return first;
  let event = 0;
  const second = await runPlan(plan, {
    ...options,
    onEvent: ({ hash, nowMs }) => {
      const before = hashes[event++];
      if (hash === before) return;
      throw new Violation('determinism', `event ${event} at ${nowMs} ms has hash ${hash}, and had ${before} before`);
    },
  });
  if (second.violation !== null) return second;
  if (event === hashes.length && first.hash === second.hash) return second;
  const detail = `${hashes.length} events the first time, ${event} the second; hashes ${first.hash} and ${second.hash}`;
  const { events, virtualMs } = second.statistics;
  return { ...second, violation: { invariant: 'determinism', detail, atMs: virtualMs, event: events } };
}
