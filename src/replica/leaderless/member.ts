import { originOf, type GroupId, type ReplicaId } from '../../base/brand.js';
import { assert, unreachable } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import { covers, type Dot } from '../../base/dot.js';
import { KvorumError } from '../../base/errors/error.js';
import type { Logger } from '../../base/logger.js';
import type {
  LeaderlessEffects,
  LeaderlessEvent,
  LeaderlessOptions,
  LeaderlessStatus,
  Requirement,
} from '../../engines/leaderless/events.js';
import { createCausal } from '../../engines/causal/index.js';
import type { Leaderless } from '../../engines/leaderless/leaderless.js';
import type { GossipDelta, LeaderlessMessage } from '../../engines/leaderless/messages.js';
import type { OriginBatch } from '../../engines/leaderless/types.js';
import { createLww } from '../../engines/lww/index.js';
import type { EngineMessage } from '../../engines/messages.js';
import { DottedKv } from '../../kv/dotted/index.js';
import type { DottedOptions, DottedReader } from '../../kv/dotted/types.js';
import type { CheckpointStore, Log, WritingIdentity } from '../../storage/storage.js';
import type { GroupMember, MemberOutput } from '../group-member.js';
import type { Level } from '../router.js';
import { LeaderlessCheckpointer, type OriginPosition } from './checkpointer.js';
import { Collection } from './collection.js';
import { Ensures } from './ensures.js';
import { FullSync } from './full-sync.js';
import { isMet, requirementOf, type GroupScope } from './levels.js';
import { QuorumReads } from './quorum-reads.js';
import { withoutHarmful } from './received.js';
import { entryRecord, recoverLogs } from './recover.js';
import { Scrub } from './scrub.js';
import { Sessions } from './sessions.js';
import { createLeaderlessStats } from './stats.js';
import { WritePath } from './write-path.js';

/** What a batch costs beside its bytes: record headers on disk, objects in memory. */
const BATCH_OVERHEAD_BYTES = 128;

export interface LeaderlessMemberOptions {
  readonly group: GroupId;
  readonly self: ReplicaId;
  readonly engine: 'lww' | 'causal';
  readonly identity: WritingIdentity;
  readonly members: readonly ReplicaId[];
  readonly store: CheckpointStore;
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly requestTimeoutMs: number;
  /** How long a request waits for what its session has seen. */
  readonly sessionWaitMs: number;
  readonly checkpointBytes: number;
  readonly retainBytes: number;
  /** See CheckpointTaskOptions. */
  readonly logBytesMax?: number;
  readonly state: DottedOptions;
  readonly protocol: Pick<
    LeaderlessOptions,
    'tickMs' | 'gossipTicks' | 'startGraceTicks' | 'volatile' | 'prng' | 'limits'
  >;
  readonly regionOf: (member: ReplicaId) => string | null;
  /** Another incarnation, durable when it returns. */
  renew(above: LeaderlessRenewal['above']): WritingIdentity;
  wake(): void;
  send(message: LeaderlessMessage): void;
  onFailed(error: unknown): void;
  onChanged(status: LeaderlessStatus): void;
  /** A batch was applied: for those who check, not for the replica's own work. */
  onApplied?(batch: OriginBatch): void;
}

type ReadOnlyPart =
  | 'boots'
  | 'collectedTo'
  | 'counter'
  | 'digest'
  | 'leaves'
  | 'overwritten'
  | 'quarantined'
  | 'retired'
  | 'root'
  | 'tombstones'
  | 'vector';
type LeaderlessRenewal = NonNullable<LeaderlessEffects['renew']>;

/** One replica's instance in one leaderless group: the engine, its state machine, and the requests that wait for them. */
export class LeaderlessMember implements GroupMember {
  readonly engine: 'lww' | 'causal';
  readonly group: GroupId;
  readonly stats = createLeaderlessStats();
  readonly writes: WritePath;
  readonly reads: QuorumReads;
  readonly sessions: Sessions;
  readonly scrubber: Scrub;
  readonly #options: LeaderlessMemberOptions;
  readonly #ensures: Ensures;
  readonly #checkpointer: LeaderlessCheckpointer;
  readonly #fullSync: FullSync;
  readonly #collection: Collection;
  readonly #kv: DottedKv;
  readonly #core: Leaderless;
  /** What is applied, with boots: what the logs are told to forget by. */
  readonly #positions = new Map<Dot['origin'], OriginPosition>();
  /** What the engine wanted when it was made, but for what it delivered. */
  #first: LeaderlessEffects | null = null;
  /** False from the start with a new disk (or from the moment when an old copy was noticed) until all is there again. */
  #whole = true;
  readonly #meets = new Map<Level, boolean>();
  #removed = false;
  #closed = false;
  #stopped = new KvorumError('draining', 'The replica stopped before it took up the request');

  constructor(options: LeaderlessMemberOptions) {
    this.#options = options;
    this.group = options.group;
    this.engine = options.engine;
    const kv = DottedKv.open(options.store, options.store.mark?.meta ?? null, options.state);
    this.#kv = kv;
    this.#core = this.#createCore(kv);
    const step = (event: LeaderlessEvent): void => this.step(event);
    const wake = (): void => options.wake();
    const { clock, logger, requestTimeoutMs, self } = options;
    const { stats } = this;
    this.#ensures = new Ensures(step);
    const shared = { self, clock, logger, requestTimeoutMs, stats, ensures: this.#ensures, step, wake };
    const requirement = (level: Level): Requirement => requirementOf(level, this.scope);
    const send = (message: LeaderlessMessage): void => options.send(message);
    const vector = (): DottedKv['vector'] => kv.vector;
    this.writes = new WritePath({
      ...shared,
      requirement,
      holds: (member, dot) => this.#core.coverage([dot]).includes(member),
    });
    const counts = (): boolean => this.#whole && !this.#core.syncing;
    this.reads = new QuorumReads({ ...shared, requirement, send, vector, counts, reader: () => this.reader });
    const { sessionWaitMs: waitMs } = options;
    this.sessions = new Sessions({ ...shared, waitMs, vector, stopped: () => this.#stopped });
    this.scrubber = new Scrub({ ...shared, timeoutMs: requestTimeoutMs, kv: () => kv, send });
    const onCollected = (counter: number): void => this.#core.step({ type: 'collected', counter });
    this.#collection = new Collection({ ...shared, kv, onCollected });
    this.#checkpointer = this.#createCheckpointer();
    this.#fullSync = new FullSync({
      ...shared,
      group: options.group,
      kv,
      checkpointer: this.#checkpointer,
      positions: this.#positions,
      closedTo: () => this.#core.closedTo,
      isAlive: (peer) => this.#core.aliveMembers().includes(peer),
      closed: () => this.#closed,
      send,
      onFailed: (error) => options.onFailed(error),
    });
    this.#applyRecovered();
  }

  /** What the log holds after the checkpoint: nobody may read, or be told, less than that. */
  #applyRecovered(): void {
    if (!this.#core.hasEffects) return;
    const effects = this.#core.drain();
    for (const batch of effects.deliver) this.#apply(batch);
    this.#first = { ...effects, deliver: [] };
  }

  #createCore(kv: DottedKv): Leaderless {
    const { engine, group, identity, log, members, protocol, self } = this.#options;
    const { collectedTo, counter } = kv;
    const applied = new Map(kv.vector);
    const boots = new Map(kv.boots);
    const retired = [...kv.retired];
    const { origins, repairs } = recoverLogs(group, log.recovered, { vector: applied, boots });
    if (repairs.length > 0) log.append(repairs, true, () => undefined);
    for (const [origin, seq] of applied) this.#positions.set(origin, { origin, seq, boot: boots.get(origin) ?? 0 });
    const origin = originOf(self, identity.incarnation);
    const known = origins.some((other) => other.origin === origin);
    // Of another group's renewal, or of a folder that never wrote here: nothing of it can have been told to others.
    const earlier = origins.some((other) => other.origin.startsWith(`${self}~`));
    const fresh = identity.fresh || (!known && earlier);
    this.#whole = !fresh;
    const options: LeaderlessOptions = {
      ...protocol,
      engine,
      self,
      origin,
      boot: identity.boot,
      fresh,
      members,
      root: () => this.#kv.root(),
      recovered: { origins, applied, appliedBoots: boots, counter, collectedTo, retired },
    };
    return engine === 'lww' ? createLww(options) : createCausal(options);
  }

  #createCheckpointer(): LeaderlessCheckpointer {
    const options = this.#options;
    return new LeaderlessCheckpointer({
      group: options.group,
      store: options.store,
      log: options.log,
      clock: options.clock,
      logger: options.logger,
      stats: this.stats,
      checkpointBytes: options.checkpointBytes,
      retainBytes: options.retainBytes,
      ...(options.logBytesMax === undefined ? {} : { logBytesMax: options.logBytesMax }),
      kv: () => this.#kv,
      positions: () => this.#positions,
      pinned: () => this.#fullSync.pinned,
      onCheckpointed: (cut) => this.step({ type: 'checkpointed', cut }),
      onFailed: (error) => options.onFailed(error),
    });
  }

  /** Everything that may be looked at from outside; only the member itself steps and drains. */
  get core(): Omit<Leaderless, 'step' | 'drain'> {
    return this.#core;
  }

  /** What is applied; only the member itself changes it. */
  get kv(): Pick<DottedKv, ReadOnlyPart> {
    return this.#kv;
  }

  get scope(): GroupScope {
    const { self, regionOf } = this.#options;
    return { self, members: this.#core.members, regionOf };
  }

  /** What is applied, as of the wall's time now: what has expired is absent. */
  get reader(): DottedReader {
    const { reader } = this.#kv;
    // A clock that is set back must not bring expired values back.
    reader.nowMs = Math.max(reader.nowMs, this.#options.clock.wallMs());
    return reader;
  }

  status(): LeaderlessStatus {
    return this.#core.status();
  }

  get checkpointCount(): number {
    return this.#checkpointer.count;
  }

  get waiting(): number {
    return this.#ensures.size;
  }

  /** Peers refuse this replica because it was removed, from every group. */
  get removed(): boolean {
    return this.#removed;
  }

  get caughtUp(): boolean {
    return this.#core.ready && !this.#removed;
  }

  /** True when enough members are alive for `level`. Asked for every write: kept until something changes. */
  canMeet(level: Level): boolean {
    if (level === 'one' || level === 'session') return true;
    const known = this.#meets.get(level);
    if (known !== undefined) return known;
    const alive = this.#core.aliveMembers();
    const meets = isMet(requirementOf(level, this.scope), (member) => alive.includes(member));
    this.#meets.set(level, meets);
    return meets;
  }

  step(event: LeaderlessEvent): void {
    if (this.#closed) return;
    this.#core.step(event);
    this.#options.wake();
  }

  onMessage(received: EngineMessage): void {
    if (this.#closed) return;
    const message = received as LeaderlessMessage; // Members of one group have one engine: the handshake and placement see to it.
    switch (message.type) {
      case 'gossipDelta':
        this.#onDelta(message);
        return;
      case 'fullSyncRequest':
      case 'fullSyncItems':
      case 'fullSyncEnd':
      case 'fullSyncAck':
        this.#fullSync.onMessage(message);
        return;
      case 'versionProbe':
        this.reads.onProbe(message);
        return;
      case 'versionAnswer':
        this.reads.onAnswer(message);
        return;
      case 'scrubLeaves':
        this.scrubber.onLeaves(message);
        return;
      case 'scrubItems':
        this.scrubber.onItems(message);
        return;
      case 'gossipDigest':
      case 'gossipAck':
      case 'needFullSync':
        this.step({ type: 'message', message });
        return;
      default:
        unreachable(message);
    }
  }

  #onDelta(delta: GossipDelta): void {
    const { logger } = this.#options;
    const message = withoutHarmful(delta, (dot) => {
      logger.warn('batch_refused', { group: this.group, from: delta.from, ...dot });
    });
    this.step({ type: 'message', message });
  }

  onPeerUp(peer: ReplicaId): void {
    this.step({ type: 'peerUp', peer });
  }

  onPeerDown(peer: ReplicaId): void {
    this.step({ type: 'peerDown', peer });
    this.#fullSync.onPeerDown(peer);
  }

  onDropped(message: EngineMessage): void {
    this.step({ type: 'dropped', peer: message.to });
    this.#fullSync.onDropped(message as LeaderlessMessage);
  }

  onRemoved(): void {
    this.#removed = true;
  }

  onStalled(): void {
    this.step({ type: 'stalled' });
  }

  /** The cluster's membership has changed: whoever is in it holds this group as well. */
  onMembers(members: readonly ReplicaId[]): void {
    const before = this.#core.members;
    if (members.length === before.length && members.every((member) => before.includes(member))) return;
    this.#removed = false;
    this.#meets.clear();
    this.step({ type: 'members', members });
  }

  tick(ticks: number, nowMs: number): void {
    if (this.#closed) return;
    this.#meets.clear();
    for (let tick = 0; tick < ticks; tick++) this.#core.step({ type: 'tick' });
    if (!this.#fullSync.finishing) this.#collection.run(nowMs);
    if (this.#core.hasEffects || this.#first !== null) this.#options.wake(); // Most ticks have none: no turn is needed then.
    this.writes.expire(nowMs);
    this.reads.expire(nowMs);
    this.#ensures.expire(nowMs);
    this.#fullSync.check(nowMs);
    this.#checkpointer.check(nowMs);
    this.scrubber.check(nowMs);
    this.#retryParked();
  }

  #retryParked(): void {
    if (this.writes.hasParked && this.#core.writable && !this.#fullSync.finishing) this.writes.retryParked();
  }

  /** Closes the open batches, takes what the engine wants done, applies and answers. */
  drain(): MemberOutput | null {
    if (this.#closed) return null;
    // Written on top of what is merged but not durable yet, a write would neither be newer than it nor depend on it.
    this.writes.seal(this.#fullSync.finishing);
    this.reads.seal();
    const effects = this.#first ?? (this.#core.hasEffects ? this.#core.drain() : null);
    if (effects === null) return null;
    this.#first = null;
    this.#take(effects);
    const { messages, afterPersist, persist } = effects;
    if (persist === null) return { messages, afterPersist, persist: null };
    const records = persist.batches.map((batch) => entryRecord(this.group, batch));
    return { messages, afterPersist, persist: { batch: persist.batch, records, mustSync: true } };
  }

  #take(effects: LeaderlessEffects): void {
    for (const batch of effects.deliver) this.#apply(batch); // Before anything is answered.
    this.writes.onWritten(effects.written);
    for (const outcome of effects.ensured) this.#ensures.onOutcome(outcome);
    if (effects.collect !== null) this.#collection.collectTo(effects.collect);
    if (effects.mismatch !== null) this.scrubber.onMismatch(effects.mismatch.peer);
    if (effects.fullSync !== null) this.#fullSync.start(effects.fullSync);
    if (effects.renew !== null) this.#renew(effects.renew);
    this.#whole ||= this.#core.ready;
    if (effects.changed === null) return;
    this.#meets.clear();
    this.#retire();
    this.#options.onChanged(effects.changed);
    this.#retryParked();
  }

  #apply(batch: OriginBatch): void {
    const { boot, commands, encoded, origin, seq } = batch;
    // On its way to the disk when a full sync was merged that holds it.
    if (covers(this.#kv.vector, batch)) return;
    this.#kv.apply(batch, this.writes.beginApply(batch));
    this.writes.endApply();
    const position = { origin, seq, boot };
    this.#positions.set(origin, position);
    this.stats.batchesApplied++;
    this.stats.commandsApplied += commands;
    this.#checkpointer.onApplied(position, encoded.length + BATCH_OVERHEAD_BYTES);
    this.#options.onApplied?.(batch);
  }

  #retire(): void {
    for (const origin of this.#core.retired) this.#kv.retire(origin);
  }

  #renew({ reason, above }: LeaderlessRenewal): void {
    const { incarnation } = this.#options.renew(above);
    const origin = originOf(this.#options.self, incarnation);
    this.#options.logger.warn('incarnation_renewed', { group: this.group, origin, reason });
    this.writes.onRenewed(origin);
    this.#whole = false;
    this.step({ type: 'renewed', origin });
  }

  onPersisted(batch: number): void {
    this.step({ type: 'persisted', batch });
  }

  /** What is delivered was applied in `drain`. */
  apply(): void {
    if (this.#core.hasEffects) this.#options.wake();
    if (this.#checkpointer.task.due) this.#checkpointer.start();
  }

  /** Writes a checkpoint now, whatever its size; resolves when it is durable. */
  async checkpointNow(): Promise<void> {
    await this.#checkpointer.task.idle();
    this.#checkpointer.start();
    await this.#checkpointer.task.idle();
  }

  /** Compares range hashes with all members that are alive. */
  scrub(): Promise<readonly ReplicaId[]> {
    const { self } = this.#options;
    return this.scrubber.run(this.#core.aliveMembers().filter((member) => member !== self));
  }

  gossipNow(): void {
    const { self } = this.#options;
    for (const peer of this.#core.aliveMembers()) if (peer !== self) this.step({ type: 'peerUp', peer });
  }

  /** Where a write that is made now will stand, or somewhat later: nothing of ours that comes before it lies above. */
  get nextDot(): Dot {
    const { origin } = this.#core;
    return { origin, seq: (this.#kv.vector.get(origin) ?? 0) + this.writes.pendingBatches + 1 };
  }

  /** True when every member is known to have `dot`. */
  everywhere(dot: Dot): boolean {
    return this.#core.coverage([dot]).length >= this.#core.members.length;
  }

  /** Answers everything that waits, and takes no part any more. */
  stop(unknown: KvorumError, certain: KvorumError): void {
    if (this.#closed) return;
    this.#stopped = certain;
    this.writes.stop(unknown, certain);
    this.reads.stop(certain);
    this.#ensures.stop();
    this.scrubber.stop();
    this.#closed = true;
  }

  /** The log has failed: what waits for it will never be done. */
  cancelMaintenance(): void {
    this.#checkpointer.task.cancel();
  }

  async close(): Promise<void> {
    assert(this.#closed, 'a member is stopped before it is closed');
    await this.#fullSync.close();
    await this.#checkpointer.task.idle();
  }
}
