import type { LogIndex, ReplicaId, Term } from '../../../../src/base/brand.js';
import { createPrng } from '../../../../src/base/prng.js';
import type {
  MembershipOutcome,
  ProposalOutcome,
  RaftEffects,
  RaftOptions,
  ReadOutcome,
} from '../../../../src/engines/raft/events.js';
import { createRaft, type Raft } from '../../../../src/engines/raft/index.js';
import type { Entry, RaftMessage, RaftMessageType } from '../../../../src/engines/raft/messages.js';
import {
  votersOnly,
  type MemberInfo,
  type Membership,
  type MembershipChange,
  type PlacedMembership,
} from '../../../../src/engines/raft/membership.js';
import { membershipCodec } from '../../../../src/wire/membership-codec.js';

type Payload<T extends RaftMessageType> = Omit<Extract<RaftMessage, { type: T }>, 'type' | 'from' | 'to' | 'term'>;
/** Brands are compile-time only: tests may write plain numbers. */
type Plain<T> = { [K in keyof T]: T[K] extends LogIndex | Term ? number : T[K] };

/** Entries 1, 2, 3, … with the given terms after `base`. */
export function entriesOf(terms: readonly number[], base = 0): Entry[] {
  return terms.map((term, at) => ({
    index: (base + at + 1) as LogIndex,
    term: term as Term,
    kind: 'commands',
    payload: new Uint8Array([term, base + at + 1]),
  }));
}

export function infoOf(id: string): MemberInfo {
  return { id: id as ReplicaId, folder: null, peer: null, http: null, redis: null, region: null };
}

export const add = (id: string): MembershipChange => ({ op: 'add', member: infoOf(id) });
export const promote = (id: string, folder: string | null = null): MembershipChange => ({
  op: 'promote',
  replica: id as ReplicaId,
  folder,
});
export const remove = (id: string): MembershipChange => ({ op: 'remove', replica: id as ReplicaId });

/** A membership in a few letters: the members are those of the three sets. */
export function membershipOf(
  voters: string,
  { outgoing = '', learners = '', removed = '' }: { outgoing?: string; learners?: string; removed?: string } = {},
): Membership {
  const ids = (letters: string): ReplicaId[] => letters.split('') as ReplicaId[];
  const members = [...new Set(ids(voters + outgoing + learners))].map(infoOf);
  return { voters: ids(voters), outgoing: ids(outgoing), learners: ids(learners), removed: ids(removed), members };
}

export function membershipEntry(index: number, term: number, membership: Membership): Entry {
  const payload = membershipCodec.encode(membership);
  return { index: index as LogIndex, term: term as Term, kind: 'membership', payload };
}

export interface SoloOptions {
  readonly voters?: readonly string[];
  /** Terms of the entries on disk. */
  readonly terms?: readonly number[];
  readonly term?: number;
  readonly vote?: string | null;
  readonly commit?: number;
  readonly options?: Partial<Omit<RaftOptions, 'limits'>>;
  readonly limits?: Partial<RaftOptions['limits']>;
}

/** One member `a` among hand-written messages. Its disk completes writes only when `persist` is called. */
export class Solo {
  readonly raft: Raft;
  now: RaftMessage[] = [];
  /** Waiting for the disk: message and the batch that it waits for. */
  held: { readonly batch: number; readonly message: RaftMessage }[] = [];
  committed: Entry[] = [];
  proposals: ProposalOutcome[] = [];
  reads: ReadOutcome[] = [];
  membershipOutcomes: MembershipOutcome[] = [];
  /** What was told to be in force, in order. */
  memberships: PlacedMembership[] = [];
  last: RaftEffects | null = null;
  #batch = 0;

  constructor({
    voters = ['a', 'b', 'c'],
    terms = [],
    term,
    vote = null,
    commit = 0,
    options,
    limits,
  }: SoloOptions = {}) {
    const hardTerm = term ?? terms.at(-1) ?? 0;
    this.raft = createRaft({
      self: 'a' as ReplicaId,
      membership: votersOnly(voters as readonly ReplicaId[]),
      codec: membershipCodec,
      electionTicks: [10, 20],
      heartbeatTicks: 2,
      diskStallTicks: 15,
      leaseReads: false,
      prng: createPrng(7),
      recovered: {
        hardState:
          hardTerm === 0
            ? null
            : { term: hardTerm as Term, vote: vote as ReplicaId | null, commit: commit as LogIndex },
        baseIndex: 0 as LogIndex,
        baseTerm: 0 as Term,
        entries: entriesOf(terms),
        appliedIndex: 0 as LogIndex,
      },
      ...options,
      limits: {
        appendEntries: 8,
        appendBytes: 1024,
        inflightMessages: 4,
        inflightBytes: 4096,
        uncommittedBytes: 100,
        pendingReads: 4,
        forwardedProposals: 3,
        ...limits,
      },
    });
    this.drain();
  }

  drain(): RaftEffects | null {
    if (!this.raft.hasEffects) return null;
    const effects = this.raft.drain();
    this.raft.checkInvariants();
    if (effects.persist !== null) this.#batch = effects.persist.batch;
    this.now.push(...effects.messages);
    this.held.push(...effects.afterPersist.map((message) => ({ batch: this.#batch, message })));
    this.committed.push(...effects.committed);
    const lastCommitted = effects.committed.at(-1);
    if (lastCommitted !== undefined) this.raft.step({ type: 'applied', index: lastCommitted.index });
    this.proposals.push(...effects.proposals);
    this.reads.push(...effects.reads);
    this.membershipOutcomes.push(...effects.membershipOutcomes);
    if (effects.membership !== null) this.memberships.push(effects.membership);
    this.last = effects;
    return effects;
  }

  receive<T extends RaftMessageType>(from: string, term: number, type: T, payload: Plain<Payload<T>>): this {
    const message = { type, from, to: 'a', term, ...payload } as unknown as RaftMessage;
    this.raft.step({ type: 'message', message });
    this.drain();
    return this;
  }

  /** Asks for a change; returns the reason when it is refused at once, and null otherwise. */
  change(change: MembershipChange, id = 1): MembershipOutcome['refused'] {
    this.raft.step({ type: 'changeMembership', id, change });
    this.drain();
    return this.membershipOutcomes.at(-1)?.refused ?? null;
  }

  append(
    from: string,
    term: number,
    prev: readonly [index: number, term: number],
    terms: readonly number[],
    commit = 0,
  ): this {
    return this.appendEntries(from, term, prev, entriesOf(terms, prev[0]), commit);
  }

  appendEntries(
    from: string,
    term: number,
    prev: readonly [index: number, term: number],
    entries: readonly Entry[],
    commit = 0,
  ): this {
    return this.receive(from, term, 'appendRequest', { prevIndex: prev[0], prevTerm: prev[1], commit, entries });
  }

  /** `from` acknowledges everything up to `index`. */
  ack(from: string, index: number, term: number = this.raft.term): this {
    return this.receive(from, term, 'appendResponse', { rejected: false, index, hintIndex: 0, hintTerm: 0 });
  }

  tick(count = 1): this {
    for (let at = 0; at < count; at++) {
      this.raft.step({ type: 'tick' });
      this.drain();
    }
    return this;
  }

  /** Completes every write (or those up to `batch`) and releases what waited for it. */
  persist(batch = this.#batch): RaftMessage[] {
    const released = this.held.filter((held) => held.batch <= batch).map((held) => held.message);
    this.held = this.held.filter((held) => held.batch > batch);
    this.now.push(...released);
    if (batch > 0) this.raft.step({ type: 'persisted', batch });
    this.drain();
    return released;
  }

  /** The number of the newest write. */
  get batch(): number {
    return this.#batch;
  }

  /** Takes what was sent since the last call, of one type if given. */
  sent<T extends RaftMessageType>(type: T): Extract<RaftMessage, { type: T }>[] {
    const found = this.now.filter((message) => message.type === type);
    this.now = this.now.filter((message) => message.type !== type);
    return found as Extract<RaftMessage, { type: T }>[];
  }

  /** Makes it leader of the next term with the votes of `voters`, its no-op durable here. */
  lead(...voters: string[]): this {
    this.raft.step({ type: 'tick' });
    for (let at = 0; at < 40 && this.raft.role === 'follower'; at++) this.tick();
    for (const voter of voters) {
      this.receive(voter, this.raft.term + 1, 'voteResponse', { preVote: true, granted: true });
    }
    this.persist();
    for (const voter of voters) this.receive(voter, this.raft.term, 'voteResponse', { preVote: false, granted: true });
    this.persist();
    return this;
  }
}
