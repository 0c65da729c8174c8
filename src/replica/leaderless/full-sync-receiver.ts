import { assert } from '../../base/assert.js';
import type { ReplicaId } from '../../base/brand.js';
import type { Clock } from '../../base/clock.js';
import type { Dot } from '../../base/dot.js';
import type { Logger } from '../../base/logger.js';
import type {
  FullSyncAck,
  FullSyncEnd,
  FullSyncItems,
  FullSyncRequest,
  LeaderlessMessage,
} from '../../engines/leaderless/messages.js';
import type { ItemShadow } from '../../kv/dotted/types.js';
import type { LeaderlessStats } from './stats.js';

/** A stream that brings nothing for this long is given up: as much as a link whose queue is full may need for a piece. */
const STALL_MS_MAX = 10_000;
/**
 * What has not come for this long is asked for again: the request of it, or a piece of it, may be lost. Then after twice as
 * long, and so on: it may as well be slow.
 */
const ASK_AGAIN_MS = 1000;
/** Without an answer to so many requests another member is asked. */
const REQUESTS_MAX = 3;

interface Incoming {
  readonly from: ReplicaId;
  readonly id: number;
  readonly shadow: ItemShadow;
  /** All items come, not only those that we lack. */
  readonly whole: boolean;
  next: number;
  progressMs: number;
  /** When something was asked of the sender last, and how often in vain. */
  askedMs: number;
  asked: number;
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
  /** False: nothing has been heard of it for so long that it counts as dead, though the link may stand. */
  isAlive(peer: ReplicaId): boolean;
  /** Called once before `install`. */
  onReceived(end: FullSyncEnd): void;
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
    const { clock, logger } = this.#options;
    const shadow = this.#options.openShadow();
    const nowMs = clock.monotonicMs();
    this.#incoming = {
      from,
      id,
      shadow,
      whole,
      next: 0,
      progressMs: nowMs,
      askedMs: nowMs,
      asked: 0,
      finishing: false,
    };
    logger.info('full_sync_started', { from, id, whole });
    this.#ask(this.#incoming);
  }

  #askAgainMs({ asked }: Incoming): number {
    return ASK_AGAIN_MS * 2 ** (asked - 1);
  }

  /** For the beginning, or for everything after the last piece that has come. */
  #ask(incoming: Incoming): void {
    const { clock, self } = this.#options;
    const { from, id, next, whole } = incoming;
    incoming.askedMs = clock.monotonicMs();
    incoming.asked++;
    if (next > 0) {
      this.#options.send({ type: 'fullSyncAck', from: self, to: from, id, position: next - 1, aborted: false });
      return;
    }
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
    this.#options.onReceived(message);
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
    const nowMs = this.#options.clock.monotonicMs();
    if (message.position !== incoming.next) {
      // One that came before, or one after a lost one: whatever is missing is asked for once for all that follow it.
      if (
        message.position > incoming.next &&
        (incoming.asked === 1 || nowMs - incoming.askedMs >= this.#askAgainMs(incoming))
      ) {
        this.#ask(incoming);
      }
      return null;
    }
    incoming.next++;
    incoming.progressMs = nowMs;
    incoming.askedMs = nowMs;
    incoming.asked = 1;
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
    if (!this.#options.isAlive(incoming.from)) this.#fail('the sender is silent');
    else if (nowMs - incoming.progressMs >= STALL_MS_MAX) this.#fail('no piece has come for too long');
    else if (nowMs - incoming.askedMs < this.#askAgainMs(incoming)) return;
    else if (incoming.next === 0 && incoming.asked >= REQUESTS_MAX) this.#fail('no request was answered');
    else this.#ask(incoming);
  }

  /** The link took no request: somebody else may be asked, or this one when the link is there. */
  onDropped({ id, to }: FullSyncRequest): void {
    if (this.#incoming?.id === id && this.#incoming.from === to) this.#fail('the link took no request');
  }

  /** Resolves when nothing is being made durable. */
  async close(): Promise<void> {
    if (this.#incoming?.finishing === false) this.#incoming = null;
    await this.#installing.catch(() => undefined);
  }
}
