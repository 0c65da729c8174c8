import { NO_STATE, NO_TOKEN, type Machine } from './machine.js';
import { ABSENT, DEAD, FIRST_LIVE } from './states.js';

/**
 * What the operations that are not placed yet ask of the states and do for them. It tells a search early that it went
 * wrong, when somebody still has to read a value that nobody can write any more; and which values nobody asks for any
 * more, which makes them as dead as those that nobody ever asked for.
 */
export class Ledger {
  readonly #machine: Machine;
  /** By state: settled operations that need it. */
  readonly #readers: Int32Array;
  /** By state: operations, open ones too, that replace it. */
  readonly #swaps: Int32Array;
  /** By state: operations, open ones too, that set it. */
  readonly #writers: Int32Array;
  /** By token: operations, open ones too, that append it. */
  readonly #appenders: Int32Array;
  /** By state: operations, open ones too, that ask for it. With appends a Fenwick tree, for sums over ranges of states. */
  readonly #asking: Int32Array;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#readers = new Int32Array(machine.states);
    this.#swaps = new Int32Array(machine.states);
    this.#writers = new Int32Array(machine.states);
    this.#appenders = new Int32Array(machine.tokens);
    this.#asking = new Int32Array(machine.states + 1);
    for (let operation = 0; operation < machine.settled + machine.open; operation++) this.#count(operation, 1);
  }

  place(operation: number): void {
    this.#count(operation, -1);
  }

  takeBack(operation: number): void {
    this.#count(operation, 1);
  }

  /** True when some value is read that is neither there nor can ever be. */
  readsTheImpossible(): boolean {
    return this.#readers.some(
      (count, state) => count > 0 && state !== this.#machine.initial && !this.#canReturn(state),
    );
  }

  /** True when `operation`, which leaves `state`, leaves behind somebody who needs it, and it cannot come back. */
  strands(state: number, operation: number): boolean {
    if (state >= this.#readers.length) return false;
    const readers = (this.#readers[state] as number) - (this.#machine.needs(operation) === state ? 1 : 0);
    return readers > 0 && !this.#canReturn(state);
  }

  /** `state`, or DEAD when, apart from `operation`, nothing asks for it or for what it can grow into. */
  settle(state: number, operation: number): number {
    if (state < FIRST_LIVE) return state;
    const { end, first } = this.#machine.growthOf(state);
    const asked = this.#machine.asksFor(operation);
    const own = asked >= first && asked < end ? 1 : 0;
    return this.#askingFor(first, end) === own ? DEAD : state;
  }

  /** True when nothing depends on what the state is, apart from its being one of the values. */
  isSpent(state: number): boolean {
    if (state === DEAD) return true;
    return state === ABSENT && !this.#machine.hasAppends && this.#readers[ABSENT] === 0 && this.#swaps[ABSENT] === 0;
  }

  /** How many need the state, or -1 when something may replace it, or something asks for what it can grow into. */
  plainReaders(state: number): number {
    if (state === DEAD) return 0;
    if (this.#swaps[state] !== 0) return -1;
    const readers = this.#readers[state] as number;
    if (!this.#machine.hasAppends) return readers;
    if (state === ABSENT) return -1;
    const { end, first } = this.#machine.growthOf(state);
    return this.#askingFor(first, end) === readers ? readers : -1;
  }

  #canReturn(state: number): boolean {
    if ((this.#writers[state] as number) > 0) return true;
    if (!this.#machine.hasAppends) return false;
    return this.#machine.suffixesOf(state).some((token) => (this.#appenders[token] as number) > 0);
  }

  #count(operation: number, change: number): void {
    const machine = this.#machine;
    const needed = machine.needs(operation);
    if (needed !== NO_STATE) {
      if (operation < machine.settled) this.#readers[needed] = (this.#readers[needed] as number) + change;
      if (!machine.isReadOnly(operation)) this.#swaps[needed] = (this.#swaps[needed] as number) + change;
    }
    const asked = machine.asksFor(operation);
    if (asked !== NO_STATE) this.#countAsking(asked, change);
    const set = machine.sets(operation);
    if (set !== NO_STATE) this.#writers[set] = (this.#writers[set] as number) + change;
    const token = machine.appends(operation);
    if (token !== NO_TOKEN) this.#appenders[token] = (this.#appenders[token] as number) + change;
  }

  #countAsking(state: number, change: number): void {
    const asking = this.#asking;
    if (!this.#machine.hasAppends) {
      asking[state] = (asking[state] as number) + change;
      return;
    }
    for (let at = state + 1; at < asking.length; at += at & -at) asking[at] = (asking[at] as number) + change;
  }

  #askingFor(first: number, end: number): number {
    const asking = this.#asking;
    if (!this.#machine.hasAppends) return asking[first] as number;
    let sum = 0;
    for (let at = end; at > 0; at -= at & -at) sum += asking[at] as number;
    for (let at = first; at > 0; at -= at & -at) sum -= asking[at] as number;
    return sum;
  }
}
