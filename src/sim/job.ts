import { systemClock } from '../base/clock.js';
import { drawPlan, type DrawOptions } from './plan/draw/index.js';
import { shrink, type Shrunk } from './plan/shrink.js';
import type { Plan } from './plan/plan.js';
import { runPlan, type FoundViolation, type RunResult } from './run.js';
import { runTwice } from './runner/determinism.js';
import { addStatistics, createStatistics, type Statistics } from './runner/statistics.js';

/** What the worker threads of a sweep do: the entry points that sweep.ts calls through piscina. */

export interface ChunkTask {
  readonly firstSeed: number;
  readonly count: number;
  readonly draw: DrawOptions;
  /** Every so many seeds one is run twice; 0: none. */
  readonly determinismEvery: number;
}

export interface SeedViolation extends FoundViolation {
  readonly seed: number;
}

export interface ChunkResult {
  readonly statistics: Statistics;
  readonly violations: readonly SeedViolation[];
}

export async function runChunk({ count, determinismEvery, draw, firstSeed }: ChunkTask): Promise<ChunkResult> {
  const statistics = createStatistics();
  const violations: SeedViolation[] = [];
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    const plan = drawPlan(seed, draw);
    const twice = determinismEvery > 0 && seed % determinismEvery === 0;
    const result = await runCaught(plan, twice);
    addStatistics(statistics, result.statistics);
    if (result.violation !== null) violations.push({ seed, ...result.violation });
  }
  return { statistics, violations };
}

/** An error of the simulator itself is a finding as well: it has a seed, and must not end the sweep without it. */
export async function runCaught(plan: Plan, twice: boolean): Promise<RunResult> {
  try {
    return await (twice ? runTwice(plan) : runPlan(plan));
  } catch (error) {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const violation = { invariant: 'simulator', detail, atMs: 0, event: 0 };
    return { violation, hash: 0, statistics: { ...createStatistics(), runs: 1 } };
  }
}

export interface ShrinkTask {
  readonly plan: Plan;
  /** A smaller plan must break the same one. */
  readonly invariant: string;
  readonly runsMax: number;
  readonly timeMaxMs: number;
}

export interface ShrinkResult extends Shrunk {
  readonly violation: FoundViolation | null;
}

export async function shrinkPlan({ invariant, plan, runsMax, timeMaxMs }: ShrinkTask): Promise<ShrinkResult> {
  const untilMs = systemClock.monotonicMs() + timeMaxMs;
  const twice = invariant === 'determinism';
  const run = (candidate: Plan): Promise<RunResult> => runCaught(candidate, twice);
  const shrunk = await shrink(plan, async (candidate) => (await run(candidate)).violation?.invariant === invariant, {
    runsMax,
    isOver: () => systemClock.monotonicMs() > untilMs,
  });
  return { ...shrunk, violation: (await run(shrunk.plan)).violation };
}
