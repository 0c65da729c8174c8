import { assertDefined } from '../../base/assert.js';
import { NONE, type Records } from './records.js';

/**
 * `session`: later in the same session. `reads`: it read what the one before wrote. `before`: it has to come after the
 * one before, because of what the reads of a session say.
 */
export type Hop = 'session' | 'reads' | 'before';

export interface Step {
  readonly node: number;
  /** How it follows from the step before; null at the start. */
  readonly hop: Hop | null;
}

/** A chain from some place on, and the step that led there. */
interface Reached {
  readonly chain: number;
  readonly from: number;
  readonly via: { readonly node: number; readonly hop: Hop; readonly parent: Reached } | null;
}

/** Shows how one operation happened before another, in as few hops from session to session as possible. */
export class Paths {
  readonly #records: Records;
  /** The reads of a write, or the unknown writes after a node: `#followers[#first[node]]` up to `#first[node + 1]`. */
  readonly #first: Int32Array;
  readonly #followers: Int32Array;

  constructor(records: Records) {
    this.#records = records;
    const { chainOf, link, source } = records;
    this.#first = new Int32Array(chainOf.length + 1);
    const causes = [source, link];
    const isUsed = (node: number, cause: number): boolean => cause >= 0 && chainOf[node] !== NONE;
    for (const each of causes) each.forEach((cause, node) => isUsed(node, cause) && this.#first[cause + 1]!++);
    for (let node = 0; node < chainOf.length; node++) this.#first[node + 1]! += this.#first[node] as number;
    this.#followers = new Int32Array(this.#first[chainOf.length] as number);
    const next = this.#first.slice();
    for (const each of causes) {
      each.forEach((cause, node) => isUsed(node, cause) && (this.#followers[next[cause]!++] = node));
    }
  }

  /** The reads of a write. */
  readersOf(write: number): number[] {
    return this.#after(write).filter((node) => this.#records.source[node] === write);
  }

  /** From `a` to `b`, both included; null when `a` did not happen before `b`. */
  path(a: number, b: number): Step[] | null {
    const { at, chainOf, chains } = this.#records;
    const seenFrom = new Map<number, number>();
    const queue: Reached[] = [{ chain: chainOf[a] as number, from: at[a] as number, via: null }];
    for (const reached of queue) {
      const { chain, from } = reached;
      if (chain === chainOf[b] && from <= (at[b] as number)) return this.#retrace(a, b, reached);
      const nodes = chains[chain] as readonly number[];
      const end = seenFrom.get(chain) ?? nodes.length;
      if (from >= end) continue;
      seenFrom.set(chain, from);
      for (let place = from; place < end; place++) {
        const node = nodes[place] as number;
        for (const next of this.#after(node)) {
          const hop = this.#records.source[next] === node ? 'reads' : 'session';
          queue.push({
            chain: chainOf[next] as number,
            from: at[next] as number,
            via: { node, hop, parent: reached },
          });
        }
      }
    }
    return null;
  }

  /** The same, of two nodes of which is known that the first happened before the second. */
  knownPath(a: number, b: number): Step[] {
    return assertDefined(this.path(a, b), 'what happened before has a path');
  }

  #after(node: number): number[] {
    return [...this.#followers.subarray(this.#first[node], this.#first[node + 1])];
  }

  #retrace(a: number, b: number, last: Reached): Step[] {
    const { chains } = this.#records;
    const steps: Step[] = [];
    const firstOf = ({ chain, from }: Reached): number => chains[chain]?.[from] as number;
    if (firstOf(last) !== b) steps.push({ node: b, hop: 'session' });
    for (let reached = last; reached.via !== null; reached = reached.via.parent) {
      const { hop, node, parent } = reached.via;
      steps.push({ node: firstOf(reached), hop });
      if (firstOf(parent) !== node) steps.push({ node, hop: 'session' });
    }
    steps.push({ node: a, hop: null });
    return steps.reverse();
  }
}
