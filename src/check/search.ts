import { Ledger } from './ledger.js';
import { ALONE, NO_TWIN, REFUSED, type Machine } from './machine.js';
import { Memo, MemoryBudget, mix } from './memo.js';
import { DEAD } from './states.js';

/** `more`: the steps that it was given did not suffice; run it again. `full`: no memory to go on with. */
export type Progress = 'ok' | 'violation' | 'more' | 'full';

/** What is tried at a node, in this order. What the first two find leaves nothing else to try. */
const PASS = { reads: 0, clusters: 1, live: 2, dead: 3, open: 4, exhausted: 5 } as const;
/** A frame of the stack: what was placed, and what to go back to. */
const FRAME = { operation: 0, state: 1, pass: 2, firstReturn: 3, low: 4, high: 5, size: 6 } as const;
const NONE = -1;
/** Entry 0 of the list: before the first entry and after the last. */
const ENDS = 0;

/**
 * Wing and Gong's search for an order of the operations of one key that explains what their clients saw, with Lowe's
 * memo of configurations (reliability.md §4.1; "Testing for linearizability", 2017).
 *
 * Calls and returns stand in a list in the order of time; at equal times calls come first, so that operations that touch
 * overlap. An operation may be next when its call stands before the first return that is left, because whoever returned
 * earlier must take effect earlier. Placing an operation takes its entries out of the list; taking it back puts them in.
 *
 * What keeps the search small, beyond the memo:
 * - A legal read is placed at once, and no other choice is tried at that node. In every order from there on, the read
 *   may be moved to the front: it is legal here, it changes nothing, and nobody has to come before it.
 * - A put or delete is placed at once, too, when nothing needs the present value any more and all that read the new one
 *   may follow right behind. In every order from there on, it and its readers may be moved to the front: what is left
 *   sees what it saw, or does not look. Only where operations saw merely what the value was not, or that there was one
 *   (`deadMatters`), they may have owed that to the put; there it is no more than what is tried first.
 * - Of operations that do the same and may both be next, the one that returns first goes first: they may change places.
 * - No value is overwritten that is still to be read and can be written by nobody else (ledger.ts).
 * - Operations that lead to a dead value (states.ts) are tried last, and not at all when a read has to take effect before
 *   anything can overwrite that value.
 * - Open writes are tried only when nothing else is left to try, hence when something waits for their effect. They are
 *   never required: an order without one stays an order. For the same reason one that changes nothing, or whose effect
 *   is overwritten by the next operation unseen, is not tried; and of those that do the same, the one called first is
 *   taken first, as it can stand wherever another of them can.
 *
 * The search can stop after a number of steps and go on later, so that partitions can take turns.
 */
export class Search {
  readonly #machine: Machine;
  readonly #memo: Memo;
  readonly #memory: MemoryBudget;
  readonly #ledger: Ledger;
  /** The last pass that leaves nothing else to try. */
  readonly #forced: number;
  /** Operation of a call entry, ~operation of a return entry. */
  readonly #entryOf: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #callEntry: Int32Array;
  readonly #returnEntry: Int32Array;
  /** Of open operations: the last entry before the call. */
  readonly #openAfter: Int32Array;
  /** Which settled and which open operations have been placed. */
  readonly #bits: Int32Array;
  readonly #openBits: Int32Array;
  /** The first word of `bits` that is not full and the last one that is not empty. */
  #low = 0;
  #high = -1;
  #hash = 0;
  readonly #stack: Int32Array;
  #depth = 0;
  #left: number;
  #state: number;
  #pass: number = PASS.reads;
  /** Where the pass goes on: an entry, or the number of an open operation. */
  #cursor = ENDS;
  /** The entry of the first return that is left. */
  #firstReturn = ENDS;
  /** The state after the candidate. */
  #following = 0;
  #steps = 0;

  constructor(machine: Machine, memory: MemoryBudget = new MemoryBudget()) {
    const { open, settled } = machine;
    this.#machine = machine;
    this.#memory = memory;
    this.#memo = new Memo(memory);
    this.#ledger = new Ledger(machine);
    this.#forced = machine.deadMatters ? PASS.reads : PASS.clusters;
    this.#left = settled;
    this.#state = machine.initial;
    const entries = 2 * settled + 1;
    this.#entryOf = new Int32Array(entries);
    this.#next = new Int32Array(entries);
    this.#previous = new Int32Array(entries);
    this.#callEntry = new Int32Array(settled);
    this.#returnEntry = new Int32Array(settled);
    this.#openAfter = new Int32Array(open);
    this.#bits = new Int32Array((settled + 31) >>> 5);
    this.#openBits = new Int32Array((open + 31) >>> 5);
    this.#stack = new Int32Array((settled + open) * FRAME.size);
    this.#link();
    this.#descend();
    if (this.#ledger.readsTheImpossible()) this.#pass = PASS.exhausted;
  }

  get steps(): number {
    return this.#steps;
  }

  /** The numbers of the placed operations, in order: after `ok`, an order that explains the history. */
  order(): number[] {
    return Array.from({ length: this.#depth }, (_, at) => this.#stack[at * FRAME.size + FRAME.operation] as number);
  }

  /** Gives up its memory; it must not run any more. */
  close(): void {
    this.#memo.close();
  }

  /** Goes on for about so many steps; a step is one operation tried in one state. */
  run(steps: number): Progress {
    const end = this.#steps + steps;
    while (this.#left > 0) {
      if (this.#steps >= end) return 'more';
      if (this.#memory.isUsedUp) return 'full';
      const operation = this.#candidate();
      if (operation !== NONE) this.#place(operation);
      else if (this.#depth > 0) this.#takeBack();
      else return 'violation';
    }
    return 'ok';
  }

  #link(): void {
    const { call, end, open, settled } = this.#machine;
    const byEnd = new Int32Array(settled).map((_, at) => at).sort((a, b) => (end[a] as number) - (end[b] as number));
    let calls = 0;
    let opens = 0;
    for (let entry = 1, ends = 0; entry <= 2 * settled; entry++) {
      const ending = byEnd[ends] as number;
      const isCall = calls < settled && (call[calls] as number) <= (end[ending] as number);
      const time = isCall ? call[calls] : end[ending];
      for (; opens < open && (call[settled + opens] as number) <= (time as number); opens++) {
        this.#openAfter[opens] = entry - 1;
      }
      if (isCall) {
        this.#entryOf[entry] = calls;
        this.#callEntry[calls++] = entry;
      } else {
        this.#entryOf[entry] = ~ending;
        this.#returnEntry[ending] = entry;
        ends++;
      }
      this.#next[entry - 1] = entry;
      this.#previous[entry] = entry - 1;
    }
    this.#openAfter.fill(2 * settled, opens);
    this.#previous[ENDS] = 2 * settled;
  }

  #descend(): void {
    this.#pass = PASS.reads;
    this.#cursor = this.#next[ENDS] as number;
  }

  /** The next operation to place here, with the state after it in #following and the set of the placed ones updated. */
  #candidate(): number {
    for (;;) {
      if (this.#pass === PASS.exhausted) return NONE;
      const operation = this.#pass === PASS.open ? this.#nextOpen() : this.#nextSettled();
      if (operation !== NONE) return operation;
      if (this.#pass < PASS.exhausted) this.#pass++;
      this.#cursor = this.#pass === PASS.open ? 0 : (this.#next[ENDS] as number);
    }
  }

  #nextSettled(): number {
    const machine = this.#machine;
    const pass = this.#pass;
    const state = this.#state;
    if (pass === PASS.clusters && !this.#ledger.isSpent(state)) return NONE;
    const isAfterOpen = this.#isAfterOpen();
    for (;;) {
      const entry = this.#cursor;
      const operation = this.#entryOf[entry] as number;
      if (operation < 0) {
        this.#firstReturn = entry;
        return NONE;
      }
      this.#cursor = this.#next[entry] as number;
      if (machine.isReadOnly(operation) !== (pass === PASS.reads)) continue;
      if (machine.kin[operation] !== ALONE && this.#hasEarlierKin(operation)) continue;
      this.#steps++;
      const stepped = machine.step(operation, state);
      if (stepped === REFUSED) continue;
      const following = this.#ledger.settle(stepped, operation);
      if (pass !== PASS.reads) {
        if (pass === PASS.clusters && !this.#isCluster(operation, following)) continue;
        if (pass !== PASS.clusters && (following === DEAD) !== (pass === PASS.dead)) continue;
        if (isAfterOpen && machine.isBlind(operation)) continue;
        if (following !== state && this.#ledger.strands(state, operation)) continue;
        if (following === DEAD && this.#isDoomed(operation)) continue;
      }
      if (this.#remember(operation, following)) return operation;
      if (pass <= this.#forced) {
        this.#pass = PASS.exhausted; // What follows it was tried already, in vain.
        return NONE;
      }
    }
  }

  #nextOpen(): number {
    const machine = this.#machine;
    const { settled } = machine;
    const isAfterOpen = this.#isAfterOpen();
    while (this.#cursor < machine.open && (this.#openAfter[this.#cursor] as number) < this.#firstReturn) {
      const at = this.#cursor++;
      const operation = settled + at;
      if (this.#isPlaced(operation)) continue;
      const twin = machine.twin[operation] as number;
      if (twin !== NO_TWIN && !this.#isPlaced(twin)) continue;
      this.#steps++;
      const stepped = machine.step(operation, this.#state);
      if (stepped === REFUSED || stepped === this.#state) continue;
      const following = this.#ledger.settle(stepped, operation);
      if (isAfterOpen && machine.isBlind(operation)) continue;
      if (this.#ledger.strands(this.#state, operation)) continue;
      if (following === DEAD && (!machine.deadMatters || this.#isDoomed(operation))) continue;
      if (this.#remember(operation, following)) return operation;
    }
    return NONE;
  }

  /** True when another one that may be next does the same, and has to return earlier. */
  #hasEarlierKin(operation: number): boolean {
    const { kin } = this.#machine;
    const end = this.#returnEntry[operation] as number;
    for (let entry = this.#next[ENDS] as number; ; entry = this.#next[entry] as number) {
      const other = this.#entryOf[entry] as number;
      if (other < 0) return false;
      if (kin[other] === kin[operation] && (this.#returnEntry[other] as number) < end) return true;
    }
  }

  /** True for a put or delete whose readers may all take their places right after it. */
  #isCluster(operation: number, following: number): boolean {
    const machine = this.#machine;
    if (!machine.isBlind(operation)) return false;
    let readers = this.#ledger.plainReaders(following);
    if (readers <= 0) return readers === 0;
    for (let entry = this.#next[ENDS] as number; ; entry = this.#next[entry] as number) {
      const other = this.#entryOf[entry] as number;
      if (other < 0) return false;
      if (machine.needs(other) === following && --readers === 0) return true;
    }
  }

  /** True when the operation placed last is open: what it wrote must not be overwritten unseen. */
  #isAfterOpen(): boolean {
    if (this.#depth === 0) return false;
    return (this.#stack[(this.#depth - 1) * FRAME.size + FRAME.operation] as number) >= this.#machine.settled;
  }

  #isPlaced(open: number): boolean {
    const at = open - this.#machine.settled;
    return ((this.#openBits[at >>> 5] as number) & (1 << (at & 31))) !== 0;
  }

  /** True when, with a dead value left by `operation`, some operation would have to return before any that helps it. */
  #isDoomed(operation: number): boolean {
    const machine = this.#machine;
    for (let entry = this.#next[ENDS] as number; entry !== ENDS; entry = this.#next[entry] as number) {
      const other = this.#entryOf[entry] as number;
      if (other === operation || ~other === operation) continue;
      if (other >= 0) {
        if (machine.leavesDead(other)) return false;
      } else if (machine.refusesDead(~other)) return !this.#opensBefore(entry, operation);
    }
    return false;
  }

  /** True when an open operation other than this one was called before the entry and may end a dead value. */
  #opensBefore(entry: number, operation: number): boolean {
    const { open, settled } = this.#machine;
    for (let at = 0; at < open && (this.#openAfter[at] as number) < entry; at++) {
      const other = settled + at;
      if (other !== operation && this.#machine.leavesDead(other) && !this.#isPlaced(other)) return true;
    }
    return false;
  }

  /** Adds the operation to the set of the placed ones; false, and nothing is changed, when it led here before. */
  #remember(operation: number, following: number): boolean {
    const { settled } = this.#machine;
    const isOpen = operation >= settled;
    const bits = isOpen ? this.#openBits : this.#bits;
    const at = isOpen ? operation - settled : operation;
    const word = at >>> 5;
    bits[word] = (bits[word] as number) | (1 << (at & 31));
    const hash = this.#hash ^ mix(operation + 1);
    let low = this.#low;
    while (this.#bits[low] === -1) low++;
    const high = isOpen ? this.#high : Math.max(this.#high, word);
    // What may follow an open operation is restricted, so that it is a configuration of its own.
    const state = following * 2 + (isOpen ? 1 : 0);
    if (!this.#memo.add(hash, state, this.#bits, low, high, this.#openBits)) {
      bits[word] &= ~(1 << (at & 31));
      return false;
    }
    const frame = this.#depth * FRAME.size;
    this.#stack[frame + FRAME.low] = this.#low;
    this.#stack[frame + FRAME.high] = this.#high;
    this.#low = low;
    this.#high = high;
    this.#hash = hash;
    this.#following = following;
    return true;
  }

  #place(operation: number): void {
    const frame = this.#depth++ * FRAME.size;
    this.#stack[frame + FRAME.operation] = operation;
    this.#stack[frame + FRAME.state] = this.#state;
    this.#stack[frame + FRAME.pass] = this.#pass;
    this.#stack[frame + FRAME.firstReturn] = this.#firstReturn;
    this.#state = this.#following;
    this.#ledger.place(operation);
    if (operation < this.#machine.settled) {
      this.#left--;
      this.#unlink(this.#callEntry[operation] as number);
      this.#unlink(this.#returnEntry[operation] as number);
    }
    this.#descend();
  }

  #takeBack(): void {
    const { settled } = this.#machine;
    const frame = --this.#depth * FRAME.size;
    const operation = this.#stack[frame + FRAME.operation] as number;
    this.#state = this.#stack[frame + FRAME.state] as number;
    this.#pass = this.#stack[frame + FRAME.pass] as number;
    this.#firstReturn = this.#stack[frame + FRAME.firstReturn] as number;
    this.#low = this.#stack[frame + FRAME.low] as number;
    this.#high = this.#stack[frame + FRAME.high] as number;
    this.#hash ^= mix(operation + 1);
    this.#ledger.takeBack(operation);
    const isOpen = operation >= settled;
    const bits = isOpen ? this.#openBits : this.#bits;
    const at = isOpen ? operation - settled : operation;
    bits[at >>> 5] = (bits[at >>> 5] as number) & ~(1 << (at & 31));
    if (isOpen) {
      this.#cursor = at + 1;
      return;
    }
    this.#left++;
    this.#relink(this.#returnEntry[operation] as number);
    this.#relink(this.#callEntry[operation] as number);
    this.#cursor = this.#next[this.#callEntry[operation] as number] as number;
    if (this.#pass <= this.#forced) this.#pass = PASS.exhausted;
  }

  #unlink(entry: number): void {
    const next = this.#next[entry] as number;
    const previous = this.#previous[entry] as number;
    this.#next[previous] = next;
    this.#previous[next] = previous;
  }

  #relink(entry: number): void {
    this.#next[this.#previous[entry] as number] = entry;
    this.#previous[this.#next[entry] as number] = entry;
  }
}
