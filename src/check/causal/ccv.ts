import { assertDefined } from '../../base/assert.js';
import type { Established } from './cc.js';
import type { Clocks } from './clocks.js';
import { directBlocker, lastBelow, type CausalOrder } from './order.js';
import { Paths } from './paths.js';
import { NONE, type Records } from './records.js';
import { schedule, type Wait } from './schedule.js';
import { Story } from './story.js';
import type { Evidence } from './types.js';

/** Conflicts of a cycle of which shortcuts are looked for. */
const CONFLICTS_MAX = 200;
/** Reads that are compared to show one conflict. */
const READS_COMPARED_MAX = 16;

type Known = Pick<Established, 'forced' | 'order'>;

/** `loser` must come before `winner` in every order that all agree on: a read of `winner` had seen `loser` too. */
interface Conflict {
  readonly loser: number;
  readonly winner: number;
}

/**
 * CyclicCF: CO ∪ CF has a cycle, where CF has an edge from w1 to w2, of one key, when a read of w2 had w1 in its past.
 * The edges are not stored: for each write, what all of its reads had seen together says where each chain has to be
 * before the write may take its place.
 */
export function findCyclicConflict(records: Records, { forced, order }: Known): Evidence | 'incomplete' | null {
  const conflicts = new Conflicts(records, order);
  if (order.isIncomplete) return 'incomplete';
  const { cycle } = schedule(records, (node, done) => conflicts.blocker(node, done));
  if (cycle === null) return null;
  return describe(records, { forced, order }, shortened(records, order, conflicts, conflicts.of(cycle)));
}

class Conflicts {
  readonly #records: Records;
  readonly #clocks: Clocks;
  /** What the reads of a write had seen, together. */
  readonly #seenBy: Int32Array;
  /** How far the first one of a chain that is not done has got with the chains that write its key. */
  readonly #cursor: Int32Array;
  readonly #cursorNode: Int32Array;

  constructor(records: Records, order: CausalOrder) {
    const { chains, source } = records;
    this.#records = records;
    this.#clocks = order.clocks;
    this.#seenBy = new Int32Array(source.length).fill(this.#clocks.zero);
    this.#cursor = new Int32Array(chains.length);
    this.#cursorNode = new Int32Array(chains.length).fill(NONE);
    for (const read of order.order) {
      const write = source[read] as number;
      if (this.#clocks.isFull) return;
      if (write >= 0) this.#seenBy[write] = order.joinPast(this.#seenBy[write] as number, read);
    }
  }

  /** True when some read of `winner` had seen `loser`. */
  has(loser: number, winner: number): boolean {
    const { at, chainOf, keyOf } = this.#records;
    if (loser === winner || keyOf[loser] !== keyOf[winner]) return false;
    return this.#clocks.count(this.#seenBy[winner] as number, chainOf[loser] as number) > (at[loser] as number);
  }

  blocker(node: number, done: Int32Array): number {
    const direct = directBlocker(this.#records, node, done);
    const seen = this.#seenBy[node] as number;
    if (direct !== NONE || seen === this.#clocks.zero) return direct;
    const { at, chainOf, keyOf, writers } = this.#records;
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

  of(cycle: readonly Wait[]): Conflict[] {
    const { link, source } = this.#records;
    // Against the direction of the waits: from what comes first to what comes later.
    return cycle
      .filter(({ needed, waiting }) => source[waiting] !== needed && link[waiting] !== needed)
      .map(({ needed, waiting }) => ({ loser: needed, winner: waiting }))
      .reverse();
  }
}

/** The shortest circle of these conflicts, where a winner need not be the next loser, only happen before it. */
function shortened(
  { keyOf }: Records,
  order: CausalOrder,
  conflicts: Conflicts,
  cycle: readonly Conflict[],
): readonly Conflict[] {
  const mutual = cycle.find(({ loser, winner }) => conflicts.has(winner, loser));
  if (mutual !== undefined) return [mutual, { loser: mutual.winner, winner: mutual.loser }];
  const few = cycle.length <= CONFLICTS_MAX ? cycle : [];
  const leadsTo = (a: Conflict, b: Conflict): boolean => a.winner === b.loser || order.before(a.winner, b.loser);
  let best = cycle;
  for (const [start, first] of few.entries()) {
    const parents = new Map<number, number>([[start, NONE]]);
    const queue = [start];
    let last: number | undefined;
    for (const at of queue) {
      if (at !== start && leadsTo(few[at] as Conflict, first)) {
        last = at;
        break;
      }
      for (const [next, conflict] of few.entries()) {
        if (parents.has(next) || !leadsTo(few[at] as Conflict, conflict)) continue;
        parents.set(next, at);
        queue.push(next);
      }
    }
    const found: Conflict[] = [];
    for (let at = last; at !== undefined && at !== NONE; at = parents.get(at)) found.push(few[at] as Conflict);
    if (found.length > 0 && found.length < best.length) best = found.reverse();
  }
  // Who saw a write of a key has seen what the session wrote there before: the circle closes without going on in a session.
  return best.map((conflict, at) => {
    const before = (best[at - 1] ?? best.at(-1) ?? conflict).winner;
    const isDirect = keyOf[before] === keyOf[conflict.loser] && conflicts.has(before, conflict.winner);
    return isDirect ? { loser: before, winner: conflict.winner } : conflict;
  });
}

function describe(records: Records, { forced, order }: Known, conflicts: readonly Conflict[]): Evidence {
  const paths = new Paths(records);
  const story = new Story(records, forced);
  let culprit = NONE;
  for (const [at, { loser, winner }] of conflicts.entries()) {
    const trails = paths
      .readersOf(winner)
      .filter((read) => order.before(loser, read))
      .slice(0, READS_COMPARED_MAX)
      .map((read) => ({ read, steps: paths.knownPath(loser, read) }))
      .sort((a, b) => a.steps.length - b.steps.length);
    const { read, steps } = assertDefined(trails[0], 'a conflict has a read');
    const next = (conflicts[at + 1] ?? conflicts[0])?.loser ?? winner;
    story.noteSource(read, winner);
    story.say(read, ' read ', winner, ' although ', loser, ' happened before it: ', ...story.trail(steps), '.');
    story.say('So ', loser, ' comes before ', winner, '.');
    if (next !== winner) {
      story.say(winner, ' happened before ', next, ': ', ...story.trail(paths.knownPath(winner, next)), '.');
    }
    culprit = read;
  }
  story.say('No order of the writes has it both ways.');
  return story.end('CyclicCF', culprit);
}
