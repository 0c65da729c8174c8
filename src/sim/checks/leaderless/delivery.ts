import type { GroupId, OriginId, ReplicaId } from '../../../base/brand.js';
import { covers, type Vector } from '../../../base/dot.js';
import type { OriginBatch } from '../../../engines/leaderless/types.js';
import type { LeaderlessMember } from '../../../replica/leaderless/member.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import type { LeaderlessFacts } from './facts.js';
import { nameOf } from './truth.js';

/**
 * What is applied is durable, comes once and in the order of its origin, and after everything that it depends on
 * (ap.md §1.2.1): what its origin says, and what its writers are known to have seen.
 */
export class DeliveryChecks implements Observer {
  readonly #facts: LeaderlessFacts;
  readonly #causal: boolean;
  /** By process: what its present life has applied; from its log while it starts. */
  readonly #applied = new Map<ReplicaId, Map<OriginId, number>>();

  constructor(facts: LeaderlessFacts, engine: 'lww' | 'causal') {
    this.#facts = facts;
    this.#causal = engine === 'causal';
  }

  onStarted({ id }: SimProcess): void {
    this.#applied.set(id, new Map());
  }

  onDelivered(process: SimProcess, _group: GroupId, batch: OriginBatch): void {
    const { id, leaderless, state } = process;
    if (leaderless === null && state !== 'starting') {
      throw new Violation('delivered-in-order', `${id} applies while it does not run`);
    }
    const name = nameOf(batch);
    if (!this.#facts.of(id).image.covers(batch)) {
      throw new Violation('applied-durable', `${id} applies ${name}, which is not on its disk`);
    }
    this.#checkOrder(id, leaderless, batch);
    if (this.#causal && leaderless !== null) this.#checkDependencies(id, leaderless.kv.vector, batch);
  }

  #checkOrder(id: ReplicaId, member: LeaderlessMember | null, { origin, seq }: OriginBatch): void {
    const applied = this.#applied.get(id);
    const last = applied?.get(origin) ?? 0;
    const stands = member?.kv.vector.get(origin) ?? seq;
    if (seq <= last || stands !== seq) {
      throw new Violation(
        'delivered-in-order',
        `${id} applies ${origin}:${seq} after ${last}, and stands at ${stands}`,
      );
    }
    applied?.set(origin, seq);
  }

  #checkDependencies(id: ReplicaId, vector: Vector, batch: OriginBatch): void {
    const known = this.#facts.truth.batch(batch);
    for (const [origin, seq] of known?.dependencies ?? []) {
      const dot = { origin, seq };
      if (covers(vector, dot) || this.#facts.truth.isLost(dot)) continue;
      throw new Violation(
        'dependencies-first',
        `${id} applies ${nameOf(batch)}, which depends on ${nameOf(dot)}; it has ${vector.get(origin) ?? 0} of that origin`,
      );
    }
  }
}
