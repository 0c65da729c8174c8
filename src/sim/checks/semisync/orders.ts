import type { Term } from '../../../base/brand.js';
import { Violation } from '../../world/types.js';
import { keyOf, type Node } from './histories.js';

/** The last entry that both histories have. Null: they have nothing in common. */
export function forkOf(left: Node | null, right: Node | null): Node | null {
  let a = left;
  let b = right;
  while (a !== b) {
    if (a === null || b === null) return null;
    const ahead = a.index - b.index;
    if (ahead >= 0) a = a.prev;
    if (ahead <= 0) b = b.prev;
  }
  return a;
}

/** What comes after `fork` in the history that ends with `node`, newest first. */
export function* beyond(node: Node | null, fork: Node | null): Generator<Node> {
  for (let at = node; at !== null && at !== fork; at = at.prev) yield at;
}

/** The first entry of an epoch that began by force with fewer promises than it takes says 1: what it lacks was given up. */
export function isForced({ kind, payload }: Node): boolean {
  return kind === 'noop' && payload[0] === 1;
}

/** What the leader of an epoch has committed, or told, at some time. Indexes grow from one to the next. */
interface Step {
  readonly node: Node;
  /** Of time, or of what was told. */
  readonly at: number;
}

export interface OrdersOptions {
  nowMs(): number;
  /** The shared clock of clients. */
  tick(): number;
  /** A disk that had it was destroyed, so that its promises say nothing of it. */
  wasDestroyed(node: Node): boolean;
  /** It was committed, and a history lacks it that is excused. */
  onLost(node: Node): void;
}

/**
 * What the leader of every epoch has committed, on the tree of all histories: promotions by force may leave several orders, and
 * each is judged as if it were the only one.
 *
 * A history lacks what the leader of epoch e has committed only if it has an epoch above e, not shared by both, that began by
 * force: its candidate was promised too little to see everything, and its operator was told so (ap.md §1.3.5). That
 * excuses what this very epoch lacks, for all that continues from it, and nothing else: not what it acknowledges itself, and
 * not what others lack who do not come from it.
 */
export class Orders {
  readonly #options: OrdersOptions;
  readonly #committed = new Map<Term, Step[]>();
  readonly #told = new Map<Term, Step[]>();
  readonly #keys = new Set<number>();
  readonly #epochs: Node[] = [];
  /** First entries of epochs that lack something, or may, and the tick when they were seen. */
  readonly #breaks = new Map<Node, number>();
  #tellings = 0;

  constructor(options: OrdersOptions) {
    this.#options = options;
  }

  /** Something may be lost. */
  get broken(): boolean {
    return this.#breaks.size > 0;
  }

  /** How often clients were told something: what is told later has a higher number. */
  get tellings(): number {
    return this.#tellings;
  }

  isCommitted(node: Node): boolean {
    return this.#keys.has(keyOf(node));
  }

  /** The last of what each leader has committed. */
  *tips(): Generator<{ readonly epoch: Term; readonly node: Node }> {
    for (const [epoch, steps] of this.#committed) {
      const last = steps.at(-1);
      if (last !== undefined) yield { epoch, node: last.node };
    }
  }

  /** An epoch begins: judged by everything that was committed in lower ones. */
  begin(noop: Node): void {
    this.#epochs.push(noop);
    if (isForced(noop)) this.#breaks.set(noop, this.#options.tick());
    for (const { epoch, node } of this.tips()) {
      if (epoch < noop.term) this.judge(noop, epoch, node, `epoch ${noop.term} begins after entry ${noop.index - 1}`);
    }
  }

  /** Returns what nobody had committed before, oldest first. */
  commit(epoch: Term, node: Node): readonly Node[] {
    const steps = stepsOf(this.#committed, epoch);
    const last = steps.at(-1)?.node ?? null;
    if (forkOf(last, node) !== last) {
      throw new Violation(
        'one-order',
        `the leader of epoch ${epoch} commits entry ${node.index} of epoch ${node.term}, whose history lacks entry ${last?.index} ` +
          `of epoch ${last?.term}, which it committed before`,
      );
    }
    if (last !== node) steps.push({ node, at: this.#options.nowMs() });
    const fresh: Node[] = [];
    for (const each of beyond(node, null)) {
      if (this.isCommitted(each)) break;
      this.#keys.add(keyOf(each));
      fresh.push(each);
    }
    for (const later of this.#epochs) {
      if (later.term > epoch)
        this.judge(later, epoch, node, `epoch ${later.term} began after entry ${later.index - 1}`);
    }
    return fresh.reverse();
  }

  /** Throws unless the history that ends with `state` has what the leader of `epoch` has committed, or may lack it. */
  judge(state: Node, epoch: Term, committed: Node, what: string): void {
    const fork = forkOf(state, committed);
    if (fork === committed) return;
    const missing = [...beyond(committed, fork)].reverse();
    if (!isForcedAfter(state, fork, epoch)) {
      const unexcused = missing.find((node) => !this.#options.wasDestroyed(node));
      if (unexcused !== undefined) {
        throw new Violation(
          'acknowledged-kept',
          `${what} and lacks entry ${unexcused.index} of epoch ${unexcused.term}, which was committed in epoch ${epoch}; ` +
            'nothing says that it was forced (ap.md §1.3.5)',
        );
      }
      if (!this.#isBrokenAfter(state, fork, epoch)) this.#breaks.set(state, this.#options.tick());
    }
    for (const node of missing) this.#options.onLost(node);
  }

  /** A later epoch has given it up, and with it what followers of that epoch have on their disks. */
  isSuperseded(epoch: Term, node: Node): boolean {
    for (const each of this.#breaks.keys()) {
      if (each.term > epoch && forkOf(each, node) !== node) return true;
    }
    return false;
  }

  /** Clients were told of it; `telling`: the number of the last of them. */
  tell(epoch: Term, node: Node, telling: number): void {
    const steps = stepsOf(this.#told, epoch);
    if (node.index > (steps.at(-1)?.node.index ?? 0)) steps.push({ node, at: telling });
  }

  nextTelling(): number {
    return ++this.#tellings;
  }

  /**
   * Of what leaders have told before a read began, something that the state `shown` to it lacks without an excuse: it was given up
   * by force on the way to this state, or told behind a promotion by force that its leader need not have heard of.
   */
  missedByStrongRead(shown: Node | null, tellings: number): Node | null {
    const term = shown?.term ?? (0 as Term);
    return this.#missed(this.#told, shown, tellings, term);
  }

  /** The same of what was committed at `atMs` and before, for a read of a member that may be on the other side of a force. */
  missedByBoundedRead(shown: Node | null, atMs: number): Node | null {
    return this.#missed(this.#committed, shown, atMs, 0 as Term);
  }

  #missed(steps: ReadonlyMap<Term, readonly Step[]>, shown: Node | null, until: number, above: Term): Node | null {
    for (const [epoch, each] of steps) {
      const due = each.findLast(({ at }) => at <= until)?.node;
      if (due === undefined) continue;
      const fork = forkOf(shown, due);
      if (fork === due || this.#isBrokenAfter(shown, fork, epoch) || this.#isBrokenAfter(due, fork, above)) continue;
      return due;
    }
    return null;
  }

  #isBrokenAfter(node: Node | null, fork: Node | null, epoch: Term): boolean {
    for (const each of beyond(node, fork)) if (each.term > epoch && this.#breaks.has(each)) return true;
    return false;
  }

  /** When the first break after `node` in the history that ends with `tip` was seen. */
  brokenSince(node: Node, tip: Node): number {
    let since = Number.POSITIVE_INFINITY;
    for (const each of beyond(tip, node)) since = Math.min(since, this.#breaks.get(each) ?? since);
    return since;
  }
}

function stepsOf(map: Map<Term, Step[]>, epoch: Term): Step[] {
  let steps = map.get(epoch);
  if (steps === undefined) map.set(epoch, (steps = []));
  return steps;
}

function isForcedAfter(node: Node, fork: Node | null, epoch: Term): boolean {
  for (const each of beyond(node, fork)) if (isForced(each) && each.term > epoch) return true;
  return false;
}
