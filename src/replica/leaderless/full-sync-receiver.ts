import { assert } from '../../base/assert.js';
import type { ReplicaId } from '../../base/brand.js';
import type { Clock } from '../../base/clock.js';
import type { Dot } from '../../base/dot.js';
import type { Logger } from '../../base/logger.js';
import type { FullSyncAck, FullSyncEnd, FullSyncItems, LeaderlessMessage } from '../../engines/leaderless/messages.js';
import type { ItemShadow } from '../../kv/dotted/types.js';
import type { LeaderlessStats } from './stats.js';

/** A stream that brings nothing for this long is given up. */
const STALL_MS_MAX = 10_000;

interface Incoming {
  readonly from: ReplicaId;
  readonly id: number;
  readonly shadow: ItemShadow;
  /** All items come, not only those that we lack. */
  readonly whole: boolean;
  next: number;
  progressMs: number;
  /** From the end of the stream on, while the result is made durable. */
  finishing: boolean;
}

export interface FullSyncReceiverOptions {
  readonly self: ReplicaId;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stats: LeaderlessStats;
  openShadow(): ItemShadow;
  have(): readonly Dot[];
  send(message: LeaderlessMessage): void;
  /** Up to this counter there is nothing that we have not seen: see LeaderlessEffects.fullSync. */
  closedTo(): number;
  /** Merges the shadow and makes it durable; null: the member has stopped meanwhile. The result tells the engine. */
  install(end: FullSyncEnd, shadow: ItemShadow, whole: boolean): Promise<(() => void) | null>;
  onFailed(from: ReplicaId, whole: boolean): void;
}

/** Receives what nobody's logs hold any more beside the state; nothing of it is seen before all of it is there. */
export class FullSyncReceiver {
  readonly #options: FullSyncReceiverOptions;
  #incoming: Incoming | null = null;
  #nextId: number;
  #installing: Promise<void> = Promise.resolve();

  constructor(options: FullSyncReceiverOptions) {
    this.#options = options;
    // Of another life than the streams that may still be on their way to us.
    this.#nextId = Math.max(1, Math.floor(options.clock.wallMs()));
  }

  /** Between the merge and the moment when it is durable: nothing may be written on top of it. */
  get finishing(): boolean {
    return this.#incoming?.finishing === true;
  }

  start(from: ReplicaId, whole: boolean): void {
    assert(this.#incoming === null, 'one full sync at a time');
    const id = this.#nextId++;
    const { clock, logger, self } = this.#options;
    const shadow = this.#options.openShadow();
    this.#incoming = { from, id, shadow, whole, next: 0, progressMs: clock.monotonicMs(), finishing: false };
    logger.info('full_sync_started', { from, id, whole });
    const have = whole ? [] : this.#options.have();
    this.#options.send({ type: 'fullSyncRequest', from: self, to: from, id, have });
  }

  onItems(message: FullSyncItems): void {
    const incoming = this.#expect(message);
    if (incoming === null) return;
    try {
      incoming.shadow.add(message.items);
    } catch (error) {
      this.#fail(String(error));
      return;
    }
    this.#ack(message, false);
  }

  onEnd(message: FullSyncEnd): void {
    const incoming = this.#expect(message);
    if (incoming === null) return;
    if (!incoming.whole && message.collectedTo > this.#options.closedTo()) {
      this.#fail('the sender has collected tombstones that we may lack', true);
      return;
    }
    incoming.finishing = true;
    this.#installing = this.#install(incoming, message);
  }

  async #install(incoming: Incoming, end: FullSyncEnd): Promise<void> {
    const { from, id, shadow, whole } = incoming;
    const { bytes } = shadow;
    const tell = await this.#options.install(end, shadow, whole);
    this.#incoming = null; // Before the engine hears of it: it may ask for another one.
    if (tell === null) return;
    this.#options.stats.fullSyncsReceived++;
    this.#options.logger.info('full_sync_done', { from, id, bytes });
    this.#ack(end, false);
    tell();
  }

  /** Null: not the piece that comes next. */
  #expect(message: FullSyncItems | FullSyncEnd): Incoming | null {
    const incoming = this.#incoming;
    if (incoming?.id !== message.id || incoming.from !== message.from || incoming.finishing) {
      if (incoming?.finishing !== true) this.#ack(message, true); // Of an attempt that was given up.
      return null;
    }
    if (message.position !== incoming.next) {
      this.#fail('a piece is missing');
      return null;
    }
    incoming.next++;
    incoming.progressMs = this.#options.clock.monotonicMs();
    return incoming;
  }

  /** The sender cannot: it is busy, or gave up. */
  onAborted({ from, id }: FullSyncAck): void {
    const incoming = this.#incoming;
    if (incoming?.id === id && incoming.from === from && !incoming.finishing) this.#fail('the sender gave up');
  }

  #ack({ from, id, position }: FullSyncItems | FullSyncEnd, aborted: boolean): void {
    this.#options.send({ type: 'fullSyncAck', from: this.#options.self, to: from, id, position, aborted });
  }

  #fail(reason: string, whole = false): void {
    const incoming = this.#incoming;
    if (incoming === null) return;
    const { from, id, next } = incoming;
    this.#incoming = null;
    this.#options.stats.fullSyncsFailed++;
    this.#options.logger.warn('full_sync_failed', { from, id, reason });
    this.#options.send({ type: 'fullSyncAck', from: this.#options.self, to: from, id, position: next, aborted: true });
    this.#options.onFailed(from, whole);
  }

  onUnreachable(peer: ReplicaId): void {
    if (this.#incoming?.from === peer && !this.#incoming.finishing) this.#fail('the link is lost');
  }

  check(nowMs: number): void {
    const incoming = this.#incoming;
    if (incoming === null || incoming.finishing) return;
    if (nowMs - incoming.progressMs >= STALL_MS_MAX) this.#fail('no piece has come for too long');
  }

  /** Resolves when nothing is being made durable. */
  async close(): Promise<void> {
    if (this.#incoming?.finishing === false) this.#incoming = null;
    await this.#installing.catch(() => undefined);
  }
}
