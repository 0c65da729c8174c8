import type { ReplicaId, Term } from '../../../base/brand.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import type { Facts, Sight } from './facts.js';
import type { Node } from './histories.js';

/** The highest revision that clients were told in a turn, and the last time of it. */
interface Told {
  readonly revision: number;
  readonly telling: number;
}

/**
 * What is committed, by whom, and whether it may be: an entry is on the disks of the leader and of as many followers as
 * the write quorum of its index says, counted by brute force (ap.md §1.3.5). One order for all, but for what promotions by
 * force have parted (orders.ts). Clients are told only what is committed so.
 */
export class CommitChecks implements Observer {
  readonly #facts: Facts;
  #acknowledgedRevision = 0;
  /** Told to clients in the turn at hand. */
  readonly #told = new Map<ReplicaId, Told>();

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  /** The highest revision that any client was told. */
  get acknowledgedRevision(): number {
    return this.#acknowledgedRevision;
  }

  onTurn(process: SimProcess): void {
    const { id } = process;
    const { before, now } = this.#facts.of(id);
    const told = this.#told.get(id);
    if (now === null) {
      this.#told.delete(id);
      return;
    }
    if (now !== before) this.#onSight(id, before, now);
    if (told === undefined) return;
    this.#told.delete(id);
    this.#checkTold(id, before, now, told);
  }

  onCrashed({ id }: SimProcess): void {
    this.#told.delete(id);
  }

  #onSight(id: ReplicaId, before: Sight | null, now: Sight): void {
    const { applied, commit, core, last } = now;
    // A full sync is applied before the log says so, and the engine hears of it; one that replaces takes everything back.
    const installed = this.#facts.of(id).image.checkpoint.index;
    if (before !== null && ((commit < before.commit && commit !== installed) || applied < before.applied)) {
      throw new Violation(
        'commit-bounds',
        `${id} goes back from ${before.commit} (applied ${before.applied}) to ${commit} (applied ${applied}), and nothing was replaced`,
      );
    }
    if ((applied > commit && applied !== installed) || commit > last) {
      throw new Violation('commit-bounds', `${id} has applied ${applied}, committed ${commit} of ${last} entries`);
    }
    const from = before?.commit ?? 0;
    if (commit === from) return;
    const led = before?.role === 'leader';
    if (led && now.role === 'leader' && before.term === now.term && core.termOf(commit) !== now.term) {
      throw new Violation(
        'commit-own-epoch',
        `${id} leads epoch ${now.term} and commits entry ${commit} of epoch ${core.termOf(commit)} by counting (raft.md C1)`,
      );
    }
    const node = this.#facts.histories.of(commit, core.termOf(commit) ?? (0 as Term));
    if (node === null) return;
    const epoch = led ? before.term : now.term;
    if ((led || now.role === 'leader') && node.term === epoch) this.#onCommitted(id, epoch, node);
    else if (!this.#facts.orders.isCommitted(node)) {
      throw new Violation(
        'one-order',
        `${id} takes entry ${node.index} of epoch ${node.term} for committed; no leader has committed it`,
      );
    }
  }

  #onCommitted(id: ReplicaId, epoch: Term, node: Node): void {
    const { orders, stats } = this.#facts;
    for (const fresh of orders.commit(epoch, node)) {
      this.#checkCopies(id, epoch, fresh, node, 'commits');
      stats.commits++;
    }
  }

  /** Where an epoch that began by force has thrown it away since, it counts that it was there. */
  #checkCopies(id: ReplicaId, epoch: Term, node: Node, by: Node, what: string): void {
    const { histories, options, orders, processes } = this.#facts;
    const needed = histories.neededFor(node, by);
    const isGivenUp = orders.isSuperseded(epoch, node);
    const holders = [...processes.keys()].filter((each) =>
      isGivenUp ? this.#facts.everHeld(each, node) : this.#facts.isDurable(each, node),
    );
    if (holders.includes(id) && holders.length > needed) return;
    throw new Violation(
      'durable-quorum',
      `${id} ${what} entry ${node.index} of epoch ${node.term}: it is on the disks of ${holders.join(', ') || 'nobody'}, and ` +
        `takes ${needed} of ${options.followers} followers and the leader (ap.md §1.3.5)`,
    );
  }

  /** The waiter may be told while the entry is being applied: looked at when the turn is over. */
  onAcknowledged({ id, semisync }: SimProcess, revision: number): void {
    const { orders, stats } = this.#facts;
    stats.acknowledged++;
    this.#acknowledgedRevision = Math.max(this.#acknowledgedRevision, revision);
    const before = this.#told.get(id)?.revision ?? 0;
    this.#told.set(id, { revision: Math.max(before, revision), telling: orders.nextTelling() });
    const role = semisync?.core?.role;
    if (role === 'leader') return;
    throw new Violation('leader-acknowledges', `${id} tells a client that a write is done and is ${role}`);
  }

  #checkTold(id: ReplicaId, before: Sight | null, now: Sight, { revision, telling }: Told): void {
    if (revision > now.member.revision) {
      throw new Violation(
        'acknowledged-applied',
        `${id} tells a client revision ${revision} and has applied only ${now.member.revision}`,
      );
    }
    const state = this.#facts.appliedNode(now.member);
    if (state === null) return;
    let node = state;
    while (node.prev !== null && (node.prev.revision ?? 0) >= revision) node = node.prev;
    const epoch = before?.role === 'leader' ? before.term : now.term;
    this.#checkCopies(id, epoch, node, state, `tells a client revision ${revision},`);
    this.#facts.orders.tell(epoch, node, telling);
  }
}
