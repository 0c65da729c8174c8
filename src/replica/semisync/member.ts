import { assertDefined } from '../../base/assert.js';
import type { GroupId, LogIndex, ReplicaId, Revision, Term } from '../../base/brand.js';
import { KvorumError } from '../../base/errors/error.js';
import type { Entry } from '../../engines/entry.js';
import type { EngineMessage } from '../../engines/messages.js';
import type { Membership, MembershipPair } from '../../engines/raft/membership.js';
import type {
  Discarded,
  SemisyncEffects,
  SemisyncEvent,
  SemisyncPersist,
  SnapshotOrder,
} from '../../engines/semisync/events.js';
import { createSemisync } from '../../engines/semisync/index.js';
import type { SemisyncMessage } from '../../engines/semisync/messages.js';
import { openingOf } from '../../engines/semisync/opening.js';
import type { Semisync, SemisyncStatus } from '../../engines/semisync/semisync.js';
import type { KvReader } from '../../kv/types.js';
import type { CheckpointMark, LogRecord } from '../../storage/storage.js';
import type { GroupMember, MemberOutput, MemberRecords } from '../group-member.js';
import { AppliedState } from '../ordered/applied-state.js';
import { RevisionWaits } from '../ordered/revision-waits.js';
import { RoleWatch } from '../ordered/role-watch.js';
import type { SnapshotPiece } from '../ordered/snapshot-receiver.js';
import { Transfers } from '../ordered/transfers.js';
import { standingOf, type Standing } from '../raft/membership-effect.js';
import type { Failover, LostWrites, SemisyncControl, StateDigest } from '../router.js';
import { MemberControl } from './control.js';
import { Digests } from './digests.js';
import { DurableGate } from './durable-gate.js';
import { Establish } from './establish.js';
import { Failovers } from './failovers.js';
import { OperatorPath } from './operator-path.js';
import type { SemisyncMemberOptions } from './options.js';
import { ReadPath } from './read-path.js';
import { quorumOf, reconcile } from './recover.js';
import { createSemisyncStats } from './stats.js';
import { WritePath } from './write-path.js';

/** To the engine every group is formed with this write quorum: see establish.ts. */
const FORMED_WITH = 1;

/** What this engine adds to a piece of a snapshot. */
type SnapshotExtra = Pick<SnapshotOrder, 'replaces' | 'forcedTerm'>;

/** What can be seen of the engine from outside; only the member itself steps and drains. */
export type SemisyncCore = Omit<Semisync, 'step' | 'drain'>;

/** One replica's instance in one leader-follower group: the engine, its state machine, and the requests that wait for them. */
export class SemisyncMember implements GroupMember {
  readonly engine = 'semisync';
  readonly group: GroupId;
  readonly stats = createSemisyncStats();
  readonly writes: WritePath;
  readonly reads: ReadPath;
  readonly operators: OperatorPath;
  /** Requests of sessions that have seen more than is applied here. */
  readonly sessions: RevisionWaits;
  readonly control: SemisyncControl;
  readonly #options: SemisyncMemberOptions;
  readonly #transfers: Transfers<SnapshotExtra>;
  readonly #establish: Establish;
  readonly #failovers: Failovers;
  readonly #digests: Digests;
  readonly #durable = new DurableGate();
  readonly #applied: AppliedState;
  #membership: Membership;
  #core: Semisync | null;
  /** The newest epoch that began by force, as far as it is applied: tokens of before may be of another history. */
  #forcedTerm: Term;
  /** What the engine knows write quorums from. */
  #floor: LogIndex;
  /** From a snapshot's install until the engine knows of it. */
  #installing = false;
  #removed = false;
  #closed = false;
  readonly #roles = new RoleWatch(this.stats);
  /** The epoch that it led as of the last change. */
  #led: Term | null = null;
  /** Since the start. */
  #newestLed: Term | null = null;

  constructor(options: SemisyncMemberOptions) {
    this.#options = options;
    const { clock, group, logger, store } = options;
    this.group = group;
    this.#membership = options.membership;
    this.#applied = new AppliedState(store, 0 as Term);
    this.#forcedTerm = store.mark?.quorum?.forcedTerm ?? (0 as Term);
    this.#floor = this.#applied.index;
    this.#core = this.#createCore(options.membership);
    const step = (event: SemisyncEvent): void => this.step(event);
    const core = (): Semisync | null => this.#core;
    const { stats } = this;
    this.#failovers = new Failovers({ group, store: options.lostWrites, logger, stats, core });
    this.#failovers.onForced(this.#forcedTerm);
    this.#establish = new Establish({
      group,
      writeQuorum: options.writeQuorum,
      logger,
      core,
      step,
      floor: () => this.#floor,
    });
    const shared = {
      self: options.self,
      clock,
      requestTimeoutMs: options.requestTimeoutMs,
      stats,
      step,
      wake: () => options.wake(),
      leader: () => this.#core?.leader ?? null,
    };
    this.writes = new WritePath({
      ...shared,
      refusal: () => this.#establish.settle(),
      acksOf: (at) => (this.#core === null || at <= this.#core.commitIndex ? null : this.#core.acksOf(at)),
    });
    this.reads = new ReadPath({
      ...shared,
      started: () => this.started,
      reader: () => this.reader,
      stalenessMs: () => this.stalenessMs(),
    });
    const { allowAsync } = options.semisync;
    this.operators = new OperatorPath({
      ...shared,
      group,
      logger,
      core,
      allowAsync,
      members: () => this.#membership.voters.length,
      settle: () => void this.#establish.settle(),
    });
    this.sessions = new RevisionWaits(clock, options.sessionWaitMs);
    this.#digests = this.#createDigests();
    this.control = new MemberControl(this);
    this.#transfers = new Transfers<SnapshotExtra>({
      member: options,
      stats,
      state: this.#applied,
      step,
      term: () => this.#core?.term ?? null,
      termOf: (at) => this.#core?.termOf(at) ?? null,
      inForceAt: (at) => ({ membership: this.memberships.latest, quorum: this.#formed.quorumAt(at) }),
      // From then on this member knows, also after a crash, that what it has vouched for may be gone.
      readyToInstall: ({ replaces = false }) => (replaces ? this.#durable.reached() : Promise.resolve()),
      onCheckpointed: (at) => (this.#floor = at),
      onInstalled: (mark, piece) => this.#onInstalled(mark, piece),
    });
  }

  #createDigests(): Digests {
    return new Digests({
      clock: this.#options.clock,
      state: this.#applied,
      hold: (task) => this.#transfers.hold(task),
      wake: () => this.#options.wake(),
    });
  }

  /** Null on a replica that the cluster was not formed with. */
  #createCore({ voters }: Membership): Semisync | null {
    const { group, log, self, semisync, store } = this.#options;
    if (!voters.includes(self)) return null;
    const leader = voters.includes(semisync.leader)
      ? semisync.leader
      : assertDefined([...voters].sort()[0], 'a member');
    const recovered = reconcile(group, log.recovered.get(group), store.mark);
    if (store.mark === null) this.#applied.term = recovered.baseTerm;
    return createSemisync({ ...semisync, self, members: voters, leader, writeQuorum: FORMED_WITH, recovered });
  }

  /** The cluster was formed meanwhile: until then the member has heard nobody and no tick. */
  form(membership: Membership): void {
    this.#membership = membership;
    this.#core = this.#createCore(membership);
    this.#options.wake();
  }

  get #formed(): Semisync {
    return assertDefined(this.#core, 'what was applied came from the engine');
  }

  /** Null until the cluster is formed, and for ever on a replica that joined later. */
  get core(): SemisyncCore | null {
    return this.#core;
  }

  /** What the cluster was formed with: nothing changes it. */
  get memberships(): MembershipPair {
    const placed = { index: 0 as LogIndex, membership: this.#membership };
    return { committed: placed, latest: placed };
  }

  get standing(): Standing {
    return this.#removed ? 'removed' : standingOf(this.#options.self, this.#membership);
  }

  /** Peers refuse this replica because it was removed from the cluster. */
  onRemoved(): void {
    this.#removed = true;
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

  /** Epoch of the last entry that is applied. */
  get appliedTerm(): Term {
    return this.#applied.term;
  }

  get forcedTerm(): Term {
    return this.#forcedTerm;
  }

  get revision(): Revision {
    return this.#applied.revision;
  }

  get checkpointIndex(): LogIndex {
    return this.#applied.checkpointIndex;
  }

  /** True when everything known to be committed is applied, it is the leader's history, and some leader is known. */
  get caughtUp(): boolean {
    const core = this.#core;
    return core !== null && core.leader !== null && this.#applied.index >= core.commitIndex && !core.status().diverged;
  }

  /** It leads, and has applied the entry that opens its epoch, and with it whatever was acknowledged before. */
  get started(): boolean {
    return this.#core !== null && this.#core.role === 'leader' && this.#applied.term === this.#core.term;
  }

  get tickMs(): number {
    return this.#options.tickMs;
  }

  /** How old what is applied here may be; Infinity: nothing is known. */
  stalenessMs(): number {
    const { clock, tickMs } = this.#options;
    const ticks = this.#core?.stalenessTicks() ?? Number.POSITIVE_INFINITY;
    return ticks * tickMs + clock.monotonicMs() - this.#options.tickedMs();
  }

  failovers(): readonly Failover[] {
    const core = this.#core;
    if (core === null) return [];
    const newestForced = core.quorumAt(core.lastIndex).forcedTerm;
    return this.#failovers.list(core.epochs(), this.#membership.voters, newestForced);
  }

  lostWrites(file: string): LostWrites | null {
    return this.#failovers.read(file);
  }

  digestAt(index: LogIndex | null, timeoutMs: number): Promise<StateDigest | null> {
    return this.#digests.at(index, timeoutMs);
  }

  step(event: SemisyncEvent): void {
    if (this.#closed || this.#core === null) return;
    this.#core.step(event);
    this.#options.wake();
  }

  onMessage(received: EngineMessage): void {
    const message = received as SemisyncMessage; // The replica hands on what this engine's members say (isSpokenBy).
    this.step({ type: 'message', message });
    if (message.type === 'snapshotChunkResponse') this.#transfers.onResponse(message);
  }

  onPeerUp(): void {
    // Heartbeats and probes begin by themselves.
  }

  onPeerDown(peer: ReplicaId): void {
    this.step({ type: 'unreachable', peer });
    this.#transfers.onUnreachable(peer);
  }

  /** Everything else is sent again by itself. */
  onDropped(message: EngineMessage): void {
    if (message.type === 'snapshotChunk') this.#transfers.onUnreachable(message.to);
  }

  /** What was believed to be fresh is not known to be so. */
  onStalled(): void {
    this.step({ type: 'stalled' });
  }

  /** A follower does not count the time in which its own loop stood still against its leader (raft.md §3.8). */
  tick(ticks: number, nowMs: number): void {
    const core = this.#core;
    const counted = core?.role === 'leader' ? ticks : Math.min(ticks, this.#options.semisync.heartbeatTicks);
    if (core !== null && !this.#closed) {
      // Ticks that are not counted are time that passes unnoticed: nothing may look fresher for it.
      if (counted < ticks) core.step({ type: 'stalled' });
      for (let tick = 0; tick < counted; tick++) core.step({ type: 'tick' });
      // As soon as there is a follower, and not only with the first write.
      if (core.role === 'leader') this.#establish.settle();
      if (core.hasEffects) this.#options.wake();
    }
    this.#noticeDemotion();
    this.writes.expire(nowMs);
    this.reads.expire(nowMs);
    this.operators.expire(nowMs);
    this.sessions.expire(nowMs, this.revision);
    this.#digests.expire(nowMs);
    this.#transfers.check(nowMs, this.#installing);
    if (core !== null && core.leader !== null) this.#retryPostponed();
  }

  /** Between a message and its drain: what was appended may have left the log, and nobody can tell how far it has come. */
  #noticeDemotion(): void {
    const core = this.#core;
    if (core === null || this.#led === null || (core.role === 'leader' && core.term === this.#led)) return;
    this.writes.stopLeading(core.role === 'leader' ? core.term : null);
  }

  #retryPostponed(): void {
    this.writes.retryParked();
    this.reads.retry();
  }

  /** Closes the open batches and takes what the engine wants done. */
  drain(): MemberOutput | null {
    this.writes.seal();
    this.reads.seal();
    if (this.#core === null || !this.#core.hasEffects) return null;
    const effects = this.#core.drain();
    // Before anything of this drain is persisted, and nothing happens in between (ap.md §1.3.6).
    for (const discarded of effects.discarded) this.#keep(discarded);
    if (effects.persist !== null) this.#durable.taken(effects.persist.batch);
    for (const chunk of effects.snapshotChunks) this.#transfers.onChunk(chunk);
    for (const { to, term, replaces, forcedTerm } of effects.sendSnapshots) {
      this.#transfers.start(to, term, { replaces, forcedTerm });
    }
    this.#applied.add(effects.committed);
    this.#takeAnswers(effects);
    const { messages, afterPersist, persist } = effects;
    return { messages, afterPersist, persist: persist === null ? null : this.#recordsOf(persist) };
  }

  #keep(discarded: Discarded): void {
    this.#failovers.keep(discarded, this.#newestLed);
    this.#options.onDiscarded?.(discarded);
  }

  #takeAnswers(effects: SemisyncEffects): void {
    this.writes.onOutcomes(effects.proposals, this.#applied.index);
    this.operators.onQuorumOutcomes(effects.quorumChanges);
    for (const outcome of effects.reads) this.reads.onOutcome(outcome, this.#applied.index);
    this.operators.onPromotions(effects.promotions);
    if (effects.changed === null) return;
    this.#onChanged(effects.changed);
    if (this.#core?.logLost === true) this.#options.onFailed(logLost(this.group));
    if (effects.changed.leader !== null) this.#retryPostponed();
  }

  #onChanged(status: SemisyncStatus): void {
    const { role, term } = status;
    const leads = role === 'leader' ? term : null;
    if (this.#led !== null && this.#led !== leads) {
      this.writes.stopLeading(leads);
      this.operators.stopLeading();
      this.reads.stopLeading();
    }
    this.#led = leads;
    this.#newestLed = leads ?? this.#newestLed;
    this.#roles.note(status);
    this.#options.onChanged(status);
  }

  /** The records that make `persist` durable, in the order that R4 demands. */
  #recordsOf({ batch, entries, hardState, mustSync }: SemisyncPersist): MemberRecords {
    const { group } = this;
    const records: LogRecord[] = [];
    if (hardState !== null) records.push({ kind: 'hardState', group, hardState, memberships: null });
    for (const entry of entries) records.push({ kind: 'entry', group, entry });
    return { batch, records, mustSync };
  }

  onPersisted(batch: number): void {
    this.#durable.durable(batch);
    this.step({ type: 'persisted', batch });
  }

  /** One function for all entries, made once. */
  readonly #applyEntry = (entry: Entry): void => {
    this.writes.applyEntry(entry, this.#applied.kv);
    this.#applied.reached(entry);
    if (openingOf(entry).lossPossible) this.#onForced(entry.term);
    if (entry.kind === 'quorum') this.operators.onChanged(entry.index);
    this.#digests.onApplied(entry.index);
    this.#options.onApplied?.(entry);
    this.#transfers.onApplied(entry);
  };

  #onForced(epoch: Term): void {
    this.#forcedTerm = epoch;
    this.#failovers.onForced(epoch);
  }

  /** Applies committed entries and answers those who wait. Leaves the rest for the next turn when there are many. */
  apply(): void {
    const core = this.#core;
    this.#digests.work();
    const applied = this.#applied;
    if (core === null || applied.isIdle || this.#transfers.installs) return;
    applied.run(this.stats, this.#applyEntry);
    if (!this.#installing) core.step({ type: 'applied', index: applied.index });
    this.reads.onApplied(applied.index);
    this.sessions.onApplied(applied.revision, applied.term);
    if (!applied.isIdle || core.hasEffects) this.#options.wake();
    this.#transfers.checkpointIfDue();
  }

  /** Writes a checkpoint now, whatever its size; resolves when it is durable (or was not needed). */
  checkpointNow(): Promise<void> {
    return this.#transfers.checkpointNow();
  }

  #onInstalled(mark: CheckpointMark, { replaces = false }: SnapshotPiece): void {
    if (this.#closed) return;
    const { index, term: indexTerm } = mark;
    if (index <= this.#applied.index && !replaces) {
      this.step({ type: 'snapshotAborted' }); // Entries were faster.
      return;
    }
    const quorum = quorumOf(this.group, mark);
    this.#applied.install(mark, replaces);
    this.#onForced(quorum.forcedTerm);
    this.#transfers.onReplaced();
    this.reads.onApplied(index);
    this.sessions.onApplied(this.revision, indexTerm);
    this.#digests.onApplied(index);
    this.#installing = true;
    const { log } = this.#options;
    log.append([{ kind: 'checkpoint', group: this.group, index, term: indexTerm, replaces }], true, () => {
      this.#installing = false;
      this.#floor = index;
      this.step({ type: 'snapshotInstalled', index, indexTerm, replaces, quorum });
    });
  }

  /** Answers everything that waits and stops taking part: `unknown` to what may have taken effect, `certain` to the rest. */
  stop(unknown: KvorumError, certain: KvorumError): void {
    this.#closed = true;
    this.sessions.stop(certain);
    this.writes.failAll(unknown, certain);
    this.operators.failAll(unknown, certain);
    this.reads.failAll(certain);
    this.#digests.stop();
  }

  /** The log has failed: what waits for it will never be done. */
  cancelMaintenance(): void {
    this.#transfers.cancel();
    this.#durable.cancel();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#durable.cancel();
    await this.#transfers.close();
  }
}

/** raft.md C4: it acknowledged entries that it does not have. */
function logLost(group: GroupId): KvorumError {
  return new KvorumError(
    'log_corrupt',
    `Group ${group}: the leader knows entries of this replica that its log does not hold. Its folder was wiped, or ` +
      'replaced by an older copy: what it promised is forgotten, it must not take part any more',
  );
}
