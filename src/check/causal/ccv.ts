import { assertDefined } from '../../base/assert.js';
import type { Established } from './cc.js';
import { Conflicts } from './conflicts.js';
import type { CausalOrder } from './order.js';
import { Paths } from './paths.js';
import { NONE, type Records } from './records.js';
import { schedule, type Wait } from './schedule.js';
import { Story } from './story.js';
import type { Evidence } from './types.js';

/** Operations of a cycle between which shortcuts are looked for. */
const SHORTENED_MAX = 100;
/** Reads that are compared to show one conflict. */
const READS_COMPARED_MAX = 16;

/** Why one operation comes before another: it happened before, has the lower version, or lost against it (CF). */
type Reason = 'happened' | 'version' | 'seen';

interface Edge {
  readonly from: number;
  readonly to: number;
  readonly reason: Reason;
}

/** CyclicCF and CyclicVersion: what happened before, and the order in which replicas have to put writes, contradict. */
export function findCyclicConflict(
  records: Records,
  { forced, order }: Pick<Established, 'forced' | 'order'>,
): Evidence | 'incomplete' | null {
  const conflicts = new Conflicts(records, order);
  if (order.isIncomplete) return 'incomplete';
  const { cycle } = schedule(records, (node, done) => conflicts.blocker(node, done));
  if (cycle === null) return null;
  const reasonOf = (from: number, to: number): Reason | null => {
    if (order.before(from, to)) return 'happened';
    if (conflicts.isLowerVersion(from, to)) return 'version';
    return conflicts.isSeen(from, to) ? 'seen' : null;
  };
  return describe(records, order, forced, shortest(cycle, reasonOf));
}

/** The shortest cycle among the operations of this one, with all that is known about their order. */
function shortest(cycle: readonly Wait[], reasonOf: (from: number, to: number) => Reason | null): Edge[] {
  // Against the direction of the waits: from what comes first to what comes later. A winner may be the next loser.
  const all = cycle.toReversed().flatMap(({ needed, waiting }) => [needed, waiting]);
  const nodes = all.filter((node, at) => node !== all[at - 1]);
  if (nodes.length > 1 && nodes[0] === nodes.at(-1)) nodes.pop();
  let best: readonly number[] = nodes;
  const edges =
    nodes.length > SHORTENED_MAX ? [] : nodes.map((from) => nodes.filter((to) => reasonOf(from, to) !== null));
  for (const [at, start] of nodes.entries()) {
    const parents = new Map<number, number>([[start, NONE]]);
    const queue = edges.length === 0 ? [] : [start];
    for (const node of queue) {
      const next = edges[nodes.indexOf(node)] ?? [];
      if (next.includes(start)) {
        const found: number[] = [];
        for (let each = node; each !== NONE; each = parents.get(each) ?? NONE) found.push(each);
        if (found.length < best.length) best = found.reverse();
        break;
      }
      for (const each of next) {
        // Cycles are looked for from their first node on.
        if (parents.has(each) || nodes.indexOf(each) < at) continue;
        parents.set(each, node);
        queue.push(each);
      }
    }
  }
  return best.map((from, at) => {
    const to = (best[at + 1] ?? best[0]) as number;
    return { from, to, reason: assertDefined(reasonOf(from, to), 'what is next in a cycle comes later') };
  });
}

function describe(records: Records, order: CausalOrder, forced: ReadonlySet<number>, edges: readonly Edge[]): Evidence {
  const paths = new Paths(records);
  const story = new Story(records, forced);
  let culprit = edges.at(-1)?.to ?? NONE;
  for (const { from, reason, to } of edges) {
    if (reason === 'happened') {
      story.say(from, ' happened before ', to, ': ', ...story.trail(paths.knownPath(from, to)), '.');
      continue;
    }
    if (reason === 'version') {
      story.say(from, ' has a lower version than ', to, '.');
      continue;
    }
    const trails = paths
      .readersOf(to)
      .filter((read) => order.before(from, read))
      .slice(0, READS_COMPARED_MAX)
      .map((read) => ({ read, steps: paths.knownPath(from, read) }))
      .sort((a, b) => a.steps.length - b.steps.length);
    const { read, steps } = assertDefined(trails[0], 'a conflict has a read');
    story.noteSource(read, to);
    story.say(read, ' read ', to, ' although ', from, ' happened before it: ', ...story.trail(steps), '.');
    story.say('So ', from, ' comes before ', to, '.');
    culprit = read;
  }
  story.say('No order of the writes has it both ways.');
  return story.end(edges.some(({ reason }) => reason === 'version') ? 'CyclicVersion' : 'CyclicCF', culprit);
}
