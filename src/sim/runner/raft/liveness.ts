import type { Prng } from '../../../base/prng.js';
import type { History } from '../../clients/history.js';
import { keysOf } from '../../clients/intent.js';
import type { ClientWire } from '../../clients/wire.js';
import type { Workload } from '../../clients/workload.js';
import { HEALED_DISK, HEALED_LINKS } from '../../plan/healed.js';
import { chance, pick } from '../../plan/dice.js';
import { shuffled } from '../../plan/nemesis/stage.js';
import type { Plan } from '../../plan/plan.js';
import { Violation, type SimProcess, type World } from '../../world/types.js';
import { Probe, Service } from '../probe.js';
import type { RaftStage } from './stage.js';
import { decides, lists, type View } from './view.js';

export interface RaftLivenessOptions {
  readonly plan: Plan;
  readonly world: World;
  readonly view: View;
  readonly stage: RaftStage;
  readonly wire: ClientWire;
  readonly workload: Workload;
  readonly history: History;
  readonly prng: Prng;
  run(untilMs: number, stop: () => boolean): Promise<void>;
}

const RESTART_MS = 20;

/**
 * The second phase (TigerBeetle's): a random core that can decide is healed, and must serve again within some election
 * timeouts, whatever the others do. Safety checks never notice a group that stands still.
 */
export class RaftLiveness {
  readonly #options: RaftLivenessOptions;
  #core: readonly SimProcess[] = [];

  constructor(options: RaftLivenessOptions) {
    this.#options = options;
  }

  /** Where clients may go now. */
  get core(): readonly SimProcess[] {
    return this.#core;
  }

  /** Ends with a group that serves. Throws Violation. */
  async run(): Promise<void> {
    const { plan, stage, wire, world, workload } = this.#options;
    this.#core = this.#chooseCore();
    stage.end();
    this.#heal();
    wire.links = { requestLoss: 0, replyLoss: 0, delayMinMs: 0.2, delayMeanMs: 1 };
    workload.drain();
    const timeoutMs = plan.knobs.requestTimeoutMs;
    const services = this.#core.map((process) => new Service({ time: world.time, wire, timeoutMs }, process));
    const isServed = (): boolean =>
      workload.ended && services.every((service) => service.served || !this.#isMember(service.process));
    const beganMs = world.time.nowMs;
    await this.#options.run(beganMs + plan.livenessMs, isServed);
    if (isServed()) return;
    const said = services.map((service) => service.describe()).join('; ');
    const clients = workload.ended ? '' : '; clients still wait';
    throw new Violation('liveness', `a healed quorum does not serve within ${plan.livenessMs} ms: ${said}${clients}`);
  }

  /** Intact replicas in random order, until they decide in every membership that may be in force. */
  #chooseCore(): SimProcess[] {
    const { prng, stage, view } = this.#options;
    const live = view.live().map(({ membership }) => membership);
    // A cluster is formed by all of its first replicas (raft.md M5): before that, all of them are needed.
    if (live.length === 0) return view.members();
    const core: SimProcess[] = [];
    const isEnough = (): boolean =>
      live.every((membership) => decides(membership, (id) => core.some((each) => each.id === id)));
    for (const process of shuffled(prng, view.members())) {
      if (stage.atlas.isDamaged(process)) continue;
      if (isEnough() && !chance(prng, 0.3)) continue;
      core.push(process);
    }
    return core;
  }

  #heal(): void {
    const { plan, world } = this.#options;
    for (const process of this.#core) if (this.#isStranded(process)) this.#inform(process);
    world.network.faults = HEALED_LINKS;
    if (plan.healAll) world.network.healAll();
    for (const process of world.processes.values()) {
      if (this.#core.includes(process) || (plan.healAll && !this.#isLost(process))) this.#revive(process);
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

  /** A removal that was under way may still take somebody out of the core. */
  #isMember({ id }: SimProcess): boolean {
    const committed = this.#options.view.committed();
    return committed === null || lists(committed.membership, id);
  }

  /** Whom it knew of has left while it was away: nobody is left to vouch for the others (docs/protocol.md, Vouching). */
  #isStranded({ id, listed, member }: SimProcess): boolean {
    const known = [...listed, ...(member?.raft.membership.membership.members ?? []).map((info) => info.id)];
    return this.#core.length > 1 && !this.#core.some((other) => other.id !== id && known.includes(other.id));
  }

  /** What operators then do (docs/operations.md): a newer topology file, and a restart. */
  #inform(process: SimProcess): void {
    process.inform(this.#core.map(({ id }) => id));
    if (process.state === 'running' || process.state === 'paused') this.#options.stage.crash(process, 'nothing', 0);
  }

  #isLost(process: SimProcess): boolean {
    return this.#options.stage.atlas.isDamaged(process);
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

  /**
   * Dead, cut off, deaf or mute: for ever. To all of the core alike: a leader outside of it that reaches a part of it is a
   * good leader, and the rest can do nothing about that.
   */
  #abandon(process: SimProcess): void {
    const { prng, stage } = this.#options;
    stage.supervisor.hold(process);
    const fate = pick(prng, ['dead', 'dead', 'cut off', 'deaf', 'mute'] as const);
    if (fate === 'dead' || this.#isLost(process)) stage.crash(process, 'nothing', 0);
    for (const { id } of this.#core) {
      if (fate !== 'deaf') stage.cut(process.id, id, true);
      if (fate !== 'mute') stage.cut(id, process.id, true);
    }
  }

  /** Every running member has what the leader has; otherwise whoever checks next says what differs. */
  async converge(): Promise<void> {
    const { plan, stage, view, world } = this.#options;
    for (const process of world.processes.values()) {
      const isAsked = this.#core.includes(process) || (plan.healAll && !this.#isLost(process));
      if (isAsked) continue;
      stage.supervisor.hold(process);
      stage.crash(process, 'nothing', 0);
    }
    await this.#options.run(world.time.nowMs + plan.livenessMs, () => {
      const led = view.leader()?.member ?? null;
      if (led === null || led.raft.commitIndex < led.raft.lastIndex) return false;
      const { membership } = led.raft.committedMembership;
      return [...world.processes.values()]
        .filter(({ id, state }) => lists(membership, id) && state !== 'down' && state !== 'refused')
        .every(({ member }) => member?.appliedIndex === led.appliedIndex && led.appliedIndex === led.raft.commitIndex);
    });
  }

  /** Reads every key once more: what was acknowledged must be there, and what the history says. */
  async readBack(): Promise<ReadonlyMap<string, number>> {
    const { history, plan, prng, wire, world } = this.#options;
    const { counters, registers } = keysOf(plan.clients);
    const finals = new Map<string, number>();
    const context = { time: world.time, wire, timeoutMs: plan.knobs.requestTimeoutMs };
    const choose = (): SimProcess => {
      const members = this.#core.filter((process) => this.#isMember(process));
      return pick(prng, members.length > 0 ? members : this.#core);
    };
    const probes = [...registers, ...counters].map((key) => {
      const call = history.tick();
      return new Probe(context, choose, { type: 'read', key, consistency: 'linearizable' }, (answer) => {
        if (answer.type !== 'read') return;
        const { value } = answer;
        if (counters.includes(key)) finals.set(key, Number(value ?? '0'));
        else {
          const end = history.tick();
          history.operations.push({ client: 'last', kind: 'get', key, value, call, return: end, outcome: 'ok' });
        }
      });
    });
    const areDone = (): boolean => probes.every(({ done }) => done);
    await this.#options.run(world.time.nowMs + plan.livenessMs, areDone);
    if (!areDone()) throw new Violation('liveness', 'a group that served does not answer the last reads');
    return finals;
  }
}
