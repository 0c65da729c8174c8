import { unreachable } from '../../base/assert.js';
import type { ReplicaId } from '../../base/brand.js';
import type { Prng } from '../../base/prng.js';
import { REPLACE_AFTER_MS } from '../plan/nemesis/machine.js';
import { shuffled, type Atlas, type Stage, type Target, type Trigger } from '../plan/nemesis/stage.js';
import type { CrashLoss, SimProcess } from '../world/types.js';
import { FaultStage, type FaultStageOptions } from './fault-stage.js';
import { RunOperator } from './operator.js';
import { Supervisor } from './supervisor.js';
import type { Triggers } from './triggers.js';
import { decides, lists, type View } from './view.js';

export interface StageOptions extends FaultStageOptions {
  readonly view: View;
  readonly triggers: Triggers;
  readonly prng: Prng;
}

/** The stage of one run of a raft group: see plan/nemesis/stage.ts. */
export class RunStage extends FaultStage implements Stage {
  readonly atlas: Atlas;
  readonly operator: RunOperator;
  readonly supervisor: Supervisor;
  readonly #options: StageOptions;
  readonly #damaged = new Set<ReplicaId>();

  constructor(options: StageOptions) {
    const { statistics, view, world } = options;
    super(options);
    this.#options = options;
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

  override end(): void {
    super.end();
    this.operator.stop();
    this.#options.triggers.stop();
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

  /** There are no clocks to be told, and messages are checked by the term. */
  forge(): void {}

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
