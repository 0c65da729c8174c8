import { replicaOf, type GroupId } from '../../../base/brand.js';
import type { Dot } from '../../../base/dot.js';
import type { GossipDelta, GossipDigest } from '../../../engines/leaderless/messages.js';
import type { EngineMessage } from '../../../engines/messages.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import type { LeaderlessFacts } from './facts.js';
import type { LeaderlessImage } from './image.js';
import { nameOf } from './truth.js';

/** Nothing is claimed, passed on or promised before it is on the disk of who says it (reliability.md §0.3, ap.md §1.0.6). */
export class ClaimChecks implements Observer {
  readonly #facts: LeaderlessFacts;

  constructor(facts: LeaderlessFacts) {
    this.#facts = facts;
  }

  onMessage(process: SimProcess, _group: GroupId, message: EngineMessage): void {
    const { image } = this.#facts.of(process.id);
    const { type } = message;
    if (type === 'gossipDigest') {
      this.#checkClaims(process, image, message.vector, 'has');
      this.#checkCounter(process, image, message);
    } else if (type === 'gossipAck') this.#checkClaims(process, image, message.positions, 'acknowledges');
    else if (type === 'gossipDelta') this.#checkPassedOn(process, image, message);
    else if (type === 'fullSyncEnd') this.#checkClaims(process, image, message.vector, 'ends a full sync with');
  }

  #checkClaims({ id }: SimProcess, image: LeaderlessImage, claims: readonly Dot[], what: string): void {
    const early = claims.find((dot) => !image.covers(dot));
    if (early === undefined) return;
    throw new Violation(
      'durable-before-ack',
      `${id} ${what} ${nameOf(early)}; its disk has ${image.seqOf(early.origin)} of that origin`,
    );
  }

  /** A restart must not fall behind what was told: all that is written later has to be above it. */
  #checkCounter({ id }: SimProcess, image: LeaderlessImage, { counter }: GossipDigest): void {
    if (counter <= image.counter) return;
    throw new Violation('durable-before-ack', `${id} tells counter ${counter}; its disk has ${image.counter}`);
  }

  /** A batch that others have and its origin has lost would force a new incarnation at every crash. */
  #checkPassedOn({ id }: SimProcess, image: LeaderlessImage, { batches, to }: GossipDelta): void {
    const next = new Map<string, number>();
    for (const { origin, seq } of batches) {
      if (!image.covers({ origin, seq })) {
        const own = replicaOf(origin) === id ? 'its own' : "another origin's";
        throw new Violation(
          'durable-before-push',
          `${id} sends ${origin}:${seq} to ${to}, ${own}: not on its disk yet`,
        );
      }
      const expected = next.get(origin) ?? seq;
      if (seq !== expected) {
        throw new Violation('deltas-in-order', `${id} sends ${origin}:${seq} to ${to} where ${expected} is due`);
      }
      next.set(origin, seq + 1);
    }
  }
}
