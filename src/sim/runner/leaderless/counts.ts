import type { ReplicaId } from '../../../base/brand.js';
import type { LeaderlessMember } from '../../../replica/leaderless/member.js';
import type { Observer, World } from '../../world/types.js';
import type { Statistics } from '../statistics.js';

/** Adds up what members count, over all their lives. */
export class EngineCounts {
  readonly #statistics: Statistics;
  readonly #living = new Map<ReplicaId, LeaderlessMember>();

  constructor(statistics: Statistics) {
    this.#statistics = statistics;
  }

  get observer(): Observer {
    return {
      onTurn: ({ id, leaderless }) => {
        if (leaderless !== null) this.#living.set(id, leaderless);
      },
      onCrashed: ({ id }) => this.#take(id),
      onWiped: () => {
        this.#statistics.leaderless.wipes++;
      },
      onRolledBack: () => {
        this.#statistics.leaderless.rollbacks++;
      },
    };
  }

  end({ processes }: World): void {
    for (const id of processes.keys()) this.#take(id);
  }

  #take(id: ReplicaId): void {
    const member = this.#living.get(id);
    if (member === undefined) return;
    this.#living.delete(id);
    const { counters } = member.status();
    const { stats } = member;
    const { leaderless: into } = this.#statistics;
    into.gossipRounds += counters.rounds;
    into.batchesSent += counters.batchesSent;
    into.duplicates += counters.duplicates;
    into.gaps += counters.gaps;
    into.overflows += counters.overflows;
    into.rejected += counters.rejectedCounters + counters.rejectedBatches;
    into.fullSyncs += counters.fullSyncsDone;
    into.renewals += counters.renewals;
    into.conflicts += member.kv.overwritten(0).total;
    into.waits += stats.dependencyWaits;
    into.waitsTimedOut += stats.dependencyTimeouts;
    into.readRepairs += stats.readRepairs;
    into.tombstonesCollected += stats.tombstonesCollected;
  }
}
