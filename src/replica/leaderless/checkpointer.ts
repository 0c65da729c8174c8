import { logIndex, originLog, term, type GroupId, type OriginId } from '../../base/brand.js';
import type { Dot, Vector } from '../../base/dot.js';
import type { Logger } from '../../base/logger.js';
import { UNKNOWN_MEMBERSHIP } from '../../engines/raft/membership.js';
import type { CheckpointMark, LogRecord } from '../../storage/storage.js';
import { CheckpointTask, type CheckpointTaskOptions, type Freezable } from '../checkpoint-task.js';

/** Granularity in which the positions of retained bytes are remembered; less where little is retained. */
const MILESTONE_BYTES_MAX = 256 * 1024;
const MILESTONE_BYTES_MIN = 1024;
/** While a full sync is on its way what comes after its state is kept, up to this many times retainBytes. */
const PINNED_RETAIN_FACTOR = 4;

/** A position of an origin's log: what the log must be told to forget up to there. */
export interface OriginPosition extends Dot {
  readonly boot: number;
}

/** Everything applied between two milestones: the last position of each origin that moved. */
interface Milestone {
  readonly bytesApplied: number;
  readonly positions: Map<OriginId, OriginPosition>;
}

export interface LeaderlessCheckpointerOptions extends CheckpointTaskOptions {
  readonly group: GroupId;
  readonly logger: Logger;
  /** Bytes of batches kept in the log behind a checkpoint for members that lag; beyond it they need a full sync. */
  readonly retainBytes: number;
  kv(): Freezable;
  /** The position that each origin's log has been applied to. */
  positions(): ReadonlyMap<OriginId, OriginPosition>;
  /** The oldest state that is being sent to somebody, who will ask for what comes after it; null: none. */
  pinned(): Vector | null;
  onCheckpointed(cut: Vector): void;
}

/** Moves applied state from memory to the checkpoint and lets the logs of all origins be cut. */
export class LeaderlessCheckpointer {
  readonly task: CheckpointTask;
  readonly #options: LeaderlessCheckpointerOptions;
  /** Oldest first; the last one is still being filled. */
  #milestones: Milestone[];
  /** Bytes applied when nothing was kept because of this group any more; null: never yet. */
  #givenAt: number | null = null;

  constructor(options: LeaderlessCheckpointerOptions) {
    this.#options = options;
    this.task = new CheckpointTask(options);
    // Whatever a start finds may be cut as soon as enough has followed.
    this.#milestones = [{ bytesApplied: 0, positions: new Map(options.positions()) }];
  }

  get #milestoneBytes(): number {
    return Math.min(MILESTONE_BYTES_MAX, Math.max(MILESTONE_BYTES_MIN, this.#options.retainBytes >> 2));
  }

  /** How many checkpoints there were. */
  get count(): number {
    return this.#options.store.mark?.index ?? 0;
  }

  onApplied(position: OriginPosition, bytes: number): void {
    this.task.onApplied(bytes);
    const { bytesApplied } = this.task;
    const latest = this.#milestones.at(-1);
    if (latest !== undefined && bytesApplied - latest.bytesApplied < this.#milestoneBytes) {
      latest.positions.set(position.origin, position);
      return;
    }
    this.#milestones.push({ bytesApplied, positions: new Map([[position.origin, position]]) });
  }

  /** Gives the log back what it keeps for this group alone, however little that is. */
  check(nowMs: number): void {
    if (this.#givenAt === this.task.bytesApplied) return;
    if (this.task.mustGiveWay(() => this.#logs, nowMs)) this.start();
  }

  get #logs(): readonly GroupId[] {
    return [...this.#options.positions().keys()].map((origin) => originLog(this.#options.group, origin));
  }

  /** Starts a checkpoint of what is applied now; false: maintenance is under way. */
  start(): boolean {
    return this.task.start(() => this.run());
  }

  /** To be called under the lock. `records` become durable after the checkpoint, before anything is cut. */
  async run(records: readonly LogRecord[] = []): Promise<void> {
    const applied = new Map(this.#options.positions());
    const { bytesApplied } = this.task;
    await this.task.write(this.#options.kv(), (meta) => this.#mark(meta));
    if (records.length > 0) await this.task.append(records);
    this.#cut(applied, bytesApplied);
  }

  /** `index` counts checkpoints; nobody asks a leaderless group's checkpoint for a term or for members. */
  #mark(meta: Uint8Array): CheckpointMark {
    const membership = { index: logIndex(0), membership: UNKNOWN_MEMBERSHIP };
    return { index: logIndex(this.count + 1), term: term(1), membership, meta };
  }

  #cut(checkpointed: ReadonlyMap<OriginId, OriginPosition>, bytesApplied: number): void {
    const { group, log, logger } = this.#options;
    let cut = this.#takeCut(checkpointed);
    if (cut.size === 0 && this.#options.pinned() === null && this.task.holdsBack(this.#logs)) {
      cut = this.#giveAll(checkpointed, bytesApplied);
    }
    this.#options.onCheckpointed(new Map([...cut].map(([origin, { seq }]) => [origin, seq])));
    for (const { origin, seq, boot } of cut.values()) log.cut(originLog(group, origin), logIndex(seq), term(boot));
    logger.info('checkpoint_written', { group, count: this.count, origins: cut.size });
  }

  /** All that the checkpoint holds. Where a state is being sent its receiver comes first: that ends. */
  #giveAll(checkpointed: ReadonlyMap<OriginId, OriginPosition>, bytesApplied: number): Map<OriginId, OriginPosition> {
    this.#givenAt = bytesApplied;
    const held = seqsOf(checkpointed);
    this.#milestones = this.#milestones.filter(({ positions }) => beyond(positions, held));
    return new Map([...checkpointed].filter(([, { seq }]) => seq > 0));
  }

  /** The highest positions that may be forgotten: behind the checkpoint by about retainBytes. */
  #takeCut(checkpointed: ReadonlyMap<OriginId, OriginPosition>): Map<OriginId, OriginPosition> {
    const { retainBytes } = this.#options;
    const pinned = this.#options.pinned();
    const retainedFrom = (factor: number): number => this.task.bytesApplied - factor * retainBytes;
    const cut = new Map<OriginId, OriginPosition>();
    let drop = 0;
    for (const { bytesApplied, positions } of this.#milestones) {
      const late = bytesApplied + this.#milestoneBytes > retainedFrom(1);
      const wanted =
        bytesApplied + this.#milestoneBytes > retainedFrom(PINNED_RETAIN_FACTOR) && beyond(positions, pinned);
      if (late || wanted || beyond(positions, seqsOf(checkpointed))) break;
      for (const [origin, position] of positions) if (position.seq > 0) cut.set(origin, position);
      drop++;
    }
    this.#milestones.splice(0, drop);
    return cut;
  }
}

function seqsOf(positions: ReadonlyMap<OriginId, OriginPosition>): Vector {
  return new Map([...positions].map(([origin, { seq }]) => [origin, seq]));
}

/** True when any of them lies after what `vector` says; null: there is no limit. */
function beyond(positions: ReadonlyMap<OriginId, OriginPosition>, vector: Vector | null): boolean {
  if (vector === null) return false;
  return [...positions.values()].some(({ origin, seq }) => seq > (vector.get(origin) ?? 0));
}
