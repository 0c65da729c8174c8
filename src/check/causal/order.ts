import { Clocks } from './clocks.js';
import { NONE, type Records, type Writers } from './records.js';
import { schedule, type Schedule, type Wait } from './schedule.js';

/** What happened before what: CO = (session order ∪ reads-from)⁺, as a clock for each node. */
export class CausalOrder {
  readonly clocks: Clocks;
  /** Every node after all that happened before it. */
  readonly order: Int32Array;
  readonly #records: Records;
  /** The count of the node's own chain is not kept in it: that is `at`. */
  readonly #clockOf: Int32Array;

  private constructor(records: Records, order: Int32Array) {
    this.#records = records;
    this.order = order;
    this.clocks = new Clocks(records.chains.length);
    this.#clockOf = new Int32Array(records.chainOf.length);
  }

  /** A cycle, when something happens before itself. */
  static of(records: Records): CausalOrder | readonly Wait[] {
    const { order, cycle }: Schedule = schedule(records, (node, done) => directBlocker(records, node, done));
    if (order === null) return cycle;
    const causal = new CausalOrder(records, order);
    causal.#readClocks();
    return causal;
  }

  /** True when memory did not suffice: nothing else may be asked then. */
  get isIncomplete(): boolean {
    return this.clocks.isFull;
  }

  /** True when `a` happened before `b`; never of a node and itself. */
  before(a: number, b: number): boolean {
    const { at, chainOf } = this.#records;
    return this.past(b, chainOf[a] as number) > (at[a] as number);
  }

  /** How many operations of a chain happened before a node. */
  past(node: number, chain: number): number {
    const { at, chainOf } = this.#records;
    if (chainOf[node] === chain) return at[node] as number;
    return this.clocks.count(this.#clockOf[node] as number, chain);
  }

  /** A clock that knows what `clock` knows and all that happened before the node. */
  joinPast(clock: number, node: number): number {
    const { at, chainOf } = this.#records;
    return this.clocks.join(clock, this.#clockOf[node] as number, chainOf[node] as number, at[node] as number);
  }

  #readClocks(): void {
    const { at, chainOf, chains, link, source } = this.#records;
    const latest = new Int32Array(chains.length).fill(this.clocks.zero);
    for (const node of this.order) {
      if (this.clocks.isFull) return;
      const chain = chainOf[node] as number;
      let clock = latest[chain] as number;
      for (const cause of [source[node] as number, link[node] as number]) {
        if (cause < 0) continue;
        const from = chainOf[cause] as number;
        const count = (at[cause] as number) + 1;
        if (from === chain || this.clocks.count(clock, from) >= count) continue;
        clock = this.clocks.join(clock, this.#clockOf[cause] as number, from, count);
      }
      latest[chain] = clock;
      this.#clockOf[node] = clock;
    }
  }
}

/** What is in the way by CO: where it was read from, or what its session did before. */
export function directBlocker({ at, chainOf, link, source }: Records, node: number, done: Int32Array): number {
  const from = source[node] as number;
  if (from >= 0 && (done[chainOf[from] as number] as number) <= (at[from] as number)) return from;
  const before = link[node] as number;
  return before >= 0 && (done[chainOf[before] as number] as number) <= (at[before] as number) ? before : NONE;
}

/** The last of these writes among the first `count` operations of their chain, or NONE. */
export function lastBelow({ nodes }: Writers, count: number, at: Int32Array): number {
  let low = 0;
  let high = nodes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((at[nodes[middle] as number] as number) < count) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? NONE : (nodes[low - 1] as number);
}
