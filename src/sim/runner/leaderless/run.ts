import { assertDefined } from '../../../base/assert.js';
import type { ReplicaId } from '../../../base/brand.js';
import { createPrng } from '../../../base/prng.js';
import { createLeaderlessChecks, type LeaderlessChecks } from '../../checks/leaderless/index.js';
import { LeaderlessClient } from '../../clients/leaderless/client.js';
import { LeaderlessHistory } from '../../clients/leaderless/history.js';
import { LeaderlessWire } from '../../clients/leaderless/wire.js';
import { Workload } from '../../clients/workload.js';
import type { Plan } from '../../plan/plan.js';
import { createWorld } from '../../world/index.js';
import type { Observer, World } from '../../world/types.js';
import { forwardTo, type RunOptions } from '../options.js';
import { runUntilOf, safetyPhase, type EngineRun, type SafetyPhase } from '../phases.js';
import { createStatistics, type Statistics } from '../statistics.js';
import { Triggers } from '../triggers.js';
import { EngineCounts } from './counts.js';
import { leaderlessInstants } from './instants.js';
import { LeaderlessLiveness } from './liveness.js';
import { LeaderlessStage } from './stage.js';

const SETTLED_WITHIN_MS = 3000;

/** One run of a group without a leader: puts the parts together. */
export class LeaderlessRun implements EngineRun {
  readonly statistics: Statistics = createStatistics();
  readonly world: World;
  readonly #safety: SafetyPhase;
  readonly #checks: LeaderlessChecks;
  readonly #history: LeaderlessHistory;
  readonly #liveness: LeaderlessLiveness;
  readonly #counts: EngineCounts;

  constructor(plan: Plan, options: RunOptions) {
    const prng = createPrng(plan.seed);
    const knobs = assertDefined(plan.leaderless, 'a plan without a leader says what its group is like');
    const engine = plan.engine === 'lww' ? 'lww' : 'causal';
    const members = (): ReplicaId[] => [...this.world.processes.keys()];
    this.#checks = createLeaderlessChecks({ engine, conflicts: knobs.conflicts, members });
    this.#counts = new EngineCounts(this.statistics);
    const late: Observer[] = [];
    this.world = createWorld({
      prng: prng.fork('world'),
      replicas: plan.replicas,
      observers: [...this.#checks.observers, this.#counts.observer, forwardTo(late), ...(options.observers ?? [])],
      network: plan.network,
      disk: plan.disk,
      knobs: plan.knobs,
      leaderless: { ...knobs, engine },
    });
    const { statistics, world } = this;
    const run = runUntilOf(world, options);
    const triggers = new Triggers(world.time);
    const wire = new LeaderlessWire({
      world,
      links: plan.clientLinks,
      prng: prng.fork('client links'),
      promises: this.#checks.promises,
    });
    const stage = new LeaderlessStage({ plan, world, statistics, triggers });
    late.push(leaderlessInstants(triggers, statistics), wire.observer, stage.observer);
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
    const workload = new Workload(clients);
    this.#liveness = new LeaderlessLiveness({
      plan,
      world,
      stage,
      wire,
      workload,
      checks: this.#checks,
      statistics,
      prng: prng.fork('liveness'),
      run,
    });
    late.push(this.#liveness.observer);
    const settledWithinMs = SETTLED_WITHIN_MS;
    const isSettled = (): boolean =>
      [...this.world.processes.values()].every(({ leaderless }) => leaderless?.core.ready === true);
    this.#safety = { plan, world, stage, workload, options, run, settledWithinMs, isSettled };
    options.onWorld?.(world);
  }

  /** Throws Violation. */
  async phases(): Promise<void> {
    await safetyPhase(this.#safety);
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
