import type { LogIndex, ReplicaId, Term } from '../../../base/brand.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import type { Facts, Sight } from './facts.js';
import { keyOf, type Node } from './histories.js';

/**
 * What is committed, by whom, and whether it may be: an entry is on the disks of the leader and of as many followers as
 * the write quorum of its index says, counted by brute force (ap.md §1.3.5). One order for all, but for what a promotion by
 * force has lost. Clients are told only what is committed so.
 */
export class CommitChecks implements Observer {
  readonly #facts: Facts;
  #acknowledgedRevision = 0;
  /** Told to clients in the turn at hand. */
  readonly #told = new Map<ReplicaId, number>();

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
    this.#checkTold(id, now, told);
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
    for (let index = Math.max(from + 1, core.firstIndex); index <= commit; index++) {
      const term = core.termOf(index as LogIndex);
      const node = term === null ? null : this.#facts.histories.of(index as LogIndex, term);
      if (node !== null) this.#onCommitted(id, led || now.role === 'leader', led ? before.term : now.term, node);
    }
  }

  #onCommitted(id: ReplicaId, leads: boolean, epoch: Term, node: Node): void {
    const { committed, lost, stats, world } = this.#facts;
    if (epoch < world) {
      // It does not know yet that it was replaced by force.
      if (leads && committed[node.index - 1]?.node !== node) lost.add(keyOf(node));
      return;
    }
    const known = committed[node.index - 1];
    if (known?.node === node) return;
    if (!leads && lost.has(keyOf(node))) return; // Not told yet, after a restart.
    if (known !== undefined) {
      throw new Violation(
        'one-order',
        `${id} commits entry ${node.index} of epoch ${node.term} where one of epoch ${known.node.term} was committed in ` +
          `epoch ${known.epoch}`,
      );
    }
    this.#resurrect(node, epoch);
    if (node.index !== committed.length + 1) {
      throw new Violation(
        'one-order',
        `${id} commits entry ${node.index}; nobody has committed ${committed.length + 1}`,
      );
    }
    this.checkCopies(id, leads, node, 'commits');
    lost.delete(keyOf(node));
    committed.push({ node, epoch, atMs: this.#facts.options.nowMs() });
    stats.commits++;
  }

  /** What force had given up is committed again, by one who had it and found promises enough. */
  #resurrect(node: Node, epoch: Term): void {
    const { committed, histories, lost } = this.#facts;
    for (let index = committed.length + 1; index < node.index; index++) {
      const before = histories.ancestor(node, index);
      if (before === null || !lost.delete(keyOf(before))) return;
      committed.push({ node: before, epoch, atMs: this.#facts.options.nowMs() });
    }
  }

  /** `leads`: it counts the others; otherwise it was told, and one of the others is the leader. */
  checkCopies(id: ReplicaId, leads: boolean, node: Node, what: string): void {
    const { histories, options, processes } = this.#facts;
    const needed = histories.neededFor(node);
    const holders = [...processes.keys()].filter((each) => this.#facts.isDurable(each, node));
    const followers = leads ? holders.filter((each) => each !== id).length : holders.length - 1;
    if (followers >= needed && (!leads || holders.includes(id))) return;
    throw new Violation(
      'durable-quorum',
      `${id} ${what} entry ${node.index} of epoch ${node.term}: it is on the disks of ${holders.join(', ') || 'nobody'}, and ` +
        `takes ${needed} of ${options.followers} followers and the leader (ap.md §1.3.5)`,
    );
  }

  /** The waiter may be told while the entry is being applied: looked at when the turn is over. */
  onAcknowledged(process: SimProcess, revision: number): void {
    this.#facts.stats.acknowledged++;
    this.#acknowledgedRevision = Math.max(this.#acknowledgedRevision, revision);
    this.#told.set(process.id, Math.max(this.#told.get(process.id) ?? 0, revision));
    const role = process.semisync?.core?.role;
    if (role === 'leader') return;
    throw new Violation('leader-acknowledges', `${process.id} tells a client that a write is done and is ${role}`);
  }

  #checkTold(id: ReplicaId, now: Sight, revision: number): void {
    if (revision > now.member.revision) {
      throw new Violation(
        'acknowledged-applied',
        `${id} tells a client revision ${revision} and has applied only ${now.member.revision}`,
      );
    }
    if (now.term < this.#facts.world) return;
    let node = this.#facts.appliedNode(now);
    while (node?.prev?.revision !== undefined && node.prev !== null && (node.prev.revision ?? 0) >= revision)
      node = node.prev;
    if (node !== null) this.checkCopies(id, true, node, `tells a client revision ${revision},`);
  }
}
