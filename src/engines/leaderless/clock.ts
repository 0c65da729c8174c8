import { assert } from '../../base/assert.js';
import type { ReplicaId } from '../../base/brand.js';

interface Budget {
  /** How far the clock was pushed forward by this member, less what has been forgiven since. */
  spent: number;
  tick: number;
}

/**
 * The Lamport clock of one member (ap.md §1.0.2). What others say moves it forward only within bounds: one writer with a
 * clock of 2^53 would otherwise end the order of writes for everybody and for ever, because in a double 2^53 + 1 = 2^53.
 */
export class LamportClock {
  readonly #jump: number;
  readonly #ceiling: number;
  readonly #ticksPerHour: number;
  readonly #budgets = new Map<ReplicaId, Budget>();
  #value: number;
  #durable: number;

  constructor(counter: number, limits: { readonly clockJump: number; readonly clockCeiling: number }, tickMs: number) {
    assert(Number.isSafeInteger(counter) && counter >= 0, 'a recovered clock is a counter');
    assert(limits.clockJump > 0 && Number.isSafeInteger(limits.clockCeiling), 'the clock has bounds');
    this.#jump = limits.clockJump;
    this.#ceiling = limits.clockCeiling;
    this.#ticksPerHour = Math.max(1, 3_600_000 / tickMs);
    this.#value = counter;
    this.#durable = counter;
  }

  /** The highest counter seen or issued. */
  get value(): number {
    return this.#value;
  }

  /** The highest counter of what is durable here: the only one that may be promised to others (ap.md §1.0.6). */
  get durable(): number {
    return this.#durable;
  }

  /**
   * Takes in `counter`, which `member` is answerable for. False: it is no counter, beyond the ceiling, or further ahead
   * than one member may push the clock at once or within an hour. Nothing has changed then.
   */
  admit(counter: number, member: ReplicaId, tick: number): boolean {
    if (!Number.isSafeInteger(counter) || counter < 0 || counter > this.#ceiling) return false;
    const ahead = counter - this.#value;
    if (ahead <= 0) return true;
    const budget = this.#budgetOf(member, tick);
    if (budget.spent + ahead > this.#jump) return false;
    budget.spent += ahead;
    this.#value = counter;
    return true;
  }

  #budgetOf(member: ReplicaId, tick: number): Budget {
    let budget = this.#budgets.get(member);
    if (budget === undefined) {
      budget = { spent: 0, tick };
      this.#budgets.set(member, budget);
    }
    budget.spent = Math.max(0, budget.spent - ((tick - budget.tick) / this.#ticksPerHour) * this.#jump);
    budget.tick = tick;
    return budget;
  }

  /** The first of `commands` new counters, above `seen`; null when there are none left, or `seen` cannot be. */
  issue(commands: number, seen: number): number | null {
    assert(Number.isSafeInteger(commands) && commands >= 1, 'a batch has commands');
    if (!Number.isSafeInteger(seen) || seen < 0 || seen > this.#value + this.#jump) return null;
    const before = Math.max(this.#value, seen);
    if (before + commands > this.#ceiling) return null;
    this.#value = before + commands;
    return before + 1;
  }

  /** What carries `counter` is durable here. */
  settle(counter: number): void {
    if (counter > this.#value) this.#value = counter;
    if (counter > this.#durable) this.#durable = counter;
  }

  forget(member: ReplicaId): void {
    this.#budgets.delete(member);
  }
}
