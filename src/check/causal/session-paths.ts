import { assertDefined } from '../../base/assert.js';
import type { Hop, Step } from './paths.js';
import type { Records } from './records.js';
import type { Part, Story } from './story.js';

/** The session read `winner` when `loser`, of the same key, came before: so `loser` comes before `winner` for it. */
export interface Required {
  readonly loser: number;
  readonly winner: number;
  readonly read: number;
}

interface Visit {
  readonly step: Step;
  readonly parent: Visit | null;
}

/** Shows what comes before what in the order of one session; for short histories. */
export class SessionPaths {
  readonly #records: Records;
  readonly #required: readonly Required[];
  readonly #story: Story;
  readonly #explained = new Set<number>();
  /** Reads of each write, and unknown writes after each node. */
  readonly #followers = new Map<number, { readonly node: number; readonly hop: Hop }[]>();

  constructor(records: Records, required: readonly Required[], story: Story) {
    this.#records = records;
    this.#required = required;
    this.#story = story;
    const { chainOf, link, source } = records;
    for (let node = 0; node < chainOf.length; node++) {
      if ((chainOf[node] as number) < 0) continue;
      this.#follow(source[node] as number, node, 'reads');
      this.#follow(link[node] as number, node, 'session');
    }
  }

  /** Says why the requirement holds, after those that it depends on. */
  explain(index: number): void {
    if (this.#explained.has(index)) return;
    this.#explained.add(index);
    const { loser, read, winner } = assertDefined(this.#required[index], 'a requirement has a number');
    const trail = this.trail(loser, read, index);
    this.#story.noteSource(read, winner);
    this.#story.say(read, ' read ', winner, ' although ', loser, ' came before it: ', ...trail, '.');
    this.#story.say('So ', loser, ' comes before ', winner, ' for this session.');
  }

  /** From `a` to `b`, by what happened and by the first `count` requirements, which are explained. */
  trail(a: number, b: number, count: number): Part[] {
    const steps = this.#path(a, b, count);
    for (const [at, { hop, node }] of steps.entries()) {
      if (hop !== 'before') continue;
      const loser = steps[at - 1]?.node;
      this.explain(this.#required.findIndex((each) => each.loser === loser && each.winner === node));
    }
    return this.#story.trail(steps);
  }

  #follow(cause: number, node: number, hop: Hop): void {
    if (cause < 0) return;
    const known = this.#followers.get(cause);
    if (known === undefined) this.#followers.set(cause, [{ node, hop }]);
    else known.push({ node, hop });
  }

  /** With the fewest operations: to all that is later in a session it is one step. */
  #path(a: number, b: number, count: number): Step[] {
    const start: Visit = { step: { node: a, hop: null }, parent: null };
    const visits = new Map<number, Visit>([[a, start]]);
    const queue = [start];
    for (const visit of queue) {
      if (visit.step.node === b) break;
      for (const step of this.#next(visit.step.node, count)) {
        if (visits.has(step.node)) continue;
        const next: Visit = { step, parent: visit };
        visits.set(step.node, next);
        queue.push(next);
      }
    }
    const steps: Step[] = [];
    let visit: Visit | null = assertDefined(visits.get(b), 'what comes before has a path');
    for (; visit !== null; visit = visit.parent) steps.push(visit.step);
    return steps.reverse();
  }

  #next(node: number, count: number): Step[] {
    const { at, chainOf, chains } = this.#records;
    const chain = chains[chainOf[node] as number] ?? [];
    return [
      ...chain.slice((at[node] as number) + 1).map((each): Step => ({ node: each, hop: 'session' })),
      ...(this.#followers.get(node) ?? []),
      ...this.#required
        .slice(0, count)
        .filter(({ loser }) => loser === node)
        .map(({ winner }): Step => ({ node: winner, hop: 'before' })),
    ];
  }
}
