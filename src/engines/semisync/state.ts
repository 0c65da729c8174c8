import { assert } from '../../base/assert.js';
import type { LogIndex, ReplicaId, Term } from '../../base/brand.js';
import { RaftLog, type Position } from '../raft/log.js';
import { Persistence } from '../raft/persistence.js';
import { ordinalOf, ownerOf, sortedMembers } from './ballot.js';
import type {
  Discarded,
  PromotionOutcome,
  ProposalOutcome,
  QuorumOutcome,
  ReadOutcome,
  SemisyncOptions,
  SnapshotOrder,
} from './events.js';
import type { SemisyncEntry, SemisyncMessage, SnapshotChunk, Tail } from './messages.js';
import type { Progress } from './progress.js';
import { QuorumHistory } from './quorum-history.js';
import type { QuorumRules } from './quorum.js';
import type { SemisyncStatus } from './semisync.js';

const ZERO = 0 as LogIndex & Term;
/** So many election timeouts longer the others leave the first epoch to the member that the topology names. */
const FIRST_ATTEMPTS = 3;

/** What an operator asks of the member that is to lead. */
export interface PromotionRequest {
  readonly id: number;
  /** With whoever answers in time. */
  readonly force: boolean;
  /** By force only: what the epoch begins with; null: with what is in force. */
  readonly writeQuorum: number | null;
}

/** An attempt to lead. First it is asked whether it could succeed (role pre-candidate), then promises are taken. */
export interface Candidacy {
  /** An operator's promotion; null when this member stands by itself. */
  readonly request: PromotionRequest | null;
  /** The ballot that it is, or would be, about. */
  ballot: Term;
  /** When the step that is under way began, or got further. */
  sinceTick: number;
  /** Who would promise, or has promised. */
  answers: Map<ReplicaId, Tail>;
  /** Whose log is being adopted, once there are promises enough; and from where on. */
  donor: { readonly from: ReplicaId; readonly tail: Tail; at: Position } | null;
  /** When the question that is open was asked last: messages get lost. */
  askedTick: number;
  /** Set by force with fewer promises than it takes. */
  lossPossible: boolean;
  /** P, when last computed. */
  required: number;
}

/** One broadcast of heartbeats. Followers enough that answer it confirm the ballot as of when it was sent. */
export interface Round {
  readonly round: number;
  /** The commit index when it began: where its reads may be served. */
  readonly index: LogIndex;
  readonly reads: readonly number[];
  readonly sentTick: number;
  /** Confirmations that it takes; decided when it began, as promises of before it are what it must meet. */
  readonly required: number;
  /** What each follower's clock said, as far as known when it began. */
  readonly clocks: ReadonlyMap<ReplicaId, number>;
}

export interface ReadState {
  /** Not yet in a round, oldest first. Together with those in rounds bounded by limits.pendingReads. */
  waiting: { readonly id: number; readonly sinceTick: number }[];
  rounds: Round[];
  lastRound: number;
  count: number;
}

/** Follower: how old its state can be, in its own time. See Heartbeat. */
export interface Freshness {
  /** Where our clock begins: random for every process, so that nothing that was said to a former one is believed. */
  readonly clockBase: number;
  /** Everything that was committed then is applied. */
  freshTick: number;
  /** Up to then time may have passed unnoticed: what was vouched for is not believed. */
  stalledTick: number;
  /** The same as soon as `commit` is applied. */
  pending: { readonly commit: LogIndex; readonly tick: number } | null;
}

/** A snapshot whose last piece was handed to the driver and whose installation has not been reported. */
export interface Installing {
  readonly index: LogIndex;
  readonly term: Term;
  readonly sinceTick: number;
}

/** What the next drain hands over. */
export interface Outbox {
  messages: SemisyncMessage[];
  afterPersist: SemisyncMessage[];
  proposals: ProposalOutcome[];
  quorumChanges: QuorumOutcome[];
  reads: ReadOutcome[];
  promotions: PromotionOutcome[];
  discarded: Discarded[];
  sendSnapshots: SnapshotOrder[];
  snapshotChunks: SnapshotChunk[];
  changed: boolean;
}

/** Everything that one member of a group knows. Changed only by the functions of this folder. */
export interface SemisyncState {
  readonly options: SemisyncOptions;
  readonly rules: QuorumRules;
  readonly self: ReplicaId;
  /** Sorted: the place of a member is its ordinal. */
  readonly members: readonly ReplicaId[];
  readonly ordinal: number;
  /** F. */
  readonly followers: number;

  role: SemisyncStatus['role'];
  /** The highest ballot that was promised, or taken for oneself. */
  term: Term;
  leader: ReplicaId | null;

  readonly log: RaftLog<SemisyncEntry>;
  readonly quorums: QuorumHistory;
  readonly persistence: Persistence<SemisyncEntry, null>;
  commit: LogIndex;
  /** Committed entries up to here were given to the driver. */
  handedOut: LogIndex;
  applied: LogIndex;
  /** Follower: up to here our log is known to equal the leader's of this epoch. */
  matched: LogIndex;
  logLost: boolean;
  /** We applied what the leader does not have (a forced promotion): nothing is appended until a snapshot replaces it. */
  diverged: boolean;
  /**
   * Set when that is found, cleared when our log reaches an entry of the current epoch: in between it may lack what we
   * vouched for, so we do not count towards P. On disk: a hard state without a vote.
   */
  rebuilding: boolean;
  installing: Installing | null;
  /** Members that fetch from us and need a snapshot. */
  readonly serving: Set<ReplicaId>;

  /** Ticks since the start. */
  tick: number;
  /** Ticks since we heard of the leader, promised or stood. */
  electionElapsed: number;
  electionTimeout: number;
  heartbeatElapsed: number;
  candidacy: Candidacy | null;

  /** Leader only: every follower. */
  progress: Map<ReplicaId, Progress>;
  /** Leader only: the no-op of our epoch. */
  epochStartIndex: LogIndex;
  uncommittedBytes: number;
  readonly reads: ReadState;
  readonly freshness: Freshness;
  outbox: Outbox;
}

export function emptyOutbox(): Outbox {
  return {
    messages: [],
    afterPersist: [],
    proposals: [],
    quorumChanges: [],
    reads: [],
    promotions: [],
    discarded: [],
    sendSnapshots: [],
    snapshotChunks: [],
    changed: false,
  };
}

/** 0 is a write quorum only where writes may be asynchronous. */
export function isWriteQuorum(writeQuorum: number, followers: number, allowAsync: boolean): boolean {
  return Number.isInteger(writeQuorum) && writeQuorum >= (allowAsync ? 0 : 1) && writeQuorum <= followers;
}

function checkOptions(options: SemisyncOptions): void {
  const { allowAsync, electionTicks, members, writeQuorum } = options;
  const [min, max] = electionTicks;
  assert(members.includes(options.leader), 'a member leads the first epoch');
  const valid = isWriteQuorum(writeQuorum, members.length - 1, allowAsync);
  assert(valid || members.length === 1, `${writeQuorum} is a number of followers that a write can wait for`);
  assert(options.heartbeatTicks >= 1, 'a heartbeat takes at least one tick');
  assert(min > options.heartbeatTicks && max >= min, 'heartbeatTicks < electionTicks min <= max');
  assert(options.maxLagTicks > options.heartbeatTicks, 'a follower is asked before it lags');
  assert(options.diskStallTicks >= 1 && options.promotionTicks >= 1, 'disks and promotions may take some time');
}

/** The log as recovered. A checkpoint ahead of it, or at odds with it, is the truth: committed and durable (raft.md S5). */
function recoverLog({ recovered }: SemisyncOptions): RaftLog<SemisyncEntry> {
  const { baseIndex, baseTerm, entries, appliedIndex, appliedTerm } = recovered;
  assert(appliedIndex >= baseIndex, 'the checkpoint holds everything that was cut from the log');
  const log = new RaftLog(baseIndex, baseTerm, entries);
  const term = log.termOf(appliedIndex);
  if (appliedTerm === undefined) assert(term !== null, 'a checkpoint ahead of the log needs appliedTerm');
  else if (term !== appliedTerm) log.reset(appliedIndex, appliedTerm);
  return log;
}

/** A group of one has no followers to wait for. */
function formedWith({ members, writeQuorum }: SemisyncOptions): number {
  return Math.min(writeQuorum, members.length - 1);
}

function recoverQuorums(options: SemisyncOptions, log: RaftLog<SemisyncEntry>): QuorumHistory {
  const { appliedIndex, quorum } = options.recovered;
  const base = quorum ?? { index: ZERO, writeQuorum: formedWith(options), forcedTerm: ZERO };
  const quorums = new QuorumHistory(base, appliedIndex);
  const first = Math.max(log.firstIndex, appliedIndex + 1) as LogIndex;
  if (first > log.lastIndex) return quorums;
  for (const entry of log.range(first, log.lastIndex)) quorums.append(entry, options.members.length - 1);
  return quorums;
}

export function createState(options: SemisyncOptions, rules: QuorumRules): SemisyncState {
  checkOptions(options);
  const { prng, recovered, self } = options;
  const members = sortedMembers(options.members);
  const log = recoverLog(options);
  const hard = recovered.hardState ?? { term: ZERO, vote: null, commit: ZERO };
  const behind = log.lastTerm > hard.term; // Only a snapshot of a newer epoch can be ahead of what we promised.
  const commit = Math.max(recovered.appliedIndex, Math.min(hard.commit, log.lastIndex)) as LogIndex;
  const electionTimeout = prng.between(...options.electionTicks);
  const state: SemisyncState = {
    options,
    rules,
    self,
    members,
    ordinal: ordinalOf(members, self),
    followers: members.length - 1,
    role: 'follower',
    term: behind ? log.lastTerm : hard.term,
    leader: null,
    log,
    quorums: recoverQuorums(options, log),
    persistence: new Persistence<SemisyncEntry, null>(log.lastIndex, hard.term, hard.commit),
    commit,
    handedOut: recovered.appliedIndex,
    applied: recovered.appliedIndex,
    matched: ZERO,
    logLost: false,
    diverged: false,
    rebuilding: hard.term > 0 && hard.vote === null,
    installing: null,
    serving: new Set(),
    tick: 0,
    electionElapsed: 0,
    electionTimeout,
    heartbeatElapsed: 0,
    candidacy: null,
    progress: new Map(),
    epochStartIndex: ZERO,
    uncommittedBytes: 0,
    reads: { waiting: [], rounds: [], lastRound: 0, count: 0 },
    freshness: {
      clockBase: prng.uint32() * 0x10_0000 + 1,
      freshTick: Number.NEGATIVE_INFINITY,
      stalledTick: -1,
      pending: null,
    },
    outbox: emptyOutbox(),
  };
  if (behind) state.persistence.markHardState();
  if (isHome(state))
    state.electionElapsed = electionTimeout; // Nobody else would: it stands with the first tick.
  else if (log.lastTerm === 0) state.electionElapsed = -FIRST_ATTEMPTS * options.electionTicks[1];
  return state;
}

/** The newest epoch that we know of was ours, or the first one is to be. */
export function isHome({ log, members, options, self }: SemisyncState): boolean {
  return self === (log.lastTerm === 0 ? options.leader : ownerOf(members, log.lastTerm));
}

/** Draws the next timeout and starts counting again. */
export function resetElectionTimer(state: SemisyncState): void {
  state.electionElapsed = 0;
  state.electionTimeout = state.options.prng.between(...state.options.electionTicks);
}

/** raft.md R7: the oldest write has waited too long for the disk. */
export function diskStalled(state: SemisyncState): boolean {
  return state.persistence.oldestAgeTicks(state.tick) >= state.options.diskStallTicks;
}

/** What this member tells of its log. */
export function tailOf({ commit, log, quorums }: SemisyncState): Tail {
  return {
    lastIndex: log.lastIndex,
    lastTerm: log.lastTerm,
    commit,
    writeQuorum: quorums.after(commit).writeQuorum,
    quorums: quorums.smallestAfter(commit),
    forcedTerm: quorums.latest.forcedTerm,
  };
}

export function availableFollowers({ options, progress, tick }: SemisyncState): number {
  let count = 0;
  for (const each of progress.values()) if (each.isAvailable(tick, options.maxLagTicks)) count++;
  return count;
}
