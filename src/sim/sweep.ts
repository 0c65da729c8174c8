import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { systemClock } from '../base/clock.js';
import type { ChunkResult, ChunkTask, SeedViolation, ShrinkResult, ShrinkTask } from './job.js';
import type { DrawOptions } from './plan/draw/index.js';
import { addStatistics, createStatistics, type Statistics } from './runner/statistics.js';

export interface SweepOptions {
  readonly firstSeed: number;
  /** Included. */
  readonly lastSeed: number;
  readonly draw: DrawOptions;
  readonly determinismEvery: number;
  /** Worker threads. */
  readonly jobs: number;
  /** Count violations instead of ending with the first one. */
  readonly keepGoing: boolean;
  /** Infinity: until all seeds are done. */
  readonly timeMaxMs: number;
  /** Told after every chunk. */
  onProgress?(progress: SweepProgress): void;
}

export interface SweepProgress {
  readonly statistics: Statistics;
  readonly violations: readonly SeedViolation[];
  readonly wallMs: number;
}

export interface SweepResult extends SweepProgress {
  readonly endedBy: 'seeds' | 'violation' | 'time' | 'stop';
}

/** Seeds that a worker does at a time: enough to keep it busy, few enough to hear of it soon. */
const CHUNK_SEEDS_MAX = 10;

/** Many seeds on all cores. Every seed is a world of its own, so that they can be run in any order. */
export class Sweep {
  readonly #options: SweepOptions;
  readonly #pool: Piscina;
  readonly #statistics = createStatistics();
  readonly #violations: SeedViolation[] = [];
  readonly #startMs = systemClock.monotonicMs();
  #nextSeed: number;
  #endedBy: SweepResult['endedBy'] = 'seeds';
  #stopped = false;

  constructor(options: SweepOptions) {
    this.#options = options;
    this.#nextSeed = options.firstSeed;
    this.#pool = new Piscina({
      filename: fileURLToPath(new URL('./job.js', import.meta.url)),
      minThreads: options.jobs,
      maxThreads: options.jobs,
    });
  }

  async run(): Promise<SweepResult> {
    const lanes = Array.from({ length: this.#options.jobs }, () => this.#lane());
    await Promise.all(lanes);
    return { ...this.#progress(), endedBy: this.#endedBy };
  }

  /** Ends at once; what is done is done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#endedBy = 'stop';
    await this.#pool.destroy();
  }

  shrink(task: ShrinkTask): Promise<ShrinkResult> {
    return this.#pool.run(task, { name: 'shrinkPlan' }) as Promise<ShrinkResult>;
  }

  async close(): Promise<void> {
    if (!this.#stopped) await this.#pool.destroy();
  }

  async #lane(): Promise<void> {
    for (let task = this.#nextTask(); task !== null; task = this.#nextTask()) {
      try {
        this.#take((await this.#pool.run(task, { name: 'runChunk' })) as ChunkResult);
      } catch (error) {
        if (this.#stopped) return;
        throw error;
      }
    }
  }

  #nextTask(): ChunkTask | null {
    const { determinismEvery, draw, jobs, keepGoing, lastSeed, timeMaxMs } = this.#options;
    const left = lastSeed - this.#nextSeed + 1;
    if (this.#stopped || left <= 0) return null;
    if (this.#violations.length > 0 && !keepGoing) {
      this.#endedBy = 'violation';
      return null;
    }
    if (systemClock.monotonicMs() - this.#startMs >= timeMaxMs) {
      this.#endedBy = 'time';
      return null;
    }
    const count = Math.min(CHUNK_SEEDS_MAX, Math.max(1, Math.floor(left / (4 * jobs))));
    const firstSeed = this.#nextSeed;
    this.#nextSeed += count;
    return { firstSeed, count, draw, determinismEvery };
  }

  #take({ statistics, violations }: ChunkResult): void {
    addStatistics(this.#statistics, statistics);
    this.#violations.push(...violations);
    this.#violations.sort((a, b) => a.seed - b.seed);
    this.#options.onProgress?.(this.#progress());
  }

  #progress(): SweepProgress {
    return {
      statistics: this.#statistics,
      violations: this.#violations,
      wallMs: systemClock.monotonicMs() - this.#startMs,
    };
  }
}
