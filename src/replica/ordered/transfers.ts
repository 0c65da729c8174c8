import type { GroupId, LogIndex, ReplicaId, Term } from '../../base/brand.js';
import { assertDefined } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import type { Logger } from '../../base/logger.js';
import type { Entry } from '../../engines/entry.js';
import type { SnapshotChunk, SnapshotChunkResponse } from '../../engines/raft/messages.js';
import type { CheckpointMark, CheckpointStore, Log } from '../../storage/storage.js';
import type { MemberStats } from '../stats.js';
import type { AppliedState } from './applied-state.js';
import { Checkpointer } from './checkpointer.js';
import { SnapshotReceiver, type SnapshotPiece } from './snapshot-receiver.js';
import { SnapshotSender } from './snapshot-sender.js';

/** What an entry costs beside its payload: record and batch headers on disk, objects in memory. */
const ENTRY_OVERHEAD_BYTES = 128;

/** What a member gives to its transfers as it got it itself. */
export interface TransferringMember<Extra> {
  readonly group: GroupId;
  readonly self: ReplicaId;
  readonly store: CheckpointStore;
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly checkpointBytes: number;
  readonly retainBytes: number;
  readonly logBytesMax?: number;
  send(message: (SnapshotChunk & Extra) | SnapshotChunkResponse): void;
  onFailed(error: unknown): void;
}

/** What the engine is told, as events of its own. */
export type TransferEvent =
  | { readonly type: 'snapshotSent'; readonly peer: ReplicaId; readonly index: LogIndex; readonly ok: boolean }
  | { readonly type: 'snapshotAborted' }
  | { readonly type: 'checkpointed'; readonly index: LogIndex; readonly cutIndex: LogIndex };

export interface TransfersOptions<Extra> {
  readonly member: TransferringMember<Extra>;
  readonly stats: MemberStats;
  readonly state: AppliedState;
  step(event: TransferEvent): void;
  /** Streams of another term are given up; null: none is to be sent. */
  term(): Term | null;
  termOf(index: LogIndex): Term | null;
  /** What a checkpoint at `index` tells besides the state. */
  inForceAt(index: LogIndex): Pick<CheckpointMark, 'membership' | 'quorum'>;
  /** The snapshot is complete. It is installed when this resolves, and not when it rejects. Absent: at once. */
  readonly readyToInstall?: (piece: SnapshotPiece) => Promise<void>;
  onCheckpointed?(index: LogIndex): void;
  /** A snapshot is durable and is the group's checkpoint now. */
  onInstalled(mark: CheckpointMark, piece: SnapshotPiece): void;
}

/**
 * The state of one member on its way: to its checkpoint, to others, and from others. `Extra` is what an engine adds to each piece
 * of a snapshot.
 */
export class Transfers<Extra extends object> {
  readonly #options: TransfersOptions<Extra>;
  readonly #checkpointer: Checkpointer;
  readonly #sender: SnapshotSender<Extra>;
  readonly #receiver: SnapshotReceiver;
  #closed = false;

  constructor(options: TransfersOptions<Extra>) {
    this.#options = options;
    const { member, readyToInstall, stats } = options;
    const { clock, logger, self, store } = member;
    this.#checkpointer = this.#createCheckpointer();
    this.#sender = new SnapshotSender({
      self,
      store,
      stats,
      logger,
      send: (piece) => member.send(piece),
      onSent: (peer, index, ok) => options.step({ type: 'snapshotSent', peer, index, ok }),
      nowMs: () => clock.monotonicMs(),
    });
    this.#receiver = new SnapshotReceiver({
      self,
      store,
      clock,
      stats,
      logger,
      send: (message) => member.send(message),
      tryLock: () => this.#checkpointer.tryLock(),
      unlock: () => this.#checkpointer.unlock(),
      appliedIndex: () => options.state.index,
      ...(readyToInstall === undefined ? {} : { readyToInstall }),
      onInstalled: (mark, piece) => options.onInstalled(mark, piece),
      onAborted: () => options.step({ type: 'snapshotAborted' }),
      onFailed: (error) => member.onFailed(error),
    });
  }

  #createCheckpointer(): Checkpointer {
    const { member, state, stats } = this.#options;
    const { checkpointBytes, clock, group, log, logBytesMax, logger, retainBytes, store } = member;
    return new Checkpointer({
      group,
      store,
      log,
      clock,
      logger,
      stats,
      checkpointBytes,
      retainBytes,
      ...(logBytesMax === undefined ? {} : { logBytesMax }),
      state: () => ({ kv: state.kv, appliedIndex: state.index, appliedTerm: state.term }),
      termOf: (index) => assertDefined(this.#options.termOf(index), 'the log holds what is about to be cut'),
      inForceAt: (index) => this.#options.inForceAt(index),
      neededFrom: () => this.#sender.neededFrom,
      onCheckpointed: (index, cutIndex) => {
        this.#options.onCheckpointed?.(index);
        this.#options.step({ type: 'checkpointed', index, cutIndex });
      },
      onFailed: (error) => member.onFailed(error),
    });
  }

  /** Streams the checkpoint. A member that has never written one may have to hand over its state all the same. */
  start(to: ReplicaId, term: Term, extra: Extra): void {
    if (this.#options.member.store.mark === null) void this.#startLater(to, term, extra);
    else this.#sender.start(to, term, extra);
  }

  async #startLater(to: ReplicaId, term: Term, extra: Extra): Promise<void> {
    await this.#checkpointer.ensure();
    if (this.#closed) return;
    const current = this.#options.term();
    if (this.#options.member.store.mark !== null && current === term) this.#sender.start(to, term, extra);
    else this.#options.step({ type: 'snapshotSent', peer: to, index: 0 as LogIndex, ok: false });
  }

  onChunk(chunk: SnapshotPiece): void {
    this.#receiver.onChunk(chunk);
  }

  onResponse(message: SnapshotChunkResponse): void {
    this.#sender.onResponse(message);
  }

  onUnreachable(peer: ReplicaId): void {
    this.#sender.onUnreachable(peer);
  }

  /** A snapshot is complete, and is about to take the place of everything: nothing may be applied any more. */
  get installs(): boolean {
    return this.#receiver.finishing;
  }

  onApplied({ index, payload }: Entry): void {
    this.#checkpointer.onApplied(index, payload.length + ENTRY_OVERHEAD_BYTES);
  }

  /** A snapshot took the place of what was applied. */
  onReplaced(): void {
    this.#checkpointer.onSnapshotInstalled();
  }

  /** Streams of an epoch that is over are given up, whoever began them: the leader, or whose log a candidate adopts. */
  check(nowMs: number, installing: boolean): void {
    this.#sender.check(this.#options.term(), nowMs);
    this.#receiver.check(nowMs);
    if (!installing) this.#checkpointer.check(nowMs);
  }

  checkpointIfDue(): void {
    if (this.#checkpointer.due) this.#checkpointer.start();
  }

  async checkpointNow(): Promise<void> {
    await this.#checkpointer.idle();
    this.#checkpointer.start();
    await this.#checkpointer.idle();
  }

  /** Runs `task`, to its end, while nothing is checkpointed nor installed; false: something is, and it was not begun. */
  hold(task: () => Promise<void>): boolean {
    return this.#checkpointer.hold(task);
  }

  /** The log has failed: what waits for it will never be done. */
  cancel(): void {
    this.#checkpointer.cancel();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#sender.close();
    await this.#receiver.close();
    await this.#checkpointer.idle();
  }
}
