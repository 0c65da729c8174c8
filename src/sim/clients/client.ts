import { assert } from '../../base/assert.js';
import { createPrng, type Prng } from '../../base/prng.js';
import type { ReplicaId, Term } from '../../base/brand.js';
import type { Consistency } from '../../replica/router.js';
import type { Operation, Outcome, Value } from '../../check/index.js';
import { chance, pick } from '../plan/dice.js';
import type { ClientPlan } from '../plan/plan.js';
import { exponential } from '../world/chance.js';
import type { SimProcess, VirtualTime } from '../world/types.js';
import { certaintyAfter, certaintyOf, worthRetrying, type Answer } from './answer.js';
import type { History, Place } from './history.js';
import { commandOf, drawIntent, type Intent } from './intent.js';
import { SemisyncManners } from './semisync/manners.js';
import type { Request, Sender } from './wire.js';

export interface ClientStats {
  ok: number;
  /** Compare-and-set that compared unequal: an answer as good as any. */
  mismatch: number;
  failed: number;
  unknown: number;
  retries: number;
  duplicatesSent: number;
}

export interface ClientContext {
  readonly time: VirtualTime;
  readonly wire: Sender;
  readonly history: History;
  readonly stats: ClientStats;
  /** Where requests may go now. Never empty. */
  replicas(): readonly SimProcess[];
}

/** Attempts at one operation, so that a client comes to an end. */
const ATTEMPTS_MAX = 8;
const BACKOFF_MS = [2, 10, 40, 150] as const;

/** Reads that may be old: who serves them is checked as they are served. */
const UNCHECKED: readonly Consistency[] = ['stale', 'leader', 'follower', 'bounded'];

/** The operation that a client is at. */
interface Current {
  readonly intent: Intent;
  readonly call: number;
  readonly request: Request;
  attempts: number;
  /** An attempt has ended without an outcome: from then on only success is certain. */
  mayHaveHappened: boolean;
  /** What the replica had applied that answered. */
  place: Place | null;
}

/** One client: a closed loop that does one operation after the other, and never knows more than it was told. */
export class Client {
  readonly #plan: ClientPlan;
  readonly #context: ClientContext;
  readonly #prng: Prng;
  readonly #number: number;
  readonly #known = new Map<string, Value>();
  readonly #isTwin: boolean;
  /** Grows when an operation is abandoned: whoever has lost track of a request needs a new id (reliability.md §4.2). */
  #generation = 0;
  #seq = 0;
  #done = 0;
  #last: ReplicaId | null = null;
  /** Only where there is a write quorum. */
  readonly #manners: SemisyncManners | null;
  #current: Current | null = null;
  #draining = false;

  /** `isTwin`: another client has the same id. */
  constructor(plan: ClientPlan, number: number, isTwin: boolean, context: ClientContext) {
    this.#plan = plan;
    this.#number = number;
    this.#isTwin = isTwin;
    this.#context = context;
    this.#prng = createPrng(plan.seed);
    this.#manners = plan.semisync === undefined ? null : new SemisyncManners(plan.semisync);
  }

  /** True when it waits for nothing and will do nothing more. */
  get ended(): boolean {
    return this.#current === null && (this.#draining || this.#done >= this.#plan.operations);
  }

  start(): void {
    this.#think();
  }

  /** Ends the operation in progress, and begins no other. */
  drain(): void {
    this.#draining = true;
  }

  #think(): void {
    this.#context.time.after(this.#plan.thinkMeanMs * exponential(this.#prng), () => this.#begin());
  }

  #begin(): void {
    if (this.#draining || this.#done >= this.#plan.operations) return;
    assert(this.#current === null, 'one operation at a time');
    this.#done++;
    const unique = `${this.#number}.${this.#done};`;
    const intent = drawIntent(this.#prng, this.#plan, unique, this.#known, !(this.#isTwin && this.#generation === 0));
    this.#current = {
      intent,
      call: this.#context.history.tick(),
      request: this.#requestOf(intent),
      attempts: 0,
      mayHaveHappened: false,
      place: null,
    };
    this.#attempt(this.#current);
  }

  #requestOf(intent: Intent): Request {
    if (intent.kind === 'get') {
      const request: Request = { type: 'read', key: intent.key, consistency: intent.consistency };
      return this.#manners === null ? request : this.#manners.dress(request);
    }
    const session = this.#plan.session ? { clientId: this.#sessionId, seq: ++this.#seq } : null;
    return { type: 'write', command: commandOf(intent, session) };
  }

  /** Only the first id is shared with a twin. */
  get #sessionId(): string {
    return this.#generation === 0 ? this.#plan.id : `${this.#number}.${this.#generation}`;
  }

  #attempt(current: Current): void {
    current.attempts++;
    const { hedge, session, timeoutMs } = this.#plan;
    const { time, wire } = this.#context;
    const replicas = this.#route(current.request);
    const twice = (session || current.request.type === 'read') && chance(this.#prng, hedge);
    const targets = replicas.slice(0, twice ? 2 : 1);
    if (targets.length > 1) this.#context.stats.duplicatesSent++;
    let waiting = targets.length;
    let uncertain = false;
    const stops: (() => void)[] = [];
    const end = (answer: Answer, from: ReplicaId | null): void => {
      for (const stop of stops) stop();
      this.#onAnswer(current, answer, from);
    };
    stops.push(time.after(timeoutMs, () => end({ type: 'timeout' }, null)));
    for (const target of targets) {
      const stop = wire.send(target, current.request, (answer, from) => {
        waiting--;
        uncertain ||= certaintyOf(answer) === 'unknown';
        // A refusal by one of two says nothing of the other: it is waited for.
        if (certaintyOf(answer) !== 'done' && waiting > 0) return;
        end(uncertain && certaintyOf(answer) !== 'done' ? { type: 'lost' } : answer, from);
      });
      stops.push(stop);
    }
  }

  /** The one that answered last, mostly, and then the others in any order. */
  #route(request: Request): SimProcess[] {
    const all = [...this.#context.replicas()];
    const isLoyal = chance(this.#prng, this.#plan.loyalty) && this.#manners?.goesAnywhere(request) !== true;
    const first = isLoyal ? all.find(({ id }) => id === this.#last) : undefined;
    const chosen = this.#manners?.choose(request, all) ?? first ?? pick(this.#prng, all);
    const others = all.filter((each) => each !== chosen);
    return others.length === 0 ? [chosen] : [chosen, pick(this.#prng, others)];
  }

  #onAnswer(current: Current, answer: Answer, from: ReplicaId | null): void {
    if (this.#current !== current) return;
    const certainty = certaintyAfter(answer, current.mayHaveHappened);
    this.#last = certaintyOf(answer) === 'done' ? from : null;
    this.#manners?.onAnswer(current.request, answer, from);
    if (certainty === 'done') return this.#finish(current, answer);
    const isRead = current.intent.kind === 'get';
    if (certainty === 'unknown' && !isRead) current.mayHaveHappened = true;
    if (this.#mayRetry(current, answer)) {
      this.#context.stats.retries++;
      this.#context.time.after(pick(this.#prng, BACKOFF_MS), () => this.#attempt(current));
      return;
    }
    if (certainty === 'unknown' && !isRead) this.#abandon(current);
    else this.#end(current, 'failed', current.intent.kind === 'get' ? null : valueOf(current.intent));
  }

  #mayRetry(current: Current, answer: Answer): boolean {
    if (current.attempts >= ATTEMPTS_MAX || !worthRetrying(answer)) return false;
    if (!current.mayHaveHappened) return !this.#draining && current.attempts < BACKOFF_MS.length;
    // Without a session a second attempt could take effect as well (reliability.md §2.5).
    return this.#plan.session && chance(this.#prng, this.#plan.retry);
  }

  #abandon(current: Current): void {
    this.#record(current, 'unknown', valueOf(current.intent), null);
    this.#generation++;
    this.#seq = 0;
    this.#next();
  }

  #finish(current: Current, answer: Answer): void {
    const { intent } = current;
    const { history } = this.#context;
    current.place = placeOf(answer);
    if (answer.type === 'read') {
      this.#known.set(intent.key, answer.value);
      this.#end(current, 'ok', answer.value);
      return;
    }
    assert(answer.type === 'written', 'what is done was read or written');
    const { integer, status } = answer;
    if (intent.kind === 'increment') {
      this.#context.stats.ok++;
      const { call, place } = current;
      const end = history.tick();
      history.pushIncrement({ client: this.#name, key: intent.key, call, return: end, sum: integer }, place);
      this.#next();
      return;
    }
    if (status === 'unmet') {
      this.#known.delete(intent.key);
      this.#end(current, 'mismatch', valueOf(intent));
      return;
    }
    this.#learn(intent, status === 'absent');
    this.#end(current, 'ok', valueOf(intent), intent.kind === 'delete' ? status === 'deleted' : undefined);
  }

  #learn(intent: Intent, wasAbsent: boolean): void {
    if (intent.kind === 'put' || intent.kind === 'cas') this.#known.set(intent.key, intent.value);
    else if (intent.kind === 'delete') this.#known.set(intent.key, null);
    else if (intent.kind === 'append' && !wasAbsent) {
      const before = this.#known.get(intent.key);
      if (before !== undefined) this.#known.set(intent.key, (before ?? '') + intent.value);
    }
  }

  #end(current: Current, outcome: Outcome, value: Value, existed?: boolean): void {
    this.#record(current, outcome, value, this.#context.history.tick(), existed);
    this.#next();
  }

  #record(current: Current, outcome: Outcome, value: Value, end: number | null, existed?: boolean): void {
    const { history, stats } = this.#context;
    stats[outcome]++;
    const { call, intent } = current;
    if (intent.kind === 'increment') {
      if (outcome === 'unknown') {
        history.increments.push({ client: this.#name, key: intent.key, call, return: null, sum: null });
      }
      return;
    }
    if (intent.kind === 'get' && UNCHECKED.includes(intent.consistency)) return;
    const operation: Operation = {
      client: this.#name,
      kind: intent.kind,
      key: intent.key,
      value,
      call,
      return: end,
      outcome,
    };
    const expected = intent.kind === 'cas' ? { expected: intent.expected } : {};
    history.push({ ...operation, ...expected, ...(existed === undefined ? {} : { existed }) }, current.place);
  }

  get #name(): string {
    return `${this.#number}.${this.#generation}`;
  }

  #next(): void {
    this.#current = null;
    this.#think();
  }
}

function placeOf(answer: Answer): Place | null {
  if (answer.type !== 'read' && answer.type !== 'written') return null;
  const { epoch, revision } = answer;
  return epoch === undefined ? null : { epoch: epoch as Term, revision };
}

function valueOf(intent: Intent): Value {
  return intent.kind === 'put' || intent.kind === 'append' || intent.kind === 'cas' ? intent.value : null;
}
