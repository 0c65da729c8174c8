import type { GroupId, LogIndex, ReplicaId, Term } from '../../../../../src/base/brand.js';
import type { RaftStatus } from '../../../../../src/engines/engine.js';
import type { Membership, PlacedMembership } from '../../../../../src/engines/raft/membership.js';
import type { Entry, RaftMessage, RaftMessageType } from '../../../../../src/engines/raft/messages.js';
import { BatchBuilder, type Command } from '../../../../../src/kv/index.js';
import { createRaftChecks } from '../../../../../src/sim/checks/raft/index.js';
import {
  Violation,
  type Observer,
  type ProcessState,
  type SimProcess,
  type World,
} from '../../../../../src/sim/world/types.js';
import type { RecoveredGroup } from '../../../../../src/storage/storage.js';
import type { StoredRecord } from '../../../../../src/storage/wal/unit-encoder.js';
import { formedBy, pairOf } from '../../../../fixtures/membership.js';

export const GROUP = 'default/0' as GroupId;

/** An engine that is whatever a test says. Entry i has the term `terms[i - 1]`. */
export class FakeMember {
  role: RaftStatus['role'] = 'follower';
  term = 0;
  commit = 0;
  applied = 0;
  revision = 0;
  terms: number[] = [];
  first = 1;
  leaseValid = false;
  state = 'state';
  digests = 0;
  membership: PlacedMembership = formedBy('n1', 'n2', 'n3');
  invariant: () => void = () => undefined;

  get appliedIndex(): number {
    return this.applied;
  }

  digest(): string {
    this.digests++;
    return this.state;
  }

  get raft(): object {
    const { role, term, commit, applied, terms, first, membership } = this;
    return {
      role,
      term,
      commitIndex: commit,
      appliedIndex: applied,
      lastIndex: terms.length,
      firstIndex: first,
      membership,
      committedMembership: membership,
      termOf: (index: number) => (index === 0 ? 0 : (terms[index - 1] ?? null)),
      checkInvariants: () => this.invariant(),
    };
  }
}

export interface FakeProcess {
  readonly id: ReplicaId;
  state: ProcessState;
  failure: { code: string; detail: string } | null;
  member: FakeMember | null;
}

type Payload<T extends RaftMessageType> = Omit<Extract<RaftMessage, { type: T }>, 'type' | 'from' | 'term'>;
/** Brands are compile-time only: tests may write plain numbers and names. */
type Plain<T> = {
  [K in keyof T]: T[K] extends LogIndex | Term ? number : T[K] extends ReplicaId ? string : T[K];
};

/** Three processes, all checkers, and the observations that a test makes up. */
export class Stage {
  readonly checks = createRaftChecks();
  readonly #processes = new Map<string, FakeProcess>();

  constructor(...ids: string[]) {
    for (const id of ids.length === 0 ? ['n1', 'n2', 'n3'] : ids) {
      this.#processes.set(id, { id: id as ReplicaId, state: 'running', failure: null, member: new FakeMember() });
    }
  }

  process(id: string): FakeProcess {
    const process = this.#processes.get(id);
    if (process === undefined) throw new Error(`no process ${id}`);
    return process;
  }

  member(id: string): FakeMember {
    const { member } = this.process(id);
    if (member === null) throw new Error(`${id} does not run`);
    return member;
  }

  #each(id: string, tell: (observer: Observer, process: SimProcess) => void): this {
    const process = this.process(id) as unknown as SimProcess;
    for (const observer of this.checks.observers) tell(observer, process);
    return this;
  }

  /** Changes what the engine of `id` shows, and ends a turn. */
  turn(id: string, change: Partial<FakeMember> = {}): this {
    Object.assign(this.member(id), change);
    return this.#each(id, (observer, process) => observer.onTurn?.(process));
  }

  durable(id: string, ...records: readonly StoredRecord[]): this {
    return this.#each(id, (observer, process) => observer.onDurable?.(process, records));
  }

  message<T extends RaftMessageType>(from: string, term: number, type: T, payload: Plain<Payload<T>>): this {
    const message = { type, from, term, ...payload } as unknown as RaftMessage;
    return this.#each(from, (observer, process) => observer.onMessage?.(process, GROUP, message));
  }

  /** `revision`: where the state stands afterwards. */
  applied(id: string, applied: Entry, revision: number): this {
    this.member(id).revision = revision;
    this.#each(id, (observer, process) => observer.onApplied?.(process, GROUP, applied));
    this.member(id).applied = applied.index;
    return this;
  }

  checkpoint(id: string, index: number, term: number, installed = false, digest?: number): this {
    const mark = {
      index: index as LogIndex,
      term: term as Term,
      membership: formedBy('n1', 'n2', 'n3'),
      meta: new Uint8Array(0),
    };
    return this.#each(id, (observer, process) => observer.onCheckpoint?.(process, GROUP, mark, installed, digest));
  }

  acknowledged(id: string, revision: number): this {
    return this.#each(id, (observer, process) => observer.onAcknowledged?.(process, revision));
  }

  read(id: string, revision: number, floor: number): this {
    return this.#each(id, (observer, process) => observer.onRead?.(process, revision, floor));
  }

  crash(id: string): this {
    this.process(id).member = null;
    this.process(id).state = 'down';
    return this.#each(id, (observer, process) => observer.onCrashed?.(process));
  }

  wipe(id: string): this {
    return this.#each(id, (observer, process) => observer.onWiped?.(process));
  }

  start(id: string, recovered: Partial<RecoveredGroup> | null): this {
    const process = this.process(id);
    process.member = new FakeMember();
    process.state = 'running';
    const group: RecoveredGroup = {
      hardState: null,
      memberships: null,
      baseIndex: 0 as LogIndex,
      baseTerm: 0 as Term,
      entries: [],
      ...recovered,
    };
    const groups = new Map(recovered === null ? [] : [[GROUP, group]]);
    return this.#each(id, (observer, fake) => observer.onStarted?.(fake, groups));
  }

  /** Makes entries durable on the disks of several, and their term. */
  everywhere(ids: readonly string[], term: number, entries: readonly Entry[]): this {
    for (const id of ids) this.durable(id, hardState(term, null), ...entries.map(stored));
    return this;
  }

  /** `id` stood, was voted for, and leads `term` with a log of these terms. */
  elect(id: string, term: number, voters: readonly string[], terms: readonly number[] = []): this {
    this.durable(id, hardState(term, id));
    for (const voter of voters) {
      this.durable(voter, hardState(term, id));
      this.message(voter, term, 'voteResponse', { to: id, preVote: false, granted: true });
    }
    return this.turn(id, { role: 'leader', term, terms: [...terms, term] });
  }

  end(): void {
    this.checks.atEnd({ processes: this.#processes } as unknown as World);
  }

  /** The name of the invariant that `act` breaks, or null. */
  static broken(act: () => unknown): string | null {
    try {
      act();
      return null;
    } catch (error) {
      if (error instanceof Violation) return error.invariant;
      throw error;
    }
  }
}

const encoder = new TextEncoder();

export function batch(...commands: readonly Command[]): Uint8Array {
  const builder = new BatchBuilder();
  for (const command of commands) builder.addCommand(command);
  return builder.take();
}

export function append(value: string, session?: Command['session']): Command {
  const operations = [{ op: 'append', key: 'k', value: encoder.encode(value), maxBytes: 100 }] as const;
  return session === undefined ? { operations } : { operations, session };
}

export function entry(index: number, term: number, ...commands: readonly Command[]): Entry {
  const noop = commands.length === 0;
  const payload = noop ? new Uint8Array(0) : batch(...commands);
  return { index: index as LogIndex, term: term as Term, kind: noop ? 'noop' : 'commands', payload };
}

export function stored(what: Entry): StoredRecord {
  return { kind: 'entry', group: GROUP, entry: what };
}

export function hardState(term: number, vote: string | null): StoredRecord {
  const state = { term: term as Term, vote: vote as ReplicaId | null, commit: 0 as LogIndex };
  return { kind: 'hardState', group: GROUP, hardState: state, memberships: pairOf('n1', 'n2', 'n3') };
}

export function placed(
  index: number,
  membership: Partial<Record<keyof Membership, readonly string[]>>,
): PlacedMembership {
  const ids = (from: readonly string[] = []): readonly ReplicaId[] => from as readonly ReplicaId[];
  return {
    index: index as LogIndex,
    membership: {
      voters: ids(membership.voters),
      outgoing: ids(membership.outgoing),
      learners: ids(membership.learners),
      removed: ids(membership.removed),
      members: [],
    },
  };
}
