import { originLog, replicaOf, type GroupId, type OriginId, type ReplicaId } from '../../../../../src/base/brand.js';
import type { Dot } from '../../../../../src/base/dot.js';
import type { ErrorCode } from '../../../../../src/base/errors/catalogue.js';
import { KvorumError } from '../../../../../src/base/errors/error.js';
import { encodeBatch } from '../../../../../src/engines/leaderless/batch-codec.js';
import type { GossipDigest, LeaderlessMessage } from '../../../../../src/engines/leaderless/messages.js';
import type { BatchHeader, OriginBatch } from '../../../../../src/engines/leaderless/types.js';
import { encodeDottedMeta, NO_META } from '../../../../../src/kv/dotted/meta.js';
import { BatchBuilder, type Command } from '../../../../../src/kv/index.js';
import { createLeaderlessChecks, type LeaderlessChecks } from '../../../../../src/sim/checks/leaderless/index.js';
import type { Asked, Floor } from '../../../../../src/sim/checks/leaderless/promises.js';
import {
  Excused,
  Violation,
  type Observer,
  type ProcessState,
  type SimProcess,
} from '../../../../../src/sim/world/types.js';
import type { CheckpointMark, RecoveredGroup } from '../../../../../src/storage/storage.js';
import type { StoredRecord } from '../../../../../src/storage/wal/unit-encoder.js';
import { formedBy } from '../../../../fixtures/membership.js';

export const GROUP = 'likes/0' as GroupId;
/** The origins of n1, n2 and n3. */
export const [A, B, C] = ['n1~a', 'n2~b', 'n3~c'] as [OriginId, OriginId, OriginId];

/** A member that is whatever a test says: the few things that checkers ask it for. */
export class FakeMember {
  vector = new Map<OriginId, number>();
  collectedTo = 0;
  hash = 'hash';
  nowMs = 0;
  tombstones = 0;
  origin = A;
  ready = true;
  invariant: () => void = () => undefined;

  get kv(): object {
    const { collectedTo, hash, tombstones, vector } = this;
    return { vector, collectedTo, root: () => ({ hash }), tombstones: { count: tombstones } };
  }

  get reader(): object {
    return { nowMs: this.nowMs };
  }

  get core(): object {
    return { origin: this.origin, ready: this.ready, checkInvariants: () => this.invariant() };
  }

  status(): object {
    return { state: 'as the test says', stable: 0, stableBlockedBy: [] };
  }
}

export interface FakeProcess {
  readonly id: ReplicaId;
  state: ProcessState;
  failure: { code: string; detail: string } | null;
  wallMs: number;
  leaderless: FakeMember | null;
}

export interface StageOptions {
  readonly engine?: 'lww' | 'causal';
  readonly conflicts?: 'lww' | 'siblings';
}

type Shown = readonly (readonly [dot: Dot, value: string])[];

/** Three processes, all checkers, and the observations that a test makes up. */
export class Stage {
  readonly checks: LeaderlessChecks;
  readonly #processes = new Map<string, FakeProcess>();

  constructor({ conflicts = 'lww', engine = 'causal' }: StageOptions = {}) {
    const members = (): ReplicaId[] => [...this.#processes.values()].map(({ id }) => id);
    this.checks = createLeaderlessChecks({ engine, conflicts, members });
    for (const id of ['n1', 'n2', 'n3']) {
      this.#processes.set(id, { id: id as ReplicaId, state: 'starting', failure: null, wallMs: 0, leaderless: null });
      this.start(id).turn(id);
    }
  }

  process(id: string): FakeProcess {
    const process = this.#processes.get(id);
    if (process === undefined) throw new Error(`no process ${id}`);
    return process;
  }

  member(id: string): FakeMember {
    const { leaderless } = this.process(id);
    if (leaderless === null) throw new Error(`${id} does not run`);
    return leaderless;
  }

  #each(id: string, tell: (observer: Observer, process: SimProcess) => void): this {
    const process = this.#sim(id);
    for (const observer of this.checks.observers) tell(observer, process);
    return this;
  }

  #sim(id: string): SimProcess {
    return this.process(id) as unknown as SimProcess;
  }

  /** Changes what the member of `id` shows, and ends a turn. */
  turn(id: string, change: Partial<FakeMember> = {}): this {
    if (this.process(id).leaderless !== null) Object.assign(this.member(id), change);
    return this.#each(id, (observer, process) => observer.onTurn?.(process));
  }

  durable(id: string, ...records: readonly StoredRecord[]): this {
    return this.#each(id, (observer, process) => observer.onDurable?.(process, records));
  }

  /** One batch after the other is applied: told as soon as it is. */
  delivered(id: string, ...batches: readonly OriginBatch[]): this {
    for (const batch of batches) this.deliveredAt(id, batch.seq, batch);
    return this;
  }

  /** Its state stands at `seq` of that origin afterwards. */
  deliveredAt(id: string, seq: number, batch: OriginBatch): this {
    this.process(id).leaderless?.vector.set(batch.origin, seq);
    return this.#each(id, (observer, process) => observer.onDelivered?.(process, GROUP, batch));
  }

  /** They are on the disks of `ids`, and applied there. */
  has(ids: string, ...batches: readonly OriginBatch[]): this {
    for (const id of ids.split(' ')) this.durable(id, ...batches.map(stored)).delivered(id, ...batches);
    return this;
  }

  /** A full sync of `from`, which has all that, ends at `to`, and is merged there. */
  synced(from: string, to: string, ...claims: readonly Dot[]): this {
    this.message(syncEnd(from, to, ...claims));
    for (const { origin, seq } of claims) this.member(to).vector.set(origin, seq);
    return this.turn(to);
  }

  checkpoint(id: string, vector: readonly Dot[], counter = 0): this {
    return this.#each(id, (observer, process) =>
      observer.onCheckpoint?.(process, GROUP, markOf(vector, counter), false),
    );
  }

  /** A start has found one. */
  found(id: string, vector: readonly Dot[], counter = 0): this {
    return this.#each(id, (observer, process) => observer.onCheckpointFound?.(process, GROUP, markOf(vector, counter)));
  }

  message(message: LeaderlessMessage): this {
    return this.#each(message.from, (observer, process) => observer.onMessage?.(process, GROUP, message));
  }

  crash(id: string): this {
    Object.assign(this.process(id), { leaderless: null, state: 'down' });
    return this.#each(id, (observer, process) => observer.onCrashed?.(process));
  }

  /** It is down already, or goes down by it; `start` tells what the next disk has. */
  wipe(id: string): this {
    return this.crash(id).#each(id, (observer, process) => observer.onWiped?.(process));
  }

  rollBack(id: string): this {
    return this.crash(id).#each(id, (observer, process) => observer.onRolledBack?.(process));
  }

  /** With these batches in its logs, which it applies while it starts. */
  start(id: string, ...batches: readonly OriginBatch[]): this {
    const process = this.process(id);
    Object.assign(process, { leaderless: null, state: 'starting' });
    this.#each(id, (observer, fake) => observer.onStarted?.(fake, recoveredOf(batches)));
    this.delivered(id, ...batches);
    Object.assign(process, { leaderless: new FakeMember(), state: 'running' });
    for (const { origin, seq } of batches) this.member(id).vector.set(origin, seq);
    return this;
  }

  submitted(asked: Partial<Asked> & { readonly value: string | null }): this {
    this.checks.promises.onSubmitted({ ...READ, ...asked });
    return this;
  }

  /** A client is told that its write of `value` (null: its delete) is done, as `dot`. */
  written(id: string, asked: Partial<Asked> & { readonly value: string | null }, dot: Dot | null): this {
    this.checks.promises.onWritten(this.#sim(id), { ...READ, ...asked }, dot);
    return this;
  }

  floor(asked: Partial<Asked> = {}): Floor {
    const { key, level } = { ...READ, ...asked };
    return this.checks.promises.floorOf(key, level);
  }

  /** A read that enters now unless its floor was taken before. */
  read(id: string, asked: Partial<Asked>, shown: Shown, floor: Floor = this.floor(asked)): this {
    const values = shown.map(([dot, value]) => ({ dot, value }));
    const dots = shown.map(([dot]) => dot);
    this.checks.promises.onRead(this.#sim(id), { ...READ, ...asked }, { values, dots, counter: 0 }, floor);
    return this;
  }

  refused(id: string, asked: Partial<Asked>, code: ErrorCode): this {
    this.checks.promises.onRefused(this.#sim(id), { ...READ, ...asked }, new KvorumError(code));
    return this;
  }

  /** The name of the invariant that `act` breaks; 'excused': a limit that is no violation; null: all is well. */
  static broken(act: () => unknown): string | null {
    try {
      act();
      return null;
    } catch (error) {
      if (error instanceof Violation) return error.invariant;
      if (error instanceof Excused) return 'excused';
      throw error;
    }
  }
}

const READ: Asked = { key: 'k', level: 'one', seen: null };
const NOBODY: readonly Dot[] = [];

export function dot(origin: OriginId, seq: number): Dot {
  return { origin, seq };
}

/** A batch of one put of `k`, unless it is told otherwise; its counter is its position. */
export function batch(
  origin: OriginId,
  seq: number,
  {
    commands = [put('k', `${origin}:${seq}`)],
    ...header
  }: Partial<Omit<BatchHeader, 'commands'>> & { readonly commands?: readonly Command[] } = {},
): OriginBatch {
  const builder = new BatchBuilder();
  for (const command of commands) builder.addCommand(command);
  return rawBatch({ origin, seq, counter: seq, commands: commands.length, ...header }, builder.take());
}

export function rawBatch(
  header: Partial<BatchHeader> & Pick<BatchHeader, 'origin' | 'seq'>,
  payload: Uint8Array,
): OriginBatch {
  return encodeBatch(
    { boot: 1, counter: header.seq, commands: 1, dependencies: NOBODY, wallMs: 0, ...header },
    payload,
  );
}

export function put(
  key: string,
  value: string,
  more: { readonly context?: readonly Dot[]; readonly expiresAtMs?: number } = {},
): Command {
  return { operations: [{ op: 'put', key, value: Buffer.from(value, 'latin1'), ...more }] };
}

export function del(key: string, more: { readonly context?: readonly Dot[] } = {}): Command {
  return { operations: [{ op: 'delete', key, ...more }] };
}

export function stored({ boot, encoded, origin, seq }: OriginBatch): StoredRecord {
  const entry = { index: seq, term: boot, kind: 'commands', payload: encoded };
  return { kind: 'entry', group: originLog(GROUP, origin), entry } as unknown as StoredRecord;
}

/** `checkpoint`: the log begins anew after `seq`; `cut`: it is cut up to there. */
export function cutTo(kind: 'checkpoint' | 'cut', { origin, seq }: Dot): StoredRecord {
  return { kind, group: originLog(GROUP, origin), index: seq, term: 1 } as unknown as StoredRecord;
}

export function markOf(vector: readonly Dot[], counter = 0): CheckpointMark {
  const positions = new Map(vector.map(({ origin, seq }) => [origin, seq]));
  const meta = encodeDottedMeta({ ...NO_META, vector: positions, origins: [...positions.keys()], counter });
  return { index: 0, term: 0, membership: formedBy('n1', 'n2', 'n3'), meta } as unknown as CheckpointMark;
}

/** Logs of these batches; the first of each origin follows what is cut away. */
export function recoveredOf(batches: readonly OriginBatch[]): ReadonlyMap<GroupId, RecoveredGroup> {
  const groups = new Map<GroupId, RecoveredGroup>();
  for (const { boot, encoded, origin, seq } of batches) {
    const log = originLog(GROUP, origin);
    const entry = { index: seq, term: boot, kind: 'commands', payload: encoded };
    const before = groups.get(log) ?? {
      hardState: null,
      memberships: null,
      baseIndex: seq - 1,
      baseTerm: 0,
      entries: [],
    };
    groups.set(log, { ...before, entries: [...before.entries, entry] } as unknown as RecoveredGroup);
  }
  return groups;
}

/** The owner of `origin` tells `to` about itself. */
export function digest(
  origin: OriginId,
  to: string,
  { claims = NOBODY, ...more }: Partial<GossipDigest> & { readonly claims?: readonly Dot[] } = {},
): GossipDigest {
  const vector = claims.map((claim) => ({ ...claim, boot: 1, first: 1 }));
  const said = { boot: 1, respond: true, vector, counter: 0, heard: [], creditBytes: 0, syncing: false, clock: 0 };
  const rounds = { pull: [], round: 1, answers: 0, pending: [], root: null };
  return { type: 'gossipDigest', from: replicaOf(origin), to: to as ReplicaId, origin, ...said, ...rounds, ...more };
}

export function delta(from: string, to: string, ...batches: readonly OriginBatch[]): LeaderlessMessage {
  return { type: 'gossipDelta', from: from as ReplicaId, to: to as ReplicaId, batches, more: false };
}

export function ack(from: string, to: string, ...positions: readonly Dot[]): LeaderlessMessage {
  return { type: 'gossipAck', from: from as ReplicaId, to: to as ReplicaId, positions };
}

export function syncEnd(from: string, to: string, ...claims: readonly Dot[]): LeaderlessMessage {
  const vector = claims.map((claim) => ({ ...claim, boot: 1 }));
  const names = { from: from as ReplicaId, to: to as ReplicaId };
  return { type: 'fullSyncEnd', ...names, id: 1, position: 0, vector, counter: 0, collectedTo: 0 };
}
