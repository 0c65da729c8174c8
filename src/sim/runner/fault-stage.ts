import type { ReplicaId } from '../../base/brand.js';
import type { Plan } from '../plan/plan.js';
import type { Trigger } from '../plan/nemesis/stage.js';
import type { DiskFaults, LinkFaults, SimProcess, World } from '../world/types.js';
import type { Statistics } from './statistics.js';
import type { Triggers } from './triggers.js';

export interface FaultStageOptions {
  readonly plan: Plan;
  readonly world: World;
  readonly statistics: Statistics;
  readonly triggers: Triggers;
}

/** What stages of all engines have in common: faults that overlap and end, each on its own. */
export class FaultStage {
  readonly world: World;
  readonly #plan: Plan;
  readonly #statistics: Statistics;
  readonly #triggers: Triggers;
  /** How many cuts of a directed link have not been taken back. */
  readonly #cuts = new Map<string, number>();
  readonly #disturbances: Partial<LinkFaults>[] = [];
  #ended = false;

  constructor({ plan, statistics, triggers, world }: FaultStageOptions) {
    this.#plan = plan;
    this.world = world;
    this.#statistics = statistics;
    this.#triggers = triggers;
  }

  /** No more faults: what is planned for later does not happen. What is broken stays broken. */
  end(): void {
    this.#ended = true;
    for (const { disk } of this.world.processes.values()) disk.loseNoSync();
    this.#triggers.stop();
  }

  after(delayMs: number, task: () => void): void {
    this.world.time.after(delayMs, () => {
      if (!this.#ended) task();
    });
  }

  once(trigger: Trigger, withinMs: number, task: (process: SimProcess) => void): void {
    this.#triggers.once(trigger, withinMs, task);
  }

  cut(from: ReplicaId, to: ReplicaId, silent: boolean): void {
    const link = `${from} ${to}`;
    const count = this.#cuts.get(link) ?? 0;
    this.#cuts.set(link, count + 1);
    this.#statistics.cuts++;
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
    this.#statistics.pauses++;
    process.pause();
    this.after(durationMs, () => {
      if (process.state === 'paused') process.resume();
    });
  }

  disturbNetwork(faults: Partial<LinkFaults>, durationMs: number): void {
    const { network } = this.world;
    const apply = (): void => {
      network.faults = Object.assign({}, this.#plan.network, ...this.#disturbances) as LinkFaults;
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
      process.disk.faults = this.#plan.disk;
    });
  }
}
