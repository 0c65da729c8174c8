import { originOf, type OriginId, type ReplicaId } from '../../../../src/base/brand.js';
import type { Dot, Vector } from '../../../../src/base/dot.js';
import { createPrng, type Prng } from '../../../../src/base/prng.js';
import { createCausal } from '../../../../src/engines/causal/index.js';
import type {
  EnsureOutcome,
  LeaderlessEffects,
  LeaderlessEvent,
  LeaderlessLimits,
  LeaderlessOptions,
  Requirement,
  WriteOutcome,
} from '../../../../src/engines/leaderless/events.js';
import type { Leaderless } from '../../../../src/engines/leaderless/leaderless.js';
import type { LeaderlessMessage } from '../../../../src/engines/leaderless/messages.js';
import type { OriginBatch } from '../../../../src/engines/leaderless/types.js';
import { createLww } from '../../../../src/engines/lww/index.js';
import { Checker } from './checker.js';
import { ToyMachine, payloadOf, type Snapshot } from './machine.js';

export const LIMITS: LeaderlessLimits = {
  deltaBatches: 64,
  deltaBytes: 4096,
  inflightBytes: 16_384,
  bufferedBatches: 64,
  bufferedBytes: 8192,
  unpersistedBytes: 65_536,
  ensures: 64,
  origins: 64,
  clockJump: 2 ** 40,
  clockCeiling: 2 ** 53 - 2 ** 41,
};

/** What survives a crash. */
export interface Disk {
  incarnation: number;
  boot: number;
  fresh: boolean;
  checkpoint: Snapshot;
  logs: Map<OriginId, { baseSeq: number; baseBoot: number; batches: OriginBatch[] }>;
  retired: readonly OriginId[];
}

export function emptyDisk(incarnation: number): Disk {
  return {
    incarnation,
    boot: 0,
    fresh: true,
    checkpoint: new ToyMachine().snapshot,
    logs: new Map(),
    retired: [],
  };
}

export function copyDisk(disk: Disk): Disk {
  const logs: Disk['logs'] = new Map();
  for (const [origin, log] of disk.logs) logs.set(origin, { ...log, batches: [...log.batches] });
  return { ...disk, logs };
}

export interface TestMember {
  readonly id: ReplicaId;
  engine: Leaderless;
  disk: Disk;
  machine: ToyMachine;
  alive: boolean;
  writes: NonNullable<LeaderlessEffects['persist']>[];
  sync: { readonly from: ReplicaId; readonly whole: boolean; readonly have: Vector; readonly state: Snapshot } | null;
  collects: number[];
  renewals: string[];
  readonly written: Map<number, WriteOutcome>;
  readonly ensured: Map<number, EnsureOutcome>;
  mismatches: number;
}

export interface NetworkOptions {
  readonly engine: 'lww' | 'causal';
  readonly limits?: Partial<LeaderlessLimits>;
  readonly gossipTicks?: number;
  readonly startGraceTicks?: number;
  /** Writes become durable at once. */
  readonly instantDisk?: boolean;
  /** Links are not up until `connect`. */
  readonly silentStart?: boolean;
  /** Negative control: tombstones go as soon as every member has them, which is too early (ap.md §1.0.6). */
  readonly naive?: boolean;
}

/** A group in one thread: nothing happens by itself; every effect passes the checker. */
export class Network {
  readonly members = new Map<ReplicaId, TestMember>();
  readonly checker: Checker;
  readonly prng: Prng;
  readonly log: LeaderlessMessage[] = [];
  wire: LeaderlessMessage[] = [];
  lost: (message: LeaderlessMessage) => boolean = () => false;
  ids: ReplicaId[];
  readonly #options: NetworkOptions;
  #incarnations = 1;
  #nextId = 1;

  constructor(ids: readonly string[], seed: number, options: NetworkOptions) {
    this.prng = createPrng(seed);
    this.#options = options;
    this.ids = [...ids] as ReplicaId[];
    this.checker = new Checker(options.engine);
    for (const id of this.ids) this.start(id, emptyDisk(this.#incarnations++));
    if (options.silentStart !== true) this.connect();
  }

  #create(id: ReplicaId, disk: Disk, machine: () => ToyMachine): Leaderless {
    const create = this.#options.engine === 'lww' ? createLww : createCausal;
    const options: LeaderlessOptions = {
      engine: this.#options.engine,
      self: id,
      origin: incarnationOf(id, disk.incarnation),
      boot: disk.boot,
      fresh: disk.fresh,
      members: this.ids.includes(id) ? this.ids : [...this.ids, id],
      tickMs: 10,
      gossipTicks: this.#options.gossipTicks ?? 10,
      startGraceTicks: this.#options.startGraceTicks ?? 20,
      volatile: false,
      prng: this.prng.fork(id),
      root: () => ({ hash: machine().hash, collectedTo: machine().collectedTo }),
      limits: { ...LIMITS, ...this.#options.limits },
      recovered: {
        origins: [...disk.logs].map(([origin, log]) => ({ origin, ...log, batches: [...log.batches] })),
        applied: disk.checkpoint.vector,
        appliedBoots: disk.checkpoint.boots,
        counter: disk.checkpoint.counter,
        collectedTo: disk.checkpoint.collectedTo,
        retired: disk.retired,
      },
    };
    return create(options);
  }

  /** A process starts on `disk`. */
  start(id: string, disk: Disk): TestMember {
    const replica = id as ReplicaId;
    disk.boot++;
    const machine = ToyMachine.of(disk.checkpoint);
    const before = this.members.get(replica);
    const member: TestMember = {
      id: replica,
      engine: this.#create(replica, disk, () => member.machine),
      disk,
      machine,
      alive: true,
      writes: [],
      sync: null,
      collects: [],
      renewals: before?.renewals ?? [],
      written: before?.written ?? new Map(),
      ensured: before?.ensured ?? new Map(),
      mismatches: 0,
    };
    disk.fresh = false;
    this.members.set(replica, member);
    this.drain(member);
    return member;
  }

  crash(id: string): void {
    const member = this.member(id);
    member.alive = false;
    member.writes = [];
    this.wire = this.wire.filter(({ from, to }) => from !== id && to !== id);
    for (const other of this.members.values()) if (other.sync?.from === id) this.finishSync(other.id, false);
    const origin = incarnationOf(member.id, member.disk.incarnation);
    // Others may have more of it than its own folder, where that went back in time.
    const known = [...this.members.values()].map(({ engine }) => engine.vector.get(origin) ?? 0);
    this.checker.onCrash(origin, Math.max(...known));
    for (const other of this.members.values())
      if (other.id !== id) this.step(other.id, { type: 'peerDown', peer: member.id });
  }

  restart(id: string, disk = this.member(id).disk): TestMember {
    const member = this.start(id, disk);
    this.connect(id);
    return member;
  }

  /** The disk is gone: another folder, another incarnation. */
  wipe(id: string): TestMember {
    return this.restart(id, emptyDisk(++this.#incarnations));
  }

  /** Tells both ends of all links (of `id`) that they stand. */
  connect(id?: string): void {
    for (const a of this.members.values()) {
      for (const b of this.members.values()) {
        if (a.id === b.id || !a.alive || !b.alive || (id !== undefined && a.id !== id && b.id !== id)) continue;
        this.step(a.id, { type: 'peerUp', peer: b.id });
      }
    }
  }

  member(id: string): TestMember {
    const member = this.members.get(id as ReplicaId);
    if (member === undefined) throw new Error(`no member ${id}`);
    return member;
  }

  engine(id: string): Leaderless {
    return this.member(id).engine;
  }

  step(id: string, event: LeaderlessEvent): void {
    const member = this.member(id);
    if (!member.alive) return;
    member.engine.step(event);
    this.drain(member);
  }

  write(id: string, ...commands: readonly string[]): number {
    return this.writeAs(id, { seenCounter: 0 }, ...commands);
  }

  writeAs(id: string, with_: { readonly seenCounter: number }, ...commands: readonly string[]): number {
    const write = this.#nextId++;
    const payload = payloadOf(...commands);
    const event = { type: 'write', id: write, payload, commands: commands.length, wallMs: 0, ...with_ } as const;
    this.step(id, event);
    return write;
  }

  ensure(id: string, dots: readonly Dot[], need?: Requirement): number {
    const request = this.#nextId++;
    const here = [{ members: [id as ReplicaId], count: 1 }];
    this.step(id, { type: 'ensure', id: request, dots, need: need ?? here });
    return request;
  }

  drain(member: TestMember): void {
    for (let turn = 0; member.alive && (turn === 0 || member.engine.hasEffects); turn++) {
      if (turn > 20) throw new Error(`${member.id} is never done`);
      const effects = member.engine.drain();
      member.engine.checkInvariants();
      this.checker.onEffects(member, effects);
      this.#carryOut(member, effects);
    }
  }

  #carryOut(member: TestMember, effects: LeaderlessEffects): void {
    for (const batch of effects.deliver) {
      this.checker.onDeliver(member.id, member.machine.vector, batch);
      member.machine.apply(batch);
    }
    for (const outcome of effects.written) member.written.set(outcome.id, outcome);
    for (const outcome of effects.ensured) member.ensured.set(outcome.id, outcome);
    for (const message of effects.messages) {
      this.log.push(message);
      if (!this.lost(message)) this.wire.push(message);
    }
    if (effects.afterPersist.length > 0) throw new Error('nothing waits');
    if (effects.mismatch !== null) member.mismatches++;
    if (effects.persist !== null) {
      member.writes.push(effects.persist);
      if (this.#options.instantDisk === true) this.persist(member.id);
    }
    if (this.#options.naive === true) member.machine.collectNaively(member.engine.heldByAll());
    if (effects.collect !== null) {
      if (this.#options.naive !== true) member.machine.collect(effects.collect);
      member.collects.push(effects.collect);
      member.engine.step({ type: 'collected', counter: effects.collect });
    }
    if (effects.renew !== null) {
      member.renewals.push(effects.renew.reason);
      member.disk.incarnation = ++this.#incarnations;
      const origin = incarnationOf(member.id, member.disk.incarnation);
      for (const above of effects.renew.above) if (above >= origin) throw new Error('not above');
      member.engine.step({ type: 'renewed', origin });
    }
    if (effects.fullSync !== null) this.#beginSync(member, effects.fullSync);
  }

  persist(id: string, count = Number.POSITIVE_INFINITY): boolean {
    const member = this.member(id);
    let some = false;
    for (let at = 0; at < count; at++) {
      const unit = member.writes.shift();
      if (unit === undefined || !member.alive) break;
      some = true;
      for (const batch of unit.batches) appendToDisk(member.disk, batch);
      this.step(id, { type: 'persisted', batch: unit.batch });
    }
    return some;
  }

  /** Writes a checkpoint of what is applied, and forgets all but the last `keep` batches of each origin. */
  checkpoint(id: string, keep = 0): void {
    const member = this.member(id);
    if (member.sync !== null) return;
    const { disk, machine, engine } = member;
    disk.checkpoint = machine.snapshot;
    disk.retired = engine.retired;
    const cut = new Map<OriginId, number>();
    for (const [origin, log] of disk.logs) {
      const seq = Math.max(log.baseSeq, (machine.vector.get(origin) ?? 0) - keep);
      const boot = log.batches[seq - log.baseSeq - 1]?.boot ?? log.baseBoot;
      log.batches = log.batches.slice(seq - log.baseSeq);
      log.baseSeq = seq;
      log.baseBoot = boot;
      cut.set(origin, seq);
    }
    this.step(id, { type: 'checkpointed', cut });
  }

  #beginSync(member: TestMember, { from, whole }: { readonly from: ReplicaId; readonly whole: boolean }): void {
    const have = whole ? new Map() : new Map(member.machine.vector);
    member.sync = { from, whole, have, state: this.member(from).machine.snapshot };
  }

  /** The full sync that `id` waits for arrives, or fails. */
  finishSync(id: string, ok = true): boolean {
    const member = this.member(id);
    const { sync, disk } = member;
    if (sync === null || !member.alive) return false;
    member.sync = null;
    const { from, whole, state, have } = sync;
    const source = this.members.get(from);
    const tooOld = !whole && state.collectedTo > member.engine.closedTo;
    if (!ok || source?.alive !== true || tooOld) {
      this.step(id, { type: 'fullSyncFailed', from, whole: tooOld });
      return true;
    }
    this.step(id, { type: 'fullSyncReceived', from, vector: state.vector });
    this.persist(id);
    this.checker.onFullSync(member.id, state);
    member.machine.merge(state, have, whole);
    disk.checkpoint = member.machine.snapshot;
    for (const [origin, seq] of state.vector) {
      const log = disk.logs.get(origin);
      if (log !== undefined && log.baseSeq + log.batches.length >= seq) continue;
      disk.logs.set(origin, { baseSeq: seq, baseBoot: state.boots.get(origin) ?? 0, batches: [] });
    }
    const { vector, boots, counter, collectedTo } = state;
    this.step(id, { type: 'fullSynced', from, vector, boots, counter, collectedTo });
    return true;
  }

  deliver(message: LeaderlessMessage): void {
    const member = this.members.get(message.to);
    if (member === undefined || !member.alive || this.members.get(message.from)?.alive !== true) return;
    this.step(member.id, { type: 'message', message });
  }

  deliverAll(): void {
    const now = this.wire;
    this.wire = [];
    for (const message of now) this.deliver(message);
  }

  settle(rounds = 2000): void {
    for (let round = 0; round < rounds; round++) {
      let busy = this.wire.length > 0;
      this.deliverAll();
      for (const { id } of this.members.values()) {
        if (this.persist(id)) busy = true;
        if (this.finishSync(id)) busy = true;
      }
      if (!busy) return;
    }
    throw new Error('the group does not settle');
  }

  tick(id: string, count = 1): void {
    for (let at = 0; at < count; at++) this.step(id, { type: 'tick' });
  }

  /** All members tick, everything arrives. */
  run(ticks: number): void {
    for (let at = 0; at < ticks; at++) {
      for (const { id } of this.members.values()) this.tick(id);
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

  /** Ticks until all have the same; returns how many it took. */
  converge(ticksMax: number): number {
    for (let tick = 0; tick <= ticksMax; tick++) {
      if (this.converged) return tick;
      this.run(1);
    }
    const vectors = [...this.members.values()].map(({ id, engine }) => [id, engine.state, [...engine.vector]]);
    throw new Error(`not converged: ${JSON.stringify(vectors)}`);
  }

  get converged(): boolean {
    const live = [...this.members.values()].filter(({ alive }) => alive);
    const shown = live.map(({ machine }) => stateOf(machine));
    return shown.every((each) => each === shown[0]);
  }
}

function stateOf({ vector, live }: ToyMachine): string {
  const positions = [...vector].map(([origin, seq]) => `${origin}=${seq}`).sort();
  return JSON.stringify([positions, [...live]]);
}

export function incarnationOf(id: string, incarnation: number): OriginId {
  return originOf(id as ReplicaId, incarnation.toString(16).padStart(16, '0'));
}

function appendToDisk(disk: Disk, batch: OriginBatch): void {
  const log = disk.logs.get(batch.origin) ?? { baseSeq: 0, baseBoot: 0, batches: [] };
  disk.logs.set(batch.origin, log);
  const next = log.baseSeq + log.batches.length + 1;
  if (batch.seq < next) return; // A full sync has overtaken it.
  if (batch.seq !== next) throw new Error(`the log of ${batch.origin} has a gap at ${next}`);
  log.batches.push(batch);
}
