import { assertDefined } from '../../../base/assert.js';
import type { ReplicaId } from '../../../base/brand.js';
import { createPrng, type Prng } from '../../../base/prng.js';
import { createLeaderlessChecks, type LeaderlessChecks } from '../../checks/leaderless/index.js';
import { LeaderlessClient } from '../../clients/leaderless/client.js';
import { LeaderlessHistory } from '../../clients/leaderless/history.js';
import { LeaderlessWire } from '../../clients/leaderless/wire.js';
import { NEMESES } from '../../plan/nemesis/index.js';
import type { NemesisAction, Plan } from '../../plan/plan.js';
import { createWorld } from '../../world/index.js';
import type { Observer, World } from '../../world/types.js';
import { forwardTo, type RunOptions } from '../options.js';
import { createStatistics, type Statistics } from '../statistics.js';
import { Triggers } from '../triggers.js';
import { EngineCounts } from './counts.js';
import { LeaderlessLiveness } from './liveness.js';
import { LeaderlessStage } from './stage.js';

const SETTLED_WITHIN_MS = 3000;

/** One run of a group without a leader: puts the parts together. What run.ts is for raft. */
export class LeaderlessRun {
  readonly statistics: Statistics = createStatistics();
  readonly world: World;
  readonly #plan: Plan;
  readonly #options: RunOptions;
  readonly #prng: Prng;
  readonly #checks: LeaderlessChecks;
  readonly #history: LeaderlessHistory;
  readonly #clients: readonly LeaderlessClient[];
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
    this.#clients = plan.clients.map((client, number) => new LeaderlessClient(client, number, context));
    this.#checks.facts.whenLost((dot) => {
      for (const client of this.#clients) client.onLost(dot);
    });
    this.#liveness = new LeaderlessLiveness({
      plan,
      world,
      stage: this.#stage,
      wire,
      clients: this.#clients,
      checks: this.#checks,
      statistics,
      prng: this.#prng.fork('liveness'),
      run: (untilMs, stop) => this.#runUntil(untilMs, stop),
    });
    late.push(this.#liveness.observer);
    options.onWorld?.(world);
  }

  /** Throws Violation. */
  async phases(): Promise<void> {
    const { processes, time } = this.world;
    for (const process of processes.values()) if (process.state === 'new') process.start();
    this.#stage.supervisor.start();
    for (const client of this.#clients) client.start();
    const { nemeses, safetyMs, settled } = this.#plan;
    const isSettled = (): boolean => [...processes.values()].every(({ leaderless }) => leaderless?.core.ready === true);
    if (settled) await this.#runUntil(SETTLED_WITHIN_MS, isSettled);
    for (const action of nemeses) this.#stage.after(action.atMs, () => this.#strike(action));
    await this.#runUntil(time.nowMs + safetyMs, () => false);
    await this.#liveness.run();
    await this.#liveness.converge();
    await this.#liveness.readBack();
    this.statistics.undecidedKeys = this.#history.check().undecided;
    time.fold(this.#history.operations.length);
  }

  end(): void {
    this.#counts.end(this.world);
    this.statistics.leaderless.lostBatches = this.#checks.stats.lost;
    this.statistics.leaderless.rootsCompared = this.#checks.stats.roots;
    this.statistics.leaderless.refusals = this.#checks.stats.refusals;
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
