import { boundsOf } from './bounds.js';
import type { Model } from './model.js';
import { standingOf, type Operation } from './operation.js';
import { ABSENT, DEAD, States, type Range } from './states.js';

/** `step` returns it when the operation cannot have ended as it did in this state. */
export const REFUSED = -1;

const CODE = { read: 0, set: 1, deleteOld: 2, deleteNone: 3, swap: 4, mismatch: 5, append: 6 } as const;

/** No open operation does the same as this one, or none before it. */
export const NO_TWIN = -1;
export const ALONE = -1;
export const NO_STATE = -1;
export const NO_TOKEN = -1;

/**
 * The history of one key as the search reads it: operations by number, in the order of their calls. First the `settled`
 * ones, which must take effect between call and return; then the `open` ones, which may take effect after their call.
 */
export class Machine {
  readonly settled: number;
  readonly open: number;
  readonly initial: number;
  readonly call: Float64Array;
  /** Of the settled ones. */
  readonly end: Float64Array;
  /** Index into the operations that the machine was made of. */
  readonly source: Int32Array;
  /** Of an open operation: the one before it that does exactly the same; see Search. */
  readonly twin: Int32Array;
  /** Of a settled operation: a number that it shares with those that do exactly the same, ALONE when there are none. */
  readonly kin: Int32Array;
  /** False when no operation can tell a dead value from none: then an open write that leads there is not worth trying. */
  readonly deadMatters: boolean;
  readonly #states: States;
  readonly #code: Uint8Array;
  readonly #first: Int32Array;
  readonly #second: Int32Array;
  readonly #stateCount: number;
  readonly #suffixes = new Map<number, readonly number[]>();
  #tokenLengths: readonly number[] | null = null;

  constructor(operations: readonly Operation[], model: Model) {
    const states = new States(operations, model);
    const { deadMatters, open, settled } = sortOut(operations, model, states);
    const count = settled.length + open.length;
    this.#states = states;
    this.#stateCount = states.count;
    this.initial = states.initial;
    this.settled = settled.length;
    this.open = open.length;
    this.deadMatters = deadMatters;
    this.call = new Float64Array(count);
    this.end = new Float64Array(settled.length);
    this.source = new Int32Array(count);
    this.twin = new Int32Array(count).fill(NO_TWIN);
    this.kin = new Int32Array(settled.length).fill(ALONE);
    this.#code = new Uint8Array(count);
    this.#first = new Int32Array(count);
    this.#second = new Int32Array(count);
    for (const [at, { end, source }] of settled.entries()) {
      this.#compile(at, source, operations[source] as Operation);
      this.end[at] = end;
    }
    for (const [at, { source }] of open.entries()) {
      this.#compile(settled.length + at, source, operations[source] as Operation);
    }
    this.#findTwins();
  }

  /** One more than the largest state that anything reads. */
  get states(): number {
    return this.#stateCount;
  }

  get tokens(): number {
    return this.#states.tokenCount;
  }

  get hasAppends(): boolean {
    return this.#states.hasAppends;
  }

  /** The state that a settled operation needs, or none: an append or a put takes any. */
  needs(operation: number): number {
    const code = this.#code[operation];
    if (code === CODE.deleteNone) return ABSENT;
    return code === CODE.read || code === CODE.swap ? (this.#first[operation] as number) : NO_STATE;
  }

  /** The state that an operation asks for in any way: that it needs, or must not find. */
  asksFor(operation: number): number {
    return this.#code[operation] === CODE.mismatch ? (this.#first[operation] as number) : this.needs(operation);
  }

  /** The states that `state` can grow into by appends. */
  growthOf(state: number): Range {
    return this.#states.growthOf(state);
  }

  /** The state that an operation sets whatever was there, if it may take effect at all. */
  sets(operation: number): number {
    const code = this.#code[operation];
    if (code === CODE.set) return this.#first[operation] as number;
    if (code === CODE.swap) return this.#second[operation] as number;
    return code === CODE.deleteOld ? ABSENT : NO_STATE;
  }

  /** The token that it appends, or none. */
  appends(operation: number): number {
    return this.#code[operation] === CODE.append ? (this.#first[operation] as number) : NO_TOKEN;
  }

  /** The tokens that an append may lead to `state` with. */
  suffixesOf(state: number): readonly number[] {
    let tokens = this.#suffixes.get(state);
    if (tokens === undefined) {
      this.#tokenLengths ??= this.#states.tokenLengths();
      tokens = this.#states.suffixesOf(state, this.#tokenLengths);
      this.#suffixes.set(state, tokens);
    }
    return tokens;
  }

  step(operation: number, state: number): number {
    const first = this.#first[operation] as number;
    switch (this.#code[operation] as number) {
      case CODE.read:
        return state === first ? state : REFUSED;
      case CODE.set:
        return first;
      case CODE.deleteOld:
        return state === ABSENT ? REFUSED : ABSENT;
      case CODE.deleteNone:
        return state === ABSENT ? ABSENT : REFUSED;
      case CODE.swap:
        return state === first ? (this.#second[operation] as number) : REFUSED;
      case CODE.mismatch:
        return state === first ? REFUSED : state;
      default:
        return this.#states.append(state, first);
    }
  }

  /** True when it changes no state, so that it may take its place as soon as it is legal. */
  isReadOnly(operation: number): boolean {
    const code = this.#code[operation];
    if (code === CODE.swap) return this.#first[operation] === this.#second[operation];
    return code === CODE.read || code === CODE.deleteNone || code === CODE.mismatch;
  }

  /** True when it sets the state whatever that was before, and tells nothing of it. */
  isBlind(operation: number): boolean {
    return this.#code[operation] === CODE.set;
  }

  /** True when it cannot take effect in the state DEAD. */
  refusesDead(operation: number): boolean {
    const code = this.#code[operation];
    return code === CODE.read || code === CODE.swap || code === CODE.deleteNone;
  }

  /** True when it may lead from DEAD to another state. */
  leavesDead(operation: number): boolean {
    const code = this.#code[operation];
    return code === CODE.deleteOld || (code === CODE.set && this.#first[operation] !== DEAD);
  }

  #compile(at: number, source: number, operation: Operation): void {
    const states = this.#states;
    const { call, existed, expected = null, kind, outcome, value } = operation;
    this.source[at] = source;
    this.call[at] = call;
    if (kind === 'get') this.#put(at, CODE.read, states.idOf(value));
    else if (kind === 'put') this.#put(at, CODE.set, states.idOf(value));
    else if (kind === 'append' && states.isNeverSeen(value ?? '')) this.#put(at, CODE.set, DEAD);
    else if (kind === 'append') this.#put(at, CODE.append, states.tokenOf(value ?? ''));
    else if (kind === 'cas') {
      this.#put(at, outcome === 'mismatch' ? CODE.mismatch : CODE.swap, states.idOf(expected), states.idOf(value));
    } else if (existed === undefined || outcome === 'unknown') this.#put(at, CODE.set, ABSENT);
    else this.#put(at, existed ? CODE.deleteOld : CODE.deleteNone, ABSENT);
  }

  #put(at: number, code: number, first: number, second = 0): void {
    this.#code[at] = code;
    this.#first[at] = first;
    this.#second[at] = second;
  }

  /** Marks the operations that do the same as others. */
  #findTwins(): void {
    const latest = new Map<string, number>();
    const first = new Map<string, number>();
    for (let operation = 0; operation < this.settled + this.open; operation++) {
      const effect = `${this.#code[operation]} ${this.#first[operation]} ${this.#second[operation]}`;
      if (operation >= this.settled) {
        this.twin[operation] = latest.get(effect) ?? NO_TWIN;
        latest.set(effect, operation);
      } else if (!this.isReadOnly(operation)) {
        const kin = first.get(effect);
        if (kin === undefined) first.set(effect, operation);
        else this.kin[operation] = this.kin[kin] = kin;
      }
    }
  }
}

interface Open {
  readonly source: number;
  readonly call: number;
}

interface Settled extends Open {
  readonly end: number;
}

/** Tells settled from open operations, bounds the open ones that were seen, and leaves out what cannot matter. */
function sortOut(
  operations: readonly Operation[],
  model: Model,
  states: States,
): { settled: Settled[]; open: Open[]; deadMatters: boolean } {
  const settled: Settled[] = [];
  const loose: Open[] = [];
  let deadMatters = false;
  for (const [source, operation] of operations.entries()) {
    const { call, return: end } = operation;
    const standing = standingOf(operation);
    if (standing === 'open') loose.push({ source, call });
    if (standing !== 'settled' || end === null) continue;
    settled.push({ source, call, end });
    if (operation.outcome === 'mismatch' || operation.existed === true) deadMatters = true;
  }
  const open: Open[] = [];
  if (loose.length > 0) {
    const at = (each: Open): Operation => operations[each.source] as Operation;
    const bounds = boundsOf(loose.map(at), settled.map(at), model, states.hasAppends);
    for (const [number, each] of loose.entries()) {
      const end = bounds[number] as number;
      // A value that was seen before it was written stays open: the search finds out that the read is wrong.
      if (end >= each.call && end < Infinity) settled.push({ ...each, end });
      else if (deadMatters || !isLost(at(each), states)) open.push(each);
    }
  }
  const byCall = (a: Open, b: Open): number => a.call - b.call;
  return { settled: settled.sort(byCall), open: open.sort(byCall), deadMatters };
}

/**
 * True when an open write cannot be told from one that never took effect, because nothing sees its value
 * (reliability.md §4.3). Take an order with it. Until the next put or delete the state is dead, and so what follows it
 * there are appends only: a read, or a cas that wrote, would have seen its value. (A cas that compared unequal, or a
 * delete that reports a key, is legal in a dead state and not in every other: where there are any, `deadMatters`, and
 * nothing is left out.) Without the write the appends are as legal as before, and the put or delete hides the difference.
 * The search applies the same argument to every step of an open write into the dead state.
 */
function isLost({ kind, value }: Operation, states: States): boolean {
  if (kind === 'append') return states.isNeverSeen(value ?? '');
  return (kind === 'put' || kind === 'cas') && states.idOf(value) === DEAD;
}
