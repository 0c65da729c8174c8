import { assertDefined } from '../../base/assert.js';
import { KvorumError } from '../../base/errors/error.js';
import type { Model } from '../model.js';
import { standingOf, type Operation, type OperationKind, type Value, type Version } from '../operation.js';

/** Sources of a node that are no node. */
export const INITIAL = -1;
export const AMBIGUOUS = -2;
export const NO_READ = -3;
/** No node, no chain. */
export const NONE = -1;

export const CAUSAL_KINDS: readonly OperationKind[] = ['put', 'get', 'delete'];

/** A read that several writes may explain, or the initial state may (`initial`). */
export interface Choice {
  readonly read: number;
  readonly candidates: readonly number[];
  readonly initial: boolean;
}

/** The writes of one key in one chain, in its order. */
export interface Writers {
  readonly chain: number;
  readonly nodes: readonly number[];
}

/**
 * A history as numbers. Every operation is a node. A chain is what happens in a fixed order: the operations of a session,
 * or one write alone whose client never heard of it. That one happens after what its session did before it, which is its
 * `link`, but before nothing that the session does later: it may take effect long after, and nobody was promised to see it.
 */
export interface Records {
  readonly operations: readonly Operation[];
  readonly chains: readonly (readonly number[])[];
  /** NONE: it is left out, an unknown write that nobody can have read. */
  readonly chainOf: Int32Array;
  readonly at: Int32Array;
  readonly keyOf: Int32Array;
  readonly link: Int32Array;
  /** Where a read has its value from: a node, INITIAL or AMBIGUOUS; NO_READ of a write. */
  readonly source: Int32Array;
  readonly keys: readonly string[];
  readonly writers: readonly (readonly Writers[])[];
  readonly choices: readonly Choice[];
  /** Reads of what nobody wrote. */
  readonly thinAir: readonly number[];
  readonly sessions: number;
  /** Nodes that are not left out. */
  readonly size: number;
}

export type Meaning = Pick<Model, 'initial' | 'normalise'>;

/** Numbers a history. Throws `history_invalid` for operations that have no place in one. */
export function recordsOf(history: readonly Operation[], meaning: Meaning): Records {
  return new Numbering(history, meaning).records();
}

interface KeyWrites {
  readonly byValue: Map<Value, number[]>;
  readonly byVersion: Map<string, number[]>;
}

class Numbering {
  readonly #meaning: Meaning;
  readonly #operations: Operation[] = [];
  readonly #chains: number[][] = [];
  readonly #keys = new Map<string, number>();
  readonly #writes: KeyWrites[] = [];
  readonly #chainOf: Int32Array;
  readonly #at: Int32Array;
  readonly #keyOf: Int32Array;
  readonly #link: Int32Array;
  readonly #source: Int32Array;
  readonly #choices: Choice[] = [];
  readonly #thinAir: number[] = [];

  constructor(history: readonly Operation[], meaning: Meaning) {
    this.#meaning = meaning;
    const words = (): Int32Array => new Int32Array(history.length).fill(NONE);
    this.#chainOf = words();
    this.#at = words();
    this.#keyOf = words();
    this.#link = words();
    this.#source = words().fill(NO_READ);
    for (const session of sessionsOf(history)) this.#addSession(session);
  }

  records(): Records {
    const sessions = this.#chains.length;
    for (const [node, { kind }] of this.#operations.entries()) if (kind === 'get') this.#explain(node);
    return {
      operations: this.#operations,
      chains: this.#chains,
      chainOf: this.#chainOf,
      at: this.#at,
      keyOf: this.#keyOf,
      link: this.#link,
      source: this.#source,
      keys: [...this.#keys.keys()],
      writers: this.#writes.map((_, key) => this.#writersOf(key)),
      choices: this.#choices,
      thinAir: this.#thinAir,
      sessions,
      size: this.#chains.reduce((sum, { length }) => sum + length, 0),
    };
  }

  #addSession(session: readonly Operation[]): void {
    const chain: number[] = [];
    for (const operation of session) {
      const node = this.#operations.push(operation) - 1;
      const key = this.#keyNumber(operation.key);
      this.#keyOf[node] = key;
      if (operation.kind !== 'get') this.#noteWrite(node, key);
      if (isOpen(operation)) {
        this.#link[node] = chain.at(-1) ?? NONE;
        continue;
      }
      this.#chainOf[node] = this.#chains.length;
      this.#at[node] = chain.push(node) - 1;
    }
    if (chain.length > 0) this.#chains.push(chain);
  }

  #keyNumber(key: string): number {
    const known = this.#keys.get(key);
    if (known !== undefined) return known;
    this.#writes.push({ byValue: new Map(), byVersion: new Map() });
    this.#keys.set(key, this.#keys.size);
    return this.#keys.size - 1;
  }

  #noteWrite(node: number, key: number): void {
    const { byValue, byVersion } = this.#writesOf(key);
    const { version } = this.#operation(node);
    push(byValue, this.#valueOf(node), node);
    if (version !== undefined) push(byVersion, nameOf(version), node);
  }

  /** Finds where a read has its value from; by version if it has one, otherwise by value (POPL'17: values are unique). */
  #explain(read: number): void {
    const { version } = this.#operation(read);
    const value = this.#valueOf(read);
    const { byValue, byVersion } = this.#writesOf(this.#keyOf[read] as number);
    const initial = version === undefined && value === this.#meaning.initial;
    let candidates = byValue.get(value) ?? [];
    if (version !== undefined) {
      const named = byVersion.get(nameOf(version));
      candidates =
        named === undefined
          ? candidates.filter((node) => this.#operation(node).version === undefined)
          : named.filter((node) => this.#valueOf(node) === value);
    }
    const [only] = candidates;
    if (only === undefined && !initial) this.#thinAir.push(read);
    if (only === undefined) this.#source[read] = INITIAL;
    else if (candidates.length === 1 && !initial) this.#source[read] = only;
    else {
      this.#source[read] = AMBIGUOUS;
      this.#choices.push({ read, candidates, initial });
    }
    for (const node of candidates) this.#place(node);
  }

  /** Unknown writes are in the history as soon as somebody may have read them. */
  #place(node: number): void {
    if (this.#chainOf[node] !== NONE) return;
    this.#at[node] = 0;
    this.#chainOf[node] = this.#chains.push([node]) - 1;
  }

  #writersOf(key: number): Writers[] {
    const byChain = new Map<number, number[]>();
    for (const nodes of this.#writesOf(key).byValue.values()) {
      for (const node of nodes) {
        const chain = this.#chainOf[node] as number;
        if (chain !== NONE) push(byChain, chain, node);
      }
    }
    // Nodes of a chain are numbered in its order.
    return Array.from(byChain, ([chain, nodes]) => ({ chain, nodes: nodes.sort((a, b) => a - b) }));
  }

  #writesOf(key: number): KeyWrites {
    return assertDefined(this.#writes[key], 'a key has a number');
  }

  #operation(node: number): Operation {
    return assertDefined(this.#operations[node], 'a node is an operation');
  }

  #valueOf(node: number): Value {
    const { kind, value } = this.#operation(node);
    return kind === 'delete' ? null : this.#meaning.normalise(value);
  }
}

/** What says anything, by session and in the order of calls. A session belongs to one client. */
export function sessionsOf(history: readonly Operation[]): Operation[][] {
  const sessions = new Map<string, Operation[]>();
  for (const operation of history) {
    const { client, kind, line, session } = operation;
    if (!CAUSAL_KINDS.includes(kind)) {
      const where = line === undefined ? `${kind} of ${JSON.stringify(operation.key)}` : `line ${line}`;
      throw new KvorumError(
        'history_invalid',
        `${where}: causal histories have ${CAUSAL_KINDS.join(', ')}, no ${kind}`,
      );
    }
    if (standingOf(operation) === 'silent') continue;
    push(sessions, JSON.stringify(session === undefined ? client : [client, session]), operation);
  }
  for (const session of sessions.values()) {
    const isSorted = session.every((each, at) => at === 0 || (session[at - 1]?.call ?? 0) <= each.call);
    if (!isSorted) session.sort((a, b) => a.call - b.call);
  }
  return [...sessions.values()];
}

/**
 * True for a write whose client does not know that it took effect. A delete that found nothing and names no version
 * is one too: some stores write a tombstone then, others do not.
 */
export function isOpen(operation: Operation): boolean {
  const { existed, kind, version } = operation;
  return standingOf(operation) === 'open' || (kind === 'delete' && existed === false && version === undefined);
}

export function nameOf([counter, id]: Version): string {
  return `${counter} ${JSON.stringify(id)}`;
}

function push<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
