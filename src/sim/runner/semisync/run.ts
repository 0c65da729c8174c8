import { assertDefined } from '../../../base/assert.js';
import { createPrng, type Prng } from '../../../base/prng.js';
import { createSemisyncChecks, type SemisyncChecks } from '../../checks/semisync/index.js';
import { History } from '../../clients/history.js';
import { keysOf } from '../../clients/intent.js';
import { SemisyncWire } from '../../clients/semisync/wire.js';
import { Workload } from '../../clients/workload.js';
import { NEMESES } from '../../plan/nemesis/index.js';
import type { NemesisAction, Plan } from '../../plan/plan.js';
import { createWorld } from '../../world/index.js';
import type { Observer, World } from '../../world/types.js';
import { forwardTo, type RunOptions } from '../options.js';
import { createStatistics, type Statistics } from '../statistics.js';
import { Triggers } from '../triggers.js';
import { SemisyncLiveness } from './liveness.js';
import { SemisyncStage } from './stage.js';

const SETTLED_WITHIN_MS = 10_000;

/** Steps of the checker of histories, for each key. */
const CHECK_STEPS = 400_000;

/** A group begins with this, whatever its topology says: the rest comes from its log. */
const FORMED_WITH = 1;

/** Clocks run at half of the time at worst, where they are disturbed. */
const CLOCK_STRETCH = 2.05;
/** Ticks between what is known and what is told, and turns of a machine: of a busy one, where some are. */
const SLACK_TICKS = 2;
const TURN_MS = 2;
const BUSY_TURN_MS = 60;

/** One run of a leader-follower group: puts the parts together. What run.ts is for raft. */
export class SemisyncRun {
  readonly statistics: Statistics = createStatistics();
  readonly world: World;
  readonly #plan: Plan;
  readonly #options: RunOptions;
  readonly #prng: Prng;
  readonly #checks: SemisyncChecks;
  readonly #history = new History();
  readonly #workload: Workload;
  readonly #stage: SemisyncStage;
  readonly #liveness: SemisyncLiveness;

  constructor(plan: Plan, options: RunOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#prng = createPrng(plan.seed);
    const group = assertDefined(plan.semisync, 'a plan with a write quorum says what its group is like');
    const followers = plan.replicas - 1;
    this.#checks = createSemisyncChecks({
      followers,
      formedWith: Math.min(FORMED_WITH, followers),
      nowMs: () => this.world.time.nowMs,
      tick: () => this.#history.now,
      isDamaged: (id) => this.#stage.atlas.has(id),
      clockStretch: plan.faults.includes('clock') ? CLOCK_STRETCH : 1,
      slackMs: SLACK_TICKS * plan.knobs.tickMs + (plan.faults.includes('pause') ? BUSY_TURN_MS : TURN_MS),
    });
    const late: Observer[] = [];
    this.world = createWorld({
      prng: this.#prng.fork('world'),
      replicas: plan.replicas,
      observers: [...this.#checks.observers, this.#history.observer, forwardTo(late), ...(options.observers ?? [])],
      network: plan.network,
      disk: plan.disk,
      knobs: plan.knobs,
      semisync: { ...group, writeQuorum: Math.min(group.writeQuorum, followers) },
    });
    const { statistics, world } = this;
    const triggers = new Triggers(world.time, statistics);
    const wire = this.#createWire();
    late.push(triggers.observer, wire.observer);
    this.#workload = new Workload(plan, {
      time: world.time,
      wire,
      history: this.#history,
      stats: statistics.clients,
      replicas: () => (this.#liveness.core.length > 0 ? this.#liveness.core : [...world.processes.values()]),
    });
    this.#stage = new SemisyncStage({
      plan,
      world,
      statistics,
      triggers,
      prng: this.#prng.fork('stage'),
      onPromoted: (process, promotion) => this.#checks.promotions.onPromoted(process, promotion),
    });
    this.#liveness = new SemisyncLiveness({
      plan,
      world,
      stage: this.#stage,
      wire,
      workload: this.#workload,
      history: this.#history,
      checks: this.#checks,
      prng: this.#prng.fork('liveness'),
      run: (untilMs, stop) => this.#runUntil(untilMs, stop),
    });
    options.onWorld?.(world);
  }

  #createWire(): SemisyncWire {
    const { observers, reads } = this.#checks;
    const { semisync } = this.statistics;
    return new SemisyncWire({
      world: this.world,
      links: this.#plan.clientLinks,
      prng: this.#prng.fork('client links'),
      history: this.#history,
      observers: [...observers, ...(this.#options.observers ?? [])],
      reads,
      keys: keysOf(this.#plan.clients).registers,
      onRefused: (code) => {
        if (code === 'not_enough_replicas') semisync.notEnough++;
        else if (code === 'too_stale') semisync.tooStale++;
        else if (code === 'unconfirmed') semisync.unconfirmed++;
        else if (code === 'causal_history_lost') semisync.historiesLost++;
      },
    });
  }

  /** Throws Violation. */
  async phases(): Promise<void> {
    const { processes, time } = this.world;
    for (const process of processes.values()) if (process.state === 'new') process.start();
    this.#stage.supervisor.start();
    this.#stage.watch();
    this.#workload.start();
    const { nemeses, safetyMs, settled } = this.#plan;
    if (settled) await this.#runUntil(SETTLED_WITHIN_MS, () => this.statistics.elections > 0);
    for (const action of nemeses) this.#stage.after(action.atMs, () => this.#strike(action));
    await this.#runUntil(time.nowMs + safetyMs, () => false);
    await this.#liveness.run();
    await this.#liveness.readBack();
    await this.#liveness.converge();
    this.#checks.atEnd(this.world);
    await this.#liveness.readFiles();
    this.statistics.undecidedKeys = this.#checks.judge(this.world, this.#history, CHECK_STEPS);
    time.fold(this.#history.operations.length);
  }

  end(): void {
    const { semisync } = this.statistics;
    const { stats } = this.#checks.facts;
    semisync.epochs = stats.epochs;
    semisync.lost = stats.lost;
    semisync.discarded = stats.discarded;
    semisync.left = stats.left;
    semisync.reads = stats.reads;
    semisync.boundedReads = stats.boundedReads;
    semisync.digests = stats.digests;
    semisync.commits = stats.commits;
    semisync.rebuilds = stats.rebuilds;
    if (this.#checks.facts.lossy) semisync.lossyRuns = 1;
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
