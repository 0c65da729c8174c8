import { type GroupId, type LogIndex, type ReplicaId, type Revision, type Term } from '../../base/brand.js';
import { assert, assertDefined } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import { KvorumError } from '../../base/errors/error.js';
import type { Logger } from '../../base/logger.js';
import type { RaftStatus } from '../../engines/engine.js';
import type { Persist, RaftEffects, RaftEvent, RaftOptions } from '../../engines/raft/events.js';
import { createRaft, type Raft } from '../../engines/raft/index.js';
import type { Membership, MembershipPair, PlacedMembership } from '../../engines/raft/membership.js';
import type { Entry, ForwardProposal, RaftMessage } from '../../engines/raft/messages.js';
import type { EngineMessage } from '../../engines/messages.js';
import { validateBatch } from '../../kv/index.js';
import type { KvReader } from '../../kv/types.js';
import type { CheckpointMark, CheckpointStore, Log, LogRecord } from '../../storage/storage.js';
import type { GroupMember, MemberOutput, MemberRecords } from '../group-member.js';
import { AppliedState } from '../ordered/applied-state.js';
import { RevisionWaits } from '../ordered/revision-waits.js';
import { RoleWatch } from '../ordered/role-watch.js';
import { Transfers } from '../ordered/transfers.js';
import { MembershipDriver } from './membership-driver.js';
import type { Refusal, Standing } from './membership-effect.js';
import { ReadPath } from './read-path.js';
import { reconcile } from './recover.js';
import type { MembershipRequest, MembershipResult } from '../router.js';
import { createMemberStats } from '../stats.js';
import { WritePath } from './write-path.js';

/** What raft adds to a piece of a snapshot. */
const NOTHING = {};

export interface MemberOptions {
  readonly group: GroupId;
  readonly self: ReplicaId;
  readonly membership: Membership;
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
  /** Everything about the engine but what this replica has on disk. */
  readonly raft: Omit<RaftOptions, 'self' | 'membership' | 'recovered'>;
  /** Makes sure that a turn drains this member. */
  wake(): void;
  /** False while a tick or more has passed that the engine was not told of: its lease cannot be relied on (raft.md L6). */
  onTime(): boolean;
  send(message: RaftMessage): void;
  onFailed(error: unknown): void;
  /** Role, term or leader changed. */
  onChanged(status: RaftStatus): void;
  /** An entry was applied: for those who check, not for the replica's own work. */
  onApplied?(entry: Entry): void;
  /** Another membership is in force (appended, undone, or by a snapshot), or the one in force is committed (raft.md M2). */
  onMembership(placed: PlacedMembership): void;
  /** The data folder that a connected peer came with (raft.md M4); null when it is not connected, or keeps nothing. */
  folderOf?(peer: ReplicaId): string | null;
}

/** One replica's instance in one group: the engine, its state machine, and the requests that wait for them. */
export class RaftMember implements GroupMember {
  readonly engine = 'raft';
  readonly group: GroupId;
  readonly stats = createMemberStats();
  readonly writes: WritePath;
  readonly reads: ReadPath;
  /** Requests of sessions that have seen more than is applied here. */
  readonly sessions: RevisionWaits;
  readonly #options: MemberOptions;
  #raft: Raft;
  readonly #membership: MembershipDriver;
  readonly #transfers: Transfers<object>;
  readonly #applied: AppliedState;
  /** From a snapshot's install until the engine knows of it. */
  #installing = false;
  #closed = false;
  readonly #roles = new RoleWatch(this.stats);

  constructor(options: MemberOptions) {
    this.#options = options;
    this.group = options.group;
    const { store, log, group } = options;
    const recoveredLog = log.recovered.get(group);
    const recovered = reconcile(group, recoveredLog, store.mark);
    this.#applied = new AppliedState(store, recovered.baseTerm);
    this.#raft = createRaft({ ...options.raft, self: options.self, membership: options.membership, recovered });
    const shared = {
      clock: options.clock,
      requestTimeoutMs: options.requestTimeoutMs,
      stats: this.stats,
      step: (event: RaftEvent) => this.step(event),
      wake: () => options.wake(),
    };
    this.writes = new WritePath({ ...shared, target: () => ({ leader: this.#raft.leader, term: this.#raft.term }) });
    this.reads = new ReadPath({ ...shared, leaseValid: () => this.leaseValid });
    this.sessions = new RevisionWaits(options.clock, options.sessionWaitMs);
    this.#membership = new MembershipDriver({
      ...shared,
      group,
      self: options.self,
      codec: options.raft.codec,
      volatile: options.raft.volatile === true,
      logger: options.logger,
      raft: () => this.#raft,
      folderOf: (peer) => options.folderOf?.(peer) ?? null,
      onMembership: (placed) => options.onMembership(placed),
      onRemoved: (error) => {
        this.writes.refuseParked(error);
        this.reads.refuseRetried(error);
      },
    });
    this.#transfers = new Transfers({
      member: options,
      stats: this.stats,
      state: this.#applied,
      step: (event) => this.step(event),
      term: () => (this.#raft.role === 'leader' ? this.#raft.term : null),
      termOf: (index) => this.#raft.termOf(index),
      inForceAt: (index) => ({ membership: this.#raft.membershipAt(index) }),
      onInstalled: (mark, { from }) => this.#onInstalled(mark, from),
    });
  }

  /**
   * The cluster was formed meanwhile: begins with this membership. Until then the member has heard nobody and no tick,
   * so that nothing is lost with the engine that it began with.
   */
  form(membership: Membership): void {
    const output = this.drain();
    assert(output === null || (output.persist === null && output.messages.length === 0), 'nothing happened before');
    const { group, log, store, raft, self } = this.#options;
    const recovered = reconcile(group, log.recovered.get(group), store.mark);
    this.#raft = createRaft({ ...raft, self, membership, recovered });
    this.#membership.refresh();
    this.#options.wake();
  }

  /** Everything that may be looked at from outside; only the member itself steps and drains. */
  get raft(): Omit<Raft, 'step' | 'drain'> {
    return this.#raft;
  }

  /** True while a lease read would be served at once: no other leader can exist (raft.md L4, L6). */
  get leaseValid(): boolean {
    return this.#options.onTime() && this.#raft.leaseValid();
  }

  /** What is committed, and what is in force. */
  get memberships(): MembershipPair {
    return this.#membership.memberships;
  }

  /** What this replica is to the group. `unknown`: it waits to be added; `removed`: it takes no part any more. */
  get standing(): Standing {
    return this.#membership.standing;
  }

  /** Peers refuse this replica because it was removed, from every group. */
  onRemoved(): void {
    this.#membership.toldRemoved();
  }

  /** See Keyspace.changeMembership. */
  changeMembership(
    request: MembershipRequest,
    timeoutMs: number = this.#options.requestTimeoutMs,
  ): Promise<MembershipResult> {
    return this.#membership.change(request, timeoutMs);
  }

  get reader(): KvReader {
    return this.#applied.reader;
  }

  /** A hash over the state machine: equal on replicas that applied the same entries. Reads everything. */
  digest(): string {
    return this.#applied.kv.digest();
  }

  get appliedIndex(): LogIndex {
    return this.#applied.index;
  }

  get revision(): Revision {
    return this.#applied.revision;
  }

  get checkpointIndex(): LogIndex {
    return this.#applied.checkpointIndex;
  }

  /** True when everything known to be committed is applied and some leader is known. */
  get caughtUp(): boolean {
    return this.#raft.leader !== null && this.#applied.index >= this.#raft.commitIndex;
  }

  step(event: RaftEvent): void {
    if (this.#closed) return;
    this.#raft.step(event);
    this.#options.wake();
  }

  onMessage(received: EngineMessage): void {
    const message = received as RaftMessage; // Members of one group have one engine: the handshake and placement see to it.
    if (message.type === 'forwardProposal') {
      this.#onForward(message);
      return;
    }
    this.step({ type: 'message', message });
    if (message.type === 'snapshotChunkResponse') this.#transfers.onResponse(message);
  }

  /**
   * One that was sent to the leader of a term that is over is refused here. The engine drops such messages, because it
   * must expect copies of them; a link makes none (transport.ts), so this one was never appended, and the sender may
   * propose it again elsewhere.
   */
  #onForward(message: ForwardProposal): void {
    const change = message.kind === 'membership' ? this.#membership.decode(message.payload) : null;
    if (message.kind === 'membership' ? change === null : !validateBatch(message.payload)) {
      // A batch that does not decode would stop every replica when it is applied: it never enters the log.
      this.#options.logger.warn('forwarded_batch_refused', { group: this.group, from: message.from });
    } else if (message.term < this.#raft.term) {
      this.#refuseForward(message, 'not_leader');
    } else if (change === null) {
      this.step({ type: 'message', message });
    } else {
      const completed = this.#membership.complete(change);
      if (typeof completed === 'string') this.#refuseForward(message, completed);
      else {
        this.step({ type: 'message', message: { ...message, payload: this.#membership.encode(completed) } });
      }
    }
  }

  #refuseForward({ from, id, term }: ForwardProposal, refused: Refusal): void {
    if (this.#closed) return;
    this.#options.send({
      type: 'forwardProposalResponse',
      from: this.#options.self,
      to: from,
      term, // Theirs: ours may not be durable yet (raft.md R3).
      id,
      refused,
      index: 0 as LogIndex,
      entryTerm: 0 as Term,
    });
  }

  onPeerUp(): void {
    // Heartbeats and probes begin by themselves.
  }

  onPeerDown(peer: ReplicaId): void {
    this.writes.onPeerDown(peer);
    this.#membership.onPeerDown(peer);
    this.step({ type: 'unreachable', peer });
    this.#transfers.onUnreachable(peer);
  }

  /** Appends and votes are sent again; a snapshot that lost a piece must begin again, and not only when it stalls. */
  onDropped(message: EngineMessage): void {
    if (message.type === 'snapshotChunk') this.#transfers.onUnreachable(message.to);
  }

  /** Whatever a lease allowed before the pause is void before anything is served after it (raft.md L6). */
  onStalled(): void {
    this.step({ type: 'stalled' });
  }

  /** A follower does not count the time in which its own loop stood still against its leader (raft.md §3.8). */
  tick(ticks: number, nowMs: number): void {
    const counted = this.#raft.role === 'leader' ? ticks : Math.min(ticks, this.#options.raft.heartbeatTicks);
    for (let tick = 0; tick < counted && !this.#closed; tick++) this.#raft.step({ type: 'tick' });
    if (this.#raft.hasEffects) this.#options.wake(); // Most ticks have none: no turn is needed then.
    this.writes.expire(nowMs);
    this.reads.expire(nowMs);
    this.sessions.expire(nowMs, this.revision);
    this.#membership.check();
    this.#transfers.check(nowMs, this.#installing);
    if (this.#raft.leader !== null) this.#retryParked();
  }

  #retryParked(): void {
    this.writes.retryParked();
    this.reads.retry();
  }

  /** Closes the open batches and takes what the engine wants done. */
  drain(): MemberOutput | null {
    this.writes.seal();
    this.reads.seal();
    if (!this.#raft.hasEffects) return null;
    const effects = this.#raft.drain();
    for (const chunk of effects.snapshotChunks) this.#transfers.onChunk(chunk);
    for (const { to, term } of effects.sendSnapshots) this.#transfers.start(to, term, NOTHING);
    this.#applied.add(effects.committed);
    this.#takeAnswers(effects);
    const { messages, afterPersist, persist } = effects;
    return { messages, afterPersist, persist: persist === null ? null : this.#recordsOf(persist) };
  }

  #takeAnswers(effects: RaftEffects): void {
    const { index, reader } = this.#applied;
    this.writes.onOutcomes(effects.proposals, index);
    for (const outcome of effects.reads) this.reads.onOutcome(outcome, index, reader);
    this.#membership.take(effects);
    if (effects.changed === null) return;
    this.#roles.note(effects.changed);
    this.writes.onTerm(effects.changed.term);
    this.#membership.onTerm(effects.changed.term);
    this.#options.onChanged(effects.changed);
    if (this.#raft.logLost) this.#options.onFailed(logLost(this.group));
    if (effects.changed.leader !== null) this.#retryParked();
  }

  /** The records that make `persist` durable, in the order that R4 demands. */
  #recordsOf(persist: Persist): MemberRecords {
    const { group } = this.#options;
    const records: LogRecord[] = [];
    if (persist.hardState !== null) {
      const memberships = assertDefined(persist.memberships, 'a hard state comes with its memberships');
      records.push({ kind: 'hardState', group, hardState: persist.hardState, memberships });
    }
    for (const entry of persist.entries) records.push({ kind: 'entry', group, entry });
    return { batch: persist.batch, records, mustSync: persist.mustSync };
  }

  onPersisted(batch: number): void {
    this.step({ type: 'persisted', batch });
  }

  /** One function for all entries, made once. */
  readonly #applyEntry = (entry: Entry): void => {
    this.writes.applyEntry(entry, this.#applied.kv);
    this.#applied.reached(entry);
    this.#options.onApplied?.(entry);
    this.#transfers.onApplied(entry);
  };

  /** Applies committed entries and answers those who wait. Leaves the rest for the next turn when there are many. */
  apply(): void {
    const applied = this.#applied;
    if (applied.isIdle || this.#transfers.installs) return;
    applied.run(this.stats, this.#applyEntry);
    if (!this.#installing) this.#raft.step({ type: 'applied', index: applied.index });
    this.reads.onApplied(applied.index, applied.reader);
    this.sessions.onApplied(applied.revision);
    if (!applied.isIdle || this.#raft.hasEffects) this.#options.wake();
    this.#transfers.checkpointIfDue();
  }

  /** Writes a checkpoint now, whatever its size; resolves when it is durable (or was not needed). */
  checkpointNow(): Promise<void> {
    return this.#transfers.checkpointNow();
  }

  #onInstalled(mark: CheckpointMark, from: ReplicaId): void {
    if (this.#closed) return;
    if (mark.index <= this.#applied.index) {
      this.step({ type: 'snapshotAborted' }); // Entries were faster.
      return;
    }
    this.#applied.install(mark, false);
    this.#transfers.onReplaced();
    this.writes.onSnapshotInstalled(mark.index, mark.term);
    this.reads.onApplied(mark.index, this.reader);
    this.sessions.onApplied(this.revision);
    this.#installing = true;
    const { log, group } = this.#options;
    log.append([{ kind: 'checkpoint', group, index: mark.index, term: mark.term }], true, () => {
      this.#installing = false;
      const { index, term: indexTerm, membership } = mark;
      this.step({ type: 'snapshotInstalled', from, index, indexTerm, membership });
    });
  }

  /**
   * Answers everything that waits and stops taking part: `unknown` to writes that may have taken effect, `certain` to
   * whatever has not. Reads never have an effect.
   */
  stop(unknown: KvorumError, certain: KvorumError): void {
    this.#closed = true;
    this.sessions.stop(certain);
    this.writes.failAll(unknown, certain);
    this.#membership.failAll(unknown, certain);
    this.reads.failAll(certain);
  }

  /** The log has failed: what waits for it will never be done. */
  cancelMaintenance(): void {
    this.#transfers.cancel();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#transfers.close();
  }
}

/** raft.md C4: it acknowledged entries that it does not have. With a vote it could undo what a majority was promised. */
function logLost(group: GroupId): KvorumError {
  return new KvorumError(
    'log_corrupt',
    `Group ${group}: the leader knows entries of this replica that its log does not hold. Its folder was wiped, or ` +
      'replaced by an older copy: remove the replica from the cluster and add a new one with an empty folder',
  );
}
