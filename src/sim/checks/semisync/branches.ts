import { isReadOnly, opened, standingOf, type Operation } from '../../../check/operation.js';
import type { Increment } from '../../clients/counters.js';
import { History, type Place } from '../../clients/history.js';
import type { Facts } from './facts.js';
import type { Node } from './histories.js';
import { forkOf } from './orders.js';

/**
 * Promotions by force may part a history into several, of which one goes on. No order explains what clients saw of all of them
 * together, but each has its own: what was acknowledged in it, and what it began with. So each is judged alone, with
 *
 * - what was acknowledged in it;
 * - not what was acknowledged elsewhere and thrown away: it is told and filed. If this history holds the same command as well,
 *   of another attempt, it may have taken effect at any time;
 * - whatever has an unknown outcome;
 * - not what was read of the common beginning by those who had not heard yet that it goes on here: a leader that is cut off
 *   confirms its reads with those who are cut off with it.
 */
export class Branches {
  readonly #facts: Facts;
  readonly #history: History;

  constructor(facts: Facts, history: History) {
    this.#facts = facts;
    this.#history = history;
  }

  /** Throws Violation. Returns how many keys were not decided. `state`: what has survived. */
  check(state: Node, budgetSteps: number): number {
    let undecided = 0;
    for (const end of this.#ends(state)) undecided += this.of(end).check(new Map(), budgetSteps).undecided;
    return undecided;
  }

  /** Every history that was committed and is not the beginning of another one. */
  #ends(state: Node): readonly Node[] {
    let ends: Node[] = [state];
    for (const { node } of this.#facts.orders.tips()) {
      if (ends.some((end) => forkOf(end, node) === node)) continue;
      ends = [...ends.filter((end) => forkOf(end, node) !== end), node];
    }
    return ends;
  }

  /** What clients saw of the history that ends with `end`. */
  of(end: Node): History {
    const seen = new History();
    const held = this.#payloadsOf(end);
    for (const operation of this.#history.operations) {
      const part = this.#partOf(end, operation, held);
      if (part !== null) seen.operations.push(part);
    }
    for (const increment of this.#history.increments) seen.increments.push(this.#incrementOf(end, increment));
    return seen;
  }

  #partOf(end: Node, operation: Operation, held: string): Operation | null {
    const standing = standingOf(operation);
    if (standing !== 'settled') return standing === 'open' ? operation : null;
    const { kind, value } = operation;
    const place = this.#history.placeOf(operation);
    const node = place === null ? null : this.#nodeOf(place, operation);
    if (node !== null && forkOf(end, node) === node && !this.#isLate(operation, node, end)) return operation;
    if (kind === 'get') return null;
    return value === null || held.includes(value) ? opened(operation) : null;
  }

  /** It shows what was before a break, to a client that may have learnt already of what came after it. */
  #isLate(operation: Operation, node: Node, end: Node): boolean {
    return isReadOnly(operation) && (operation.return ?? 0) > this.#facts.orders.brokenSince(node, end);
  }

  #incrementOf(end: Node, increment: Increment): Increment {
    const place = increment.sum === null ? null : this.#history.placeOf(increment);
    const node = place === null ? null : this.#facts.histories.made(place.epoch, place.revision);
    return node !== null && forkOf(end, node) === node ? increment : { ...increment, return: null, sum: null };
  }

  /** The last entry that it can have been, where it is not known which one it was. */
  #nodeOf({ epoch, revision }: Place, operation: Operation): Node | null {
    const { histories } = this.#facts;
    if (operation.kind === 'get') return histories.lastAt(epoch, revision);
    return isReadOnly(operation) ? histories.lastJudgedAt(epoch, revision) : histories.made(epoch, revision);
  }

  /** Every value is written by one operation only: whoever finds it there knows that it is there. */
  #payloadsOf(end: Node): string {
    const payloads: string[] = [];
    for (let node: Node | null = end; node !== null; node = node.prev) {
      if (node.kind === 'commands') payloads.push(Buffer.from(node.payload).toString('latin1'));
    }
    return payloads.join('\n');
  }
}
