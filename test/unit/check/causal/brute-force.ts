import type { Operation } from '../../../../src/check/operation.js';

export interface Verdicts {
  cc: boolean;
  ccv: boolean;
  cm: boolean;
}

/**
 * Causal consistency by its definitions (Perrin et al. 2016, Bouajjani et al. 2017), for a handful of operations: tries
 * every causal order that contains the sessions' orders, and for every operation every order of what happened before it.
 * A causal order lies within some total one, so that every interleaving of the sessions is filled with every choice of
 * what each operation knows. Slow, and too simple to be wrong. What a read returned is a version's name, so that several
 * deletes of a key can be told apart; `readOf` says which, null for the initial state, undefined when any delete will do.
 */
export function judge(operations: readonly Operation[]): Verdicts {
  const unknown = operations.filter(({ outcome }) => outcome === 'unknown');
  const found: Verdicts = { cc: false, ccv: false, cm: false };
  for (let subset = 0; subset < 1 << unknown.length; subset++) {
    const happened = (each: Operation): boolean => (subset & (1 << unknown.indexOf(each))) !== 0;
    const search = new Enumeration(operations.filter((each) => each.outcome === 'ok' || happened(each)));
    search.run();
    for (const level of ['cc', 'ccv', 'cm'] as const) found[level] ||= search.found[level];
  }
  return found;
}

class Enumeration {
  readonly found: Verdicts = { cc: false, ccv: false, cm: false };
  readonly #operations: readonly Operation[];
  /** The operation before in its session; nothing waits for unknown ones. */
  readonly #before: readonly (number | null)[];

  constructor(operations: readonly Operation[]) {
    this.#operations = operations;
    this.#before = operations.map(({ client }, at) => {
      const before = operations.findLastIndex(
        (other, place) => place < at && other.client === client && other.outcome === 'ok',
      );
      return before < 0 ? null : before;
    });
  }

  run(): void {
    this.#extend([], new Map(), { cc: true, ccv: true, cm: true });
  }

  /** `pasts` has for each operation of `order` the set, as bits, of what happened before it. */
  #extend(order: readonly number[], pasts: ReadonlyMap<number, number>, possible: Verdicts): void {
    const { found } = this;
    const open = { cc: possible.cc && !found.cc, ccv: possible.ccv && !found.ccv, cm: possible.cm && !found.cm };
    if (!open.cc && !open.ccv && !open.cm) return;
    if (order.length === this.#operations.length) {
      for (const level of ['cc', 'ccv', 'cm'] as const) found[level] ||= open[level];
      return;
    }
    for (let next = 0; next < this.#operations.length; next++) {
      const before = this.#before[next] ?? null;
      if (pasts.has(next) || (before !== null && !pasts.has(before))) continue;
      for (const past of closedSets(order, pasts, before)) {
        this.#extend(
          [...order, next],
          new Map([...pasts, [next, past]]),
          this.#explain(next, past, order, pasts, open),
        );
      }
    }
  }

  #explain(
    node: number,
    past: number,
    order: readonly number[],
    pasts: ReadonlyMap<number, number>,
    open: Verdicts,
  ): Verdicts {
    const members = order.filter((each) => (past & (1 << each)) !== 0);
    const own = (each: number): boolean => this.#operations[each]?.client === this.#operations[node]?.client;
    const runs = linearizations(members, pasts);
    return {
      cc: open.cc && runs.some((run) => this.#allows([...run, node], (each) => each === node)),
      ccv: open.ccv && this.#isNewest(node, order) && this.#allows([...members, node], (each) => each === node),
      cm: open.cm && runs.some((run) => this.#allows([...run, node], own)),
    };
  }

  /** The order that all agree on is that of versions, where writes have some. */
  #isNewest(node: number, order: readonly number[]): boolean {
    const { key, kind, version } = this.#operations[node] as Operation;
    return order.every((each) => {
      const other = this.#operations[each];
      if (kind === 'get' || other?.kind === 'get' || other?.key !== key) return true;
      return other.version === undefined || version === undefined || other.version[0] < version[0];
    });
  }

  /** True when the operations, one after the other, return what they did, as far as anybody looks. */
  #allows(run: readonly number[], isSeen: (node: number) => boolean): boolean {
    const state = new Map<string, string | null>();
    for (const node of run) {
      const operation = this.#operations[node] as Operation;
      const { key, kind } = operation;
      if (kind !== 'get') state.set(key, written(operation));
      else if (isSeen(node) && !this.#matches(operation, state.get(key) ?? null)) return false;
    }
    return true;
  }

  /** A version that no known delete has is that of an unknown one. */
  #matches({ key, value, version }: Operation, state: string | null): boolean {
    if (value !== null) return state === `put ${value}`;
    if (version === undefined) return state === null || state.startsWith('delete');
    const isKnown = this.#operations.some((each) => each.key === key && written(each) === `delete ${version[0]}`);
    return state === (isKnown ? `delete ${version[0]}` : 'delete ?');
  }
}

function written({ kind, value, version }: Operation): string {
  return kind === 'delete' ? `delete ${version?.[0] ?? '?'}` : `put ${value}`;
}

/** Everything that the next operation may know: with an operation all that it knew, and what its session did. */
function closedSets(order: readonly number[], pasts: ReadonlyMap<number, number>, before: number | null): number[] {
  let sets = [before === null ? 0 : (pasts.get(before) ?? 0) | (1 << before)];
  for (const each of order) {
    const bits = (pasts.get(each) ?? 0) | (1 << each);
    sets = [...new Set(sets.flatMap((set) => [set, set | bits]))];
  }
  return sets;
}

function linearizations(members: readonly number[], pasts: ReadonlyMap<number, number>): number[][] {
  const set = members.reduce((bits, each) => bits | (1 << each), 0);
  const grow = (run: readonly number[], done: number): number[][] =>
    done === set
      ? [[...run]]
      : members
          .filter((each) => (done & (1 << each)) === 0 && ((pasts.get(each) ?? 0) & set & ~done) === 0)
          .flatMap((each) => grow([...run, each], done | (1 << each)));
  return grow([], 0);
}
