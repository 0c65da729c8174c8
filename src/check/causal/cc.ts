import { assertDefined } from '../../base/assert.js';
import { type Impossible, settle } from './choices.js';
import { CausalOrder, lastBelow } from './order.js';
import { Paths, type Step } from './paths.js';
import { INITIAL, NONE, type Choice, type Records } from './records.js';
import type { Wait } from './schedule.js';
import { Story } from './story.js';
import type { Evidence } from './types.js';

/** Rounds in which reads get their source from what else is known; what is open then stays so. */
const ROUNDS_MAX = 16;
/** Violations of which the one is shown that takes the fewest operations to show. */
const FOUND_MAX = 16;
const REFUSALS_SHOWN_MAX = 3;

export interface Established {
  readonly order: CausalOrder;
  readonly forced: ReadonlySet<number>;
  readonly open: readonly Choice[];
}

/** What happened before what, with the source of every read that has only one explanation; or why there is no such order. */
export function establish(records: Records): Established | Evidence {
  const [nobody] = records.thinAir;
  if (nobody !== undefined) return thinAir(records, nobody);
  const forced = new Set<number>();
  let open = records.choices;
  for (let round = 0; ; round++) {
    const order = CausalOrder.of(records);
    if (!(order instanceof CausalOrder)) return cyclic(records, forced, order);
    if (order.isIncomplete || open.length === 0 || round === ROUNDS_MAX) return { order, forced, open };
    const settled = settle(records, order, open);
    if (settled.impossible !== null) return unexplained(records, forced, settled.impossible);
    open = settled.open;
    if (settled.forced.length === 0) return { order, forced, open };
    for (const { read, source } of settled.forced) {
      records.source[read] = source;
      forced.add(read);
    }
  }
}

interface Overwritten {
  readonly read: number;
  /** INITIAL, or the write that it read. */
  readonly source: number;
  readonly overwriter: number;
}

/** WriteCOInitRead and WriteCORead: reads of what had been overwritten in their past. */
export function findOverwrittenRead(records: Records, { forced, order }: Established): Evidence | null {
  const found: Overwritten[] = [];
  for (const read of order.order) {
    const source = records.source[read] as number;
    if (source < INITIAL) continue;
    const overwriter = overwriterOf(records, order, read, source);
    if (overwriter !== NONE) found.push({ read, source, overwriter });
    if (found.length === FOUND_MAX) break;
  }
  if (found.length === 0) return null;
  const paths = new Paths(records);
  return found
    .map((each) => overwritten(records, forced, paths, each))
    .reduce((best, each) => (each.operations.length < best.operations.length ? each : best));
}

/** Of each chain it suffices to look at the last write before the read: an earlier one happened before that one. */
function overwriterOf({ at, keyOf, writers }: Records, order: CausalOrder, read: number, source: number): number {
  for (const each of writers[keyOf[read] as number] ?? []) {
    const last = lastBelow(each, order.past(read, each.chain), at);
    if (last !== NONE && last !== source && (source === INITIAL || order.before(source, last))) return last;
  }
  return NONE;
}

function thinAir(records: Records, read: number): Evidence {
  const story = new Story(records, new Set());
  const version = records.operations[read]?.version;
  story.say(read, version === undefined ? ' read what nobody wrote.' : ' read what nobody wrote as this version.');
  return story.end('ThinAirRead', read);
}

function overwritten(
  records: Records,
  forced: ReadonlySet<number>,
  paths: Paths,
  { overwriter, read, source }: Overwritten,
): Evidence {
  const story = new Story(records, forced);
  if (source === INITIAL) {
    story.say(overwriter, ' happened before ', read, ': ', ...story.trail(paths.knownPath(overwriter, read)), '.');
    story.say(read, ' read the initial state all the same', forced.has(read) ? ': no delete explains it.' : '.');
    return story.end('WriteCOInitRead', read);
  }
  story.noteSource(read, source);
  story.say(source, ' was overwritten: ', ...story.trail(paths.knownPath(source, overwriter)), '.');
  story.say('That happened before ', read, ': ', ...story.trail(paths.knownPath(overwriter, read)), '.');
  story.say(read, ' read what ', source, ' wrote all the same.');
  return story.end('WriteCORead', read);
}

/** A read with several explanations, none of which is one. */
function unexplained(records: Records, forced: ReadonlySet<number>, { choice, refusals, write }: Impossible): Evidence {
  const { read } = choice;
  const paths = new Paths(records);
  const story = new Story(records, forced);
  if (choice.initial) {
    story.say(read, ' did not read the initial state: ', ...story.trail(paths.knownPath(write, read)), '.');
  }
  for (const { candidate, overwriter } of refusals.slice(0, REFUSALS_SHOWN_MAX)) {
    if (overwriter === NONE) {
      story.say(candidate, ' happened after ', read, ': ', ...story.trail(paths.knownPath(read, candidate)), '.');
      continue;
    }
    const until = story.trail(paths.knownPath(candidate, overwriter));
    const from = story.trail(paths.knownPath(overwriter, read).slice(1));
    story.say(candidate, ' had been overwritten before ', read, ': ', ...until, ...from, '.');
  }
  const more = refusals.length - REFUSALS_SHOWN_MAX;
  if (more > 0) story.say(`It is the same with ${more} other write${more === 1 ? '' : 's'} of what was read.`);
  story.say('Nothing explains ', read, '.');
  const isOverwritten = refusals.some(({ overwriter }) => overwriter !== NONE);
  return story.end(isOverwritten ? 'WriteCORead' : choice.initial ? 'WriteCOInitRead' : 'CyclicCO', read);
}

/** Of the hops from session to session the one is kept that closes the shortest circle. */
function cyclic(records: Records, forced: ReadonlySet<number>, waits: readonly Wait[]): Evidence {
  const paths = new Paths(records);
  const cycles = waits
    .filter(({ needed, waiting }) => records.source[waiting] === needed)
    .slice(0, FOUND_MAX)
    .map(({ needed, waiting }): Step[] => [...paths.knownPath(waiting, needed), { node: waiting, hop: 'reads' }]);
  const cycle = assertDefined(
    cycles.sort((a, b) => a.length - b.length)[0],
    'unknown writes are before nothing but their reads, so that a cycle has a read',
  );
  const story = new Story(records, forced);
  story.say('Each happened before the next one: ', ...story.trail(cycle), '.');
  const culprit = cycle.find(({ hop }) => hop === 'reads')?.node as number;
  return story.end('CyclicCO', culprit);
}
