import type { LogIndex, ReplicaId } from '../base/brand.js';
import type { Logger } from '../base/logger.js';
import type { RaftMessage, SnapshotChunk } from '../engines/raft/messages.js';
import type { CheckpointMark, CheckpointStore, SnapshotSink } from '../storage/storage.js';
import type { MemberStats } from './stats.js';

interface Incoming {
  readonly from: ReplicaId;
  readonly streamId: number;
  readonly sink: SnapshotSink;
  nextSequence: number;
  finishing: boolean;
}

export interface SnapshotReceiverOptions {
  readonly self: ReplicaId;
  readonly store: CheckpointStore;
  readonly stats: MemberStats;
  readonly logger: Logger;
  send(message: RaftMessage): void;
  /** The one maintenance lock of the member (raft.md S8): false while a checkpoint is being written. */
  tryLock(): boolean;
  unlock(): void;
  appliedIndex(): LogIndex;
  /** The snapshot is durable and is the group's checkpoint now. */
  onInstalled(mark: CheckpointMark, from: ReplicaId): void;
  /** The snapshot whose pieces were being stored will not be installed. */
  onAborted(): void;
}

/** Receives a snapshot piece by piece beside the current state; nothing changes until the last one is durable (S3). */
export class SnapshotReceiver {
  readonly #options: SnapshotReceiverOptions;
  #incoming: Incoming | null = null;

  constructor(options: SnapshotReceiverOptions) {
    this.#options = options;
  }

  onChunk(chunk: SnapshotChunk): void {
    if (this.#incoming?.finishing === true) return;
    if (chunk.sequence === 0 && !this.#begin(chunk)) {
      this.#respond(chunk, false);
      return;
    }
    const incoming = this.#incoming;
    if (incoming === null || incoming.streamId !== chunk.streamId || incoming.from !== chunk.from) {
      this.#respond(chunk, false);
      return;
    }
    if (chunk.sequence !== incoming.nextSequence) {
      this.#abort('a piece is missing');
      this.#respond(chunk, false);
      return;
    }
    this.#store(incoming, chunk);
  }

  #begin(chunk: SnapshotChunk): boolean {
    if (this.#incoming !== null) this.#abort('a newer stream began');
    if (chunk.index <= this.#options.appliedIndex() || !this.#options.tryLock()) return false;
    const sink = this.#options.store.openInstall();
    this.#incoming = { from: chunk.from, streamId: chunk.streamId, sink, nextSequence: 0, finishing: false };
    this.#options.logger.info('snapshot_receive_started', { from: chunk.from, index: chunk.index });
    return true;
  }

  #store(incoming: Incoming, chunk: SnapshotChunk): void {
    try {
      if (chunk.data.length > 0) incoming.sink.write(chunk.data);
    } catch (error) {
      this.#abort(String(error));
      this.#respond(chunk, false);
      return;
    }
    incoming.nextSequence++;
    if (!chunk.last) {
      this.#respond(chunk, true);
      return;
    }
    incoming.finishing = true;
    incoming.sink.finish().then(
      (mark) => {
        this.#incoming = null;
        this.#options.unlock();
        this.#options.stats.snapshotsReceived++;
        this.#options.logger.info('snapshot_installed', { from: chunk.from, index: mark.index });
        this.#options.onInstalled(mark, chunk.from);
        this.#respond(chunk, true);
      },
      (error: unknown) => {
        incoming.finishing = false;
        this.#abort(String(error));
        this.#respond(chunk, false);
      },
    );
  }

  #respond(chunk: SnapshotChunk, ok: boolean): void {
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

  close(): void {
    if (this.#incoming?.finishing === false) this.#abort('the replica stops');
  }
}
