import { createPrng } from '../../../base/prng.js';
import { createRaftChecks } from '../../checks/raft/index.js';
import { History } from '../../clients/history.js';
import { ClientWire } from '../../clients/wire.js';
import { clientsOf, Workload } from '../../clients/workload.js';
import type { Plan } from '../../plan/plan.js';
import { createWorld } from '../../world/index.js';
import type { Observer, SimProcess, World } from '../../world/types.js';
import { forwardTo, type RunOptions } from '../options.js';
import { CHECK_STEPS, SETTLED_WITHIN_MS } from '../ordered.js';
import { OrderedInstants } from '../ordered-instants.js';
import { runUntilOf, safetyPhase, type EngineRun, type SafetyPhase } from '../phases.js';
import { createStatistics, type Statistics } from '../statistics.js';
import { Triggers } from '../triggers.js';
import { RaftLiveness } from './liveness.js';
import { addedReplica } from './operator.js';
import { RaftStage } from './stage.js';
import { View } from './view.js';

/** One run of a raft group: puts the parts together. */
export class RaftRun implements EngineRun {
  readonly statistics: Statistics = createStatistics();
  readonly world: World;
  readonly #safety: SafetyPhase;
  readonly #checks = createRaftChecks();
  readonly #history = new History();
  readonly #liveness: RaftLiveness;

  constructor(plan: Plan, options: RunOptions) {
    const prng = createPrng(plan.seed);
    // Observers are needed to make the world, and need the world themselves: they join before anything runs.
    const late: Observer[] = [];
    this.world = createWorld({
      prng: prng.fork('world'),
      replicas: plan.replicas,
      later: Array.from({ length: plan.expected }, (_, at) => addedReplica(at + 1)),
      observers: [...this.#checks.observers, this.#history.observer, forwardTo(late), ...(options.observers ?? [])],
      network: plan.network,
      disk: plan.disk,
      knobs: plan.knobs,
    });
    const { statistics, world } = this;
    const run = runUntilOf(world, options);
    const view = new View(world);
    const triggers = new Triggers(world.time);
    const instants = new OrderedInstants(triggers, statistics, ({ member }) => member?.raft ?? null);
    const wire = new ClientWire({
      world,
      links: plan.clientLinks,
      prng: prng.fork('client links'),
      history: this.#history,
      observers: [...this.#checks.observers, ...(options.observers ?? [])],
    });
    late.push(view.observer, instants.observer, wire.observer);
    const replicas = (): readonly SimProcess[] => this.#routes(view);
    const clients = { time: world.time, wire, history: this.#history, stats: statistics.clients, replicas };
    const workload = new Workload(clientsOf(plan, clients));
    const shared = { plan, world, view, statistics };
    const stage = new RaftStage({ ...shared, triggers, prng: prng.fork('stage') });
    this.#liveness = new RaftLiveness({
      ...shared,
      stage,
      wire,
      workload,
      history: this.#history,
      prng: prng.fork('liveness'),
      run,
    });
    const settledWithinMs = SETTLED_WITHIN_MS;
    const isSettled = (): boolean => this.statistics.elections > 0;
    this.#safety = { plan, world, stage, workload, options, run, settledWithinMs, isSettled };
    options.onWorld?.(world);
  }

  #routes(view: View): readonly SimProcess[] {
    const { core } = this.#liveness;
    if (core.length > 0) return core;
    const members = view.members();
    return members.length > 0 ? members : [...this.world.processes.values()];
  }

  /** Throws Violation. */
  async phases(): Promise<void> {
    await safetyPhase(this.#safety);
    await this.#liveness.run();
    const finals = await this.#liveness.readBack();
    await this.#liveness.converge();
    this.#checks.atEnd(this.world);
    this.statistics.undecidedKeys = this.#history.check(finals, CHECK_STEPS).undecided;
    this.world.time.fold(this.#history.operations.length);
  }

  end(): void {}
}
