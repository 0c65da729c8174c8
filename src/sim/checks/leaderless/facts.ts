import { replicaOf, type GroupId, type OriginId, type ReplicaId } from '../../../base/brand.js';
import type { Dot, Vector } from '../../../base/dot.js';
import type { EngineMessage } from '../../../engines/messages.js';
import type { OriginBatch } from '../../../engines/leaderless/types.js';
import type { CheckpointMark, RecoveredGroup } from '../../../storage/storage.js';
import type { StoredRecord } from '../../../storage/wal/unit-encoder.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import { LeaderlessImage } from './image.js';
import { Rollbacks } from './rollbacks.js';
import { Truth, type KnownBatch } from './truth.js';

/** What was seen and done: a checker that looked at nothing finds nothing. */
export interface LeaderlessCheckStats {
  turns: number;
  messages: number;
  durableRecords: number;
  delivered: number;
  acknowledged: number;
  reads: number;
  /** Roots that were compared with one of the same vector. */
  roots: number;
  refusals: number;
  /** Batches that went with the only disks that had them. */
  lost: number;
}

/** One replica's disks over the whole run. */
interface Known {
  image: LeaderlessImage;
  /** The disk before a wipe, a restored copy or damage, until it is known what is left. */
  before: LeaderlessImage | null;
  /** What it applied last: for a moment more than is on its disk, when a full sync was merged. */
  applied: Vector;
  /** How far this member ever had everything of each origin, also on disks that are gone. */
  readonly ever: Map<OriginId, number>;
}

/**
 * What all checkers of a leaderless group build on: every disk, everything that was written, and what went with disks that
 * were destroyed. Comes first among the observers.
 */
export class LeaderlessFacts implements Observer {
  readonly truth = new Truth();
  readonly stats: LeaderlessCheckStats = {
    turns: 0,
    messages: 0,
    durableRecords: 0,
    delivered: 0,
    acknowledged: 0,
    reads: 0,
    roots: 0,
    refusals: 0,
    lost: 0,
  };
  /** How often a disk was destroyed or put back so far. */
  damages = 0;
  /** The latest that any clock ever showed. */
  wallMaxMs = 0;
  readonly #known = new Map<ReplicaId, Known>();
  readonly #rollbacks = new Rollbacks((id, origin) => this.of(id).image.seqOf(origin));
  readonly #onNew: ((batch: KnownBatch) => void)[] = [];
  readonly #onLost: ((dot: Dot, batch: KnownBatch | undefined, by: ReplicaId) => void)[] = [];

  constructor() {
    this.truth.onNew = (batch) => {
      for (const told of this.#onNew) told(batch);
    };
    this.truth.onReused = (origin) => this.#rollbacks.onReused(origin);
  }

  of(id: ReplicaId): Known {
    let known = this.#known.get(id);
    if (known === undefined) {
      known = { image: new LeaderlessImage(id), before: null, applied: new Map(), ever: new Map() };
      this.#known.set(id, known);
    }
    return known;
  }

  get replicas(): Iterable<readonly [ReplicaId, Known]> {
    return this.#known;
  }

  /** Members on whose present disks it is. */
  holders(dot: Dot): ReplicaId[] {
    return [...this.#known].filter(([, { image, before }]) => (before ?? image).covers(dot)).map(([id]) => id);
  }

  /** True when this member has it, or had it on a disk that was taken away from it since. */
  everHeld(id: ReplicaId, { origin, seq }: Dot): boolean {
    return (this.of(id).ever.get(origin) ?? 0) >= seq;
  }

  /** See Rollbacks. */
  isUnaware(id: ReplicaId): boolean {
    return this.#rollbacks.isUnaware(id);
  }

  /** Throws Excused: its owner was set back and cannot know what it has said before. */
  excuse(origin: OriginId): void {
    this.#rollbacks.onReused(origin);
  }

  /** Told of every batch when it is first seen. */
  onNew(told: (batch: KnownBatch) => void): void {
    this.#onNew.push(told);
  }

  /** Told of every position that nobody has any more, and whose disk was the last one with it. */
  whenLost(told: (dot: Dot, batch: KnownBatch | undefined, by: ReplicaId) => void): void {
    this.#onLost.push(told);
  }

  onStarted(process: SimProcess, recovered: ReadonlyMap<GroupId, RecoveredGroup>): void {
    this.#rollbacks.onStarted(process.id);
    const known = this.of(process.id);
    const before = known.image;
    known.before ??= before;
    const image = new LeaderlessImage(process.id);
    // A wiped or restored folder begins without; that of a crashed process is what it was.
    image.checkpoint = before.checkpoint;
    image.counter = before.counter;
    image.recover(recovered);
    known.image = image;
    if (this.#hasForgotten(process.id, before)) this.#rollbacks.onRolledBack(process.id);
    for (const { entries } of recovered.values()) {
      for (const { payload } of entries) this.truth.see(payload, `the disk of ${process.id}`);
    }
    this.#raise(known);
  }

  /** Rot took the end of its log, which nothing vouched for yet (raft.md W1), and others have what it wrote there. */
  #hasForgotten(id: ReplicaId, before: LeaderlessImage): boolean {
    const { image } = this.of(id);
    for (const origin of before.origins) {
      const [had, has] = [before.seqOf(origin), image.seqOf(origin)];
      if (replicaOf(origin) !== id || has >= had) continue;
      for (const [other, known] of this.#known) if (other !== id && known.image.seqOf(origin) > has) return true;
    }
    return false;
  }

  onWiped(process: SimProcess): void {
    this.#replaced(process);
  }

  onRolledBack(process: SimProcess): void {
    this.#replaced(process);
    this.#rollbacks.onRolledBack(process.id);
  }

  #replaced(process: SimProcess): void {
    const known = this.of(process.id);
    known.before ??= known.image;
    known.image = new LeaderlessImage(process.id);
    this.damages++;
  }

  onDurable(process: SimProcess, records: readonly StoredRecord[]): void {
    const known = this.of(process.id);
    for (const record of records) {
      if (record.kind === 'entry') this.truth.see(record.entry.payload, `the disk of ${process.id}`);
      known.image.apply(record);
    }
    this.stats.durableRecords += records.length;
    this.#raise(known);
  }

  onCheckpoint(process: SimProcess, _group: GroupId, mark: CheckpointMark): void {
    const known = this.of(process.id);
    known.image.onCheckpoint(mark);
    this.#raise(known);
  }

  onCheckpointFound(process: SimProcess, _group: GroupId, mark: CheckpointMark): void {
    const known = this.of(process.id);
    known.image.onCheckpoint(mark);
    this.#raise(known);
  }

  #raise({ ever, image }: Known): void {
    for (const origin of image.origins) {
      const seq = image.seqOf(origin);
      if (seq > (ever.get(origin) ?? 0)) ever.set(origin, seq);
    }
  }

  onMessage(process: SimProcess, _group: GroupId, message: EngineMessage): void {
    this.stats.messages++;
    if (message.type === 'gossipDigest') this.#rollbacks.onDigest(message);
    if (message.type !== 'gossipDelta') return;
    for (const { encoded } of message.batches) this.truth.see(encoded, `a message of ${process.id}`);
  }

  onDelivered(process: SimProcess, _group: GroupId, batch: OriginBatch): void {
    this.stats.delivered++;
    this.truth.see(batch.encoded, process.id);
  }

  /** Now that its checkpoint was found as well, it is known what the last disk had and this one has not. */
  onTurn(process: SimProcess): void {
    this.wallMaxMs = Math.max(this.wallMaxMs, process.wallMs);
    this.stats.turns++;
    if (process.leaderless === null) return;
    const known = this.of(process.id);
    const { applied, before } = known;
    known.applied = appliedBy(process);
    if (this.stats.lost > 0) this.#restore(process.id, known.applied);
    if (before === null) return;
    known.before = null;
    for (const origin of new Set([...before.origins, ...applied.keys()])) {
      const had = Math.max(before.seqOf(origin), applied.get(origin) ?? 0);
      const left = Math.max(...[...this.#known.values()].map((each) => heldBy(each, origin)));
      for (let seq = left + 1; seq <= had; seq++) this.#lose({ origin, seq }, process.id);
    }
  }

  /** A full sync that had come was merged after its sender's disk was gone: nothing of it is lost. */
  #restore(id: ReplicaId, applied: Vector): void {
    for (const [origin, last] of applied) {
      let seq = last;
      while (this.truth.restore({ origin, seq })) seq--;
      if (seq === last || !this.truth.wasLost({ origin, seq })) continue;
      this.excuse(origin);
      throw new Violation('dot-names-one-batch', `${id} has merged ${origin}:${last}; ${seq} was taken again before`);
    }
  }

  #lose(dot: Dot, by: ReplicaId): void {
    this.stats.lost++;
    const batch = this.truth.lose(dot);
    for (const told of this.#onLost) told(dot, batch, by);
  }
}

/** On its disk, or in its memory and on its way there. */
function heldBy({ applied, before, image }: Known, origin: OriginId): number {
  return Math.max((before ?? image).seqOf(origin), applied.get(origin) ?? 0);
}

/** What a member has applied now, by its own word. */
export function appliedBy(process: SimProcess): Vector {
  return process.leaderless?.kv.vector ?? new Map();
}
