import type { Term } from '../../../base/brand.js';
import type { Prng } from '../../../base/prng.js';
import type { SemisyncControl } from '../../../replica/router.js';
import type { SemisyncChecks } from '../../checks/semisync/index.js';
import type { Position } from '../../checks/semisync/image.js';
import type { History } from '../../clients/history.js';
import { keysOf } from '../../clients/intent.js';
import type { SemisyncWire } from '../../clients/semisync/wire.js';
import type { Workload } from '../../clients/workload.js';
import { HEALED_DISK, HEALED_LINKS } from '../../plan/healed.js';
import { chance, pick } from '../../plan/dice.js';
import type { Plan } from '../../plan/plan.js';
import { Violation, type SimProcess, type World } from '../../world/types.js';
import { Probe } from '../probe.js';
import { SemisyncService } from './service.js';
import type { SemisyncStage } from './stage.js';

export interface SemisyncLivenessOptions {
  readonly plan: Plan;
  readonly world: World;
  readonly stage: SemisyncStage;
  readonly wire: SemisyncWire;
  readonly workload: Workload;
  readonly history: History;
  readonly checks: SemisyncChecks;
  readonly prng: Prng;
  run(untilMs: number, stop: () => boolean): Promise<void>;
}

const RESTART_MS = 20;

/**
 * The second phase: enough members for promotions and for the write quorum are healed, and must take writes again, whatever the
 * others do.
 */
export class SemisyncLiveness {
  readonly #options: SemisyncLivenessOptions;
  #core: readonly SimProcess[] = [];

  constructor(options: SemisyncLivenessOptions) {
    this.#options = options;
  }

  /** Where clients may go now. */
  get core(): readonly SimProcess[] {
    return this.#core;
  }

  /** Ends with a group that serves. Throws Violation. */
  async run(): Promise<void> {
    const { checks, plan, stage, wire, world, workload } = this.#options;
    this.#core = this.#chooseCore();
    stage.reach(this.#core);
    stage.end();
    this.#heal();
    wire.links = { requestLoss: 0, replyLoss: 0, delayMinMs: 0.2, delayMeanMs: 1 };
    workload.drain();
    // What an operator has begun may still take back what is served now, where it was forced.
    await this.#options.run(world.time.nowMs + plan.livenessMs, () => !stage.promoting);
    const timeoutMs = plan.knobs.requestTimeoutMs;
    const service = new SemisyncService({
      time: world.time,
      wire,
      timeoutMs,
      core: this.#core,
      leader: () => this.#leader(),
      isLossy: () => checks.facts.lossy,
    });
    const isServed = (): boolean => workload.ended && service.served;
    await this.#options.run(world.time.nowMs + plan.livenessMs, isServed);
    if (isServed()) return;
    const clients = workload.ended ? '' : '; clients still wait';
    throw new Violation(
      'liveness',
      `${this.#core.length} of ${stage.members().length} members are healed, ${stage.needed} are needed, and do not serve within ` +
        `${plan.livenessMs} ms: ${service.describe()}${clients}`,
    );
  }

  /** Intact members; one is left out where the others suffice. Force may have left some that do not count. */
  #chooseCore(): SimProcess[] {
    const { plan, prng, stage } = this.#options;
    const intact = stage.members().filter((process) => !stage.atlas.isDamaged(process) && !process.disk.lies);
    const mayLose = !plan.healAll && !stage.forced && stage.formed && intact.length > stage.needed && chance(prng, 0.6);
    const lost = mayLose ? pick(prng, intact) : null;
    return intact.filter((process) => process !== lost);
  }

  #leader(): SimProcess {
    const { prng, stage } = this.#options;
    const leader = stage.leader();
    return leader !== null && this.#core.includes(leader) ? leader : pick(prng, this.#core);
  }

  #heal(): void {
    const { plan, stage, world } = this.#options;
    world.network.faults = HEALED_LINKS;
    if (plan.healAll) world.network.healAll();
    for (const process of stage.members()) {
      if (this.#core.includes(process) || (plan.healAll && !stage.atlas.isDamaged(process))) this.#revive(process);
      else this.#abandon(process);
    }
    for (const from of this.#core) {
      for (const to of this.#core) {
        if (from === to) continue;
        world.network.heal(from.id, to.id);
        world.network.reset(from.id, to.id); // A frame that is late by a long tail would hold up all that follow it.
      }
    }
  }

  #revive(process: SimProcess): void {
    if (process.state === 'paused') process.resume();
    process.slow(0);
    process.setClock(1, 0);
    process.disk.faults = HEALED_DISK;
    if (process.state === 'down') {
      this.#options.world.time.after(RESTART_MS, () => {
        if (process.state === 'down') process.start();
      });
    }
  }

  /** Dead, or cut off both ways: a leader that is heard, and hears nobody, keeps its place until somebody is promoted. */
  #abandon(process: SimProcess): void {
    const { prng, stage } = this.#options;
    stage.supervisor.hold(process);
    const fate = pick(prng, ['dead', 'dead', 'cut off'] as const);
    if (fate === 'dead' || stage.atlas.isDamaged(process)) stage.crash(process, 'nothing', 0);
    for (const { id } of this.#core) {
      stage.cut(process.id, id, true);
      stage.cut(id, process.id, true);
    }
  }

  /** Every running member has what the leader has; otherwise whoever checks next says what differs. */
  async converge(): Promise<void> {
    const { plan, stage, world } = this.#options;
    for (const process of stage.members()) {
      const isAsked = this.#core.includes(process) || (plan.healAll && !stage.atlas.isDamaged(process));
      if (isAsked) continue;
      stage.supervisor.hold(process);
      stage.crash(process, 'nothing', 0);
    }
    await this.#options.run(world.time.nowMs + plan.livenessMs, () => {
      const led = stage.leader()?.semisync ?? null;
      const core = led?.core ?? null;
      if (led === null || core === null || led.appliedIndex < core.lastIndex) return false;
      return stage
        .members()
        .filter(({ state }) => state !== 'down' && state !== 'refused')
        .every(
          ({ semisync }) => semisync?.appliedIndex === led.appliedIndex && semisync.appliedTerm === led.appliedTerm,
        );
    });
  }

  /** Reads every key once more, strongly. */
  async readBack(): Promise<void> {
    const { history, plan, wire, world } = this.#options;
    const { registers } = keysOf(plan.clients);
    const context = { time: world.time, wire, timeoutMs: plan.knobs.requestTimeoutMs };
    const probes = registers.map((key) => {
      const call = history.tick();
      return new Probe(
        context,
        () => this.#leader(),
        { type: 'read', key, consistency: 'strong' },
        (answer) => {
          if (answer.type !== 'read') return;
          const { epoch = 0, revision, value } = answer;
          const end = history.tick();
          const place = { epoch: epoch as Term, revision };
          history.push({ client: 'last', kind: 'get', key, value, call, return: end, outcome: 'ok' }, place);
        },
      );
    });
    const areDone = (): boolean => probes.every(({ done }) => done);
    await this.#options.run(world.time.nowMs + plan.livenessMs, areDone);
    if (!areDone()) throw new Violation('liveness', 'a group that served does not answer the last reads');
  }

  /** What left a log is in the files of lost writes there (ap.md §1.3.6). */
  async readFiles(): Promise<void> {
    const { checks, plan, world } = this.#options;
    let waiting = 0;
    const found = new Map<SimProcess, readonly Position[]>();
    for (const id of checks.discards.expected) {
      const process = world.processes.get(id);
      if (process?.state !== 'running') continue;
      waiting++;
      process.request((keyspace) => {
        if (keyspace.semisync === null) return;
        void savedIn(keyspace.semisync).then((saved) => found.set(process, saved));
      });
    }
    await this.#options.run(world.time.nowMs + plan.livenessMs, () => found.size === waiting);
    for (const [process, saved] of found) checks.discards.checkFiles(process.id, saved);
    if (found.size < waiting) throw new Violation('discarded-saved', 'somebody does not show its files of lost writes');
  }
}

async function savedIn(control: SemisyncControl): Promise<Position[]> {
  const saved: Position[] = [];
  for (const { discarded } of await control.failovers()) {
    if (discarded === null) continue;
    const file = await control.lostWrites(discarded.file);
    for (const { epoch, index } of file?.commands ?? []) saved.push({ index, term: epoch });
  }
  return saved;
}
