import type { LogIndex, Term } from '../../../base/brand.js';
import type { Entry } from '../../../engines/entry.js';
import { Violation } from '../../world/types.js';

/** One entry that somebody has written or sent. Its place and epoch name it, and with it everything before it. */
export interface Node {
  readonly index: LogIndex;
  readonly term: Term;
  readonly kind: Entry['kind'];
  readonly payload: Uint8Array;
  readonly prev: Node | null;
  /** In force after it, counted through everything before it (ap.md §1.3.4). */
  readonly writeQuorum: number;
  /** Set when it was applied: the revision and the state after it. */
  revision: number | null;
  digest: string | null;
}

/** What a position of a log is called in maps: exact for terms below 2^21. */
export function keyOf({ index, term }: { readonly index: number; readonly term: number }): number {
  return term * 2 ** 32 + index;
}

/** The W that an operator began an epoch with by force: the second byte of its first entry. */
function openingQuorum({ kind, payload }: Pick<Node, 'kind' | 'payload'>): number | undefined {
  return kind === 'noop' ? payload[1] : undefined;
}

/**
 * All logs of a group at once, as a tree: a promotion by force may leave several histories. Read from everything that is
 * sent and everything that becomes durable, so that it knows what W is in force where without asking any engine.
 */
export class Histories {
  /** Told of the first entry of each epoch. */
  onEpoch: (noop: Node) => void = () => undefined;
  readonly #nodes = new Map<number, Node>();
  readonly #formedWith: number;
  readonly #epochs = new Map<Term, Node>();
  /** The last entry of each epoch. */
  readonly #lasts = new Map<Term, Node>();

  constructor(formedWith: number) {
    this.#formedWith = formedWith;
  }

  of(index: LogIndex, term: Term): Node | null {
    return this.#nodes.get(keyOf({ index, term })) ?? null;
  }

  /** Log matching: an index and a term name one entry and one history before it (raft.md C2). */
  learn(by: string, prevTerm: Term | null, entry: Entry): void {
    const { index, kind, payload, term } = entry;
    const known = this.of(index, term);
    if (known !== null) {
      if (known.kind === kind && Buffer.compare(known.payload, payload) === 0) {
        if (prevTerm === null || index === 1 || known.prev === null || known.prev.term === prevTerm) return;
      }
      throw new Violation('log-matching', `${by} has another entry ${index} of epoch ${term} than was seen before`);
    }
    if (prevTerm === null) return;
    const prev = this.of((index - 1) as LogIndex, prevTerm);
    if (prev === null && index > 1) return; // Nobody was seen to write what comes before it.
    const before = prev?.writeQuorum ?? this.#formedWith;
    const writeQuorum = (kind === 'quorum' ? payload[0] : openingQuorum(entry)) ?? before;
    const node: Node = {
      index,
      term,
      kind,
      payload: Uint8Array.from(payload),
      prev,
      writeQuorum,
      revision: null,
      digest: null,
    };
    this.#nodes.set(keyOf(node), node);
    if (index > (this.#lasts.get(term)?.index ?? 0)) this.#lasts.set(term, node);
    if (kind !== 'noop') return;
    this.#epochs.set(term, node);
    this.onEpoch(node);
  }

  /** The first entry of an epoch. */
  epoch(term: Term): Node | null {
    return this.#epochs.get(term) ?? null;
  }

  /** The entry that made `revision`, in the history of whoever has applied something of `epoch`. Null: nobody was seen to. */
  made(epoch: Term, revision: number): Node | null {
    let found: Node | null = null;
    for (let node = this.#lasts.get(epoch) ?? null; node !== null; node = node.prev) {
      if (node.revision !== null && node.revision < revision) break;
      found = node;
    }
    const before = found?.prev === null ? 0 : (found?.prev?.revision ?? null);
    return found === null || (found.revision ?? 0) < revision || before === null ? null : found;
  }

  /** The last entry after which somebody there stood at `revision`. */
  lastAt(epoch: Term, revision: number): Node | null {
    for (let node = this.#lasts.get(epoch) ?? null; node !== null; node = node.prev) {
      if (node.revision === revision) return node;
      if (node.revision !== null && node.revision < revision) return null;
    }
    return null;
  }

  /** The last entry that may have carried what changed nothing at `revision`: the next that has changed something. */
  lastJudgedAt(epoch: Term, revision: number): Node | null {
    let next: Node | null = null;
    for (let node = this.#lasts.get(epoch) ?? null; node !== null; node = node.prev) {
      if (node.revision === null) continue;
      if (node.revision <= revision) return next ?? node;
      next = node;
    }
    return next;
  }

  /**
   * Which W the entry itself needs: it is committed with the one before it. An epoch that begins with a W of its own needs that,
   * and takes everything before it along, where it is committed: `by` is the last entry that is committed with this one.
   */
  neededFor(node: Node, by: Node = node): number {
    let needed = openingQuorum(node) ?? node.prev?.writeQuorum ?? this.#formedWith;
    for (let at: Node | null = by; at !== null && at !== node; at = at.prev) {
      needed = Math.min(needed, openingQuorum(at) ?? needed);
    }
    return needed;
  }

  get formedWith(): number {
    return this.#formedWith;
  }

  /** The entry at `index` of the history that ends with `node`. */
  ancestor(node: Node, index: number): Node | null {
    let at: Node | null = node;
    while (at !== null && at.index > index) at = at.prev;
    return at?.index === index ? at : null;
  }

  includes(node: Node | null, wanted: { readonly index: LogIndex; readonly term: Term }): boolean {
    return node !== null && this.ancestor(node, wanted.index)?.term === wanted.term;
  }
}
