import type { OriginId, ReplicaId } from '../../../../src/base/brand.js';
import type { Vector } from '../../../../src/base/dot.js';
import type { LeaderlessEffects } from '../../../../src/engines/leaderless/events.js';
import type { GossipDigest } from '../../../../src/engines/leaderless/messages.js';
import type { OriginBatch } from '../../../../src/engines/leaderless/types.js';
import type { Snapshot } from './machine.js';

interface Issued {
  readonly batch: OriginBatch;
  /** Everything that was applied where it was written: the ground truth of what it may depend on. */
  readonly seen: Vector;
}

/** Sees all effects of all members, and knows what no member can know. */
export class Checker {
  readonly #engine: 'lww' | 'causal';
  /** Every batch that was ever accepted by its origin and not lost in a crash before anybody saw it. */
  readonly issued = new Map<OriginId, Issued[]>();
  readonly #promised = new Map<OriginId, number>();
  batches = 0;

  constructor(engine: 'lww' | 'causal') {
    this.#engine = engine;
  }

  onEffects(
    member: {
      readonly id: ReplicaId;
      readonly machine: { readonly vector: Vector };
      readonly engine: { readonly origin: OriginId };
    },
    effects: LeaderlessEffects,
  ): void {
    for (const batch of effects.persist?.batches ?? []) {
      if (batch.origin === member.engine.origin) this.#onIssued(batch, member.machine.vector);
    }
    for (const message of effects.messages) {
      if (message.type === 'gossipDigest') this.#onDigest(message);
      if (message.type !== 'gossipDelta') continue;
      for (const { origin, seq, encoded } of message.batches) {
        if (this.#issuedAt(origin, seq).batch.encoded.join() !== encoded.join())
          throw new Error('another batch is sent');
      }
    }
  }

  #onIssued(batch: OriginBatch, seen: Vector): void {
    const list = this.issued.get(batch.origin) ?? [];
    this.issued.set(batch.origin, list);
    if (batch.seq !== list.length + 1) throw new Error(`${batch.origin} writes ${batch.seq} after ${list.length}`);
    if (batch.counter <= (this.#promised.get(batch.origin) ?? 0)) throw new Error('a write at or below a promise');
    list.push({ batch, seen: new Map(seen) });
    this.batches++;
  }

  /** ap.md §1.0.6: all later batches have counters above what is told. */
  #onDigest({ origin, vector, counter }: GossipDigest): void {
    this.#promised.set(origin, Math.max(counter, this.#promised.get(origin) ?? 0));
    const last = vector.find((each) => each.origin === origin)?.seq ?? 0;
    for (const { batch } of this.issued.get(origin)?.slice(last) ?? []) {
      if (batch.counter <= counter) throw new Error(`${origin} promised ${counter} and has ${batch.counter} under way`);
    }
  }

  #issuedAt(origin: OriginId, seq: number): Issued {
    const issued = this.issued.get(origin)?.[seq - 1];
    if (issued === undefined) throw new Error(`${origin} never wrote ${seq}`);
    return issued;
  }

  onDeliver(id: ReplicaId, vector: Vector, batch: OriginBatch): void {
    const { origin, seq } = batch;
    if ((vector.get(origin) ?? 0) !== seq - 1) throw new Error(`${id} delivers ${origin} ${seq} out of order`);
    const { batch: original, seen } = this.#issuedAt(origin, seq);
    if (original.encoded.join() !== batch.encoded.join()) throw new Error(`${id} delivers another ${origin} ${seq}`);
    if (this.#engine !== 'causal') return;
    for (const [each, position] of seen) {
      if (each !== origin && (vector.get(each) ?? 0) < position) {
        throw new Error(`${id} delivers ${origin} ${seq} before ${each} ${position}`);
      }
    }
  }

  /** A state, too, is closed under what its parts depend on. */
  onFullSync(_id: ReplicaId, state: Snapshot): void {
    if (this.#engine !== 'causal') return;
    for (const [origin, seq] of state.vector) {
      if (seq === 0) continue;
      for (const [each, position] of this.#issuedAt(origin, seq).seen) {
        if ((state.vector.get(each) ?? 0) < position) throw new Error('a state that is not causally closed');
      }
    }
  }

  /** What was not durable never was. */
  onCrash(origin: OriginId, known: number): void {
    const list = this.issued.get(origin);
    if (list !== undefined) list.length = Math.min(list.length, known);
  }

  /** The folder goes back in time on purpose: what the others have stays the truth. */
  forget(origin: OriginId): void {
    this.#promised.delete(origin);
  }
}
