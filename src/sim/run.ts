import { assertDefined, unreachable } from '../base/assert.js';
import { createPrng, type Prng } from '../base/prng.js';
import { createRaftChecks } from './checks/raft/index.js';
import { History } from './clients/history.js';
import { ClientWire } from './clients/wire.js';
import { Workload } from './clients/workload.js';
import { NEMESES } from './plan/nemesis/index.js';
import { drawPlan, type DrawOptions } from './plan/draw/index.js';
import type { NemesisAction, Plan } from './plan/plan.js';
import { RaftLiveness } from './runner/raft/liveness.js';
import { addedReplica } from './runner/raft/operator.js';
import { RaftStage } from './runner/raft/stage.js';
import { acknowledged, createStatistics, POOR_RUN_OPERATIONS, type Statistics } from './runner/statistics.js';
import { forwardTo, type RunOptions } from './runner/options.js';
import { LeaderlessRun } from './runner/leaderless/run.js';
import { SemisyncRun } from './runner/semisync/run.js';
import { Triggers } from './runner/triggers.js';
import { View } from './runner/raft/view.js';
import { createWorld } from './world/index.js';
import { Excused, Violation, type Observer, type World } from './world/types.js';

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

/** For a first leader in a world in which nothing has happened yet but lost messages and slow disks. */
const SETTLED_WITHIN_MS = 10_000;

/** Steps of the checker of histories, for each key. Beyond it a key is counted as undecided. */
const CHECK_STEPS = 400_000;

/** Runs the plan of a seed. */
export function runSeed(seed: number, draw?: DrawOptions, options?: RunOptions): Promise<RunResult> {
  return runPlan(drawPlan(seed, draw), options);
}

/**
 * Carries out a plan: a safety phase in which anything may happen, then a liveness phase in which a healed quorum must
 * serve, then the checks that look at the whole (reliability.md §3.2-3.4).
 */
export async function runPlan(plan: Plan, options: RunOptions = {}): Promise<RunResult> {
  const run = runOf(plan, options);
  const violation = await carryOut(run);
  return { violation, hash: run.world.time.hash, statistics: run.statistics };
}

function runOf(plan: Plan, options: RunOptions): Carried {
  switch (plan.engine) {
    case 'raft':
      return new Run(plan, options);
    case 'semisync':
      return new SemisyncRun(plan, options);
    case 'lww':
    case 'causal':
      return new LeaderlessRun(plan, options);
    default:
      return unreachable(plan.engine);
  }
}

/** What runs of all engines are to whoever carries them out. */
interface Carried {
  readonly world: World;
  readonly statistics: Statistics;
  /** Throws Violation. */
  phases(): Promise<void>;
  /** Whatever came of it. */
  end(): void;
}

/** Null when every promise was kept. */
async function carryOut(run: Carried): Promise<FoundViolation | null> {
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

/** One run: puts the parts together and ends them. */
class Run implements Carried {
  readonly statistics: Statistics = createStatistics();
  readonly #plan: Plan;
  readonly #options: RunOptions;
  readonly #prng: Prng;
  readonly world: World;
  readonly #checks = createRaftChecks();
  readonly #history = new History();
  readonly #wire: ClientWire;
  readonly #workload: Workload;
  readonly #stage: RaftStage;
  readonly #liveness: RaftLiveness;

  constructor(plan: Plan, options: RunOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#prng = createPrng(plan.seed);
    // Observers are needed to make the world, and need the world themselves: they join before anything runs.
    const late: Observer[] = [];
    this.world = createWorld({
      prng: this.#prng.fork('world'),
      replicas: plan.replicas,
      later: Array.from({ length: plan.expected }, (_, at) => addedReplica(at + 1)),
      observers: [...this.#checks.observers, this.#history.observer, forwardTo(late), ...(options.observers ?? [])],
      network: plan.network,
      disk: plan.disk,
      knobs: plan.knobs,
    });
    const world = this.world;
    const view = new View(world);
    const triggers = new Triggers(world.time, this.statistics);
    this.#wire = new ClientWire({
      world,
      links: plan.clientLinks,
      prng: this.#prng.fork('client links'),
      history: this.#history,
      observers: [...this.#checks.observers, ...(options.observers ?? [])],
    });
    late.push(view.observer, triggers.observer, this.#wire.observer);
    this.#workload = new Workload(plan, {
      time: world.time,
      wire: this.#wire,
      history: this.#history,
      stats: this.statistics.clients,
      replicas: () => this.#routes(view),
    });
    const shared = { plan, world, view, statistics: this.statistics };
    this.#stage = new RaftStage({ ...shared, triggers, prng: this.#prng.fork('stage') });
    this.#liveness = new RaftLiveness({
      ...shared,
      stage: this.#stage,
      wire: this.#wire,
      workload: this.#workload,
      history: this.#history,
      prng: this.#prng.fork('liveness'),
      run: (untilMs, stop) => this.#runUntil(untilMs, stop),
    });
    options.onWorld?.(world);
  }

  #routes(view: View): ReturnType<View['members']> {
    const { core } = this.#liveness;
    if (core.length > 0) return [...core];
    const members = view.members();
    return members.length > 0 ? members : [...this.world.processes.values()];
  }

  end(): void {}

  /** Throws Violation. */
  async phases(): Promise<void> {
    const { processes, time } = this.world;
    for (const process of processes.values()) if (process.state === 'new') process.start();
    this.#stage.supervisor.start();
    this.#workload.start();
    const { nemeses, safetyMs, settled } = this.#plan;
    if (settled) await this.#runUntil(SETTLED_WITHIN_MS, () => this.statistics.elections > 0);
    for (const action of nemeses) this.#stage.after(action.atMs, () => this.#strike(action));
    await this.#runUntil(time.nowMs + safetyMs, () => false);
    await this.#liveness.run();
    const finals = await this.#liveness.readBack();
    await this.#liveness.converge();
    this.#checks.atEnd(this.world);
    this.statistics.undecidedKeys = this.#history.check(finals, CHECK_STEPS).undecided;
    time.fold(this.#history.operations.length);
  }

  #strike(action: NemesisAction): void {
    this.#options.onStrike?.(action);
    const nemesis = assertDefined(NEMESES.get(action.nemesis), 'a plan was drawn from the table, or checked');
    nemesis.strike(this.#stage, action.options, createPrng(action.seed));
  }

  async #runUntil(untilMs: number, stop: () => boolean): Promise<void> {
    const { onEvent } = this.#options;
    const { time } = this.world;
    if (onEvent === undefined) return time.run(untilMs, stop);
    await time.run(untilMs, () => {
      onEvent(time);
      return stop();
    });
  }
}
