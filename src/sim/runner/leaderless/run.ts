import { assertDefined } from '../../../base/assert.js';
import type { ReplicaId } from '../../../base/brand.js';
import { createPrng, type Prng } from '../../../base/prng.js';
import { createLeaderlessChecks, type LeaderlessChecks } from '../../checks/leaderless/index.js';
import { LeaderlessClient } from '../../clients/leaderless/client.js';
import { LeaderlessHistory } from '../../clients/leaderless/history.js';
import { LeaderlessWire } from '../../clients/leaderless/wire.js';
import { Workload } from '../../clients/workload.js';
import type { Plan } from '../../plan/plan.js';
import { createWorld } from '../../world/index.js';
import type { Observer, World } from '../../world/types.js';
import { forwardTo, type RunOptions } from '../options.js';
import { runUntilOf, safetyPhase, startReplicas, type EngineRun, type RunUntil } from '../phases.js';
import { createStatistics, type Statistics } from '../statistics.js';
import { Triggers } from '../triggers.js';
import { EngineCounts } from './counts.js';
import { LeaderlessLiveness } from './liveness.js';
import { LeaderlessStage } from './stage.js';

const SETTLED_WITHIN_MS = 3000;

/** One run of a group without a leader: puts the parts together. */
export class LeaderlessRun implements EngineRun {
  readonly statistics: Statistics = createStatistics();
  readonly world: World;
  readonly #plan: Plan;
  readonly #options: RunOptions;
  readonly #prng: Prng;
  readonly #run: RunUntil;
  readonly #checks: LeaderlessChecks;
  readonly #history: LeaderlessHistory;
  readonly #workload: Workload;
  readonly #stage: LeaderlessStage;
  readonly #liveness: LeaderlessLiveness;
  readonly #counts: EngineCounts;

  constructor(plan: Plan, options: RunOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#prng = createPrng(plan.seed);
    const knobs = assertDefined(plan.leaderless, 'a plan without a leader says what its group is like');
    const engine = plan.engine === 'lww' ? 'lww' : 'causal';
    const members = (): ReplicaId[] => [...this.world.processes.keys()];
    this.#checks = createLeaderlessChecks({ engine, conflicts: knobs.conflicts, members });
    this.#counts = new EngineCounts(this.statistics);
    const late: Observer[] = [];
    this.world = createWorld({
      prng: this.#prng.fork('world'),
      replicas: plan.replicas,
      observers: [...this.#checks.observers, this.#counts.observer, forwardTo(late), ...(options.observers ?? [])],
      network: plan.network,
      disk: plan.disk,
      knobs: plan.knobs,
      leaderless: { ...knobs, engine },
    });
    const { statistics, world } = this;
    this.#run = runUntilOf(world, options);
    const triggers = new Triggers(world.time, statistics);
    const wire = new LeaderlessWire({
      world,
      links: plan.clientLinks,
      prng: this.#prng.fork('client links'),
      promises: this.#checks.promises,
    });
    this.#stage = new LeaderlessStage({ plan, world, statistics, triggers });
    late.push(triggers.leaderlessObserver, wire.observer, this.#stage.observer);
    const siblings = knobs.conflicts === 'siblings';
    this.#history = new LeaderlessHistory(this.#checks.facts, { engine, siblings });
    const context = {
      time: world.time,
      wire,
      history: this.#history,
      stats: statistics.clients,
      siblings,
      replicas: () => (this.#liveness.core.length > 0 ? this.#liveness.core : [...world.processes.values()]),
    };
    const clients = plan.clients.map((client, number) => new LeaderlessClient(client, number, context));
    this.#checks.facts.whenLost((dot) => {
      for (const client of clients) client.onLost(dot);
    });
    this.#workload = new Workload(clients);
    this.#liveness = new LeaderlessLiveness({
      plan,
      world,
      stage: this.#stage,
      wire,
      workload: this.#workload,
      checks: this.#checks,
      statistics,
      prng: this.#prng.fork('liveness'),
      run: this.#run,
    });
    late.push(this.#liveness.observer);
    options.onWorld?.(world);
  }

  /** Throws Violation. */
  async phases(): Promise<void> {
    startReplicas(this.world);
    this.#stage.supervisor.start();
    this.#workload.start();
    await safetyPhase({
      plan: this.#plan,
      world: this.world,
      stage: this.#stage,
      options: this.#options,
      run: this.#run,
      settledWithinMs: SETTLED_WITHIN_MS,
      isSettled: () => [...this.world.processes.values()].every(({ leaderless }) => leaderless?.core.ready === true),
    });
    await this.#liveness.run();
    await this.#liveness.converge();
    await this.#liveness.readBack();
    this.statistics.undecidedKeys = this.#history.check().undecided;
    this.world.time.fold(this.#history.operations.length);
  }

  end(): void {
    this.#counts.end(this.world);
    this.statistics.leaderless.lostBatches = this.#checks.stats.lost;
    this.statistics.leaderless.rootsCompared = this.#checks.stats.roots;
    this.statistics.leaderless.refusals = this.#checks.stats.refusals;
  }
}
