import type { Test } from 'tap';
import { groupId, replicaId, type LogIndex, type ReplicaId, type Term } from '../../../../../src/base/brand.js';
import type { Entry } from '../../../../../src/engines/entry.js';
import type { Discarded } from '../../../../../src/engines/semisync/events.js';
import type { EngineMessage } from '../../../../../src/engines/messages.js';
import { createSemisyncChecks, type SemisyncChecks } from '../../../../../src/sim/checks/semisync/index.js';
import type { SimProcess } from '../../../../../src/sim/world/types.js';
import type { StoredRecord } from '../../../../../src/storage/wal/unit-encoder.js';

export const GROUP = groupId('default', 0);

/** What one member shows; tests change it and say that a turn is over. */
export interface Actor {
  role: 'leader' | 'follower';
  term: number;
  commit: number;
  applied: number;
  revision: number;
  readonly log: number[];
}

export function entry(index: number, term: number, kind: Entry['kind'] = 'commands', payload: number[] = []): Entry {
  return { index: index as LogIndex, term: term as Term, kind, payload: Uint8Array.from(payload) };
}

/** Actors in the place of processes, and the checks that watch them. */
export class Stage {
  readonly checks: SemisyncChecks;
  readonly damaged = new Set<ReplicaId>();
  nowMs = 0;
  tick = 0;
  readonly #actors = new Map<string, { readonly actor: Actor; readonly process: SimProcess }>();

  constructor(ids: readonly string[]) {
    this.checks = createSemisyncChecks({
      followers: ids.length - 1,
      formedWith: 1,
      nowMs: () => this.nowMs,
      tick: () => this.tick,
      isDamaged: (id) => this.damaged.has(id),
      clockStretch: 1,
      slackMs: 10,
    });
    for (const id of ids) this.#create(id);
  }

  #create(id: string): void {
    const actor: Actor = { role: 'follower', term: 0, commit: 0, applied: 0, revision: 0, log: [] };
    const core = {
      get role() {
        return actor.role;
      },
      get term() {
        return actor.term;
      },
      get commitIndex() {
        return actor.commit;
      },
      get lastIndex() {
        return actor.log.length;
      },
      firstIndex: 1,
      termOf: (index: number) => (index === 0 ? 0 : (actor.log[index - 1] ?? null)),
      checkInvariants: () => undefined,
    };
    const member = {
      engine: 'semisync',
      core,
      get appliedIndex() {
        return actor.applied;
      },
      get appliedTerm() {
        return actor.log[actor.applied - 1] ?? 0;
      },
      get revision() {
        return actor.revision;
      },
      digest: () => `${actor.applied}`,
    };
    const process = { id: replicaId(id), state: 'running', failure: null, semisync: member } as unknown as SimProcess;
    this.#actors.set(id, { actor, process });
    this.turn(id);
  }

  actor(id: string): Actor {
    return this.#of(id).actor;
  }

  process(id: string): SimProcess {
    return this.#of(id).process;
  }

  #of(id: string): { readonly actor: Actor; readonly process: SimProcess } {
    const found = this.#actors.get(id);
    if (found === undefined) throw new Error(`there is no ${id}`);
    return found;
  }

  turn(id: string, change: Partial<Omit<Actor, 'log'>> = {}): void {
    Object.assign(this.actor(id), change);
    for (const observer of this.checks.observers) observer.onTurn?.(this.process(id));
  }

  /** On the disk, and in the log that it shows. */
  durable(id: string, ...entries: readonly Entry[]): void {
    for (const { index, term } of entries) {
      const { log } = this.actor(id);
      log.length = index - 1;
      log.push(term);
    }
    this.records(id, ...entries.map((each): StoredRecord => ({ kind: 'entry', group: GROUP, entry: each })));
  }

  records(id: string, ...records: readonly StoredRecord[]): void {
    for (const observer of this.checks.observers) observer.onDurable?.(this.process(id), records);
  }

  promised(id: string, term: number, vote: string | null): void {
    const hardState = { term: term as Term, vote: vote === null ? null : replicaId(vote), commit: 0 as LogIndex };
    this.records(id, { kind: 'hardState', group: GROUP, hardState, memberships: null });
  }

  says(id: string, message: Readonly<Record<string, unknown>>): void {
    const full = { from: replicaId(id), ...message } as unknown as EngineMessage;
    for (const observer of this.checks.observers) observer.onMessage?.(this.process(id), GROUP, full);
  }

  /** Everybody who is named leads, or follows, with an epoch that begins at `index`. */
  epoch(leader: string, promisers: readonly string[], index: number, term: number, forced = false): void {
    for (const id of [leader, ...promisers]) this.promised(id, term, leader);
    for (const id of promisers) {
      this.says(id, { type: 'promiseResponse', to: leader, term, ask: false, granted: true });
    }
    this.turn(leader, { role: 'leader', term });
    this.durable(leader, entry(index, term, 'noop', forced ? [1] : []));
  }

  /** Before they leave its log. */
  discards(id: string, epoch: number, ...entries: readonly Entry[]): void {
    const discarded = { epoch, entries, commit: 1, certain: true, beforeLog: false } as unknown as Discarded;
    for (const observer of this.checks.observers) observer.onDiscarded?.(this.process(id), GROUP, discarded);
  }

  told(id: string, revision: number): void {
    for (const observer of this.checks.observers) observer.onAcknowledged?.(this.process(id), revision);
  }
}

export function violates(t: Test, invariant: string, act: () => void): void {
  t.throws(act, { name: 'Violation', invariant }, invariant);
}
