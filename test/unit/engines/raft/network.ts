import type { LogIndex, ReplicaId, Term } from '../../../../src/base/brand.js';
import { createPrng, type Prng } from '../../../../src/base/prng.js';
import type {
  MembershipOutcome,
  ProposalOutcome,
  RaftEffects,
  RaftEvent,
  RaftOptions,
  ReadOutcome,
} from '../../../../src/engines/raft/events.js';
import { createRaft, type Raft } from '../../../../src/engines/raft/index.js';
import type { Entry, RaftMessage, SnapshotChunk } from '../../../../src/engines/raft/messages.js';
import { Checker } from './checker.js';
import { FakeDisk } from './disk.js';
import {
  UNKNOWN_MEMBERSHIP,
  votersOnly,
  type MembershipChange,
  type PlacedMembership,
} from '../../../../src/engines/raft/membership.js';
import { membershipCodec } from '../../../../src/wire/membership-codec.js';

type Write = { readonly run: () => void; readonly done: () => void };

/** One member: the engine, its disk, and a driver that does what the real one does, but only when told. */
export class TestMember {
  readonly id: ReplicaId;
  readonly disk: FakeDisk;
  raft: Raft;
  alive = true;
  /** Writes handed to the disk and not yet durable, oldest first. */
  writes: Write[] = [];
  applied: LogIndex;
  readonly proposals: ProposalOutcome[] = [];
  readonly reads: ReadOutcome[] = [];
  readonly membershipOutcomes: MembershipOutcome[] = [];
  readonly readsAsked = new Map<number, number>();
  streams = new Map<ReplicaId, { index: LogIndex; ticks: number }>();
  incoming: { streamId: number; next: number } | null = null;
  finishing: SnapshotChunk | null = null;

  constructor(id: ReplicaId, disk: FakeDisk, raft: Raft) {
    this.id = id;
    this.disk = disk;
    this.raft = raft;
    this.applied = disk.checkpoint.index;
  }
}

export type NetworkOptions = Partial<Omit<RaftOptions, 'self' | 'membership' | 'recovered' | 'prng' | 'limits'>> & {
  readonly limits?: Partial<RaftOptions['limits']>;
};

const LIMITS: RaftOptions['limits'] = {
  appendEntries: 8,
  appendBytes: 1024,
  inflightMessages: 4,
  inflightBytes: 4096,
  uncommittedBytes: 64 * 1024,
  pendingReads: 64,
  forwardedProposals: 32,
};

/**
 * A group in one thread: messages wait in `wire` until they are delivered, lost or doubled, disk writes wait until they
 * are completed or lost in a crash. Every effect passes the checker. Nothing happens by itself.
 */
export class Network {
  readonly members = new Map<ReplicaId, TestMember>();
  readonly checker: Checker;
  wire: RaftMessage[] = [];
  /** Messages for which this is true are lost when they leave. */
  lost: (message: RaftMessage) => boolean = () => false;
  readonly log: RaftMessage[] = [];
  recording = false;
  readonly #prng: Prng;
  readonly #options: NetworkOptions;
  readonly #voters: readonly ReplicaId[];
  #nextId = 1;
  #nextStream = 1;
  /** What is in force at the snapshot of each stream: a real one carries it. */
  readonly #streamed = new Map<number, PlacedMembership>();

  constructor(
    ids: readonly string[],
    seed: number,
    options: NetworkOptions = {},
    prepare?: (id: string, disk: FakeDisk) => void,
  ) {
    this.#prng = createPrng(seed);
    this.#options = options;
    this.#voters = [...ids] as ReplicaId[];
    const disks = new Map(this.#voters.map((id) => [id, new FakeDisk()] as const));
    this.checker = new Checker(disks, votersOnly(this.#voters));
    for (const [id, disk] of disks) {
      prepare?.(id, disk);
      this.members.set(id, new TestMember(id, disk, this.#create(id, disk)));
    }
  }

  /** A replica starts that the group was not formed with, and that nobody has told the group of yet. */
  join(id: string): void {
    const disk = new FakeDisk();
    this.checker.disks.set(id as ReplicaId, disk);
    this.members.set(id as ReplicaId, new TestMember(id as ReplicaId, disk, this.#create(id as ReplicaId, disk)));
  }

  #create(id: ReplicaId, disk: FakeDisk): Raft {
    const { limits, ...rest } = this.#options;
    return createRaft({
      self: id,
      membership: this.#voters.includes(id) ? votersOnly(this.#voters) : UNKNOWN_MEMBERSHIP,
      codec: membershipCodec,
      electionTicks: [10, 20],
      heartbeatTicks: 2,
      diskStallTicks: 1000,
      leaseReads: false,
      prng: this.#prng.fork(id),
      ...rest,
      limits: { ...LIMITS, ...limits },
      recovered: disk.recovered(),
    });
  }

  member(id: string): TestMember {
    const member = this.members.get(id as ReplicaId);
    if (member === undefined) throw new Error(`no member ${id}`);
    return member;
  }

  raft(id: string): Raft {
    return this.member(id).raft;
  }

  get leader(): TestMember | undefined {
    let best: TestMember | undefined;
    for (const member of this.members.values()) {
      if (member.alive && member.raft.role === 'leader' && member.raft.term >= (best?.raft.term ?? 0)) best = member;
    }
    return best;
  }

  // --- events ---------------------------------------------------------------------------------------------------

  step(id: string, event: RaftEvent): void {
    const member = this.member(id);
    if (!member.alive) return;
    member.raft.step(event);
    this.drain(member);
  }

  tick(id: string, count = 1): void {
    for (let at = 0; at < count; at++) {
      this.step(id, { type: 'tick' });
      const member = this.member(id);
      for (const [peer, stream] of member.streams) {
        if (++stream.ticks > 40) this.#endStream(member, peer, false);
      }
    }
  }

  /** Returns the id under which the outcome appears in `member.proposals`. */
  propose(id: string, bytes = 8): number {
    const proposal = this.#nextId++;
    const payload = new Uint8Array(bytes);
    this.step(id, { type: 'propose', id: proposal, payload });
    return proposal;
  }

  /** Returns the id under which the outcome appears in `member.membershipOutcomes`. */
  change(id: string, change: MembershipChange): number {
    const outcome = this.#nextId++;
    this.step(id, { type: 'changeMembership', id: outcome, change });
    return outcome;
  }

  read(id: string, lease = false): number {
    const read = this.#nextId++;
    this.member(id).readsAsked.set(read, this.checker.committed.length);
    this.step(id, { type: 'readIndex', id: read, lease });
    return read;
  }

  // --- the wire -------------------------------------------------------------------------------------------------

  #send(message: RaftMessage): void {
    this.checker.onSent(message);
    if (this.recording) this.log.push(message);
    if (!this.lost(message)) this.wire.push(message);
  }

  deliver(message: RaftMessage): void {
    const member = this.members.get(message.to);
    if (member === undefined || !member.alive) return;
    member.raft.step({ type: 'message', message });
    if (message.type === 'snapshotChunkResponse') {
      if (member.streams.has(message.from)) this.#endStream(member, message.from, message.ok);
    }
    this.drain(member);
  }

  /** Delivers everything of `type` (or everything) that is on the wire now, in order. */
  deliverAll(type?: RaftMessage['type'], to?: string): void {
    const matches = (message: RaftMessage): boolean =>
      (type === undefined || message.type === type) && (to === undefined || message.to === to);
    const now = this.wire.filter(matches);
    this.wire = this.wire.filter((message) => !matches(message));
    for (const message of now) this.deliver(message);
  }

  /** Delivers and persists in order until nothing is left to do. */
  settle(rounds = 1000): void {
    for (let round = 0; round < rounds; round++) {
      let busy = this.wire.length > 0;
      this.deliverAll();
      for (const member of this.members.values()) {
        if (this.persist(member.id)) busy = true;
        if (this.finishInstall(member.id)) busy = true;
      }
      if (!busy) return;
    }
    throw new Error('the group does not settle');
  }

  /** Ticks `id` until it leads. The others first forget their leader (E4), but do not campaign. */
  elect(id: string): void {
    for (const { id: other, raft } of this.members.values()) {
      if (other !== id && raft.role === 'follower' && raft.leader !== null) this.tick(other, 10);
    }
    for (let at = 0; at < 200 && this.raft(id).role !== 'leader'; at++) {
      this.tick(id);
      this.settle();
    }
    if (this.raft(id).role !== 'leader') throw new Error(`${id} does not win`);
    this.settle();
  }

  /** All members tick, everything arrives. */
  run(ticks: number): void {
    for (let at = 0; at < ticks; at++) {
      for (const member of this.members.values()) if (member.alive) this.tick(member.id);
      this.settle();
    }
  }

  isolate(...ids: string[]): void {
    this.lost = (message) => ids.includes(message.from) !== ids.includes(message.to);
    this.wire = this.wire.filter((message) => !this.lost(message));
  }

  heal(): void {
    this.lost = () => false;
  }

  // --- the disk -------------------------------------------------------------------------------------------------

  /** Completes up to `count` writes. True when there was one. */
  persist(id: string, count = Number.POSITIVE_INFINITY): boolean {
    const member = this.member(id);
    let some = false;
    for (let at = 0; at < count; at++) {
      const write = member.writes.shift();
      if (write === undefined) return some;
      write.run();
      write.done();
      some = true;
    }
    return some;
  }

  /** Loses what is not durable; the first `survivors` writes made it to the disk, but nobody was told. */
  crash(id: string, survivors = 0): void {
    const member = this.member(id);
    if (!member.alive) return;
    for (const write of member.writes.slice(0, survivors)) write.run();
    member.writes = [];
    member.alive = false;
  }

  restart(id: string): void {
    const member = this.member(id);
    if (member.alive) return;
    const { checkpoint } = member.disk;
    // As the storage does: a checkpoint that the log does not know yet is recorded before anything is appended (S5).
    if (member.disk.termOf(checkpoint.index) !== checkpoint.term) member.disk.cut(checkpoint.index, checkpoint.term);
    member.raft = this.#create(member.id, member.disk);
    member.applied = member.disk.checkpoint.index;
    member.alive = true;
    member.streams = new Map();
    member.incoming = null;
    member.finishing = null;
    member.readsAsked.clear();
    this.drain(member);
  }

  /** Writes a checkpoint of all that is applied, but for `behind` entries, and cuts the log, but for `keep` entries. */
  checkpoint(id: string, keep = 0, behind = 0): void {
    const { raft, disk, applied, alive, streams, finishing } = this.member(id);
    if (!alive || finishing !== null || streams.size > 0) return; // S2, S8
    const index = (applied - behind) as LogIndex;
    if (index <= disk.checkpoint.index || raft.persistedIndex < applied || disk.lastIndex < applied) return;
    disk.checkpoint = { index, term: raft.termOf(index) as Term, membership: raft.membershipAt(index) };
    const cutIndex = Math.max(raft.firstIndex - 1, index - keep) as LogIndex;
    disk.cut(cutIndex, raft.termOf(cutIndex) as Term);
    this.step(id, { type: 'checkpointed', index, cutIndex });
  }

  // --- the driver -----------------------------------------------------------------------------------------------

  drain(member: TestMember): void {
    const { raft } = member;
    for (let round = 0; raft.hasEffects; round++) {
      if (round > 100) throw new Error('the engine never runs out of effects');
      raft.checkInvariants();
      const effects = raft.drain();
      this.checker.onRole(member.id, raft);
      raft.checkInvariants();
      this.#take(member, effects);
    }
    raft.checkInvariants();
    this.checker.onRole(member.id, raft);
    this.checker.onDrained(member.id, raft);
  }

  #take(member: TestMember, effects: RaftEffects): void {
    const { raft, disk } = member;
    this.checker.onCommitted(member.id, effects.committed);
    for (const message of effects.messages) this.#send(message);
    const { persist, afterPersist } = effects;
    if (persist !== null) {
      this.checker.onPersist(raft, persist.entries);
      const { batch, hardState, memberships, entries } = persist;
      member.writes.push({
        run: () => {
          if (hardState !== null) disk.hardState = hardState;
          if (memberships !== null) disk.memberships = memberships;
          disk.writeEntries(entries);
        },
        done: () => {
          for (const message of afterPersist) this.#send(message);
          this.step(member.id, { type: 'persisted', batch });
        },
      });
    } else if (afterPersist.length > 0) this.#sendAfterWrites(member, afterPersist);
    this.#apply(member, effects.committed);
    member.membershipOutcomes.push(...effects.membershipOutcomes);
    member.proposals.push(...effects.proposals);
    for (const outcome of effects.reads) this.#takeRead(member, outcome);
    for (const { to, term } of effects.sendSnapshots) this.#startStream(member, to, term);
    for (const chunk of effects.snapshotChunks) this.#takeChunk(member, chunk);
  }

  #sendAfterWrites(member: TestMember, messages: readonly RaftMessage[]): void {
    const send = (): void => {
      for (const message of messages) this.#send(message);
    };
    if (member.writes.length === 0) send();
    else member.writes.push({ run: () => undefined, done: send });
  }

  #apply(member: TestMember, entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.index <= member.applied) continue;
      if (entry.index !== member.applied + 1)
        throw new Error(`${member.id} applies ${entry.index} after ${member.applied}`);
      member.applied = entry.index;
    }
    if (entries.length > 0) member.raft.step({ type: 'applied', index: member.applied });
  }

  #takeRead(member: TestMember, outcome: ReadOutcome): void {
    member.reads.push(outcome);
    const committedAtCall = member.readsAsked.get(outcome.id);
    if (committedAtCall === undefined) throw new Error(`read ${outcome.id} is answered twice`);
    member.readsAsked.delete(outcome.id);
    if (outcome.index !== null) this.checker.onReadAnswered(outcome.index, committedAtCall);
  }

  // --- snapshots ------------------------------------------------------------------------------------------------

  #startStream(member: TestMember, to: ReplicaId, term: Term): void {
    const { index, term: indexTerm, membership } = member.disk.checkpoint;
    const streamId = this.#nextStream++;
    if (membership !== undefined) this.#streamed.set(streamId, membership);
    member.streams.set(to, { index, ticks: 0 });
    const head = { type: 'snapshotChunk', from: member.id, to, term, streamId, index, indexTerm } as const;
    this.#send({ ...head, sequence: 0, last: false, data: new Uint8Array(1) });
    this.#send({ ...head, sequence: 1, last: true, data: new Uint8Array(1) });
  }

  #endStream(member: TestMember, peer: ReplicaId, ok: boolean): void {
    const stream = member.streams.get(peer);
    member.streams.delete(peer);
    if (stream !== undefined) this.step(member.id, { type: 'snapshotSent', peer, index: stream.index, ok });
  }

  #takeChunk(member: TestMember, chunk: SnapshotChunk): void {
    if (chunk.sequence === 0) member.incoming = { streamId: chunk.streamId, next: 0 };
    const { incoming } = member;
    if (incoming === null || incoming.streamId !== chunk.streamId || incoming.next !== chunk.sequence) {
      member.incoming = null;
      if (chunk.last) member.raft.step({ type: 'snapshotAborted' });
      return;
    }
    incoming.next++;
    if (chunk.last) member.finishing = chunk;
  }

  /** The snapshot becomes durable; then the log records it. True when there was one. */
  finishInstall(id: string): boolean {
    const member = this.member(id);
    const chunk = member.finishing;
    if (chunk === null || !member.alive) return false;
    member.finishing = null;
    member.incoming = null;
    if (chunk.index <= member.applied) {
      this.step(id, { type: 'snapshotAborted' });
      return true;
    }
    const { from, to, index, indexTerm, streamId, sequence } = chunk;
    const membership = this.#streamed.get(streamId) ?? {
      index: 0 as LogIndex,
      membership: votersOnly(this.#voters),
    };
    member.disk.checkpoint = { index, term: indexTerm, membership };
    member.applied = index;
    member.writes.push({
      run: () => member.disk.cut(index, indexTerm),
      done: () => {
        this.step(id, { type: 'snapshotInstalled', from, index, indexTerm, membership });
        const term = chunk.term;
        if (member.alive) {
          this.#send({ type: 'snapshotChunkResponse', from: to, to: from, term, streamId, sequence, ok: true });
        }
      },
    });
    return true;
  }
}
