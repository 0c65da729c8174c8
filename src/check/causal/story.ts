import { assertDefined } from '../../base/assert.js';
import type { Hop, Step } from './paths.js';
import type { Records } from './records.js';
import type { Evidence, Pattern } from './types.js';

const SUMMARIES: Readonly<Record<Pattern, string>> = {
  ThinAirRead: 'a read returned what nobody wrote',
  CyclicCO: 'operations happened before themselves',
  WriteCOInitRead: 'a read did not see any of the writes that happened before it',
  WriteCORead: 'a read returned what had been overwritten before it',
  CyclicCF: 'reads ask for contradicting orders of writes: replicas do not agree on who wins',
  CyclicVersion: 'the order of versions is not that in which they were seen',
  WriteHBInitRead: 'the reads of a session cannot all be explained by one order: one of them sees no write',
  CyclicHB: 'the reads of a session ask for contradicting orders of writes',
};

const HOPS: Readonly<Record<Hop, string>> = {
  session: ', later in its session ',
  reads: ', read by ',
  before: ', which comes before ',
};

/** Words, and nodes that are called by their number in the list of operations. */
export type Part = string | number;

/** Collects what is said about a violation, and the operations that it takes to say it. */
export class Story {
  readonly #records: Records;
  readonly #forced: ReadonlySet<number>;
  readonly #lines: (readonly Part[])[] = [];
  readonly #explained = new Set<number>();

  /** `forced` are reads whose source follows only because nothing else explains them. */
  constructor(records: Records, forced: ReadonlySet<number>) {
    this.#records = records;
    this.#forced = forced;
  }

  say(...parts: readonly Part[]): void {
    this.#lines.push(parts);
  }

  /** `[1], later in its session [2], read by [3]`. */
  trail(steps: readonly Step[]): Part[] {
    return steps.flatMap(({ hop, node }, place) => {
      const cause = steps[place - 1]?.node;
      if (hop === 'reads' && cause !== undefined) this.noteSource(node, cause);
      return hop === null ? [node] : [HOPS[hop], node];
    });
  }

  /** Says why a read is taken to have read a write, where the history does not. */
  noteSource(read: number, write: number): void {
    if (!this.#forced.has(read) || this.#explained.has(read)) return;
    this.#explained.add(read);
    this.say(read, ' can only have read ', write, ': nothing else explains it.');
  }

  end(pattern: Pattern, culprit: number): Evidence {
    const { operations } = this.#records;
    const operation = (node: number): (typeof operations)[number] =>
      assertDefined(operations[node], 'a node is an operation');
    const nodes = [...new Set([...this.#lines.flat().filter((part) => typeof part === 'number'), culprit])];
    nodes.sort((a, b) => operation(a).call - operation(b).call || a - b);
    const numbers = new Map(nodes.map((node, place) => [node, place + 1]));
    return {
      pattern,
      summary: SUMMARIES[pattern],
      operations: nodes.map(operation),
      sentences: this.#lines.map((parts) =>
        parts.map((part) => (typeof part === 'string' ? part : `[${numbers.get(part)}]`)).join(''),
      ),
      culprit: operation(culprit),
    };
  }
}
