import { indexAfter, type LogIndex, type ReplicaId, type Term } from '../../base/brand.js';
import type { Logger } from '../../base/logger.js';
import { LIMITS } from '../../base/limits.js';
import type { SnapshotChunk, SnapshotChunkResponse } from '../../engines/raft/messages.js';
import type { CheckpointStore, SnapshotSource } from '../../storage/storage.js';
import type { MemberStats } from '../stats.js';

/** Pieces on their way to one follower: enough to keep a disk busy, little enough to let appends pass. */
const WINDOW_PIECES = 4;
/** A stream that makes no progress for this long is given up (raft.md S10: progress per piece, not in total). */
const STALL_MS_MAX = 10_000;

interface Stream<Extra> {
  readonly to: ReplicaId;
  readonly term: Term;
  readonly streamId: number;
  readonly source: SnapshotSource;
  readonly extra: Extra;
  nextSequence: number;
  ackedSequence: number;
  lastSequence: number | null;
  /** The piece after the one sent last, read ahead so that the last one is known to be the last. */
  ahead: Uint8Array | null;
  progressMs: number;
}

export interface SnapshotSenderOptions<Extra> {
  readonly self: ReplicaId;
  readonly store: CheckpointStore;
  readonly stats: MemberStats;
  readonly logger: Logger;
  send(piece: SnapshotChunk & Extra): void;
  /** The stream is over. `index`: of the checkpoint that was streamed. */
  onSent(peer: ReplicaId, index: LogIndex, ok: boolean): void;
  nowMs(): number;
}

/**
 * Streams the last checkpoint to members whose next entry was cut from the log: at most one stream per member. `Extra` is what
 * an engine adds to each piece.
 */
export class SnapshotSender<Extra extends object = object> {
  readonly #options: SnapshotSenderOptions<Extra>;
  readonly #streams = new Map<ReplicaId, Stream<Extra>>();
  #nextStreamId = 1;

  constructor(options: SnapshotSenderOptions<Extra>) {
    this.#options = options;
  }

  /** The first entry after the oldest checkpoint that is being streamed: it must stay in the log (raft.md S2). */
  get neededFrom(): LogIndex | null {
    let neededFrom: LogIndex | null = null;
    for (const { source } of this.#streams.values()) {
      const next = indexAfter(source.mark.index);
      if (neededFrom === null || next < neededFrom) neededFrom = next;
    }
    return neededFrom;
  }

  start(to: ReplicaId, term: Term, extra: Extra): void {
    this.#close(to);
    const source = this.#options.store.openSnapshot();
    const stream: Stream<Extra> = {
      to,
      term,
      streamId: this.#nextStreamId++,
      source,
      extra,
      nextSequence: 0,
      ackedSequence: -1,
      lastSequence: null,
      ahead: source.next(LIMITS.snapshotChunkBytes),
      progressMs: this.#options.nowMs(),
    };
    this.#streams.set(to, stream);
    this.#options.logger.info('snapshot_send_started', { to, index: source.mark.index });
    this.#pump(stream);
  }

  #pump(stream: Stream<Extra>): void {
    while (stream.lastSequence === null && stream.nextSequence - stream.ackedSequence <= WINDOW_PIECES) {
      const data = stream.ahead ?? new Uint8Array(0);
      stream.ahead = stream.ahead === null ? null : stream.source.next(LIMITS.snapshotChunkBytes);
      const sequence = stream.nextSequence++;
      const last = stream.ahead === null;
      if (last) stream.lastSequence = sequence;
      this.#options.send({
        type: 'snapshotChunk',
        from: this.#options.self,
        to: stream.to,
        term: stream.term,
        streamId: stream.streamId,
        index: stream.source.mark.index,
        indexTerm: stream.source.mark.term,
        sequence,
        last,
        data,
        ...stream.extra,
      });
    }
  }

  onResponse(message: SnapshotChunkResponse): void {
    const stream = this.#streams.get(message.from);
    if (stream === undefined || stream.streamId !== message.streamId) return; // Of an older stream (raft.md S11).
    if (!message.ok) {
      this.#finish(stream, false);
      return;
    }
    stream.ackedSequence = Math.max(stream.ackedSequence, message.sequence);
    stream.progressMs = this.#options.nowMs();
    if (stream.lastSequence !== null && stream.ackedSequence >= stream.lastSequence) this.#finish(stream, true);
    else this.#pump(stream);
  }

  #finish(stream: Stream<Extra>, ok: boolean): void {
    this.#close(stream.to);
    if (ok) this.#options.stats.snapshotsSent++;
    else this.#options.stats.snapshotsFailed++;
    this.#options.logger.info('snapshot_send_ended', { to: stream.to, ok });
    this.#options.onSent(stream.to, stream.source.mark.index, ok);
  }

  #close(to: ReplicaId): void {
    this.#streams.get(to)?.source.close();
    this.#streams.delete(to);
  }

  /** Gives up streams that stand still, and those of another term than `term` (null: of any). */
  check(term: Term | null, nowMs: number): void {
    for (const stream of this.#streams.values()) {
      if (stream.term === term && nowMs - stream.progressMs < STALL_MS_MAX) continue;
      this.#finish(stream, false);
    }
  }

  onUnreachable(peer: ReplicaId): void {
    const stream = this.#streams.get(peer);
    if (stream !== undefined) this.#finish(stream, false);
  }

  close(): void {
    for (const to of this.#streams.keys()) this.#close(to);
  }
}
