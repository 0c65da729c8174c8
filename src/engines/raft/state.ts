import { assert } from '../../base/assert.js';
import type { LogIndex, ReplicaId, Term } from '../../base/brand.js';
import type { RaftStatus } from '../engine.js';
import type { MembershipOutcome, ProposalOutcome, RaftOptions, ReadOutcome } from './events.js';
import type { RaftLog } from './log.js';
import type { MembershipHistory } from './membership-history.js';
import type { Membership, PlacedMembership } from './membership.js';
import { faultOf } from './membership-rules.js';
import type { EntryKind, RaftMessage, SnapshotChunk } from './messages.js';
import { Persistence } from './persistence.js';
import type { Progress } from './progress.js';
import { recoverLog, recoverMemberships } from './recovery.js';

const ZERO = 0 as LogIndex & Term;

/** A read that waits for its index. `origin` is the follower that asked, or null for our own driver. */
export interface PendingRead {
  readonly id: number;
  readonly origin: ReplicaId | null;
  readonly sinceTick: number;
}

/** One broadcast of heartbeats. A quorum that answers it confirms leadership as of `sentTick` (raft.md L2, L4). */
export interface HeartbeatRound {
  readonly round: number;
  readonly sentTick: number;
  /** The commit index when the round began: where its reads may be served. */
  readonly index: LogIndex;
  readonly reads: readonly PendingRead[];
}

export interface ReadState {
  /** Not yet in a round (leader) or a request (follower), oldest first. */
  waiting: PendingRead[];
  /** Leader: broadcasts without a quorum of answers, oldest first. */
  rounds: HeartbeatRound[];
  lastRound: number;
  /** Follower: the one request to the leader that is under way. */
  request: { readonly id: number; readonly sentTick: number; readonly reads: readonly PendingRead[] } | null;
  nextRequestId: number;
  /** Reads in `waiting`, `rounds` and `request` together; bounded by limits.pendingReads. */
  count: number;
  /** Send tick of the newest round that a quorum answered; null when there is no lease (L4). */
  leaseTick: number | null;
  /** A timeoutNow has left in this term: its election ignores leases, however late it arrives (L5). */
  leaseForbidden: boolean;
}

export interface ForwardedProposal {
  /** The driver's id; names a proposal or a change of membership. */
  readonly id: number;
  readonly kind: Exclude<EntryKind, 'noop'>;
  readonly to: ReplicaId;
  readonly sentTick: number;
}

export interface ForwardState {
  /** What we forwarded and have not heard of, oldest first. Bounded by limits.forwardedProposals and by age. */
  readonly pending: Map<number, ForwardedProposal>;
  nextId: number;
  /** Forwards received in `seenTerm`, so that a copy of a message is never appended twice. Bounded per peer. */
  seenTerm: Term;
  readonly seen: Map<ReplicaId, Set<number>>;
}

export interface Transfer {
  readonly target: ReplicaId;
  readonly sinceTick: number;
  timeoutNowSent: boolean;
}

/** A snapshot whose last piece was handed to the driver and whose installation has not been reported. */
export interface Installing {
  readonly index: LogIndex;
  readonly sinceTick: number;
}

/** What the next drain hands over. */
export interface Outbox {
  messages: RaftMessage[];
  afterPersist: RaftMessage[];
  proposals: ProposalOutcome[];
  reads: ReadOutcome[];
  membershipOutcomes: MembershipOutcome[];
  sendSnapshots: { readonly to: ReplicaId; readonly term: Term }[];
  snapshotChunks: SnapshotChunk[];
  changed: boolean;
}

/** Everything that one member of a Raft group knows. Changed only by the functions of this folder. */
export interface RaftState {
  readonly options: RaftOptions;
  readonly self: ReplicaId;
  readonly memberships: MembershipHistory;
  /** What the driver was last told to be in force. */
  toldMembership: PlacedMembership;

  role: RaftStatus['role'];
  term: Term;
  vote: ReplicaId | null;
  leader: ReplicaId | null;

  readonly log: RaftLog;
  readonly persistence: Persistence;
  commit: LogIndex;
  /** Committed entries up to here were given to the driver. */
  handedOut: LogIndex;
  applied: LogIndex;
  logLost: boolean;
  installing: Installing | null;

  /** Ticks since the start. */
  tick: number;
  /** Ticks since we heard of the leader, voted or campaigned. */
  electionElapsed: number;
  /** Drawn anew for every attempt (raft.md E11). */
  electionTimeout: number;
  heartbeatElapsed: number;
  leaderlessSinceTick: number;
  /** Until this tick no vote is given: a restarted member does not know whose lease it confirmed (raft.md E9). */
  voteHoldUntilTick: number;
  votes: Map<ReplicaId, boolean>;

  /** Leader only: every other member, learners too. */
  progress: Map<ReplicaId, Progress>;
  /** The no-op of our term: what is read or counted before it is committed may be stale (raft.md C1, L1). */
  termStartIndex: LogIndex;
  uncommittedBytes: number;
  transfer: Transfer | null;
  readonly reads: ReadState;
  readonly forwards: ForwardState;
  outbox: Outbox;
}

export function emptyOutbox(): Outbox {
  return {
    messages: [],
    afterPersist: [],
    proposals: [],
    reads: [],
    membershipOutcomes: [],
    sendSnapshots: [],
    snapshotChunks: [],
    changed: false,
  };
}

function checkOptions(options: RaftOptions): void {
  const [min, max] = options.electionTicks;
  const fault = faultOf(options.membership);
  assert(fault === null, `what the group was formed with makes sense: ${fault}`);
  assert(options.heartbeatTicks >= 1, 'a heartbeat takes at least one tick');
  assert(min > options.heartbeatTicks && max >= min, 'heartbeatTicks < electionTicks min <= max');
  assert(options.diskStallTicks >= 1, 'a disk may take at least one tick');
}

export function createState(options: RaftOptions): RaftState {
  checkOptions(options);
  const { recovered, prng } = options;
  const log = recoverLog(options);
  const hard = recovered.hardState ?? { term: ZERO, vote: null, commit: ZERO };
  const behind = log.lastTerm > hard.term; // Only a snapshot from a newer term can be ahead of what we promised.
  const term = behind ? log.lastTerm : hard.term;
  const commit = Math.max(recovered.appliedIndex, Math.min(hard.commit, log.lastIndex)) as LogIndex;
  const memberships = recoverMemberships(options, log, commit);
  const restarted = recovered.hardState !== null;
  const state: RaftState = {
    options,
    self: options.self,
    memberships,
    toldMembership: memberships.latest,
    role: 'follower',
    term,
    vote: behind ? null : hard.vote,
    leader: null,
    log,
    persistence: new Persistence(log.lastIndex, hard.term, hard.commit),
    commit,
    handedOut: recovered.appliedIndex,
    applied: recovered.appliedIndex,
    logLost: false,
    installing: null,
    tick: 0,
    electionElapsed: 0,
    electionTimeout: prng.between(...options.electionTicks),
    heartbeatElapsed: 0,
    leaderlessSinceTick: 0,
    voteHoldUntilTick: options.leaseReads && restarted ? options.electionTicks[0] : 0,
    votes: new Map(),
    progress: new Map(),
    termStartIndex: ZERO,
    uncommittedBytes: 0,
    transfer: null,
    reads: createReadState(prng.uint32()),
    forwards: { pending: new Map(), nextId: firstRequestId(prng.uint32()), seenTerm: ZERO, seen: new Map() },
    outbox: emptyOutbox(),
  };
  if (behind) state.persistence.markHardState();
  return state;
}

/** Ids begin at a random place, so that an answer to our former self matches nothing (raft.md L2). */
function firstRequestId(random: number): number {
  return random * 0x10_0000 + 1;
}

function createReadState(random: number): ReadState {
  return {
    waiting: [],
    rounds: [],
    lastRound: 0,
    request: null,
    nextRequestId: firstRequestId(random),
    count: 0,
    leaseTick: null,
    leaseForbidden: false,
  };
}

/** Draws the next timeout and starts counting again. */
export function resetElectionTimer(state: RaftState): void {
  state.electionElapsed = 0;
  state.electionTimeout = state.options.prng.between(...state.options.electionTicks);
}

/** raft.md R7: the oldest write has waited too long for the disk. */
export function diskStalled(state: RaftState): boolean {
  return state.persistence.oldestAgeTicks(state.tick) >= state.options.diskStallTicks;
}

/** True once an entry of our own term is committed: the leader then knows everything that is (raft.md C1, L1, L8). */
export function termStartCommitted(state: RaftState): boolean {
  return state.role === 'leader' && state.commit >= state.termStartIndex;
}

/** Heard from within an election timeout; a voter that is ourselves counts. */
export function recentlyActive(state: RaftState, voter: ReplicaId): boolean {
  if (voter === state.self) return true;
  const progress = state.progress.get(voter);
  return progress !== undefined && progress.activeTick >= activeSinceTick(state);
}

export function activeSinceTick(state: RaftState): number {
  return state.tick - state.options.electionTicks[1];
}

/** In force. */
export function membershipOf(state: RaftState): Membership {
  return state.memberships.pair.latest.membership;
}
