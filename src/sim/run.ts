import { drawPlan, type DrawOptions } from './plan/draw/index.js';
import type { Plan, SimulatedEngine } from './plan/plan.js';
import { LeaderlessRun } from './runner/leaderless/run.js';
import type { RunOptions } from './runner/options.js';
import type { EngineRun } from './runner/phases.js';
import { RaftRun } from './runner/raft/run.js';
import { SemisyncRun } from './runner/semisync/run.js';
import { acknowledged, POOR_RUN_OPERATIONS, type Statistics } from './runner/statistics.js';
import { Excused, Violation } from './world/types.js';

export type { RunOptions } from './runner/options.js';

/** A promise that was broken, and when. */
export interface FoundViolation {
  readonly invariant: string;
  readonly detail: string;
  readonly atMs: number;
  /** The number of the event in which it was found. */
  readonly event: number;
}

export interface RunResult {
  /** Null: every promise was kept. */
  readonly violation: FoundViolation | null;
  /** Over all events: the same plan gives the same hash. */
  readonly hash: number;
  readonly statistics: Statistics;
}

const RUNS: Readonly<Record<SimulatedEngine, new (plan: Plan, options: RunOptions) => EngineRun>> = {
  raft: RaftRun,
  semisync: SemisyncRun,
  lww: LeaderlessRun,
  causal: LeaderlessRun,
};

/** Runs the plan of a seed. */
export function runSeed(seed: number, draw?: DrawOptions, options?: RunOptions): Promise<RunResult> {
  return runPlan(drawPlan(seed, draw), options);
}

/**
 * Carries out a plan: a safety phase in which anything may happen, then a liveness phase in which a healed quorum must
 * serve, then the checks that look at the whole (reliability.md §3.2-3.4).
 */
export async function runPlan(plan: Plan, options: RunOptions = {}): Promise<RunResult> {
  const run = new RUNS[plan.engine](plan, options);
  const violation = await carryOut(run);
  return { violation, hash: run.world.time.hash, statistics: run.statistics };
}

/** Null when every promise was kept. */
async function carryOut(run: EngineRun): Promise<FoundViolation | null> {
  const { statistics, world } = run;
  const { time } = world;
  try {
    await run.phases();
    return null;
  } catch (error) {
    if (error instanceof Excused) {
      statistics.excused = 1;
      return null;
    }
    if (!(error instanceof Violation)) throw error;
    const { invariant, message } = error;
    return { invariant, detail: message.slice(invariant.length + 2), atMs: time.nowMs, event: time.events };
  } finally {
    run.end();
    statistics.runs = 1;
    statistics.events = time.events;
    statistics.virtualMs = time.nowMs;
    if (acknowledged(statistics) < POOR_RUN_OPERATIONS) statistics.poorRuns = 1;
    world.close();
  }
}
