import type { ReplicaId } from '../../../base/brand.js';
import type { Prng } from '../../../base/prng.js';
import { REPLACE_AFTER_MS } from '../../plan/nemesis/machine.js';
import type { Stage, Target } from '../../plan/nemesis/stage.js';
import type { CrashLoss, SimProcess } from '../../world/types.js';
import { DiskAtlas } from '../atlas.js';
import { FaultStage, type FaultStageOptions } from '../fault-stage.js';
import { Supervisor } from '../supervisor.js';
import { pickTarget } from '../targets.js';
import { RaftOperator } from './operator.js';
import { decides, lists, type View } from './view.js';

export interface RaftStageOptions extends FaultStageOptions {
  readonly view: View;
  readonly prng: Prng;
}

/** The stage of one run of a raft group: see plan/nemesis/stage.ts. */
export class RaftStage extends FaultStage implements Stage {
  readonly atlas: DiskAtlas;
  readonly operator: RaftOperator;
  readonly supervisor: Supervisor;
  readonly #view: View;

  constructor(options: RaftStageOptions) {
    const { statistics, view, world } = options;
    super(options);
    this.#view = view;
    this.atlas = new DiskAtlas(statistics, (process) => this.#mayDamage(process));
    this.supervisor = new Supervisor(world, statistics, this.atlas.isDamaged);
    this.operator = new RaftOperator({
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
  }

  leader(): SimProcess | null {
    return this.#view.leader();
  }

  members(): readonly SimProcess[] {
    return this.#view.members();
  }

  pick(prng: Prng, target: Target): readonly SimProcess[] {
    return pickTarget(prng, target, this.members(), this.leader());
  }

  /** There are no clocks to be told, and messages are checked by the term. */
  forge(): void {}

  crash(process: SimProcess, loss: CrashLoss, restartMs: number): void {
    this.supervisor.crash(process, loss, restartMs);
    // The replica goes the way of one with a wiped disk.
    if (!this.atlas.takeAwayBroken(process)) return;
    this.after(restartMs + REPLACE_AFTER_MS, () => this.operator.replace(process));
  }

  #mayDamage(process: SimProcess): boolean {
    if (!this.#isSound(process.id) || this.operator.changing) return false;
    const live = this.#view.live();
    const isMember = live.some(({ membership }) => lists(membership, process.id));
    return live.length > 0 && (!isMember || this.#survives(null, process.id));
  }

  #isSound(id: ReplicaId): boolean {
    return !this.atlas.has(id) && this.world.processes.get(id)?.disk.lies !== true;
  }

  /** Would intact disks decide in every live membership if one replica were removed, and another one damaged? */
  #survives(removed: ReplicaId | null, damaged: ReplicaId | null): boolean {
    return this.#view.live().every(({ membership }) => {
      const without = (ids: readonly ReplicaId[]): ReplicaId[] => ids.filter((id) => id !== removed);
      const { outgoing, voters } = membership;
      return decides(
        { ...membership, voters: without(voters), outgoing: without(outgoing) },
        (id) => id !== damaged && this.#isSound(id),
      );
    });
  }
}
