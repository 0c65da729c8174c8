import type { GroupId, ReplicaId } from '../../base/brand.js';
import type { Clock } from '../../base/clock.js';
import type { Dot, Vector } from '../../base/dot.js';
import { toKvorumError } from '../../base/errors/error.js';
import type { Logger } from '../../base/logger.js';
import type { LeaderlessEvent } from '../../engines/leaderless/events.js';
import type {
  FullSyncAck,
  FullSyncEnd,
  FullSyncItems,
  FullSyncRequest,
  LeaderlessMessage,
} from '../../engines/leaderless/messages.js';
import { dotsOf } from '../../engines/leaderless/vector.js';
import type { DottedStateMachine, ItemShadow } from '../../kv/dotted/types.js';
import type { LeaderlessCheckpointer, OriginPosition } from './checkpointer.js';
import { FullSyncReceiver } from './full-sync-receiver.js';
import { FullSyncSender } from './full-sync-sender.js';
import { checkpointRecord } from './recover.js';
import type { LeaderlessStats } from './stats.js';

export interface FullSyncOptions {
  readonly group: GroupId;
  readonly self: ReplicaId;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stats: LeaderlessStats;
  readonly kv: DottedStateMachine;
  readonly checkpointer: LeaderlessCheckpointer;
  /** Of what is applied; raised here. */
  readonly positions: Map<OriginPosition['origin'], OriginPosition>;
  closedTo(): number;
  isAlive(peer: ReplicaId): boolean;
  readonly closed: () => boolean;
  readonly step: (event: LeaderlessEvent) => void;
  send(message: LeaderlessMessage): void;
  readonly onFailed: (error: unknown) => void;
}

export type FullSyncMessage = FullSyncRequest | FullSyncItems | FullSyncEnd | FullSyncAck;

/** Both ends of full syncs: what nobody's logs hold any more (ap.md §1.0.5). */
export class FullSync {
  readonly #options: FullSyncOptions;
  readonly #sender: FullSyncSender;
  readonly #receiver: FullSyncReceiver;

  constructor(options: FullSyncOptions) {
    this.#options = options;
    const { clock, kv } = options;
    const send = (message: LeaderlessMessage): void => options.send(message);
    this.#sender = new FullSyncSender({
      ...options,
      send,
      openItems: (have) => kv.openItems(have),
      nowMs: () => clock.monotonicMs(),
    });
    this.#receiver = new FullSyncReceiver({
      ...options,
      send,
      openShadow: () => kv.openShadow(),
      have: () => dotsOf(kv.vector),
      closedTo: () => options.closedTo(),
      isAlive: (peer) => options.isAlive(peer),
      onReceived: ({ from, vector }) => options.step({ type: 'fullSyncReceived', from, vector: positionsOf(vector) }),
      install: (end, shadow, whole) => this.#install(end, shadow, whole),
      onFailed: (from, whole) => options.step({ type: 'fullSyncFailed', from, whole }),
    });
  }

  /** Between the merge and the moment when it is durable: nothing may be written on top of it. */
  get finishing(): boolean {
    return this.#receiver.finishing;
  }

  /** See LeaderlessCheckpointerOptions.pinned. */
  get pinned(): FullSyncSender['pinned'] {
    return this.#sender.pinned;
  }

  start({ from, whole }: { readonly from: ReplicaId; readonly whole: boolean }): void {
    this.#receiver.start(from, whole);
  }

  onMessage(message: FullSyncMessage): void {
    switch (message.type) {
      case 'fullSyncRequest':
        // What is merged and not durable yet must not be passed on (reliability.md §0.3).
        if (this.finishing) this.#sender.refuse(message);
        else this.#sender.onRequest(message);
        return;
      case 'fullSyncItems':
        this.#receiver.onItems(message);
        return;
      case 'fullSyncEnd':
        this.#receiver.onEnd(message);
        return;
      case 'fullSyncAck':
        this.#sender.onAck(message);
        if (message.aborted) this.#receiver.onAborted(message);
    }
  }

  onDropped(message: LeaderlessMessage): void {
    const { type, to } = message;
    if (type === 'fullSyncItems' || type === 'fullSyncEnd') this.#sender.onUnreachable(to);
    else if (type === 'fullSyncRequest') this.#receiver.onDropped(message);
  }

  onPeerDown(peer: ReplicaId): void {
    this.#sender.onUnreachable(peer);
    this.#receiver.onUnreachable(peer);
  }

  check(nowMs: number): void {
    this.#sender.check(nowMs);
    this.#receiver.check(nowMs);
  }

  /** Merged at once, then made durable, then the logs begin anew, and only then the engine may tell others. */
  async #install(end: FullSyncEnd, shadow: ItemShadow, whole: boolean): Promise<(() => void) | null> {
    const { checkpointer, closed, group, onFailed, step } = this.#options;
    const { task } = checkpointer;
    while (!task.tryLock()) await task.idle();
    try {
      if (closed()) return null;
      const vector = positionsOf(end.vector);
      const boots = new Map(end.vector.map(({ origin, boot }) => [origin, boot] as const));
      const { counter, collectedTo, from } = end;
      shadow.finish({ whole, vector, boots, counter, collectedTo });
      const jumped = this.#jump(end.vector);
      task.onReplaced();
      await checkpointer.run(jumped.map((position) => checkpointRecord(group, position)));
      return () => step({ type: 'fullSynced', from, vector, boots, counter, collectedTo });
    } catch (error) {
      if (!closed()) onFailed(toKvorumError(error));
      return null;
    } finally {
      task.unlock();
    }
  }

  /** Raises what is applied; returns the origins whose logs do not reach there. */
  #jump(ends: readonly OriginPosition[]): readonly OriginPosition[] {
    const { positions } = this.#options;
    const jumped = ends.filter(({ origin, seq }) => seq > (positions.get(origin)?.seq ?? 0));
    for (const { origin, seq, boot } of jumped) positions.set(origin, { origin, seq, boot });
    return jumped;
  }

  async close(): Promise<void> {
    this.#sender.close();
    await this.#receiver.close();
  }
}

function positionsOf(ends: readonly Dot[]): Vector {
  return new Map(ends.map(({ origin, seq }) => [origin, seq]));
}
