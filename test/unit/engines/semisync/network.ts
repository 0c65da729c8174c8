import { groupId, type LogIndex, type ReplicaId, type Term } from '../../../../src/base/brand.js';
import { createPrng, type Prng } from '../../../../src/base/prng.js';
import type {
  PromotionOutcome,
  ProposalOutcome,
  QuorumOutcome,
  ReadOutcome,
  SemisyncEffects,
  SemisyncEvent,
  SemisyncOptions,
} from '../../../../src/engines/semisync/events.js';
import { createSemisync, type Semisync } from '../../../../src/engines/semisync/index.js';
import type { SemisyncMessage, SnapshotChunk } from '../../../../src/engines/semisync/messages.js';
import { QUORUM_RULES, type QuorumRules } from '../../../../src/engines/semisync/quorum.js';
import { decodeFrame, encodeFrames } from '../../../../src/wire/codec.js';
import { FRAME_HEADER_BYTES } from '../../../../src/wire/protocol.js';
import { Checker } from './checker.js';
import { FakeDisk, keyOf, type Checkpoint } from './disk.js';

const GROUP = groupId('feed', 0);

type Write = { readonly run: () => void; readonly done: () => void };

/** Those of which the protocol refuses what cannot be true of any log. */
const CHECKED: ReadonlySet<SemisyncMessage['type']> = new Set(['promiseResponse', 'fetchResponse']);

/** Throws where a message that members say would cost them their connection. */
function checkWire(message: SemisyncMessage): void {
  const { buffers } = encodeFrames([{ group: GROUP, message }]);
  decodeFrame(Buffer.concat(buffers).subarray(FRAME_HEADER_BYTES), message);
}

/** One member: the engine, its disk, and a driver that does what the real one does, but only when told. */
export class TestMember {
  readonly id: ReplicaId;
  readonly disk: FakeDisk;
  engine: Semisync;
  alive = true;
  /** Writes handed to the disk and not yet durable, oldest first. */
  writes: Write[] = [];
  /** The state machine. */
  state: string[];
  readonly proposals: ProposalOutcome[] = [];
  readonly quorumChanges: QuorumOutcome[] = [];
  readonly reads: ReadOutcome[] = [];
  readonly promotions: PromotionOutcome[] = [];
  readonly readsAsked = new Map<number, number>();
  streams = new Map<ReplicaId, { readonly index: LogIndex; ticks: number }>();
  finishing: SnapshotChunk | null = null;
  led: Term | null = null;
  /** The log as of the last drain. */
  log = new Map<LogIndex, Term>();
  /** How much was committed when this process' n-th tick began. */
  committedAtTick: number[] = [];

  constructor(id: ReplicaId, disk: FakeDisk, engine: Semisync) {
    this.id = id;
    this.disk = disk;
    this.engine = engine;
    this.state = [...disk.checkpoint.state];
  }
}

export type NetworkOptions = Partial<Omit<SemisyncOptions, 'self' | 'members' | 'recovered' | 'prng' | 'limits'>> & {
  readonly limits?: Partial<SemisyncOptions['limits']>;
  /** Wrong ones, for the negative controls. */
  readonly rules?: QuorumRules;
  /** Promises of others' ballots do not reach the disk: another negative control. */
  readonly forgetPromises?: boolean;
};

const LIMITS: SemisyncOptions['limits'] = {
  appendEntries: 8,
  appendBytes: 1024,
  inflightMessages: 4,
  inflightBytes: 4096,
  uncommittedBytes: 64 * 1024,
  pendingReads: 64,
};

/**
 * A group in one thread: messages wait in `wire` until they are delivered, lost or doubled, disk writes wait until they
 * are completed or lost in a crash. Every effect passes the checker. Nothing happens by itself.
 */
export class Network {
  readonly members = new Map<ReplicaId, TestMember>();
  readonly checker: Checker;
  wire: SemisyncMessage[] = [];
  fullSyncs = 0;
  /** Messages for which this is true are lost when they leave. */
  lost: (message: SemisyncMessage) => boolean = () => false;
  readonly #prng: Prng;
  readonly #options: NetworkOptions;
  readonly #ids: readonly ReplicaId[];
  readonly #checkpoints = new Map<number, Checkpoint>();
  #nextId = 1;

  constructor(ids: readonly string[], seed: number, options: NetworkOptions = {}) {
    this.#prng = createPrng(seed);
    this.#options = options;
    this.#ids = [...ids] as ReplicaId[];
    const disks = new Map(this.#ids.map((id) => [id, new FakeDisk()] as const));
    this.checker = new Checker(disks, Math.min(options.writeQuorum ?? 1, ids.length - 1));
    for (const [id, disk] of disks) this.members.set(id, new TestMember(id, disk, this.#create(id, disk)));
  }

  #create(id: ReplicaId, disk: FakeDisk): Semisync {
    const { limits, rules, forgetPromises: _, ...rest } = this.#options;
    return createSemisync(
      {
        self: id,
        members: this.#ids,
        leader: this.#ids[0] as ReplicaId,
        writeQuorum: 1,
        allowAsync: false,
        promotion: 'auto',
        electionTicks: [10, 20],
        heartbeatTicks: 2,
        maxLagTicks: 10,
        promotionTicks: 30,
        diskStallTicks: 1000,
        prng: this.#prng.fork(id),
        ...rest,
        limits: { ...LIMITS, ...limits },
        recovered: disk.recovered(),
      },
      rules ?? QUORUM_RULES,
    );
  }

  member(id: string): TestMember {
    const member = this.members.get(id as ReplicaId);
    if (member === undefined) throw new Error(`no member ${id}`);
    return member;
  }

  engine(id: string): Semisync {
    return this.member(id).engine;
  }

  /** Of the highest epoch. */
  get leader(): TestMember | undefined {
    let best: TestMember | undefined;
    for (const member of this.members.values()) {
      if (member.alive && member.engine.role === 'leader' && member.engine.term >= (best?.engine.term ?? 0))
        best = member;
    }
    return best;
  }

  // --- events ---------------------------------------------------------------------------------------------------

  step(id: string, event: SemisyncEvent): void {
    const member = this.member(id);
    if (!member.alive) return;
    member.engine.step(event);
    this.drain(member);
  }

  tick(id: string, count = 1): void {
    const member = this.member(id);
    for (let at = 0; at < count && member.alive; at++) {
      member.committedAtTick.push(this.checker.committed.length);
      this.step(id, { type: 'tick' });
      for (const [peer, stream] of member.streams) if (++stream.ticks > 40) this.#endStream(member, peer, false);
    }
  }

  /** The outcome. */
  propose(id: string, bytes = 8): ProposalOutcome | undefined {
    this.step(id, { type: 'propose', id: this.#nextId++, payload: new Uint8Array(bytes) });
    return this.member(id).proposals.at(-1);
  }

  setQuorum(id: string, writeQuorum: number): QuorumOutcome | undefined {
    this.step(id, { type: 'setQuorum', id: this.#nextId++, writeQuorum });
    return this.member(id).quorumChanges.at(-1);
  }

  promote(id: string, force = false, writeQuorum: number | null = null): number {
    const promotion = this.#nextId++;
    const request = { type: 'promote', id: promotion, force } as const;
    this.step(id, writeQuorum === null ? request : { ...request, writeQuorum });
    return promotion;
  }

  read(id: string): number {
    const read = this.#nextId++;
    this.member(id).readsAsked.set(read, this.checker.committed.length);
    this.step(id, { type: 'readIndex', id: read });
    return read;
  }

  // --- the wire -------------------------------------------------------------------------------------------------

  #send(message: SemisyncMessage): void {
    this.checker.onSent(message);
    if (CHECKED.has(message.type)) checkWire(message);
    if (!this.lost(message)) this.wire.push(message);
  }

  deliver(message: SemisyncMessage): void {
    const member = this.members.get(message.to);
    if (member === undefined || !member.alive) return;
    member.engine.step({ type: 'message', message });
    if (message.type === 'snapshotChunkResponse' && member.streams.has(message.from)) {
      this.#endStream(member, message.from, message.ok);
    }
    this.drain(member);
  }

  deliverAll(matches: (message: SemisyncMessage) => boolean = () => true): void {
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

  /** All members tick, everything arrives. */
  run(ticks: number): void {
    for (let at = 0; at < ticks; at++) {
      for (const member of this.members.values()) this.tick(member.id);
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
    const { disk } = member;
    // As the storage does: a checkpoint that the log does not know yet is recorded before anything is appended (S5).
    if (disk.termOf(disk.checkpoint.index) !== disk.checkpoint.term) {
      disk.cut(disk.checkpoint.index, disk.checkpoint.term, true);
    }
    member.engine = this.#create(member.id, disk);
    member.state = [...disk.checkpoint.state];
    member.alive = true;
    member.streams = new Map();
    member.finishing = null;
    member.led = null;
    member.readsAsked.clear();
    member.committedAtTick = [];
    member.log = logOf(member.engine);
    this.drain(member);
  }

  /** Writes a checkpoint of all that is applied, and cuts the log, but for `keep` entries. */
  checkpoint(id: string, keep = 0): void {
    const { alive, disk, engine, finishing, state, streams } = this.member(id);
    if (!alive || finishing !== null || streams.size > 0) return;
    const index = state.length as LogIndex;
    if (index <= disk.checkpoint.index || engine.persistedIndex < index || disk.lastIndex < index) return;
    disk.checkpoint = { index, term: engine.termOf(index) as Term, quorum: engine.quorumAt(index), state: [...state] };
    const cutIndex = Math.max(engine.firstIndex - 1, index - keep) as LogIndex;
    disk.cut(cutIndex, engine.termOf(cutIndex) as Term);
    this.step(id, { type: 'checkpointed', index, cutIndex });
  }

  // --- the driver -----------------------------------------------------------------------------------------------

  drain(member: TestMember): void {
    const { engine } = member;
    for (let round = 0; engine.hasEffects; round++) {
      if (round > 100) throw new Error('the engine never runs out of effects');
      engine.checkInvariants();
      const effects = engine.drain();
      engine.checkInvariants();
      this.#take(member, effects);
    }
    engine.checkInvariants();
    this.#checkFreshness(member);
  }

  #take(member: TestMember, effects: SemisyncEffects): void {
    const { disk, engine, id } = member;
    this.checker.onDiscarded(engine, disk, member.state, member.log, effects.discarded);
    member.log = logOf(engine);
    if (engine.role === 'leader' && member.led !== engine.term) {
      member.led = engine.term;
      this.checker.onLeader(
        id,
        engine,
        effects.promotions.some(({ lossPossible }) => lossPossible),
      );
    }
    this.checker.onCommitted(id, engine, member.state, effects.committed);
    for (const message of effects.messages) this.#send(message);
    const { afterPersist, persist } = effects;
    if (persist !== null) {
      this.checker.onPersist(engine, persist.entries);
      const { batch, entries, hardState } = persist;
      const kept = hardState !== null && !(this.#options.forgetPromises === true && hardState.vote !== id);
      member.writes.push({
        run: () => {
          if (kept) disk.hardState = hardState;
          disk.writeEntries(entries);
        },
        done: () => {
          for (const message of afterPersist) this.#send(message);
          this.step(id, { type: 'persisted', batch });
        },
      });
    } else if (afterPersist.length > 0) this.#sendAfterWrites(member, afterPersist);
    for (const entry of effects.committed) member.state.push(keyOf(entry));
    const last = effects.committed.at(-1);
    if (last !== undefined) engine.step({ type: 'applied', index: last.index });
    member.promotions.push(...effects.promotions);
    member.quorumChanges.push(...effects.quorumChanges);
    member.proposals.push(...effects.proposals);
    for (const outcome of effects.reads) this.#takeRead(member, outcome);
    for (const order of effects.sendSnapshots) this.#startStream(member, order);
    for (const chunk of effects.snapshotChunks) member.finishing = chunk;
  }

  #sendAfterWrites(member: TestMember, messages: readonly SemisyncMessage[]): void {
    const send = (): void => {
      for (const message of messages) this.#send(message);
    };
    if (member.writes.length === 0) send();
    else member.writes.push({ run: () => undefined, done: send });
  }

  #takeRead(member: TestMember, outcome: ReadOutcome): void {
    member.reads.push(outcome);
    const committedAtCall = member.readsAsked.get(outcome.id);
    if (committedAtCall === undefined) throw new Error(`read ${outcome.id} is answered twice`);
    member.readsAsked.delete(outcome.id);
    if (outcome.index !== null) this.checker.onReadAnswered(member.engine, outcome.index, committedAtCall);
  }

  /** Bounded staleness: everything that was committed when that tick began is applied here. */
  #checkFreshness({ committedAtTick, engine, id, state }: TestMember): void {
    const staleness = engine.stalenessTicks();
    if (this.checker.forced || !Number.isFinite(staleness)) return;
    const committed = committedAtTick[committedAtTick.length - 1 - staleness] ?? 0;
    if (state.length < committed) throw new Error(`violated: ${id} calls ${state.length} of ${committed} fresh`);
  }

  // --- snapshots ------------------------------------------------------------------------------------------------

  #startStream(member: TestMember, { forcedTerm, replaces, term, to }: SemisyncEffects['sendSnapshots'][number]): void {
    const { checkpoint } = member.disk;
    const streamId = this.#nextId++;
    this.#checkpoints.set(streamId, checkpoint);
    member.streams.set(to, { index: checkpoint.index, ticks: 0 });
    const { index, term: indexTerm } = checkpoint;
    const head = { type: 'snapshotChunk', from: member.id, to, term, streamId, index, indexTerm } as const;
    this.#send({ ...head, replaces, forcedTerm, sequence: 0, last: true, data: new Uint8Array(1) });
  }

  #endStream(member: TestMember, peer: ReplicaId, ok: boolean): void {
    const stream = member.streams.get(peer);
    member.streams.delete(peer);
    if (stream !== undefined) this.step(member.id, { type: 'snapshotSent', peer, index: stream.index, ok });
  }

  /** The last piece cannot be stored. */
  abortInstall(id: string): void {
    const member = this.member(id);
    const chunk = member.finishing;
    if (chunk === null || !member.alive) return;
    member.finishing = null;
    this.step(id, { type: 'snapshotAborted' });
    const { from, sequence, streamId, term, to } = chunk;
    this.#send({ type: 'snapshotChunkResponse', from: to, to: from, term, streamId, sequence, ok: false });
  }

  /** The snapshot becomes durable; then the log records it. True when there was one. */
  finishInstall(id: string): boolean {
    const member = this.member(id);
    const chunk = member.finishing;
    if (chunk === null || !member.alive) return false;
    if (chunk.replaces && member.writes.length > 0) return false;
    member.finishing = null;
    const checkpoint = this.#checkpoints.get(chunk.streamId);
    if (checkpoint === undefined) throw new Error('every stream has a checkpoint');
    if (!chunk.replaces && chunk.index <= member.state.length) {
      this.step(id, { type: 'snapshotAborted' });
      return true;
    }
    const { from, to, index, indexTerm, replaces, sequence, streamId, term } = chunk;
    this.fullSyncs++;
    member.disk.checkpoint = checkpoint;
    member.state = [...checkpoint.state];
    member.writes.push({
      run: () => member.disk.cut(index, indexTerm, replaces),
      done: () => {
        const quorum = checkpoint.quorum ?? {
          index: 0 as LogIndex,
          writeQuorum: this.#options.writeQuorum ?? 1,
          forcedTerm: 0 as Term,
        };
        this.step(id, { type: 'snapshotInstalled', index, indexTerm, replaces, quorum });
        if (member.alive) {
          this.#send({ type: 'snapshotChunkResponse', from: to, to: from, term, streamId, sequence, ok: true });
        }
      },
    });
    return true;
  }
}

function logOf(engine: Semisync): Map<LogIndex, Term> {
  const log = new Map<LogIndex, Term>();
  for (let index = engine.firstIndex; index <= engine.lastIndex; index = (index + 1) as LogIndex) {
    log.set(index, engine.termOf(index) as Term);
  }
  return log;
}
