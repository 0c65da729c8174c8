import type { ReplicaId } from '../../../base/brand.js';
import type { Seen, SemisyncConsistency } from '../../../replica/router.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import type { Facts } from './facts.js';

/** A read that is being served. */
export interface ServedRead {
  readonly consistency: SemisyncConsistency;
  readonly revision: number;
  /** The highest revision that anybody was told before the read was invoked. */
  readonly floor: number;
  readonly seen: Seen | null;
  readonly maxStalenessMs: number | null;
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
    if (lossy) return;
    if (consistency === 'strong' && revision < floor) {
      throw new Violation(
        'read-freshness',
        `${id} serves a strong read at revision ${revision}; a client was told ${floor} before it began (ap.md §1.3.7)`,
      );
    }
    if (seen?.revision !== undefined && revision < seen.revision) {
      throw new Violation(
        'session-reads',
        `${id} serves revision ${revision} to a session that has seen ${seen.revision}`,
      );
    }
    if (consistency === 'bounded') this.#checkBound(process, read);
  }

  #checkBound({ id, semisync }: SimProcess, { maxStalenessMs, revision }: ServedRead): void {
    const { committed, options, stats } = this.#facts;
    const { clockStretch, slackMs } = this.#options;
    stats.boundedReads++;
    const ageMs = (maxStalenessMs ?? 0) * clockStretch + slackMs;
    const due = committed.findLast(({ atMs }) => atMs <= options.nowMs() - ageMs);
    const applied = semisync?.appliedIndex ?? 0;
    if (due === undefined || applied >= due.node.index) return;
    throw new Violation(
      'bounded-staleness',
      `${id} serves a read at revision ${revision}, entry ${applied}, as at most ${maxStalenessMs} ms old; entry ` +
        `${due.node.index} was committed ${Math.round(options.nowMs() - due.atMs)} ms ago (ap.md §1.3.7)`,
    );
  }
}
