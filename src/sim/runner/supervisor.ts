import type { ReplicaId } from '../../base/brand.js';
import { Violation, type CrashLoss, type SimProcess, type World } from '../world/types.js';
import type { Statistics } from './statistics.js';

const WATCH_MS = 50;
const RESTART_MS = 100;
/** A damaged replica is started this often by itself; then somebody has to come. */
const DAMAGED_STARTS_MAX = 3;
/** Codes with which only a damaged folder is refused, and with which only its replica stops. */
const DAMAGE_CODES: readonly string[] = ['log_corrupt', 'checkpoint_corrupt', 'data_dir_mismatch'];

/** Starts replicas again, as the supervisor of a host does; kills them, as everything else does. */
export class Supervisor {
  readonly #world: World;
  readonly #statistics: Statistics;
  readonly #isDamaged: (process: SimProcess) => boolean;
  readonly #planned = new Set<ReplicaId>();
  readonly #held = new Set<ReplicaId>();
  readonly #damagedStarts = new Map<ReplicaId, number>();
  readonly #refused = new Set<string>();

  constructor(world: World, statistics: Statistics, isDamaged: (process: SimProcess) => boolean) {
    this.#world = world;
    this.#statistics = statistics;
    this.#isDamaged = isDamaged;
  }

  /** Begins to watch; goes on until the world ends. */
  start(): void {
    for (const process of this.#world.processes.values()) this.#check(process);
    this.#world.time.after(WATCH_MS, () => this.start());
  }

  crash(process: SimProcess, loss: CrashLoss, restartMs: number): void {
    if (process.state === 'new' || process.state === 'down' || process.state === 'refused') return;
    if (loss === 'nothing') this.#statistics.crashes++;
    else this.#statistics.powerLosses++;
    process.crash(loss);
    this.#plan(process, restartMs);
  }

  /** It stays down from now on. */
  hold(process: SimProcess): void {
    this.#held.add(process.id);
  }

  release(process: SimProcess): void {
    this.#held.delete(process.id);
  }

  #check(process: SimProcess): void {
    const { failure, id, state } = process;
    if (state !== 'down' && state !== 'refused') return;
    if (failure !== null) this.#count(process, failure.code, failure.detail);
    if (!this.#planned.has(id)) this.#plan(process, RESTART_MS);
  }

  #count(process: SimProcess, code: string, detail: string): void {
    if (DAMAGE_CODES.includes(code) && !this.#isDamaged(process)) {
      throw new Violation('sound-disk-refused', `${process.id} has a sound disk and says ${code}: ${detail}`);
    }
    const name = `${process.id} ${process.state} ${code}`;
    if (this.#refused.has(name)) return;
    this.#refused.add(name);
    if (process.state === 'refused') this.#statistics.refusedStarts++;
    else this.#statistics.selfStops++;
  }

  #plan(process: SimProcess, delayMs: number): void {
    this.#planned.add(process.id);
    this.#world.time.after(delayMs, () => {
      this.#planned.delete(process.id);
      if (this.#held.has(process.id) || (process.state !== 'down' && process.state !== 'refused')) return;
      if (this.#isDamaged(process)) {
        const starts = this.#damagedStarts.get(process.id) ?? 0;
        if (starts >= DAMAGED_STARTS_MAX) return;
        this.#damagedStarts.set(process.id, starts + 1);
      }
      process.start();
    });
  }
}
