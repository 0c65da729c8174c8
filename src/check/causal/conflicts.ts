import { assertDefined } from '../../base/assert.js';
import type { Clocks } from './clocks.js';
import { directBlocker, lastBelow, type CausalOrder } from './order.js';
import { NONE, type Records } from './records.js';
import { compareVersions } from './versions.js';

/**
 * In which order all replicas have to put the writes of a key: w1 before w2 when a read of w2 had w1 in its past (CF), and
 * when w1 has the lower version. The edges are not stored. For each write, what all of its reads had seen together says how
 * far each chain has to be before the write may take its place, and so does the write with the next lower version.
 */
export class Conflicts {
  readonly #records: Records;
  readonly #clocks: Clocks;
  /** What the reads of a write had seen, together. */
  readonly #seenBy: Int32Array;
  /** The write of the same key with the next lower version, or NONE. */
  readonly #lower: Int32Array;
  /** How far the first one of a chain that is not done has got with the chains that write its key. */
  readonly #cursor: Int32Array;
  readonly #cursorNode: Int32Array;

  constructor(records: Records, order: CausalOrder) {
    const { chains, source } = records;
    this.#records = records;
    this.#clocks = order.clocks;
    this.#seenBy = new Int32Array(source.length).fill(this.#clocks.zero);
    this.#lower = lowerVersions(records);
    this.#cursor = new Int32Array(chains.length);
    this.#cursorNode = new Int32Array(chains.length).fill(NONE);
    for (const read of order.order) {
      const write = source[read] as number;
      if (this.#clocks.isFull) return;
      if (write >= 0) this.#seenBy[write] = order.joinPast(this.#seenBy[write] as number, read);
    }
  }

  /** True when some read of `winner` had seen `loser`. */
  isSeen(loser: number, winner: number): boolean {
    const { at, chainOf, keyOf } = this.#records;
    if (loser === winner || keyOf[loser] !== keyOf[winner]) return false;
    return this.#clocks.count(this.#seenBy[winner] as number, chainOf[loser] as number) > (at[loser] as number);
  }

  isLowerVersion(loser: number, winner: number): boolean {
    const { keyOf, operations } = this.#records;
    const [a, b] = [operations[loser]?.version, operations[winner]?.version];
    if (keyOf[loser] !== keyOf[winner] || a === undefined || b === undefined) return false;
    return this.#isWrite(loser) && this.#isWrite(winner) && compareVersions(a, b) < 0;
  }

  /** What is in the way of a node, by CO or by one of these orders. */
  blocker(node: number, done: Int32Array): number {
    const direct = directBlocker(this.#records, node, done);
    if (direct !== NONE) return direct;
    const { at, chainOf, keyOf, writers } = this.#records;
    const lower = this.#lower[node] as number;
    if (lower !== NONE && (done[chainOf[lower] as number] as number) <= (at[lower] as number)) return lower;
    const seen = this.#seenBy[node] as number;
    if (seen === this.#clocks.zero) return NONE;
    const chain = chainOf[node] as number;
    const lists = writers[keyOf[node] as number] ?? [];
    if (this.#cursorNode[chain] !== node) {
      this.#cursorNode[chain] = node;
      this.#cursor[chain] = 0;
    }
    for (let each = this.#cursor[chain] as number; each < lists.length; each++) {
      const list = lists[each];
      if (list === undefined || list.chain === chain) continue;
      const loser = lastBelow(list, this.#clocks.count(seen, list.chain), at);
      if (loser === NONE || (done[list.chain] as number) > (at[loser] as number)) continue;
      this.#cursor[chain] = each;
      return loser;
    }
    this.#cursor[chain] = lists.length;
    return NONE;
  }

  #isWrite(node: number): boolean {
    return this.#records.operations[node]?.kind !== 'get';
  }
}

function lowerVersions({ chainOf, operations, writers }: Records): Int32Array {
  const lower = new Int32Array(chainOf.length).fill(NONE);
  const versionOf = (node: number): readonly [number, string | number] =>
    assertDefined(operations[node]?.version, 'the write has a version');
  for (const lists of writers) {
    const named = lists.flatMap(({ nodes }) => nodes).filter((node) => operations[node]?.version !== undefined);
    named.sort((a, b) => compareVersions(versionOf(a), versionOf(b)));
    for (const [place, node] of named.entries()) {
      const before = named[place - 1];
      if (before === undefined) continue;
      // Writes with equal versions, which should not be, are not ordered.
      const isEqual = compareVersions(versionOf(before), versionOf(node)) === 0;
      lower[node] = isEqual ? (lower[before] as number) : before;
    }
  }
  return lower;
}
