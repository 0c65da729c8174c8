import { indexAfter, type GroupId, type LogIndex, type Term } from '../../base/brand.js';
import { assert } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import { KvorumError } from '../../base/errors/error.js';
import type { Logger } from '../../base/logger.js';
import type { PlacedMembership } from '../../engines/raft/membership.js';
import type { KvStateMachine } from '../../kv/index.js';
import type { CheckpointStore, Log, LogRecord } from '../../storage/storage.js';
import type { MemberStats } from '../stats.js';

/** Granularity in which the position of retained bytes is remembered. */
const MILESTONE_BYTES = 256 * 1024;

export interface CheckpointerOptions {
  readonly group: GroupId;
  readonly store: CheckpointStore;
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stats: MemberStats;
  /** Payload bytes applied since the last checkpoint that start the next one. */
  readonly checkpointBytes: number;
  /** Payload bytes kept in the log behind a checkpoint for followers that lag (raft.md S2). */
  readonly retainBytes: number;
  state(): { readonly kv: KvStateMachine; readonly appliedIndex: LogIndex; readonly appliedTerm: Term };
  termOf(index: LogIndex): Term;
  membershipAt(index: LogIndex): PlacedMembership;
  /** The first index that a snapshot stream in progress still needs; null when none runs (raft.md S2). */
  neededFrom(): LogIndex | null;
  onCheckpointed(index: LogIndex, cutIndex: LogIndex): void;
  onFailed(error: unknown): void;
}

/**
 * Moves applied state from memory to the checkpoint and lets the log be cut. Also holds the member's one maintenance
 * lock: a checkpoint and a snapshot install never overlap (raft.md S8).
 */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  #bytesApplied = 0;
  #bytesAtCheckpoint = 0;
  #milestones: { readonly index: LogIndex; readonly bytesApplied: number }[] = [];
  #locked = false;
  #running: Promise<void> | null = null;
  /** A failed log never tells that an append is done: whoever waits for one is told through this. */
  readonly #cancellation: Promise<never>;
  #cancel: (error: KvorumError) => void = () => undefined;
  #cancelled = false;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#cancellation = new Promise((_resolve, reject) => (this.#cancel = reject));
    this.#cancellation.catch(() => undefined);
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

  /** Notes one applied entry. */
  onApplied(index: LogIndex, bytes: number): void {
    this.#bytesApplied += bytes;
    const latest = this.#milestones.at(-1);
    if (latest === undefined || this.#bytesApplied - latest.bytesApplied >= MILESTONE_BYTES) {
      this.#milestones.push({ index, bytesApplied: this.#bytesApplied });
    }
  }

  /** A snapshot took the place of everything that was noted. */
  onSnapshotInstalled(): void {
    this.#milestones = [];
    this.#bytesAtCheckpoint = this.#bytesApplied;
  }

  get due(): boolean {
    return !this.#locked && this.#bytesApplied - this.#bytesAtCheckpoint >= this.#options.checkpointBytes;
  }

  /** Starts a checkpoint of what is applied now. */
  start(): void {
    if (!this.tryLock()) return;
    this.#running = this.#run()
      .catch((error: unknown) => {
        if (this.#cancelled) return;
        this.#options.stats.checkpointsFailed++;
        this.#options.onFailed(error);
      })
      .finally(() => {
        this.#running = null;
        this.unlock();
      });
  }

  async #run(): Promise<void> {
    const { kv, appliedIndex, appliedTerm } = this.#options.state();
    if (appliedIndex <= (this.#options.store.mark?.index ?? 0)) return;
    const startMs = this.#options.clock.monotonicMs();
    const bytesApplied = this.#bytesApplied;
    const membership = this.#options.membershipAt(appliedIndex);
    const frozen = kv.freeze();
    try {
      // Entries may be applied before this replica's own disk has them: the checkpoint must not be ahead of the log.
      await this.#append([]);
      const mark = { index: appliedIndex, term: appliedTerm, membership, meta: frozen.meta };
      await this.#options.store.write(mark, frozen.changes());
    } catch (error) {
      kv.abandonFreeze();
      throw error;
    }
    kv.thaw();
    this.#bytesAtCheckpoint = bytesApplied;
    this.#options.stats.checkpoints++;
    this.#options.stats.checkpointMs += this.#options.clock.monotonicMs() - startMs;
    await this.#recordAndCut(appliedIndex, appliedTerm);
  }

  /** Resolves when the records, and everything that was appended before them, are durable. */
  #append(records: readonly LogRecord[]): Promise<void> {
    const durable = new Promise<void>((resolve) => this.#options.log.append(records, true, resolve));
    return Promise.race([durable, this.#cancellation]);
  }

  async #recordAndCut(index: LogIndex, term: Term): Promise<void> {
    const { group, log } = this.#options;
    await this.#append([{ kind: 'checkpoint', group, index, term }]);
    const cutIndex = this.#cutIndex(index);
    const cutTerm = cutIndex > 0 ? this.#options.termOf(cutIndex) : null;
    this.#options.onCheckpointed(index, cutIndex);
    if (cutTerm !== null) log.cut(group, cutIndex, cutTerm);
    this.#options.logger.info('checkpoint_written', { group, index, cutIndex });
  }

  /** The highest index that may be forgotten: behind the checkpoint by about retainBytes. */
  #cutIndex(checkpointIndex: LogIndex): LogIndex {
    const keepFromBytes = this.#bytesApplied - this.#options.retainBytes;
    const neededFrom = this.#options.neededFrom() ?? Number.POSITIVE_INFINITY;
    let cutIndex = 0 as LogIndex;
    let drop = 0;
    for (const milestone of this.#milestones) {
      if (milestone.bytesApplied > keepFromBytes || milestone.index > checkpointIndex) break;
      if (indexAfter(milestone.index) > neededFrom) break;
      cutIndex = milestone.index;
      drop++;
    }
    this.#milestones.splice(0, drop);
    return cutIndex;
  }

  /** Resolves when no checkpoint is being written. */
  async idle(): Promise<void> {
    await this.#running;
  }
}
