import type { ReplicaId } from '../../base/brand.js';
import type { Observer, SimProcess } from '../world/types.js';
import type { Statistics } from './statistics.js';
import type { Triggers } from './triggers.js';

/** What engines with one leader at a time show of themselves. */
interface LeadingCore {
  readonly role: string;
  readonly commitIndex: number;
}

interface LastSeen {
  leads: boolean;
  commit: number;
}

/** Sees the instants that nemeses wait for, where one replica leads at a time; counts what happens. */
export class OrderedInstants {
  readonly #triggers: Triggers;
  readonly #statistics: Statistics;
  readonly #coreOf: (process: SimProcess) => LeadingCore | null;
  readonly #last = new Map<ReplicaId, LastSeen>();
  #leader: ReplicaId | null = null;

  constructor(triggers: Triggers, statistics: Statistics, coreOf: (process: SimProcess) => LeadingCore | null) {
    this.#triggers = triggers;
    this.#statistics = statistics;
    this.#coreOf = coreOf;
  }

  get observer(): Observer {
    return {
      onTurn: (process) => this.#onTurn(process),
      onCrashed: ({ id }) => this.#last.delete(id),
      onMessage: (process, _group, message) => {
        this.#statistics.messages++;
        if (message.type === 'appendRequest' && message.entries.length > 0) this.#triggers.fire('appending', process);
      },
      onCheckpoint: (process, _group, _mark, installed) => {
        if (installed) {
          this.#statistics.snapshotsInstalled++;
          this.#triggers.fire('installed', process);
        } else this.#statistics.checkpoints++;
      },
    };
  }

  #onTurn(process: SimProcess): void {
    const core = this.#coreOf(process);
    if (core === null) return;
    const { commitIndex, role } = core;
    let last = this.#last.get(process.id);
    if (last === undefined) {
      last = { leads: false, commit: commitIndex };
      this.#last.set(process.id, last);
    }
    const leads = role === 'leader';
    if (leads && !last.leads) this.#onElected(process);
    if (leads && commitIndex > last.commit) this.#triggers.fire('committed', process);
    last.leads = leads;
    last.commit = commitIndex;
  }

  #onElected(process: SimProcess): void {
    this.#statistics.elections++;
    if (this.#leader !== process.id) this.#statistics.leaderChanges++;
    this.#leader = process.id;
    this.#triggers.fire('elected', process);
  }
}
