import type { GroupId, OriginId, ReplicaId } from '../../../base/brand.js';
import type { EngineMessage } from '../../../engines/messages.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import type { LeaderlessFacts } from './facts.js';
import { nameOf, type KnownBatch } from './truth.js';

/** "All that I write after `seq` is above `counter`." */
interface Promise {
  readonly seq: number;
  readonly counter: number;
}

/**
 * Tombstones go when nothing older can come any more (ap.md §1.0.6): origins keep what they told about their counters, and
 * nobody collects beyond what every member has.
 */
export class StabilityChecks implements Observer {
  readonly #facts: LeaderlessFacts;
  readonly #promises = new Map<OriginId, Promise[]>();
  readonly #collected = new Map<ReplicaId, number>();
  #collectedMax = 0;

  constructor(facts: LeaderlessFacts) {
    this.#facts = facts;
    facts.onNew((batch) => this.#onNew(batch));
    facts.whenLost((_dot, _batch, by) => this.#forget(by));
  }

  onMessage(_process: SimProcess, _group: GroupId, message: EngineMessage): void {
    if (message.type !== 'gossipDigest') return;
    const { counter, origin, vector } = message;
    const seq = vector.find((state) => state.origin === origin)?.seq ?? 0;
    const all = this.#promises.get(origin) ?? [];
    this.#promises.set(origin, all);
    const last = all.at(-1);
    if (last?.seq !== seq || last.counter < counter) all.push({ seq, counter });
  }

  #onNew({ counter, dot }: KnownBatch): void {
    const promise = (this.#promises.get(dot.origin) ?? []).findLast(({ seq }) => seq < dot.seq);
    if (counter <= Math.max(promise?.counter ?? 0, this.#collectedMax)) this.#facts.excuse(dot.origin);
    if (promise !== undefined && counter <= promise.counter) {
      throw new Violation(
        'above-what-was-told',
        `${nameOf(dot)} has counter ${counter}; after ${promise.seq} its origin told that all is above ${promise.counter}`,
      );
    }
    if (counter <= this.#collectedMax) {
      throw new Violation(
        'above-what-was-collected',
        `${nameOf(dot)} has counter ${counter}; tombstones were collected up to ${this.#collectedMax}`,
      );
    }
  }

  onWiped({ id }: SimProcess): void {
    this.#forget(id);
  }

  /**
   * What it collected went with its disk, or with the end of its log that damage took: others must have it, or nobody knows
   * of it. What is left of it is seen with its next turn.
   */
  #forget(id: ReplicaId): void {
    this.#collected.delete(id);
    this.#collectedMax = Math.max(0, ...this.#collected.values());
  }

  onTurn({ id, leaderless }: SimProcess): void {
    if (leaderless === null) return;
    const { collectedTo } = leaderless.kv;
    if (collectedTo === this.#collected.get(id)) return;
    this.#collected.set(id, collectedTo);
    if (collectedTo <= this.#collectedMax) return;
    this.#collectedMax = collectedTo;
    this.#checkStable(id, collectedTo);
  }

  #checkStable(id: ReplicaId, collectedTo: number): void {
    const { truth } = this.#facts;
    for (const batch of truth.upTo(collectedTo)) {
      for (const [member] of this.#facts.replicas) {
        if (this.#facts.everHeld(member, batch.dot)) continue;
        throw new Violation(
          'collected-is-stable',
          `${id} collects tombstones up to ${collectedTo}; ${member} never had ${nameOf(batch.dot)} of counter ${batch.counter}`,
        );
      }
    }
  }
}
