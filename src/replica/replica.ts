import type { GroupId, ReplicaId } from '../base/brand.js';
import { assert, assertDefined } from '../base/assert.js';
import { systemClock, type Clock } from '../base/clock.js';
import { KvorumError, toKvorumError } from '../base/errors/error.js';
import type { Logger } from '../base/logger.js';
import type { Prng } from '../base/prng.js';
import { systemScheduler, type Scheduler } from '../base/scheduler.js';
import { groupsOf } from '../cluster/placement.js';
import type { LeaderlessKeyspaceConfig, SemisyncKeyspaceConfig, Topology } from '../config/topology.js';
import type { EngineStatus } from '../engines/engine.js';
import type { LeaderlessLimits } from '../engines/leaderless/events.js';
import type { OriginBatch } from '../engines/leaderless/types.js';
import type { RaftOptions } from '../engines/raft/events.js';
import { isSpokenBy, protocolOf, type EngineMessage } from '../engines/messages.js';
import type { Entry } from '../engines/raft/messages.js';
import type { Discarded } from '../engines/semisync/events.js';
import type { LogRecord, Storage } from '../storage/storage.js';
import type { Envelope, Transport } from '../transport/transport.js';
import { ClusterGate } from './gate.js';
import { configOf, logBytesMax, membershipsOf } from './groups.js';
import { isLeaderless, type AnyMember, type MemberRecords } from './group-member.js';
import { LeaderlessMember } from './leaderless/member.js';
import { protocolOptions, regionsOf, stateOptions } from './leaderless/options.js';
import { RaftMember } from './raft/member.js';
import { raftOptions } from './raft/options.js';
import { SemisyncMember } from './semisync/member.js';
import { semisyncOptions } from './semisync/options.js';
import { Outbox } from './outbox.js';
import { createReplicaStats } from './stats.js';

/** Ticks without a turn after which the loop counts as having stood still. */
const LATE_TICKS = 3;
/** Rounds of drain, send, append, apply in one turn, before other work of the event loop gets its chance. */
const ROUNDS_PER_TURN = 4;

export interface ReplicaOptions {
  readonly topology: Topology;
  readonly self: ReplicaId;
  readonly storage: Storage;
  readonly transport: Transport;
  readonly prng: Prng;
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly scheduler?: Scheduler;
  /** Called once when the replica cannot go on: everything pending was answered, the owner must stop it. */
  onFailed(error: KvorumError): void;
  onChanged(group: GroupId, status: EngineStatus): void;
  /** An entry was applied: for those who check, not for the replica's own work. */
  readonly onApplied?: (group: GroupId, entry: Entry) => void;
  /** Entries of a leader-follower group are leaving the log, and are in a file of lost writes: as onApplied. */
  readonly onDiscarded?: (group: GroupId, discarded: Discarded) => void;
  /** As onApplied, of leaderless groups. */
  readonly onDelivered?: (group: GroupId, batch: OriginBatch) => void;
  /** In place of some of LIMITS: small ones make rare paths common. */
  readonly engineLimits?: Partial<RaftOptions['limits']>;
  readonly leaderlessLimits?: Partial<LeaderlessLimits>;
}

/**
 * One replica: every group it takes part in, one log for all of them, one link per peer. All of it runs in turns of
 * the event loop (see turn below); nothing on the data path crosses threads.
 */
export class Replica {
  readonly self: ReplicaId;
  readonly members: ReadonlyMap<GroupId, AnyMember>;
  readonly stats = createReplicaStats();
  /** Whether this replica takes part, and who else may. */
  readonly gate: ClusterGate;
  /** Told how long each append to the log took until it was durable, in milliseconds. */
  onLogSynced: (milliseconds: number) => void = () => undefined;
  readonly #options: ReplicaOptions;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #outbox: Outbox;
  readonly #turnEnd = new Set<() => void>();
  readonly #startedMs: number;
  #scheduled = false;
  #awake = false;
  #inTurn = false;
  #appendsInFlight = 0;
  #lastTickMs: number;
  #stopTicks: () => void = () => undefined;
  #failure: KvorumError | null = null;
  #closed = false;
  #closing: Promise<void> | null = null;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.self = options.self;
    this.#clock = options.clock ?? systemClock;
    this.#scheduler = options.scheduler ?? systemScheduler;
    this.#outbox = new Outbox(options.transport, this.stats, (envelopes) => this.#onDropped(envelopes));
    this.#startedMs = this.#clock.monotonicMs();
    this.#lastTickMs = this.#startedMs;
    const members = new Map<GroupId, AnyMember>();
    this.members = members;
    const { logger, self, storage, topology, transport } = options;
    this.gate = new ClusterGate({
      topology,
      self,
      storage,
      transport,
      logger,
      memberships: () => this.#voting.flatMap(membershipsOf),
      committed: () => this.#voting.map(({ memberships }) => memberships.committed.membership),
      onFormed: (membership) => {
        for (const member of this.raftMembers) member.form(membership);
        for (const member of this.semisyncMembers) member.form(membership);
        // Groups without votes may learn of their members in no other way. Raft groups know theirs from the log, and peers
        // vouch as soon as they are met.
        if (this.members.size > this.raftMembers.length) this.#checkPeers();
      },
      onVouched: () => this.#checkPeers(),
    });
    // Those that vote first: they say who belongs to the others.
    const placed = groupsOf(topology).map(({ group, keyspace }) => ({ group, config: configOf(topology, keyspace) }));
    for (const { group, config } of placed) {
      if (config.engine === 'raft') members.set(group, this.#createRaft(group));
      else if (config.engine === 'semisync') members.set(group, this.#createSemisync(group, config));
    }
    for (const { group, config } of placed) {
      if (config.engine !== 'raft' && config.engine !== 'semisync') {
        members.set(group, this.#createLeaderless(group, config));
      }
    }
    options.storage.onFailed((error) => this.#fail(new KvorumError('storage_failed', error.message, { cause: error })));
  }

  /** Those whose membership is agreed upon in their own log. */
  get raftMembers(): readonly RaftMember[] {
    return [...this.members.values()].filter((member) => member.engine === 'raft');
  }

  get leaderlessMembers(): readonly LeaderlessMember[] {
    return [...this.members.values()].filter(isLeaderless);
  }

  /** Those whose members are the ones that the cluster was formed with. */
  get semisyncMembers(): readonly SemisyncMember[] {
    return [...this.members.values()].filter((member) => member.engine === 'semisync');
  }

  /**
   * Who says who belongs to the cluster. Members of leader-follower groups never change, so where anybody else votes, they have no
   * say: a replica that was removed is still one of theirs.
   */
  get #voting(): readonly (RaftMember | SemisyncMember)[] {
    const { raftMembers } = this;
    return raftMembers.length > 0 ? raftMembers : this.semisyncMembers;
  }

  #createRaft(group: GroupId): RaftMember {
    const { topology, storage, prng, logger, onApplied, engineLimits } = this.#options;
    return new RaftMember({
      group,
      self: this.self,
      membership: this.gate.membership,
      store: storage.checkpoint(group),
      log: storage.log,
      clock: this.#clock,
      logger,
      requestTimeoutMs: topology.timing.requestTimeoutMs,
      sessionWaitMs: topology.session.waitMs,
      checkpointBytes: topology.storage.checkpointBytes,
      retainBytes: topology.storage.retainBytes,
      logBytesMax: logBytesMax(topology),
      raft: raftOptions(topology, prng.fork(group), engineLimits),
      wake: () => this.wake(),
      onTime: () => this.#clock.monotonicMs() - this.#lastTickMs < topology.timing.tickMs,
      send: (message) => this.#send(group, message),
      folderOf: (peer) => this.#options.transport.folderOf(peer),
      onFailed: (error) => this.#fail(toKvorumError(error)),
      onChanged: (status) => this.#options.onChanged(group, status),
      ...(onApplied === undefined ? {} : { onApplied: (entry: Entry) => onApplied(group, entry) }),
      onMembership: () => this.#checkPeers(),
    });
  }

  #createSemisync(group: GroupId, config: SemisyncKeyspaceConfig): SemisyncMember {
    const { topology, storage, prng, logger, onApplied, onDiscarded, engineLimits } = this.#options;
    return new SemisyncMember({
      group,
      self: this.self,
      membership: this.gate.membership,
      writeQuorum: config.writeQuorum,
      store: storage.checkpoint(group),
      log: storage.log,
      lostWrites: storage.lostWrites,
      clock: this.#clock,
      logger,
      tickMs: topology.timing.tickMs,
      requestTimeoutMs: topology.timing.requestTimeoutMs,
      sessionWaitMs: topology.session.waitMs,
      checkpointBytes: topology.storage.checkpointBytes,
      retainBytes: topology.storage.retainBytes,
      logBytesMax: logBytesMax(topology),
      semisync: semisyncOptions(topology, config, prng.fork(group), engineLimits),
      wake: () => this.wake(),
      tickedMs: () => this.#lastTickMs,
      send: (message) => this.#send(group, message),
      onFailed: (error) => this.#fail(toKvorumError(error)),
      onChanged: (status) => this.#options.onChanged(group, status),
      ...(onApplied === undefined ? {} : { onApplied: (entry: Entry) => onApplied(group, entry) }),
      ...(onDiscarded === undefined ? {} : { onDiscarded: (discarded: Discarded) => onDiscarded(group, discarded) }),
    });
  }

  #createLeaderless(group: GroupId, config: LeaderlessKeyspaceConfig): LeaderlessMember {
    const { topology, storage, prng, logger, onDelivered, leaderlessLimits } = this.#options;
    return new LeaderlessMember({
      group,
      self: this.self,
      engine: config.engine,
      identity: storage.beginWriting(),
      members: this.#clusterMembers,
      store: storage.checkpoint(group, 'none'),
      log: storage.log,
      clock: this.#clock,
      logger,
      requestTimeoutMs: topology.timing.requestTimeoutMs,
      sessionWaitMs: topology.session.waitMs,
      checkpointBytes: topology.storage.checkpointBytes,
      retainBytes: topology.storage.retainBytes,
      logBytesMax: logBytesMax(topology),
      state: stateOptions(config),
      protocol: protocolOptions(topology, prng.fork(group), leaderlessLimits),
      regionOf: regionsOf(topology),
      renew: (above) => storage.renewIncarnation(above),
      wake: () => this.wake(),
      send: (message) => this.#send(group, message),
      onFailed: (error) => this.#fail(toKvorumError(error)),
      onChanged: (status) => this.#options.onChanged(group, status),
      ...(onDelivered === undefined ? {} : { onApplied: (batch: OriginBatch) => onDelivered(group, batch) }),
    });
  }

  /**
   * Who holds the groups without votes: the cluster's members, whom the first group with votes has agreed upon; all
   * replicas of the topology while that is not known, and where nobody votes.
   */
  get #clusterMembers(): readonly ReplicaId[] {
    const membership = this.#voting[0]?.memberships.latest.membership;
    const agreed = membership === undefined ? [] : [...membership.voters, ...membership.learners];
    return agreed.length > 0 ? agreed : this.#options.topology.replicas.map(({ id }) => id);
  }

  /** Not within a member's own turn, nor a link's: links that are cut tell the members. */
  #checkPeers(): void {
    this.#scheduler.nextTurn(() => this.#guarded(() => this.#onMembership()));
  }

  #onMembership(): void {
    this.gate.onMembership();
    const members = this.#clusterMembers;
    for (const member of this.leaderlessMembers) {
      if (members.includes(this.self)) member.onMembers(members);
      else member.onRemoved();
    }
  }

  async start(): Promise<void> {
    await this.#options.transport.start({
      onMessages: (from, envelopes) => {
        if (this.gate.hears(from)) this.#onMessages(envelopes);
      },
      onFormation: (message) => this.#guarded(() => this.gate.onFormation(message, this.#clock.monotonicMs())),
      admits: (peer, folder) => this.gate.admits(peer, folder),
      onRefused: (by, code, text) => {
        this.#guarded(() => this.gate.onRefused(by, code, text));
        if (code === 'removed_replica') for (const member of this.members.values()) member.onRemoved();
      },
      onPeerUp: (peer) => {
        this.gate.onPeerUp(peer);
        for (const member of this.members.values()) member.onPeerUp(peer);
      },
      onPeerDown: (peer) => {
        this.gate.onPeerDown(peer);
        for (const member of this.members.values()) member.onPeerDown(peer);
      },
    });
    this.#onMembership(); // What the log remembers may be newer than the topology.
    this.gate.start(this.#clock.monotonicMs());
    this.#lastTickMs = this.#clock.monotonicMs();
    this.#stopTicks = this.#scheduler.every(this.#options.topology.timing.tickMs, () => this.#onTimer());
  }

  /** For what is not done in a turn: what fails here stops the replica as well. */
  #guarded(action: () => void): void {
    if (this.#closed) return;
    try {
      action();
    } catch (error) {
      this.#fail(toKvorumError(error));
    }
  }

  /** After the loop stood still, what waits in the sockets is read first: a leader's heartbeat may be among it. */
  #onTimer(): void {
    if (this.#late) this.#scheduler.nextTurn(() => this.#tick());
    else this.#tick();
  }

  /** The loop has not run for several ticks: a pause of the process, a long collection, a busy machine. */
  get #late(): boolean {
    return this.#clock.monotonicMs() - this.#lastTickMs > LATE_TICKS * this.#options.topology.timing.tickMs;
  }

  #tick(): void {
    if (this.#closed) return;
    const nowMs = this.#clock.monotonicMs();
    const ticks = Math.floor((nowMs - this.#lastTickMs) / this.#options.topology.timing.tickMs);
    if (ticks === 0) return;
    this.#lastTickMs += ticks * this.#options.topology.timing.tickMs;
    this.gate.onTick(nowMs);
    // Behind a shut gate only the clients' deadlines pass.
    for (const member of this.members.values()) member.tick(this.gate.open ? ticks : 0, nowMs);
  }

  #onMessages(envelopes: readonly Envelope[]): void {
    for (const { group, message } of envelopes) {
      const member = this.members.get(group);
      if (member === undefined) continue; // Of a group that this replica does not hold: the peer's topology is newer.
      this.stats.messagesReceived++;
      if (isSpokenBy(protocolOf(member.engine), message)) member.onMessage(message);
      else this.stats.messagesForeign++;
    }
  }

  #onDropped(envelopes: readonly Envelope[]): void {
    for (const { group, message } of envelopes) this.members.get(group)?.onDropped(message);
  }

  #send(group: GroupId, message: EngineMessage): void {
    this.#outbox.add(group, message);
    this.wake();
  }

  /** Makes sure that a turn runs after the I/O that is ready now. */
  wake(): void {
    this.#awake = true;
    if (this.#scheduled || this.#inTurn || this.#closed) return;
    this.#scheduled = true;
    this.#scheduler.nextTurn(() => this.#turn());
  }

  /** Runs `flush` once at the end of this turn (or of the next one, when none is running). */
  atTurnEnd(flush: () => void): void {
    this.#turnEnd.add(flush);
    if (this.#closed) this.#scheduler.nextTurn(() => this.#flushTurnEnd());
    else this.wake();
  }

  /** The loop of design.md §2: everything that arrived is drained once, sent, appended, applied, answered. */
  #turn(): void {
    this.#scheduled = false;
    if (this.#closed) return;
    this.stats.turns++;
    this.#inTurn = true;
    try {
      if (this.#late) for (const member of this.members.values()) member.onStalled();
      for (let round = 0; this.#awake && round < ROUNDS_PER_TURN; round++) {
        this.#awake = false;
        this.#round();
      }
      this.#flushTurnEnd();
    } catch (error) {
      this.#fail(toKvorumError(error));
      return;
    } finally {
      this.#inTurn = false;
    }
    if (this.#awake) this.wake();
  }

  #flushTurnEnd(): void {
    const flushes = [...this.#turnEnd];
    this.#turnEnd.clear();
    for (const flush of flushes) flush();
  }

  #round(): void {
    const records: LogRecord[] = [];
    const persisted: { readonly member: AnyMember; readonly persist: MemberRecords }[] = [];
    const held: Envelope[] = [];
    let mustSync = false;
    for (const member of this.members.values()) {
      const output = member.drain();
      if (output === null) continue;
      for (const message of output.messages) this.#outbox.add(member.group, message);
      for (const message of output.afterPersist) held.push({ group: member.group, message });
      if (output.persist === null) continue;
      for (const record of output.persist.records) records.push(record);
      persisted.push({ member, persist: output.persist });
      mustSync ||= output.persist.mustSync;
    }
    // A message that vouches for nothing new still waits for what is on its way to the disk (reliability.md §0.3).
    if (records.length === 0 && this.#appendsInFlight === 0) {
      for (const { group, message } of held) this.#outbox.add(group, message);
      held.length = 0;
    }
    this.#outbox.flush(); // The leader sends before its own disk is done (raft.md R2).
    if (records.length > 0 || held.length > 0) this.#append(records, mustSync || held.length > 0, persisted, held);
    for (const member of this.members.values()) member.apply();
  }

  #append(
    records: readonly LogRecord[],
    sync: boolean,
    persisted: readonly { readonly member: AnyMember; readonly persist: MemberRecords }[],
    held: readonly Envelope[],
  ): void {
    this.#appendsInFlight++;
    this.stats.logAppends++;
    const startMs = this.#clock.monotonicMs();
    this.#options.storage.log.append(records, sync, () => {
      this.#appendsInFlight--;
      assert(this.#appendsInFlight >= 0, 'an append is done once');
      const tookMs = this.#clock.monotonicMs() - startMs;
      this.onLogSynced(tookMs);
      for (const { member, persist } of persisted) member.onPersisted(persist.batch);
      for (const { group, message } of held) this.#outbox.add(group, message);
      this.wake();
    });
  }

  uptimeMs(): number {
    return this.#clock.monotonicMs() - this.#startedMs;
  }

  get failure(): KvorumError | null {
    return this.#failure;
  }

  member(group: GroupId): AnyMember {
    return assertDefined(this.members.get(group), `this replica holds group ${group}`);
  }

  /** As `member`, of a group without a leader. */
  leaderlessMember(group: GroupId): LeaderlessMember {
    const member = this.member(group);
    assert(isLeaderless(member), `group ${group} has no leader`);
    return member;
  }

  /** As `member`, of a group that raft replicates. */
  raftMember(group: GroupId): RaftMember {
    const member = this.member(group);
    assert(member.engine === 'raft', `group ${group} is replicated by raft`);
    return member;
  }

  /** As `member`, of a leader-follower group. */
  semisyncMember(group: GroupId): SemisyncMember {
    const member = this.member(group);
    assert(member.engine === 'semisync', `group ${group} has a write quorum`);
    return member;
  }

  #fail(error: KvorumError): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#options.logger.error('replica_failed', { code: error.code, detail: error.message, stack: error.stack });
    for (const member of this.members.values()) member.cancelMaintenance();
    this.#stop(error);
    this.#options.onFailed(error);
  }

  /** Tells everybody who waits, once, and does nothing afterwards. */
  #stop(unknown: KvorumError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopTicks();
    const certain = new KvorumError('draining', 'The replica stopped before it took up the request');
    for (const member of this.members.values()) member.stop(unknown, certain);
    this.#flushTurnEnd();
  }

  /** Stops without ceremony: requests in progress are answered `outcome_unknown`, the log is synced and closed. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#stop(new KvorumError('outcome_unknown', 'The replica stopped'));
    for (const member of this.members.values()) await member.close();
    await this.#options.transport.close();
    await this.#options.storage.close();
  }
}
