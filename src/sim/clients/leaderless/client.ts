import { assert } from '../../../base/assert.js';
import type { ReplicaId } from '../../../base/brand.js';
import type { Dot } from '../../../base/dot.js';
import { createPrng, type Prng } from '../../../base/prng.js';
import { chance, pick } from '../../plan/dice.js';
import type { ClientPlan } from '../../plan/plan.js';
import { exponential } from '../../world/chance.js';
import type { SimProcess, VirtualTime } from '../../world/types.js';
import type { ClientStats } from '../client.js';
import { isUnknown, type LeaderlessAnswer } from './answer.js';
import type { LeaderlessHistory } from './history.js';
import { drawLeaderlessIntent, type LeaderlessIntent } from './intent.js';
import { ClientSession } from './session.js';
import type { LeaderlessRequest, LeaderlessWire } from './wire.js';

export interface LeaderlessContext {
  readonly time: VirtualTime;
  readonly wire: LeaderlessWire;
  readonly history: LeaderlessHistory;
  readonly stats: ClientStats;
  /** Of a keyspace that keeps siblings: writes say what they have seen. */
  readonly siblings: boolean;
  /** Where requests may go now. Never empty. */
  replicas(): readonly SimProcess[];
}

const ATTEMPTS_MAX = 6;
const BACKOFF_MS = [2, 10, 40, 150] as const;

interface Current {
  readonly intent: LeaderlessIntent;
  readonly call: number;
  readonly generation: number;
  attempts: number;
}

/** One client: a closed loop. It takes what it has seen from replica to replica, if it has a session at all. */
export class LeaderlessClient {
  readonly #plan: ClientPlan;
  readonly #context: LeaderlessContext;
  readonly #prng: Prng;
  readonly #number: number;
  #session = new ClientSession();
  /** Per key: what the last read showed, for writes where siblings are kept. */
  #contexts = new Map<string, readonly Dot[]>();
  #generation = 0;
  #done = 0;
  #last: ReplicaId | null = null;
  #current: Current | null = null;
  #draining = false;

  constructor(plan: ClientPlan, number: number, context: LeaderlessContext) {
    this.#plan = plan;
    this.#number = number;
    this.#context = context;
    this.#prng = createPrng(plan.seed);
  }

  get ended(): boolean {
    return this.#current === null && (this.#draining || this.#done >= this.#plan.operations);
  }

  start(): void {
    this.#think();
  }

  drain(): void {
    this.#draining = true;
  }

  /** What it has seen is gone with the disks that had it: it begins anew, as after causal_history_lost. */
  onLost(dot: Dot): void {
    if (this.#session.covers(dot)) this.#forget();
  }

  #forget(): void {
    this.#session = new ClientSession();
    this.#contexts = new Map();
    this.#generation++;
  }

  #think(): void {
    this.#context.time.after(this.#plan.thinkMeanMs * exponential(this.#prng), () => this.#begin());
  }

  #begin(): void {
    if (this.#draining || this.#done >= this.#plan.operations) return;
    assert(this.#current === null, 'one operation at a time');
    this.#done++;
    const intent = drawLeaderlessIntent(this.#prng, this.#plan, `${this.#number}.${this.#done};`);
    this.#current = { intent, call: this.#context.history.tick(), generation: this.#generation, attempts: 0 };
    this.#attempt(this.#current);
  }

  #attempt(current: Current): void {
    current.attempts++;
    const { time, wire } = this.#context;
    let stop = (): void => undefined;
    let cancel = (): void => undefined;
    const end = (answer: LeaderlessAnswer, from: ReplicaId | null): void => {
      stop();
      cancel();
      this.#onAnswer(current, answer, from);
    };
    cancel = time.after(this.#plan.timeoutMs, () => end({ type: 'timeout' }, null));
    stop = wire.send(this.#route(), this.#requestOf(current.intent), end);
  }

  #requestOf({ blind, key, kind, level, ttlMs, value }: LeaderlessIntent): LeaderlessRequest {
    const seen = this.#plan.session ? this.#session.seen : null;
    if (kind === 'get') return { type: 'read', key, level, seen };
    const context = this.#context.siblings && !blind ? (this.#contexts.get(key) ?? []) : null;
    return { type: 'write', key, level, seen, value, ttlMs, context };
  }

  #route(): SimProcess {
    const all = [...this.#context.replicas()];
    const same = chance(this.#prng, this.#plan.loyalty) ? all.find(({ id }) => id === this.#last) : undefined;
    return same ?? pick(this.#prng, all);
  }

  #onAnswer(current: Current, answer: LeaderlessAnswer, from: ReplicaId | null): void {
    if (this.#current !== current) return;
    this.#last = answer.type === 'written' || answer.type === 'read' ? from : null;
    if (answer.type === 'written' || answer.type === 'read') return this.#finish(current, answer);
    if (answer.type === 'error' && answer.code === 'causal_history_lost') this.#forget();
    const { stats } = this.#context;
    const isRead = current.intent.kind === 'get';
    if (isUnknown(answer) && !isRead) return this.#end(current, 'unknown', {});
    const isOver = this.#draining || current.generation !== this.#generation || current.attempts >= ATTEMPTS_MAX;
    const isWorth = answer.type !== 'error' || answer.hint !== 'never';
    if (isOver || !isWorth || !chance(this.#prng, this.#plan.retry)) return this.#end(current, 'failed', {});
    stats.retries++;
    this.#context.time.after(pick(this.#prng, BACKOFF_MS), () => {
      if (current.generation === this.#generation) this.#attempt(current);
      else this.#end(current, 'failed', {});
    });
  }

  #finish(current: Current, answer: Extract<LeaderlessAnswer, { type: 'written' | 'read' }>): void {
    const { intent } = current;
    const isCurrent = current.generation === this.#generation;
    if (answer.type === 'written') {
      const { counter, dot, vector } = answer;
      if (isCurrent && dot !== null) this.#session.merge([dot], counter);
      this.#contexts.delete(intent.key);
      this.#end(current, 'ok', { dot, vector, wasAbsent: intent.kind === 'delete' && dot === null });
      return;
    }
    const { shown, vector } = answer;
    if (isCurrent) {
      this.#session.merge(shown.dots ?? [], shown.counter);
      this.#contexts.set(intent.key, shown.dots ?? []);
    }
    const dot = shown.values[0]?.dot ?? shown.dots?.[0] ?? null;
    this.#end(current, 'ok', { dot, vector, value: shown.values[0]?.value ?? null });
  }

  #end(
    current: Current,
    outcome: 'ok' | 'failed' | 'unknown',
    told: {
      readonly dot?: Dot | null;
      readonly vector?: ReadonlyMap<Dot['origin'], number>;
      readonly value?: string | null;
      readonly wasAbsent?: boolean;
    },
  ): void {
    const { history, stats } = this.#context;
    const { call, generation, intent } = current;
    stats[outcome]++;
    // What came of it after its client began anew belongs to no session.
    const isLate = generation !== this.#generation && outcome === 'ok';
    if (!isLate || intent.kind !== 'get') {
      history.add({
        client: this.#number,
        // Who carries nothing with it has no session: each of its operations stands for itself.
        session: this.#plan.session ? generation : this.#done,
        kind: intent.kind,
        key: intent.key,
        value: intent.kind === 'get' ? (told.value ?? null) : intent.value,
        call,
        outcome: isLate ? 'unknown' : outcome,
        dot: told.dot ?? null,
        vector: told.vector ?? null,
        wasAbsent: told.wasAbsent ?? false,
        hasSession: this.#plan.session && !isLate,
      });
    }
    this.#current = null;
    this.#think();
  }
}
