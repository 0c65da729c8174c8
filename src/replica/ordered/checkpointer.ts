import { indexAfter, logIndex, type GroupId, type LogIndex, type Term } from '../../base/brand.js';
import type { Logger } from '../../base/logger.js';
import type { KvStateMachine } from '../../kv/index.js';
import type { CheckpointMark } from '../../storage/storage.js';
import { CheckpointTask, type CheckpointTaskOptions } from '../checkpoint-task.js';

/** Granularity in which the position of retained bytes is remembered. */
const MILESTONE_BYTES = 256 * 1024;

export interface CheckpointerOptions extends CheckpointTaskOptions {
  readonly group: GroupId;
  readonly logger: Logger;
  /** Payload bytes kept in the log behind a checkpoint for followers that lag (raft.md S2). */
  readonly retainBytes: number;
  state(): { readonly kv: KvStateMachine; readonly appliedIndex: LogIndex; readonly appliedTerm: Term };
  termOf(index: LogIndex): Term;
  /** What a checkpoint at `index` tells besides the state. */
  inForceAt(index: LogIndex): Pick<CheckpointMark, 'membership' | 'quorum'>;
  /** The first index that a snapshot stream in progress still needs; null when none runs (raft.md S2). */
  neededFrom(): LogIndex | null;
  onCheckpointed(index: LogIndex, cutIndex: LogIndex): void;
}

/** Moves applied state from memory to the checkpoint and lets the log be cut. */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #task: CheckpointTask;
  #milestones: { readonly index: LogIndex; readonly bytesApplied: number }[] = [];
  /** Nothing up to here is kept because of this group any more. */
  #givenTo = logIndex(0);

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#task = new CheckpointTask(options);
  }

  /** The log takes nothing any more: a checkpoint that waits for it ends without a result. */
  cancel(): void {
    this.#task.cancel();
  }

  tryLock(): boolean {
    return this.#task.tryLock();
  }

  unlock(): void {
    this.#task.unlock();
  }

  /** Runs `task`, to its end, in place of a checkpoint; false: one is being written, or a snapshot received. */
  hold(task: () => Promise<void>): boolean {
    return this.#task.start(task);
  }

  /** Notes one applied entry. */
  onApplied(index: LogIndex, bytes: number): void {
    this.#task.onApplied(bytes);
    const { bytesApplied } = this.#task;
    const latest = this.#milestones.at(-1);
    if (latest === undefined || bytesApplied - latest.bytesApplied >= MILESTONE_BYTES) {
      this.#milestones.push({ index, bytesApplied });
    }
  }

  /** A snapshot took the place of everything that was noted. */
  onSnapshotInstalled(): void {
    this.#milestones = [];
    this.#task.onReplaced();
  }

  get due(): boolean {
    return this.#task.due;
  }

  /** Gives the log back what it keeps for this group alone, however little that is. */
  check(nowMs: number): void {
    const { group } = this.#options;
    if (this.#options.state().appliedIndex <= this.#givenTo || !this.#task.mustGiveWay(() => [group], nowMs)) return;
    this.start();
  }

  /** Starts a checkpoint of what is applied now. */
  start(): void {
    this.#task.start(() => this.#run());
  }

  /** Resolves when there is a checkpoint, be it of an empty state; unless the store fails. */
  async ensure(): Promise<void> {
    await this.#task.idle();
    if (this.#options.store.mark !== null) return;
    this.#task.start(() => this.#run(true));
    await this.#task.idle();
  }

  async #run(evenEmpty = false): Promise<void> {
    const { kv, appliedIndex, appliedTerm } = this.#options.state();
    if (appliedIndex <= (this.#options.store.mark?.index ?? (evenEmpty ? -1 : 0))) {
      if (appliedIndex > 0 && this.#holdsBack) await this.#recordAndCut(appliedIndex, appliedTerm);
      return;
    }
    const inForce = this.#options.inForceAt(appliedIndex);
    // Entries may be applied before this replica's own disk has them: the checkpoint must not be ahead of the log.
    const markOf = (meta: Uint8Array) => ({ index: appliedIndex, term: appliedTerm, ...inForce, meta });
    await this.#task.write(kv, markOf, () => this.#task.append([]));
    if (appliedIndex > 0) await this.#recordAndCut(appliedIndex, appliedTerm);
  }

  async #recordAndCut(index: LogIndex, indexTerm: Term): Promise<void> {
    const { group, log } = this.#options;
    await this.#task.append([{ kind: 'checkpoint', group, index, term: indexTerm }]);
    const behind = this.#cutIndex(index);
    const cutIndex = behind === 0 && this.#holdsBack ? this.#giveAll(index) : behind;
    const cutTerm = cutIndex === index ? indexTerm : cutIndex > 0 ? this.#options.termOf(cutIndex) : null;
    this.#options.onCheckpointed(index, cutIndex);
    if (cutTerm !== null) log.cut(group, cutIndex, cutTerm);
    this.#options.logger.info('checkpoint_written', { group, index, cutIndex });
  }

  get #holdsBack(): boolean {
    return this.#task.holdsBack([this.#options.group]);
  }

  /** Everything; nothing while a stream needs some of it. */
  #giveAll(checkpointIndex: LogIndex): LogIndex {
    const neededFrom = this.#options.neededFrom();
    if (neededFrom !== null && neededFrom <= checkpointIndex) return logIndex(0);
    this.#milestones = this.#milestones.filter(({ index }) => index > checkpointIndex);
    this.#givenTo = checkpointIndex;
    return checkpointIndex;
  }

  /** The highest index that may be forgotten: behind the checkpoint by about retainBytes. */
  #cutIndex(checkpointIndex: LogIndex): LogIndex {
    const keepFromBytes = this.#task.bytesApplied - this.#options.retainBytes;
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
    await this.#task.idle();
  }
}
