import type { ReplicaId } from '../../base/brand.js';
import type { Trigger } from '../plan/nemesis/stage.js';
import type { Observer, SimProcess, VirtualTime } from '../world/types.js';
import type { Statistics } from './statistics.js';

interface Waiting {
  readonly trigger: Trigger;
  readonly untilMs: number;
  readonly task: (process: SimProcess) => void;
}

interface LastSeen {
  leads: boolean;
  commit: number;
}

/** Watches for the instants that nemeses wait for, and counts what happens. */
export class Triggers {
  readonly #time: VirtualTime;
  readonly #statistics: Statistics;
  readonly #last = new Map<ReplicaId, LastSeen>();
  #waiting: Waiting[] = [];
  #leader: ReplicaId | null = null;
  #stopped = false;

  constructor(time: VirtualTime, statistics: Statistics) {
    this.#time = time;
    this.#statistics = statistics;
  }

  once(trigger: Trigger, withinMs: number, task: (process: SimProcess) => void): void {
    this.#waiting.push({ trigger, untilMs: this.#time.nowMs + withinMs, task });
  }

  /** Nobody waits any more. */
  stop(): void {
    this.#stopped = true;
    this.#waiting = [];
  }

  get observer(): Observer {
    return {
      onTurn: (process) => this.#onTurn(process),
      onCrashed: ({ id }) => this.#last.delete(id),
      onMessage: (process, _group, message) => {
        this.#statistics.messages++;
        if (message.type === 'appendRequest' && message.entries.length > 0) this.#fire('appending', process);
      },
      onCheckpoint: (process, _group, _mark, installed) => {
        if (installed) {
          this.#statistics.snapshotsInstalled++;
          this.#fire('installed', process);
        } else this.#statistics.checkpoints++;
      },
    };
  }

  /** The same instants where nobody leads: somebody has begun, has a write of its own on disk, is passing one on. */
  get leaderlessObserver(): Observer {
    return {
      onStarted: (process) => this.#fire('elected', process),
      onDelivered: (process, _group, { origin }) => {
        if (origin === process.leaderless?.core.origin) this.#fire('committed', process);
      },
      onMessage: (process, _group, message) => {
        this.#statistics.messages++;
        if (message.type === 'gossipDelta' && message.batches.length > 0) this.#fire('appending', process);
        if (message.type === 'fullSyncEnd') this.#fire('installed', process);
      },
      onCheckpoint: () => {
        this.#statistics.checkpoints++;
      },
    };
  }

  #onTurn(process: SimProcess): void {
    const { id, member, semisync } = process;
    const core = member?.raft ?? semisync?.core ?? null;
    if (core === null) return;
    const { commitIndex, role } = core;
    let last = this.#last.get(id);
    if (last === undefined) {
      last = { leads: false, commit: commitIndex };
      this.#last.set(id, last);
    }
    const leads = role === 'leader';
    if (leads && !last.leads) this.#onElected(process);
    if (leads && commitIndex > last.commit) this.#fire('committed', process);
    last.leads = leads;
    last.commit = commitIndex;
  }

  #onElected(process: SimProcess): void {
    this.#statistics.elections++;
    if (this.#leader !== process.id) this.#statistics.leaderChanges++;
    this.#leader = process.id;
    this.#fire('elected', process);
  }

  /** In an event of its own: the process that it is about is in the middle of one. */
  #fire(trigger: Trigger, process: SimProcess): void {
    if (this.#waiting.length === 0 || this.#stopped) return;
    const due = this.#waiting.filter((each) => each.trigger === trigger && each.untilMs >= this.#time.nowMs);
    if (due.length === 0) return;
    this.#waiting = this.#waiting.filter((each) => !due.includes(each) && each.untilMs >= this.#time.nowMs);
    for (const { task } of due) {
      this.#time.after(0, () => {
        if (!this.#stopped) task(process);
      });
    }
  }
}
