import type { GroupId, OriginId, ReplicaId } from '../../../base/brand.js';
import { covers, type Dot, type Vector } from '../../../base/dot.js';
import type { EngineMessage } from '../../../engines/messages.js';
import type { OriginBatch } from '../../../engines/leaderless/types.js';
import type { LeaderlessMember } from '../../../replica/leaderless/member.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import { appliedBy, type LeaderlessFacts } from './facts.js';
import { nameOf } from './truth.js';

/** What the present life of a process has, and how it came by it. */
interface Life {
  /** From the checkpoint that it began with, and batch by batch since then: first from its log, while it starts. */
  readonly applied: Map<OriginId, number>;
  /** What the full syncs stand for whose ends were sent to it: any of them may have been merged since. */
  readonly brought: Map<OriginId, number>;
}

/**
 * What is applied is durable, comes once, in the order of its origin and without a gap, and after everything that it depends
 * on (ap.md §1.2.1): what its origin says, and what its writers are known to have seen. A state stands for what was applied
 * and what full syncs have brought, and for nothing else.
 */
export class DeliveryChecks implements Observer {
  readonly #facts: LeaderlessFacts;
  readonly #causal: boolean;
  readonly #lives = new Map<ReplicaId, Life>();

  constructor(facts: LeaderlessFacts, engine: 'lww' | 'causal') {
    this.#facts = facts;
    this.#causal = engine === 'causal';
  }

  /** What was sent to a former life does not reach this one: it asked for nothing. */
  onStarted({ id }: SimProcess): void {
    this.#lives.set(id, { applied: new Map(), brought: new Map() });
  }

  /** After `onStarted`: it is opened for the state that begins with it. */
  onCheckpointFound({ id }: SimProcess): void {
    const applied = this.#lives.get(id)?.applied;
    for (const [origin, seq] of this.#facts.of(id).image.checkpoint) applied?.set(origin, seq);
  }

  onMessage(_process: SimProcess, _group: GroupId, message: EngineMessage): void {
    if (message.type !== 'fullSyncEnd') return;
    const brought = this.#lives.get(message.to)?.brought;
    for (const { origin, seq } of message.vector) brought?.set(origin, Math.max(brought.get(origin) ?? 0, seq));
  }

  onTurn(process: SimProcess): void {
    for (const [origin, seq] of appliedBy(process)) {
      const reach = this.#reachOf(process.id, origin);
      if (seq <= reach) continue;
      throw new Violation(
        'delivered-in-order',
        `${process.id} stands at ${nameOf({ origin, seq })}; what was applied and what was brought ends at ${reach}`,
      );
    }
  }

  /** How far the process can have `origin` without a gap. */
  #reachOf(id: ReplicaId, origin: OriginId): number {
    const life = this.#lives.get(id);
    return Math.max(life?.applied.get(origin) ?? 0, life?.brought.get(origin) ?? 0);
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

  #checkOrder(id: ReplicaId, member: LeaderlessMember | null, { origin, seq }: Dot): void {
    const applied = this.#lives.get(id)?.applied;
    const last = applied?.get(origin) ?? 0;
    const reach = this.#reachOf(id, origin);
    const stands = member?.kv.vector.get(origin) ?? seq;
    if (seq <= last || seq > reach + 1 || stands !== seq) {
      throw new Violation(
        'delivered-in-order',
        `${id} applies ${origin}:${seq} after ${last}, where full syncs reach to ${reach}, and stands at ${stands}`,
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
