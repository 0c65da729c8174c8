import { assertDefined } from '../../base/assert.js';
import type { LogIndex, ReplicaId, Term } from '../../base/brand.js';
import type { Entry } from '../../engines/entry.js';
import type { PlacedMembership } from '../../engines/raft/membership.js';
import type { SemisyncEvent, SnapshotOrder } from '../../engines/semisync/events.js';
import type { SnapshotChunk, SnapshotChunkResponse } from '../../engines/semisync/messages.js';
import type { Semisync } from '../../engines/semisync/semisync.js';
import type { KvStateMachine } from '../../kv/index.js';
import type { CheckpointMark } from '../../storage/storage.js';
import { Checkpointer } from '../ordered/checkpointer.js';
import { SnapshotReceiver, type SnapshotPiece } from '../ordered/snapshot-receiver.js';
import { SnapshotSender } from '../ordered/snapshot-sender.js';
import type { SemisyncMemberOptions } from './options.js';
import type { SemisyncStats } from './stats.js';

/** What an entry costs beside its payload: record and batch headers on disk, objects in memory. */
const ENTRY_OVERHEAD_BYTES = 128;

export interface TransfersOptions {
  readonly member: SemisyncMemberOptions;
  readonly stats: SemisyncStats;
  core(): Semisync | null;
  step(event: SemisyncEvent): void;
  state(): { readonly kv: KvStateMachine; readonly appliedIndex: LogIndex; readonly appliedTerm: Term };
  membership(): PlacedMembership;
  /** Resolves when everything that the engine wanted persisted so far is durable; rejects when the member stops. */
  durable(): Promise<void>;
  onCheckpointed(index: LogIndex): void;
  /** A snapshot is durable and is the group's checkpoint now. */
  onInstalled(mark: CheckpointMark, piece: SnapshotPiece): void;
}

/** The state of one member on its way: to its checkpoint, to others, and from others. */
export class Transfers {
  readonly #options: TransfersOptions;
  readonly #checkpointer: Checkpointer;
  readonly #sender: SnapshotSender<Pick<SnapshotOrder, 'replaces' | 'forcedTerm'>>;
  readonly #receiver: SnapshotReceiver;
  #closed = false;

  constructor(options: TransfersOptions) {
    this.#options = options;
    const { member, stats } = options;
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
      appliedIndex: () => options.state().appliedIndex,
      // From then on this member knows, also after a crash, that what it has vouched for may be gone.
      readyToInstall: ({ replaces = false }) => (replaces ? options.durable() : Promise.resolve()),
      onInstalled: (mark, piece) => options.onInstalled(mark, piece),
      onAborted: () => options.step({ type: 'snapshotAborted' }),
      onFailed: (error) => member.onFailed(error),
    });
  }

  #createCheckpointer(): Checkpointer {
    const { member, stats } = this.#options;
    const core = (): Semisync | null => this.#options.core();
    const { logBytesMax } = member;
    return new Checkpointer({
      group: member.group,
      store: member.store,
      log: member.log,
      clock: member.clock,
      logger: member.logger,
      stats,
      checkpointBytes: member.checkpointBytes,
      retainBytes: member.retainBytes,
      ...(logBytesMax === undefined ? {} : { logBytesMax }),
      state: () => this.#options.state(),
      termOf: (index) => assertDefined(core()?.termOf(index), 'the log holds what is about to be cut'),
      inForceAt: (index) => ({
        membership: this.#options.membership(),
        quorum: assertDefined(core(), 'what was applied came from the engine').quorumAt(index),
      }),
      neededFrom: () => this.#sender.neededFrom,
      onCheckpointed: (index, cutIndex) => {
        this.#options.onCheckpointed(index);
        this.#options.step({ type: 'checkpointed', index, cutIndex });
      },
      onFailed: (error) => member.onFailed(error),
    });
  }

  /** Streams the checkpoint. A member that has never written one may have to hand over its state all the same. */
  start(order: SnapshotOrder): void {
    if (this.#options.member.store.mark === null) void this.#startLater(order);
    else this.#send(order);
  }

  async #startLater(order: SnapshotOrder): Promise<void> {
    await this.#checkpointer.ensure();
    if (this.#closed) return;
    const term = this.#options.core()?.term;
    if (this.#options.member.store.mark !== null && term === order.term) this.#send(order);
    else this.#options.step({ type: 'snapshotSent', peer: order.to, index: 0 as LogIndex, ok: false });
  }

  #send({ forcedTerm, replaces, term, to }: SnapshotOrder): void {
    this.#sender.start(to, term, { replaces, forcedTerm });
  }

  onChunk(chunk: SnapshotChunk): void {
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
    this.#sender.check(this.#options.core()?.term ?? null, nowMs);
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
