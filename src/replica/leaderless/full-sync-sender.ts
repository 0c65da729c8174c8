import { assert } from '../../base/assert.js';
import type { ReplicaId } from '../../base/brand.js';
import type { Vector } from '../../base/dot.js';
import { LIMITS } from '../../base/limits.js';
import type { Logger } from '../../base/logger.js';
import type {
  FullSyncAck,
  FullSyncEnd,
  FullSyncItems,
  FullSyncRequest,
  LeaderlessMessage,
} from '../../engines/leaderless/messages.js';
import { vectorOf, type MutableVector } from '../../engines/leaderless/vector.js';
import type { ItemSource } from '../../kv/dotted/types.js';
import type { LeaderlessStats } from './stats.js';

/** Pieces on their way to one member: enough to keep it busy, little enough to let gossip pass. */
const WINDOW_PIECES = 4;
/** A stream that makes no progress for this long is given up. */
const STALL_MS_MAX = 10_000;
/** States pinned at once; whoever comes later asks again. */
const STREAMS_MAX = 2;

interface Stream {
  readonly to: ReplicaId;
  readonly id: number;
  readonly source: ItemSource;
  /** What the receiver holds once it has taken this in. */
  readonly vector: Vector;
  next: number;
  acked: number;
  ended: boolean;
  progressMs: number;
  /** Sent and not acknowledged, in order: at most as many as the window holds. */
  readonly unacked: (FullSyncItems | FullSyncEnd)[];
}

export interface FullSyncSenderOptions {
  readonly self: ReplicaId;
  readonly logger: Logger;
  readonly stats: LeaderlessStats;
  openItems(have: Vector): ItemSource;
  send(message: LeaderlessMessage): void;
  nowMs(): number;
}

/** Streams what somebody lacks out of a state that is pinned when the stream begins (ap.md §1.0.5). */
export class FullSyncSender {
  readonly #options: FullSyncSenderOptions;
  readonly #streams = new Map<ReplicaId, Stream>();

  constructor(options: FullSyncSenderOptions) {
    this.#options = options;
  }

  get streams(): number {
    return this.#streams.size;
  }

  /** Of every origin the lowest position that a receiver will ask to go on from; null: nobody receives. */
  get pinned(): Vector | null {
    let pinned: MutableVector | null = null;
    for (const { vector } of this.#streams.values()) {
      if (pinned === null) pinned = new Map(vector);
      else for (const [origin, seq] of pinned) pinned.set(origin, Math.min(seq, vector.get(origin) ?? 0));
    }
    return pinned;
  }

  /** Somebody else may be asked, or this one later. */
  refuse({ from, id }: FullSyncRequest): void {
    this.#close(from);
    this.#abort(from, id);
  }

  /** A request that is repeated is for the same stream, of which nothing has come yet. */
  onRequest({ from, id, have }: FullSyncRequest): void {
    const same = this.#streams.get(from);
    if (same?.id === id) {
      if (same.acked < 0) this.#sendAgain(same);
      return;
    }
    this.#close(from);
    if (this.#streams.size >= STREAMS_MAX) return this.#abort(from, id);
    const source = this.#options.openItems(vectorOf(have));
    const stream: Stream = {
      to: from,
      id,
      source,
      vector: source.vector,
      next: 0,
      acked: -1,
      ended: false,
      progressMs: this.#options.nowMs(),
      unacked: [],
    };
    this.#streams.set(from, stream);
    this.#options.logger.info('full_sync_send_started', { to: from, id });
    this.#pump(stream);
  }

  #pump(stream: Stream): void {
    const { self } = this.#options;
    const { id, source, to } = stream;
    while (!stream.ended && stream.next - stream.acked <= WINDOW_PIECES) {
      const position = stream.next++;
      const items = source.next(LIMITS.snapshotChunkBytes);
      if (items !== null) {
        this.#send(stream, { type: 'fullSyncItems', from: self, to, id, position, items });
        continue;
      }
      stream.ended = true;
      const vector = [...source.vector].map(([origin, seq]) => ({ origin, seq, boot: source.boots.get(origin) ?? 0 }));
      const { counter, collectedTo } = source;
      this.#send(stream, { type: 'fullSyncEnd', from: self, to, id, position, vector, counter, collectedTo });
    }
  }

  #send({ unacked }: Stream, piece: FullSyncItems | FullSyncEnd): void {
    unacked.push(piece);
    assert(unacked.length <= WINDOW_PIECES + 1, 'the window bounds what is kept');
    this.#options.send(piece);
  }

  #sendAgain({ unacked }: Stream): void {
    for (const piece of unacked) this.#options.send(piece);
  }

  onAck({ from, id, position, aborted }: FullSyncAck): void {
    const stream = this.#streams.get(from);
    if (stream?.id !== id) {
      if (!aborted) this.#abort(from, id); // Given up meanwhile: nothing more will come.
      return;
    }
    if (aborted) return this.#finish(stream, false);
    if (position === stream.acked) return this.#sendAgain(stream); // Told twice: what follows it has not come.
    stream.acked = Math.max(stream.acked, Math.min(position, stream.next - 1));
    while ((stream.unacked[0]?.position ?? Number.POSITIVE_INFINITY) <= stream.acked) stream.unacked.shift();
    stream.progressMs = this.#options.nowMs();
    if (stream.ended && stream.acked === stream.next - 1) this.#finish(stream, true);
    else this.#pump(stream);
  }

  #finish({ to, id }: Stream, ok: boolean): void {
    this.#close(to);
    if (ok) this.#options.stats.fullSyncsSent++;
    else this.#options.stats.fullSyncsFailed++;
    this.#options.logger.info('full_sync_send_ended', { to, id, ok });
  }

  #abort(to: ReplicaId, id: number): void {
    this.#options.send({ type: 'fullSyncAck', from: this.#options.self, to, id, position: 0, aborted: true });
  }

  #close(to: ReplicaId): void {
    this.#streams.get(to)?.source.close();
    this.#streams.delete(to);
  }

  check(nowMs: number): void {
    for (const stream of this.#streams.values()) {
      if (nowMs - stream.progressMs < STALL_MS_MAX) continue;
      this.#abort(stream.to, stream.id);
      this.#finish(stream, false);
    }
  }

  /** The link to `peer` is lost, or did not take a piece: it has to begin again. */
  onUnreachable(peer: ReplicaId): void {
    const stream = this.#streams.get(peer);
    if (stream === undefined) return;
    this.#abort(peer, stream.id); // In case it was one message only that was lost.
    this.#finish(stream, false);
  }

  close(): void {
    for (const to of this.#streams.keys()) this.#close(to);
  }
}
