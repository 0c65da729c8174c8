import { unreachable } from '../../base/assert.js';
import type { ReplicaId } from '../../base/brand.js';
import type { Prng } from '../../base/prng.js';
import type { Plan } from '../plan/plan.js';
import { REPLACE_AFTER_MS } from '../plan/nemesis/machine.js';
import { shuffled, type Atlas, type Stage, type Target, type Trigger } from '../plan/nemesis/stage.js';
import type { CrashLoss, DiskFaults, LinkFaults, SimProcess, World } from '../world/types.js';
import { RunOperator } from './operator.js';
import type { Statistics } from './statistics.js';
import { Supervisor } from './supervisor.js';
import type { Triggers } from './triggers.js';
import { decides, lists, type View } from './view.js';

export interface StageOptions {
  readonly plan: Plan;
  readonly world: World;
  readonly view: View;
  readonly triggers: Triggers;
  readonly statistics: Statistics;
  readonly prng: Prng;
}

/** The stage of one run: see plan/nemesis/stage.ts. */
export class RunStage implements Stage {
  readonly world: World;
  readonly atlas: Atlas;
  readonly operator: RunOperator;
  readonly supervisor: Supervisor;
  readonly #options: StageOptions;
  readonly #damaged = new Set<ReplicaId>();
  /** How many cuts of a directed link have not been taken back. */
  readonly #cuts = new Map<string, number>();
  readonly #disturbances: Partial<LinkFaults>[] = [];
  #ended = false;

  constructor(options: StageOptions) {
    const { statistics, view, world } = options;
    this.#options = options;
    this.world = world;
    this.atlas = { claim: (process) => this.#claim(process), isDamaged: ({ id }) => this.#damaged.has(id) };
    this.supervisor = new Supervisor(world, statistics, (process) => this.#damaged.has(process.id));
    this.operator = new RunOperator({
      world,
      view,
      statistics,
      prng: options.prng.fork('operator'),
      mayRemove: (process) => this.#survives(process.id, null),
      retire: (process) => this.supervisor.hold(process),
    });
  }

  /** No more faults: what is planned for later does not happen. What is broken stays broken. */
  end(): void {
    this.#ended = true;
    this.operator.stop();
    this.#options.triggers.stop();
    for (const { disk } of this.world.processes.values()) disk.loseNoSync();
  }

  after(delayMs: number, task: () => void): void {
    this.world.time.after(delayMs, () => {
      if (!this.#ended) task();
    });
  }

  leader(): SimProcess | null {
    return this.#options.view.leader();
  }

  members(): readonly SimProcess[] {
    return this.#options.view.members();
  }

  pick(prng: Prng, target: Target): readonly SimProcess[] {
    const mixed = shuffled(prng, this.members());
    const leader = this.leader();
    switch (target) {
      case 'leader':
        return leader === null ? mixed.slice(0, 1) : [leader];
      case 'follower':
        return mixed.filter((process) => process !== leader && process.state === 'running').slice(0, 1);
      case 'any':
        return mixed.slice(0, 1);
      case 'minority':
        return mixed.slice(0, prng.between(1, Math.max(1, Math.floor((mixed.length - 1) / 2))));
      case 'majority':
        return mixed.slice(0, Math.floor(mixed.length / 2) + 1);
      case 'all':
        return mixed;
      default:
        return unreachable(target);
    }
  }

  once(trigger: Trigger, withinMs: number, task: (process: SimProcess) => void): void {
    this.#options.triggers.once(trigger, withinMs, task);
  }

  crash(process: SimProcess, loss: CrashLoss, restartMs: number): void {
    this.supervisor.crash(process, loss, restartMs);
    if (process.disk.broken && !this.#damaged.has(process.id)) this.#replaceDisk(process, restartMs);
  }

  /**
   * Raft trusts that what was synced stays (raft.md R1): with less than it has vouched for, a replica may vote for one that
   * lacks what is committed, and nothing on its disk need show that. So whoever operates it takes the disk away when it has
   * lost power while it lied, whatever its log says, and the replica goes the way of one with a wiped disk.
   */
  #replaceDisk(process: SimProcess, restartMs: number): void {
    const { statistics } = this.#options;
    this.#damaged.add(process.id);
    statistics.damagedDisks++;
    statistics.lyingDisks++;
    process.examine((refusal) => {
      if (refusal !== null) statistics.liesNoticed++;
      process.wipe();
    });
    this.after(restartMs + REPLACE_AFTER_MS, () => this.operator.replace(process));
  }

  cut(from: ReplicaId, to: ReplicaId, silent: boolean): void {
    const link = `${from} ${to}`;
    const count = this.#cuts.get(link) ?? 0;
    this.#cuts.set(link, count + 1);
    this.#options.statistics.cuts++;
    if (count === 0) this.world.network.cut(from, to, silent);
  }

  heal(from: ReplicaId, to: ReplicaId): void {
    const link = `${from} ${to}`;
    const count = this.#cuts.get(link) ?? 0;
    if (count <= 1) this.#cuts.delete(link);
    else this.#cuts.set(link, count - 1);
    if (count === 1) this.world.network.heal(from, to);
  }

  pause(process: SimProcess, durationMs: number): void {
    if (process.state !== 'running') return;
    this.#options.statistics.pauses++;
    process.pause();
    this.after(durationMs, () => {
      if (process.state === 'paused') process.resume();
    });
  }

  disturbNetwork(faults: Partial<LinkFaults>, durationMs: number): void {
    const { network } = this.world;
    const apply = (): void => {
      network.faults = Object.assign({}, this.#options.plan.network, ...this.#disturbances) as LinkFaults;
    };
    this.#disturbances.push(faults);
    apply();
    this.after(durationMs, () => {
      this.#disturbances.splice(this.#disturbances.indexOf(faults), 1);
      apply();
    });
  }

  slowDisk(process: SimProcess, faults: DiskFaults, durationMs: number): void {
    process.disk.faults = faults;
    this.after(durationMs, () => {
      process.disk.faults = this.#options.plan.disk;
    });
  }

  loseSync(process: SimProcess, told: () => void): void {
    if (!this.#mayDamage(process)) return;
    process.disk.loseNextSync(() => {
      this.#options.statistics.lostSyncs++;
      told();
    });
  }

  #claim(process: SimProcess): boolean {
    if (!this.#mayDamage(process)) return false;
    this.#damaged.add(process.id);
    this.#options.statistics.damagedDisks++;
    return true;
  }

  #mayDamage(process: SimProcess): boolean {
    if (!this.#isSound(process.id) || this.operator.changing) return false;
    const live = this.#options.view.live();
    const isMember = live.some(({ membership }) => lists(membership, process.id));
    return live.length > 0 && (!isMember || this.#survives(null, process.id));
  }

  #isSound(id: ReplicaId): boolean {
    return !this.#damaged.has(id) && this.world.processes.get(id)?.disk.lies !== true;
  }

  /** Would intact disks decide in every live membership if one replica were removed, and another one damaged? */
  #survives(removed: ReplicaId | null, damaged: ReplicaId | null): boolean {
    return this.#options.view.live().every(({ membership }) => {
      const without = (ids: readonly ReplicaId[]): ReplicaId[] => ids.filter((id) => id !== removed);
      const { outgoing, voters } = membership;
      return decides(
        { ...membership, voters: without(voters), outgoing: without(outgoing) },
        (id) => id !== damaged && this.#isSound(id),
      );
    });
  }
}
