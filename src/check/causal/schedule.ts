import { assert } from '../../base/assert.js';
import { NONE, type Records } from './records.js';

/** `waiting` cannot happen before `needed` has. */
export interface Wait {
  readonly waiting: number;
  readonly needed: number;
}

export type Schedule =
  | { readonly order: Int32Array; readonly cycle: null }
  /** Everybody waits for the next one, or for what comes later in its chain; the last one for the first. */
  | { readonly order: null; readonly cycle: readonly Wait[] };

/**
 * Names something that has to happen before `node` and has not: `done` is how many of each chain have. NONE when nothing
 * is in the way. What is done stays done, so that it may go on where it was when it is asked about the same node again.
 */
export type Blocker = (node: number, done: Int32Array) => number;

/**
 * Lets every chain go on for as long as nothing is in the way. The first of a chain that is not done waits for one thing
 * at a time, and is asked again only when that has happened: nothing is scanned in vain, and what is left in the end
 * waits in a circle.
 */
export function schedule(records: Records, blocker: Blocker): Schedule {
  const { at, chainOf, chains, size } = records;
  const done = new Int32Array(chains.length);
  const order = new Int32Array(size);
  /** The chains that wait for a node, as a list: the first one, and the next one of each. */
  const waiting = new Int32Array(chainOf.length).fill(NONE);
  const nextWaiting = new Int32Array(chains.length).fill(NONE);
  const neededBy = new Int32Array(chains.length).fill(NONE);
  const ready = Array.from(chains.keys());
  let ordered = 0;
  for (let chain = ready.pop(); chain !== undefined; chain = ready.pop()) {
    const nodes = chains[chain] as readonly number[];
    while ((done[chain] as number) < nodes.length) {
      const node = nodes[done[chain] as number] as number;
      const needed = blocker(node, done);
      if (needed !== NONE) {
        assert((at[needed] as number) >= (done[chainOf[needed] as number] as number), 'it waits for what is not done');
        neededBy[chain] = needed;
        nextWaiting[chain] = waiting[needed] as number;
        waiting[needed] = chain;
        break;
      }
      order[ordered++] = node;
      done[chain] = (done[chain] as number) + 1;
      for (let other = waiting[node] as number; other !== NONE; other = nextWaiting[other] as number) ready.push(other);
      waiting[node] = NONE;
    }
  }
  if (ordered === size) return { order, cycle: null };
  return { order: null, cycle: circle(records, done, neededBy) };
}

/** From any chain that waits to the one that it waits for, until one comes again. */
function circle({ chainOf, chains }: Records, done: Int32Array, neededBy: Int32Array): Wait[] {
  const waits: Wait[] = [];
  const places = new Map<number, number>();
  let chain = chains.findIndex(({ length }, each) => (done[each] as number) < length);
  while (!places.has(chain)) {
    places.set(chain, waits.length);
    const waiting = chains[chain]?.[done[chain] as number] as number;
    const needed = neededBy[chain] as number;
    waits.push({ waiting, needed });
    chain = chainOf[needed] as number;
  }
  return waits.slice(places.get(chain));
}
