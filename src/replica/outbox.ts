import type { GroupId, ReplicaId } from '../base/brand.js';
import type { EngineMessage } from '../engines/messages.js';
import type { Envelope, Transport } from '../transport/transport.js';
import type { ReplicaStats } from './stats.js';

/** Messages of one turn, gathered per peer: one frame and one write for each. */
export class Outbox {
  readonly #transport: Transport;
  readonly #stats: ReplicaStats;
  readonly #byPeer = new Map<ReplicaId, Envelope[]>();
  readonly #onDropped: (envelopes: readonly Envelope[]) => void;

  /** `onDropped` is told what a link did not take: for what nobody sends again by itself. */
  constructor(transport: Transport, stats: ReplicaStats, onDropped: (envelopes: readonly Envelope[]) => void) {
    this.#transport = transport;
    this.#stats = stats;
    this.#onDropped = onDropped;
  }

  add(group: GroupId, message: EngineMessage): void {
    const queue = this.#byPeer.get(message.to);
    if (queue === undefined) this.#byPeer.set(message.to, [{ group, message }]);
    else queue.push({ group, message });
  }

  /** What the link does not take is lost: the protocols send again (transport.ts, delivery contract). */
  flush(): void {
    for (const [peer, envelopes] of this.#byPeer) {
      if (envelopes.length === 0) continue;
      this.#byPeer.set(peer, []);
      this.#stats.messagesSent += envelopes.length;
      if (this.#transport.send(peer, envelopes)) continue;
      this.#stats.messagesDropped += envelopes.length;
      this.#onDropped(envelopes);
    }
  }
}
