import { assertDefined } from '../../base/assert.js';
import type { Established } from './cc.js';
import { SessionPaths, type Required } from './session-paths.js';
import { INITIAL, NONE, type Records } from './records.js';
import { Story } from './story.js';
import type { Evidence } from './types.js';

/** The order of every session is closed anew, which takes the cube of this in the worst case: some seconds. */
export const CM_OPERATIONS_MAX = 2000;
const WORD_BITS = 32;

/** What happens before what, as bits: a copy for each session, to which the session adds what its reads ask for. */
class Reach {
  readonly #words: number;
  readonly #rows: Uint32Array;

  constructor(size: number, rows?: Uint32Array) {
    this.#words = (size + WORD_BITS - 1) >>> 5;
    this.#rows = rows ?? new Uint32Array(size * this.#words);
  }

  copy(size: number): Reach {
    return new Reach(size, this.#rows.slice());
  }

  has(a: number, b: number): boolean {
    return ((this.#rows[a * this.#words + (b >>> 5)] as number) & (1 << (b & 31))) !== 0;
  }

  /** `a` reaches `b` and all that `b` reaches. */
  include(a: number, b: number): void {
    const words = this.#words;
    for (let word = 0; word < words; word++) this.#rows[a * words + word]! |= this.#rows[b * words + word] as number;
    this.#rows[a * words + (b >>> 5)]! |= 1 << (b & 31);
  }
}

/**
 * WriteHBInitRead and CyclicHB. HB of a session is CO, and w1 before w2 whenever the session read w2 after w1 of the same
 * key by HB itself. It grows with the session, so that it is enough to look at it at the end of each.
 */
export function findSessionConflict(records: Records, { forced, order }: Established): Evidence | null {
  const { chains, sessions } = records;
  const base = closure(records, order.order);
  let best: Evidence | null = null;
  for (const chain of chains.slice(0, sessions)) {
    const evidence = new SessionOrder(records, base, chain).check(forced);
    if (evidence !== null && (best === null || evidence.operations.length < best.operations.length)) best = evidence;
  }
  return best;
}

/** Rows and columns are places in `order`, whose reverse is the order in which rows are complete. */
function closure(records: Records, order: Int32Array): { readonly reach: Reach; readonly placeOf: Int32Array } {
  const { at, chainOf, chains, link, source } = records;
  const reach = new Reach(order.length);
  const placeOf = new Int32Array(chainOf.length).fill(NONE);
  for (const [place, node] of order.entries()) placeOf[node] = place;
  for (let place = order.length - 1; place >= 0; place--) {
    const node = order[place] as number;
    const before = chains[chainOf[node] as number]?.[(at[node] as number) - 1] ?? NONE;
    // By now everything that follows the node has told it so; what it follows is told now.
    for (const cause of [before, source[node] as number, link[node] as number]) {
      if (cause >= 0) reach.include(placeOf[cause] as number, place);
    }
  }
  return { reach, placeOf };
}

class SessionOrder {
  readonly #records: Records;
  readonly #size: number;
  readonly #placeOf: Int32Array;
  readonly #reach: Reach;
  readonly #reads: readonly number[];
  readonly #required: Required[] = [];

  constructor(
    records: Records,
    { placeOf, reach }: { readonly reach: Reach; readonly placeOf: Int32Array },
    chain: readonly number[],
  ) {
    this.#records = records;
    this.#size = records.size;
    this.#placeOf = placeOf;
    this.#reach = reach.copy(records.size);
    this.#reads = chain.filter((node) => (records.source[node] as number) >= INITIAL);
  }

  check(forced: ReadonlySet<number>): Evidence | null {
    for (let isGrowing = true; isGrowing;) {
      isGrowing = false;
      for (const read of this.#reads) {
        const source = this.#records.source[read] as number;
        for (const write of source === INITIAL ? [] : this.#lastBefore(read, source)) {
          if (this.#before(write, source)) continue;
          this.#required.push({ loser: write, winner: source, read });
          if (this.#before(source, write)) return this.#cyclic(forced);
          this.#add(write, source);
          isGrowing = true;
        }
      }
    }
    for (const read of this.#reads) {
      const [write] = this.#records.source[read] === INITIAL ? this.#lastBefore(read, NONE) : [];
      if (write !== undefined) return this.#initial(forced, read, write);
    }
    return null;
  }

  /** The last write of the key before the read, of every chain; none where that is what was read. */
  #lastBefore(read: number, source: number): number[] {
    const { keyOf, writers } = this.#records;
    return (writers[keyOf[read] as number] ?? []).flatMap(({ nodes }) => {
      const last = nodes.findLast((node) => this.#before(node, read));
      return last === undefined || last === source ? [] : [last];
    });
  }

  #before(a: number, b: number): boolean {
    return this.#reach.has(this.#placeOf[a] as number, this.#placeOf[b] as number);
  }

  #add(loser: number, winner: number): void {
    const from = this.#placeOf[loser] as number;
    const to = this.#placeOf[winner] as number;
    for (let place = 0; place < this.#size; place++) {
      if (place === from || this.#reach.has(place, from)) this.#reach.include(place, to);
    }
  }

  /** The last requirement contradicts the others. */
  #cyclic(forced: ReadonlySet<number>): Evidence {
    const story = new Story(this.#records, forced);
    const paths = new SessionPaths(this.#records, this.#required, story);
    const last = this.#required.length - 1;
    const { loser, read, winner } = assertDefined(this.#required[last], 'a cycle is closed by a requirement');
    const back = paths.trail(winner, loser, last);
    paths.explain(last);
    story.say('But the other way round, ', ...back, '.');
    return story.end('CyclicHB', read);
  }

  #initial(forced: ReadonlySet<number>, read: number, write: number): Evidence {
    const story = new Story(this.#records, forced);
    const paths = new SessionPaths(this.#records, this.#required, story);
    const trail = paths.trail(write, read, this.#required.length);
    story.say('So ', write, ' comes before ', read, ': ', ...trail, '.');
    story.say(read, ' read the initial state all the same', forced.has(read) ? ': no delete explains it.' : '.');
    return story.end('WriteHBInitRead', read);
  }
}
