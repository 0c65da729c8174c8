import { assertDefined } from '../../../base/assert.js';
import { createPrng, type Prng } from '../../../base/prng.js';
import { createSemisyncChecks, type SemisyncChecks } from '../../checks/semisync/index.js';
import { History } from '../../clients/history.js';
import { keysOf } from '../../clients/intent.js';
import { SemisyncWire } from '../../clients/semisync/wire.js';
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
import { SemisyncLiveness } from './liveness.js';
import { SemisyncStage } from './stage.js';

/** A group begins with this, whatever its topology says: the rest comes from its log. */
const FORMED_WITH = 1;

/** Clocks run at half of the time at worst, where they are disturbed. */
const CLOCK_STRETCH = 2.05;
/** Ticks between what is known and what is told, and turns of a machine: of a busy one, where some are. */
const SLACK_TICKS = 2;
const TURN_MS = 2;
const BUSY_TURN_MS = 60;

/** One run of a leader-follower group: puts the parts together. */
export class SemisyncRun implements EngineRun {
  readonly statistics: Statistics = createStatistics();
  readonly world: World;
  readonly #safety: SafetyPhase;
  readonly #checks: SemisyncChecks;
  readonly #history = new History();
  readonly #stage: SemisyncStage;
  readonly #liveness: SemisyncLiveness;

  constructor(plan: Plan, options: RunOptions) {
    const prng = createPrng(plan.seed);
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
      prng: prng.fork('world'),
      replicas: plan.replicas,
      observers: [...this.#checks.observers, this.#history.observer, forwardTo(late), ...(options.observers ?? [])],
      network: plan.network,
      disk: plan.disk,
      knobs: plan.knobs,
      semisync: { ...group, writeQuorum: Math.min(group.writeQuorum, followers) },
    });
    const { statistics, world } = this;
    const run = runUntilOf(world, options);
    const triggers = new Triggers(world.time);
    const instants = new OrderedInstants(triggers, statistics, ({ semisync }) => semisync?.core ?? null);
    const wire = this.#createWire(plan, options, prng.fork('client links'));
    late.push(instants.observer, wire.observer);
    const replicas = (): readonly SimProcess[] =>
      this.#liveness.core.length > 0 ? this.#liveness.core : [...world.processes.values()];
    const clients = { time: world.time, wire, history: this.#history, stats: statistics.clients, replicas };
    const workload = new Workload(clientsOf(plan, clients));
    const stage = new SemisyncStage({
      plan,
      world,
      statistics,
      triggers,
      prng: prng.fork('stage'),
      onPromoted: (process, promotion) => this.#checks.promotions.onPromoted(process, promotion),
    });
    this.#stage = stage;
    this.#liveness = new SemisyncLiveness({
      plan,
      world,
      stage,
      wire,
      workload,
      history: this.#history,
      checks: this.#checks,
      prng: prng.fork('liveness'),
      run,
    });
    const settledWithinMs = SETTLED_WITHIN_MS;
    const isSettled = (): boolean => this.statistics.elections > 0;
    this.#safety = { plan, world, stage, workload, options, run, settledWithinMs, isSettled };
    options.onWorld?.(world);
  }

  #createWire({ clientLinks, clients }: Plan, options: RunOptions, prng: Prng): SemisyncWire {
    const { observers, reads } = this.#checks;
    const { semisync } = this.statistics;
    return new SemisyncWire({
      world: this.world,
      links: clientLinks,
      prng,
      history: this.#history,
      observers: [...observers, ...(options.observers ?? [])],
      reads,
      keys: keysOf(clients).registers,
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
    await safetyPhase(this.#safety);
    await this.#liveness.run();
    await this.#liveness.readBack();
    await this.#liveness.converge();
    this.#checks.atEnd(this.world);
    await this.#liveness.readFiles();
    this.statistics.undecidedKeys = this.#checks.judge(this.world, this.#history, CHECK_STEPS);
    this.world.time.fold(this.#history.operations.length);
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
}
