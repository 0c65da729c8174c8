import { replicaOf, type OriginId, type ReplicaId } from '../../../base/brand.js';
import type { GossipDigest } from '../../../engines/leaderless/messages.js';
import { Excused } from '../../world/types.js';

/**
 * A disk that went back in time is noticed by the word of somebody who knows more (ap.md §1.0.1 rule 2). A replica that
 * hears of nobody takes writes all the same after a while, or one that is left alone could not serve: when its disk went
 * back as well, it uses positions again. That is a limit that the operator is told about, so no violation, as long
 * as nobody has told the replica.
 */
export class Rollbacks {
  readonly #seqOf: (id: ReplicaId, origin: OriginId) => number;
  /** Replicas whose folders were put back and that have not heard what they lack; the rounds in which somebody told them. */
  readonly #unaware = new Map<ReplicaId, Map<ReplicaId, number>>();

  constructor(seqOf: (id: ReplicaId, origin: OriginId) => number) {
    this.#seqOf = seqOf;
  }

  onRolledBack(id: ReplicaId): void {
    this.#unaware.set(id, new Map());
  }

  /**
   * What its former life said and nobody answered got lost with its links; its rounds begin anywhere now. So did what was said
   * to it before: nothing of that made it to this life.
   */
  onStarted(id: ReplicaId): void {
    this.#unaware.get(id)?.clear();
    for (const told of this.#unaware.values()) told.delete(id);
  }

  onDigest({ answers, from, origin, round, to, vector }: GossipDigest): void {
    if (this.#unaware.size === 0) return;
    const told = this.#unaware.get(to);
    const knowsMore = vector.some((dot) => replicaOf(dot.origin) === to && dot.seq > this.#seqOf(to, dot.origin));
    if (knowsMore) told?.set(from, round);
    // It has read that digest: this one answers it.
    const heard = this.#unaware.get(replicaOf(origin))?.get(to);
    if (heard !== undefined && answers >= heard) this.#unaware.delete(from);
  }

  /** It cannot know that it lacks what its disk had. */
  isUnaware(id: ReplicaId): boolean {
    return this.#unaware.has(id);
  }

  /** Throws Excused. */
  onReused(origin: OriginId): void {
    const owner = replicaOf(origin);
    if (this.#unaware.has(owner)) throw new Excused(`${owner} was set back, met nobody, and used positions again`);
  }
}
