import { FAULT_CLASSES } from '../../src/sim/plan/faults.js';
import type { DrawOptions } from '../../src/sim/plan/draw/index.js';
import type { PlanFile } from '../../src/sim/plan/file.js';
import type { Plan } from '../../src/sim/plan/plan.js';
import type { RunResult } from '../../src/sim/run.js';
import type { ChildMessage, Task } from './task.js';

/**
 * A process that runs simulations of one mutant after the other. Each gets its own instance of the whole program, by the
 * address that it is imported by (hooks.ts).
 */

interface Simulator {
  drawPlan(seed: number, options?: DrawOptions): Plan;
  loadPlanFile(path: string): PlanFile;
  runCaught(plan: Plan, twice: boolean): Promise<RunResult>;
}

async function load(mutant: string | null): Promise<Simulator> {
  const query = mutant === null ? '' : `?mutant=${mutant}`;
  const load = async (file: string): Promise<unknown> => import(`${new URL(file, import.meta.url).href}${query}`);
  const { drawPlan } = (await load('../../src/sim/plan/draw/index.js')) as Pick<Simulator, 'drawPlan'>;
  const { loadPlanFile } = (await load('../../src/sim/plan/file.js')) as Pick<Simulator, 'loadPlanFile'>;
  const { runCaught } = (await load('../../src/sim/job.js')) as Pick<Simulator, 'runCaught'>;
  return { drawPlan, loadPlanFile, runCaught };
}

/** What to run, one after the other; seed null: the plan that was written for this mutant. */
function* plansOf(
  { engine, faults, plan, seeds }: Task,
  simulator: Simulator,
): Iterable<{ readonly seed: number | null; readonly plan: Plan }> {
  if (plan !== null) {
    yield { seed: null, plan: simulator.loadPlanFile(plan).plan };
    return;
  }
  for (const seed of seeds) {
    tell({ type: 'seed', seed });
    yield { seed, plan: simulator.drawPlan(seed, { engine, faults: faults ?? FAULT_CLASSES }) };
  }
}

async function work(task: Task): Promise<void> {
  const { files, mutant, vague } = task;
  const simulator = await load(mutant);
  const original = await load(null);
  const loaded = (globalThis as { kvorumMutants?: Set<string> }).kvorumMutants;
  const unused = files.find((file) => loaded?.has(`${mutant} ${file}`) !== true);
  if (unused !== undefined) throw new Error(`the simulator does not load ${unused}: ${mutant} changes nothing`);
  for (const { plan, seed } of plansOf(task, simulator)) {
    const { violation } = await simulator.runCaught(plan, false);
    if (violation === null || vague.includes(violation.invariant)) continue;
    // Where the program as it is fails as well, nothing is proved.
    if (mutant !== null && (await original.runCaught(plan, false)).violation !== null) continue;
    return tell({ type: 'found', seed, invariant: violation.invariant, detail: violation.detail });
  }
  tell({ type: 'nothing' });
}

function tell(message: ChildMessage): void {
  process.send?.(message);
}

process.on('message', (task: Task) => {
  work(task).catch((error: unknown) => {
    tell({ type: 'failed', detail: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  });
});
