import { assert } from '../base/assert.js';
import type { GroupId } from '../base/brand.js';
import type { Clock } from '../base/clock.js';
import { KvorumError } from '../base/errors/error.js';
import type { FrozenState } from '../kv/index.js';
import type { CheckpointMark, CheckpointStore, Log, LogRecord } from '../storage/storage.js';

/** Between two looks at whether the log is kept too long because of this group. */
const GIVE_WAY_MS = 1000;

/** A state machine, as far as a checkpoint is concerned. */
export interface Freezable {
  freeze(): FrozenState;
  thaw(): void;
  abandonFreeze(): void;
}

export interface CheckpointStats {
  checkpoints: number;
  checkpointMs: number;
  checkpointsFailed: number;
}

export interface CheckpointTaskOptions {
  readonly store: CheckpointStore;
  readonly log: Log;
  readonly clock: Clock;
  readonly stats: CheckpointStats;
  /** Bytes applied since the last checkpoint that start the next one. */
  readonly checkpointBytes: number;
  /**
   * The log of all groups together may become so long because of one of them; default: without limit. One that hardly writes
   * never has enough for a checkpoint of its own, and keeps whole files of the others.
   */
  readonly logBytesMax?: number;
  onFailed(error: unknown): void;
}

/**
 * What checkpoints of every engine have in common: when one is due, the member's one maintenance lock (a checkpoint and
 * an install never overlap: raft.md S8), and how a state gets to the disk.
 */
export class CheckpointTask {
  readonly #options: CheckpointTaskOptions;
  #bytesApplied = 0;
  #bytesAtCheckpoint = 0;
  #giveWayMs = 0;
  #locked = false;
  #running: Promise<void> | null = null;
  /** A failed log never tells that an append is done: whoever waits for one is told through this. */
  readonly #cancellation: Promise<never>;
  #cancel: (error: KvorumError) => void = () => undefined;
  #cancelled = false;

  constructor(options: CheckpointTaskOptions) {
    this.#options = options;
    this.#cancellation = new Promise((_resolve, reject) => (this.#cancel = reject));
    this.#cancellation.catch(() => undefined);
  }

  /** Bytes applied since the start. */
  get bytesApplied(): number {
    return this.#bytesApplied;
  }

  onApplied(bytes: number): void {
    this.#bytesApplied += bytes;
  }

  /** Something else than the log took the place of everything that was applied: it is on disk already. */
  onReplaced(): void {
    this.#bytesAtCheckpoint = this.#bytesApplied;
  }

  get due(): boolean {
    return !this.#locked && this.#bytesApplied - this.#bytesAtCheckpoint >= this.#options.checkpointBytes;
  }

  /** True when the log is too long because of what it keeps of `groups`. */
  holdsBack(groups: Iterable<GroupId>): boolean {
    const { log, logBytesMax = Number.POSITIVE_INFINITY } = this.#options;
    if (log.bytes <= logBytesMax) return false;
    for (const group of groups) if (log.heldBytes(group) > logBytesMax) return true;
    return false;
  }

  /** As `holdsBack`, now and then: what holds the log may be something that cannot be helped. */
  mustGiveWay(groups: () => Iterable<GroupId>, nowMs: number): boolean {
    if (this.#locked || nowMs < this.#giveWayMs) return false;
    this.#giveWayMs = nowMs + GIVE_WAY_MS;
    return this.holdsBack(groups());
  }

  /** The log takes nothing any more: a checkpoint that waits for it ends without a result. */
  cancel(): void {
    this.#cancelled = true;
    this.#cancel(new KvorumError('storage_failed', 'The replica stopped'));
  }

  tryLock(): boolean {
    if (this.#locked) return false;
    this.#locked = true;
    return true;
  }

  unlock(): void {
    assert(this.#locked, 'only a held lock is released');
    this.#locked = false;
  }

  /** Runs `task` under the lock; false: it is held, nothing was begun. */
  start(task: () => Promise<void>): boolean {
    if (!this.tryLock()) return false;
    this.#running = task()
      .catch((error: unknown) => {
        if (this.#cancelled) return;
        this.#options.stats.checkpointsFailed++;
        this.#options.onFailed(error);
      })
      .finally(() => {
        this.#running = null;
        this.unlock();
      });
    return true;
  }

  /** Makes what is applied now durable. To be called under the lock; `before` runs between the freeze and the first write. */
  async write(
    kv: Freezable,
    markOf: (meta: Uint8Array) => CheckpointMark,
    before?: () => Promise<void>,
  ): Promise<void> {
    const { clock, stats, store } = this.#options;
    const startMs = clock.monotonicMs();
    const bytesApplied = this.#bytesApplied;
    const frozen = kv.freeze();
    try {
      await before?.();
      await store.write(markOf(frozen.meta), frozen.changes());
    } catch (error) {
      kv.abandonFreeze();
      throw error;
    }
    kv.thaw();
    this.#bytesAtCheckpoint = bytesApplied;
    stats.checkpoints++;
    stats.checkpointMs += clock.monotonicMs() - startMs;
  }

  /** Resolves when the records, and everything that was appended before them, are durable. */
  append(records: readonly LogRecord[]): Promise<void> {
    const durable = new Promise<void>((resolve) => this.#options.log.append(records, true, resolve));
    return Promise.race([durable, this.#cancellation]);
  }

  /** Resolves when no checkpoint is being written. */
  async idle(): Promise<void> {
    await this.#running;
  }
}
