import type { ReplicaId, Term } from '../../../base/brand.js';
import type { Seen, SemisyncConsistency } from '../../../replica/router.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import type { Facts } from './facts.js';
import type { Node } from './histories.js';

/** A read that is being served. */
export interface ServedRead {
  readonly consistency: SemisyncConsistency;
  readonly revision: number;
  /** The highest revision that anybody was told before the read was invoked. */
  readonly floor: number;
  readonly seen: Seen | null;
  readonly maxStalenessMs: number | null;
  /** What `began` said before the read was invoked. */
  readonly began: number;
}

export interface ReadOptions {
  /** How much slower a clock may run than time, while its replica serves bounded reads. */
  readonly clockStretch: number;
  /** Ticks, and what a busy machine takes from one to the next. */
  readonly slackMs: number;
}

/**
 * What reads of a leader-follower group promise (ap.md §1.3.7): strong ones miss nothing that anybody was told; bounded ones are
 * no older than they say, in time as it really passes; the others show a prefix of the one order and never go back.
 */
export class ReadChecks implements Observer {
  readonly #facts: Facts;
  readonly #options: ReadOptions;
  /** The highest revision that was shown by a life of a replica, unless its state was replaced since. */
  readonly #shown = new Map<ReplicaId, number>();

  constructor(facts: Facts, options: ReadOptions) {
    this.#facts = facts;
    this.#options = options;
  }

  onStarted({ id }: SimProcess): void {
    this.#shown.delete(id);
  }

  onCheckpoint({ id }: SimProcess, _group: string, _mark: unknown, installed: boolean): void {
    if (installed && this.#facts.lossy) this.#shown.delete(id);
  }

  /** To be asked when a read is invoked: what clients are told from now on it may miss. */
  began(): number {
    return this.#facts.orders.tellings;
  }

  /** Promotions by force may leave several histories that use the same revisions: the name of the entry. Null: not known. */
  entryOf({ semisync }: SimProcess, itemRevision: number): string | null {
    if (!this.#facts.lossy) return '';
    const node = this.#facts.histories.made(semisync?.appliedTerm ?? (0 as Term), itemRevision);
    return node === null ? null : ` of epoch ${node.term}`;
  }

  onServed(process: SimProcess, read: ServedRead): void {
    const { id, semisync: member } = process;
    const { lossy, stats } = this.#facts;
    stats.reads++;
    const { consistency, floor, revision, seen } = read;
    const before = this.#shown.get(id) ?? 0;
    if (revision < before) {
      throw new Violation('reads-monotone', `${id} serves revision ${revision}, and served ${before} before`);
    }
    this.#shown.set(id, revision);
    if (member === null || revision > member.revision) {
      throw new Violation(
        'reads-applied',
        `${id} serves revision ${revision}, and has applied ${member?.revision ?? 0}`,
      );
    }
    const role = member.core?.role ?? 'follower';
    // A strong one may still be served by whoever led when it was confirmed.
    if (consistency === 'leader' && role !== 'leader') {
      throw new Violation('leader-reads', `${id} serves a read of consistency ${consistency} and is ${role}`);
    }
    const shown = this.#facts.appliedNode(member);
    if (!lossy && consistency === 'strong' && revision < floor) throw stale(id, revision, `revision ${floor}`);
    if (consistency === 'strong') this.#checkStrong(id, shown, read);
    if (seen !== null) this.#checkSession(id, shown, revision, seen);
    if (consistency === 'bounded') this.#checkBound(id, shown, read);
  }

  #checkStrong(id: ReplicaId, shown: Node | null, { began, revision }: ServedRead): void {
    const missed = this.#facts.orders.missedByStrongRead(shown, began);
    if (missed !== null) throw stale(id, revision, `entry ${missed.index} of epoch ${missed.term}`);
  }

  /** It sees what it has seen, or is told that this is lost (410): force is no excuse for another history. */
  #checkSession(id: ReplicaId, shown: Node | null, revision: number, seen: Seen): void {
    const { histories } = this.#facts;
    if (seen.revision === undefined) return;
    const known = seen.epoch === undefined ? null : histories.made(seen.epoch, seen.revision);
    if (revision >= seen.revision && (known === null || shown === null || histories.includes(shown, known))) return;
    throw new Violation(
      'session-reads',
      `${id} serves revision ${revision}, entry ${shown?.index} of epoch ${shown?.term}, to a session that has seen revision ` +
        `${seen.revision} of epoch ${seen.epoch}`,
    );
  }

  #checkBound(id: ReplicaId, shown: Node | null, { maxStalenessMs, revision }: ServedRead): void {
    const { options, orders, stats } = this.#facts;
    const { clockStretch, slackMs } = this.#options;
    stats.boundedReads++;
    const ageMs = (maxStalenessMs ?? 0) * clockStretch + slackMs;
    const due = orders.missedByBoundedRead(shown, options.nowMs() - ageMs);
    if (due === null) return;
    throw new Violation(
      'bounded-staleness',
      `${id} serves a read at revision ${revision}, entry ${shown?.index}, as at most ${maxStalenessMs} ms old; entry ` +
        `${due.index} was committed ${Math.round(ageMs)} ms ago, or before (ap.md §1.3.7)`,
    );
  }
}

function stale(id: ReplicaId, revision: number, missed: string): Violation {
  return new Violation(
    'read-freshness',
    `${id} serves a strong read at revision ${revision}; a client was told ${missed} before it began (ap.md §1.3.7)`,
  );
}
