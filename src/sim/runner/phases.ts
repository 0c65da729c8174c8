import { assertDefined } from '../../base/assert.js';
import { createPrng } from '../../base/prng.js';
import type { Workload } from '../clients/workload.js';
import { NEMESES, type Stage } from '../plan/nemesis/index.js';
import type { NemesisAction, Plan } from '../plan/plan.js';
import { Violation, type World } from '../world/types.js';
import type { RunOptions } from './options.js';
import type { Statistics } from './statistics.js';
import type { Supervisor } from './supervisor.js';

/** What runs of all engines are to whoever carries them out. */
export interface EngineRun {
  readonly world: World;
  readonly statistics: Statistics;
  /** Throws Violation. */
  phases(): Promise<void>;
  /** Whatever came of it. */
  end(): void;
}

/** Lets time pass until then, or until somebody says that it is enough. */
export type RunUntil = (untilMs: number, stop: () => boolean) => Promise<void>;

export function runUntilOf({ time }: World, { onEvent }: RunOptions): RunUntil {
  if (onEvent === undefined) return (untilMs, stop) => time.run(untilMs, stop);
  return (untilMs, stop) =>
    time.run(untilMs, () => {
      onEvent(time);
      return stop();
    });
}

export interface SafetyPhase {
  readonly plan: Plan;
  readonly world: World;
  /** `watch`: an operator who never sleeps. */
  readonly stage: Stage & { readonly supervisor: Supervisor; watch?(): void };
  readonly workload: Workload;
  readonly options: RunOptions;
  readonly run: RunUntil;
  /** Where nothing has happened yet but lost messages and slow disks, a group is settled by then. */
  readonly settledWithinMs: number;
  isSettled(): boolean;
}

/** The first phase: anything may happen, and no progress is promised. */
export async function safetyPhase(phase: SafetyPhase): Promise<void> {
  const { options, plan, run, stage, workload, world } = phase;
  for (const process of world.processes.values()) if (process.state === 'new') process.start();
  stage.supervisor.start();
  stage.watch?.();
  workload.start();
  if (plan.settled) await run(phase.settledWithinMs, () => phase.isSettled());
  for (const action of plan.nemeses) {
    stage.after(action.atMs, () => {
      options.onStrike?.(action);
      strike(stage, action);
    });
  }
  await run(world.time.nowMs + plan.safetyMs, () => false);
}

function strike(stage: Stage, { nemesis: name, options, seed }: NemesisAction): void {
  const nemesis = assertDefined(NEMESES.get(name), 'a plan was drawn from the table, or checked');
  nemesis.strike(stage, options, createPrng(seed));
}

/** What a liveness phase waits with, and for how long. */
export interface Patience {
  readonly plan: Pick<Plan, 'livenessMs'>;
  readonly world: World;
  readonly run: RunUntil;
}

/** Somebody who must serve when faults have ended. */
export interface Serving {
  readonly served: boolean;
  describe(): string;
}

/** All of `services` must serve, and all clients come to an end. `who`: "a healed quorum does". */
export async function mustServe<S extends Serving>(
  { plan, run, workload, world }: Patience & { readonly workload: { readonly ended: boolean } },
  who: string,
  services: readonly S[],
  isServed: (service: S) => boolean = ({ served }) => served,
): Promise<void> {
  const isOver = (): boolean => workload.ended && services.every(isServed);
  await run(world.time.nowMs + plan.livenessMs, isOver);
  if (isOver()) return;
  const said = services.map((service) => service.describe()).join('; ');
  const clients = workload.ended ? '' : '; clients still wait';
  throw new Violation('liveness', `${who} not serve within ${plan.livenessMs} ms: ${said}${clients}`);
}

/** The last reads. `who`: "a group that served does". */
export async function mustAnswer(
  { plan, run, world }: Patience,
  who: string,
  probes: readonly { readonly done: boolean }[],
): Promise<void> {
  const areDone = (): boolean => probes.every(({ done }) => done);
  await run(world.time.nowMs + plan.livenessMs, areDone);
  if (!areDone()) throw new Violation('liveness', `${who} not answer the last reads`);
}
