import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import type { Facts } from './facts.js';

/** Reads see everything that any client was told before they began (raft.md L1-L6). */
export class ReadChecks implements Observer {
  readonly #facts: Facts;

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  onRead(process: SimProcess, revision: number, floor: number): void {
    this.#facts.stats.reads++;
    if (revision >= floor) return;
    throw new Violation(
      'read-freshness',
      `${process.id} serves a read at revision ${revision}; a client was told revision ${floor} before it began`,
    );
  }

  /**
   * A lease says that nobody else leads. Whoever leads a later term proves it wrong, whether or not a read was served
   * meanwhile. A paused process says nothing, and what it believed is void before it serves anything (raft.md L6).
   */
  onTurn(process: SimProcess): void {
    const { now } = this.#facts.of(process.id);
    if (now === null || now.role !== 'leader' || process.state !== 'running' || !now.member.leaseValid) return;
    for (const [other, { now: theirs }] of this.#facts.processes) {
      if (other === process.id || theirs?.role !== 'leader' || theirs.term <= now.term) continue;
      throw new Violation(
        'lease-exclusive',
        `${process.id} holds the lease of term ${now.term} while ${other} leads term ${theirs.term}`,
      );
    }
  }
}
