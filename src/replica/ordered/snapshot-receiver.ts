import type { LogIndex, ReplicaId } from '../../base/brand.js';
import type { Clock } from '../../base/clock.js';
import { isKvorumError } from '../../base/errors/error.js';
import type { Logger } from '../../base/logger.js';
import type { SnapshotChunk, SnapshotChunkResponse } from '../../engines/raft/messages.js';
import type { CheckpointMark, CheckpointStore, SnapshotSink } from '../../storage/storage.js';
import type { MemberStats } from '../stats.js';

/** A stream that brings nothing for this long is given up: it holds the maintenance lock (raft.md S8, S10). */
const STALL_MS_MAX = 10_000;

/** A piece of a snapshot. `replaces`: it takes the place of another history, and may go back behind what is applied. */
export type SnapshotPiece = SnapshotChunk & { readonly replaces?: boolean };

interface Incoming {
  readonly from: ReplicaId;
  readonly streamId: number;
  readonly index: LogIndex;
  readonly replaces: boolean;
  readonly sink: SnapshotSink;
  nextSequence: number;
  progressMs: number;
  /** From the last piece on: the store makes the snapshot its checkpoint. */
  finishing: boolean;
}

export interface SnapshotReceiverOptions {
  readonly self: ReplicaId;
  readonly store: CheckpointStore;
  readonly clock: Clock;
  readonly stats: MemberStats;
  readonly logger: Logger;
  send(message: SnapshotChunkResponse): void;
  /** The one maintenance lock of the member (raft.md S8): false while a checkpoint is being written. */
  tryLock(): boolean;
  unlock(): void;
  appliedIndex(): LogIndex;
  /** The snapshot is complete. It is installed when this resolves, and not when it rejects. Absent: at once. */
  readyToInstall?(piece: SnapshotPiece): Promise<void>;
  /** The snapshot is durable and is the group's checkpoint now. */
  onInstalled(mark: CheckpointMark, piece: SnapshotPiece): void;
  /** The snapshot whose pieces came will not be installed. */
  onAborted(): void;
  /** The store failed while the snapshot was replacing its checkpoint: nobody knows what it holds. */
  onFailed(error: unknown): void;
}

/** Receives a snapshot piece by piece beside the current state; nothing changes until the last one is durable (S3). */
export class SnapshotReceiver {
  readonly #options: SnapshotReceiverOptions;
  #incoming: Incoming | null = null;
  #installing: Promise<void> = Promise.resolve();

  constructor(options: SnapshotReceiverOptions) {
    this.#options = options;
  }

  /** While this is true the store may already show the new state: nothing may be applied on top of the old one. */
  get finishing(): boolean {
    return this.#incoming?.finishing === true;
  }

  onChunk(chunk: SnapshotPiece): void {
    if (this.finishing) return;
    if (chunk.sequence === 0 && !this.#begin(chunk)) {
      this.#refuse(chunk);
      return;
    }
    const incoming = this.#incoming;
    if (incoming === null || incoming.streamId !== chunk.streamId || incoming.from !== chunk.from) {
      this.#refuse(chunk); // Of a stream that was given up (raft.md S11).
      return;
    }
    if (chunk.sequence !== incoming.nextSequence) {
      this.#abort('a piece is missing');
      this.#refuse(chunk);
      return;
    }
    this.#store(incoming, chunk);
  }

  /** The engine waits for the installation once it has handed over a last piece: it must hear that none will come. */
  #refuse(chunk: SnapshotPiece): void {
    this.#respond(chunk, false);
    if (chunk.last) this.#options.onAborted();
  }

  #begin(chunk: SnapshotPiece): boolean {
    if (this.#incoming !== null) this.#abort('a newer stream began');
    const { from, streamId, index, replaces = false } = chunk;
    const behind = index <= this.#options.appliedIndex() && !replaces;
    if (behind || !this.#options.tryLock()) return false;
    const sink = this.#options.store.openInstall();
    const progressMs = this.#options.clock.monotonicMs();
    this.#incoming = { from, streamId, index, replaces, sink, nextSequence: 0, progressMs, finishing: false };
    this.#options.logger.info('snapshot_receive_started', { from: chunk.from, index: chunk.index });
    return true;
  }

  #store(incoming: Incoming, chunk: SnapshotPiece): void {
    try {
      if (chunk.data.length > 0) incoming.sink.write(chunk.data);
    } catch (error) {
      this.#abort(String(error));
      this.#refuse(chunk);
      return;
    }
    incoming.nextSequence++;
    incoming.progressMs = this.#options.clock.monotonicMs();
    if (!chunk.last) {
      this.#respond(chunk, true);
      return;
    }
    incoming.finishing = true;
    this.#installing = this.#finish(incoming, chunk);
  }

  async #finish(incoming: Incoming, chunk: SnapshotPiece): Promise<void> {
    let mark: CheckpointMark;
    try {
      if (this.#options.readyToInstall !== undefined) await this.#options.readyToInstall(chunk);
      mark = await incoming.sink.finish();
    } catch (error) {
      incoming.finishing = false;
      this.#abort(String(error));
      this.#refuse(chunk);
      if (isKvorumError(error) && error.code === 'storage_failed') this.#options.onFailed(error);
      return;
    }
    this.#incoming = null;
    this.#options.unlock();
    this.#options.stats.snapshotsReceived++;
    this.#options.logger.info('snapshot_installed', { from: chunk.from, index: mark.index });
    this.#options.onInstalled(mark, chunk);
    this.#respond(chunk, true);
  }

  #respond(chunk: SnapshotPiece, ok: boolean): void {
    this.#options.send({
      type: 'snapshotChunkResponse',
      from: this.#options.self,
      to: chunk.from,
      term: chunk.term,
      streamId: chunk.streamId,
      sequence: chunk.sequence,
      ok,
    });
  }

  #abort(reason: string): void {
    if (this.#incoming === null) return;
    this.#options.logger.warn('snapshot_receive_aborted', { from: this.#incoming.from, reason });
    this.#options.stats.snapshotsFailed++;
    this.#incoming.sink.abort();
    this.#incoming = null;
    this.#options.unlock();
    this.#options.onAborted();
  }

  /** Gives up a stream that stands still, or that entries have overtaken: its lock keeps checkpoints waiting. */
  check(nowMs: number): void {
    const incoming = this.#incoming;
    if (incoming === null || incoming.finishing) return;
    const overtaken = !incoming.replaces && incoming.index <= this.#options.appliedIndex();
    if (overtaken) this.#abort('entries were faster');
    else if (nowMs - incoming.progressMs >= STALL_MS_MAX) this.#abort('no piece has come for too long');
  }

  /** Resolves when the store is no longer at work. */
  async close(): Promise<void> {
    if (this.#incoming?.finishing === false) this.#abort('the replica stops');
    await this.#installing;
  }
}
