import { indexAfter, type GroupId, type LogIndex, type Term } from '../../base/brand.js';
import type { Logger } from '../../base/logger.js';
import type { SemisyncEvent, WriteRefusal } from '../../engines/semisync/events.js';
import type { Semisync } from '../../engines/semisync/semisync.js';

/** The outcome of our own change is looked up in the log: operators' changes are numbered from 1. */
const OWN_CHANGE = 0;

export interface EstablishOptions {
  readonly group: GroupId;
  /** What the topology says. */
  readonly writeQuorum: number;
  readonly logger: Logger;
  core(): Semisync | null;
  step(event: SemisyncEvent): void;
  /** What the engine knows write quorums from. */
  floor(): LogIndex;
}

/**
 * The write quorum that a keyspace begins with. To the engine every group is formed with 1, so that nothing that decides about
 * promotions depends on a topology that may differ between replicas or be edited later. The first leader appends what its
 * topology says as an entry of the log before it takes a client's write, also when that is 1: from then on the log
 * knows (ap.md §1.3.4).
 */
export class Establish {
  readonly #options: EstablishOptions;
  #settled: Term | null = null;
  #warned = false;

  constructor(options: EstablishOptions) {
    this.#options = options;
  }

  /** Leader: appends the write quorum if there never was one. Why it could not; null: there is one. */
  settle(): WriteRefusal | null {
    const core = this.#options.core();
    if (core === null || core.role !== 'leader') return { reason: 'not_leader' };
    if (this.#settled === core.term) return null;
    if (this.#isKnown(core)) {
      this.#settled = core.term;
      return null;
    }
    const { group, logger, writeQuorum } = this.#options;
    const { available, followers } = core.status();
    const required = Math.max(1, writeQuorum);
    if (writeQuorum > followers.length && !this.#warned) {
      this.#warned = true;
      logger.error('write_quorum_impossible', { group, writeQuorum, followers: followers.length });
    }
    if (available < 1 || writeQuorum > followers.length) return { reason: 'not_enough_replicas', available, required };
    const before = core.lastIndex;
    this.#options.step({ type: 'setQuorum', id: OWN_CHANGE, writeQuorum });
    if (core.lastIndex === before) return { reason: 'busy' };
    logger.info('write_quorum_established', { group, writeQuorum, index: core.lastIndex });
    this.#settled = core.term;
    return null;
  }

  /** True when the log, or the checkpoint, tells of a write quorum; a group of one has none. */
  #isKnown(core: Semisync): boolean {
    if (core.status().followers.length === 0) return true;
    let placed = core.quorumAt(core.lastIndex);
    // The entry that opens an epoch which began by force is noted in the same place, and may change nothing.
    while (placed.index > this.#options.floor()) {
      if (core.bringsQuorum(placed.index)) return true;
      placed = core.quorumAt(indexAfter(placed.index, -1));
    }
    return placed.index > 0;
  }
}
