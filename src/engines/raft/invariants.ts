import { assert } from '../../base/assert.js';
import { indexAfter, type LogIndex, type ReplicaId, type Term } from '../../base/brand.js';
import type { PlacedMembership } from './membership.js';
import { faultOf, mayFollow } from './membership-rules.js';
import { isJoint, isVoter } from './quorum.js';
import { membershipOf, type RaftState } from './state.js';

/** Entries at the end of the log whose order is looked at: new ones are always among them. */
const TAIL_ENTRIES = 16;

/** What the last check saw: some invariants are about change. */
export interface InvariantMemory {
  term: Term;
  vote: ReplicaId | null;
  commit: LogIndex;
  /** The newest membership that was looked at, so that each is looked at once; null before the first. */
  latest: PlacedMembership | null;
  committedMembership: LogIndex;
  /** Set while leading: the term, and how long the log was. */
  ledTerm: Term | null;
  ledLastIndex: LogIndex;
}

export function createInvariantMemory(state: RaftState): InvariantMemory {
  return {
    term: state.term,
    vote: state.vote,
    commit: state.commit,
    latest: null,
    committedMembership: state.memberships.committed.index,
    ledTerm: null,
    ledLastIndex: state.log.lastIndex,
  };
}

/** States what always holds between two events. Throws InvariantViolation. Constant work per member and peer. */
export function checkInvariants(state: RaftState, memory: InvariantMemory): void {
  checkTail(state);
  checkProgress(state);
  checkMemberships(state, memory);
  checkReads(state);
  checkAlways(state, memory);
}

/**
 * The part that costs next to nothing: runs in production too, in every drain, before anybody sees its effects. A member
 * that finds itself in a state that cannot be must not say another word.
 */
export function checkAlways(state: RaftState, memory: InvariantMemory): void {
  checkPointers(state);
  checkRole(state);
  checkHistory(state, memory);
}

/** base <= applied <= handed out <= commit <= last; persisted <= last (openraft's log pointers). */
function checkPointers(state: RaftState): void {
  const { log, applied, handedOut, commit, persistence } = state;
  assert(log.baseIndex <= applied, 'nothing is cut from the log before it is applied');
  assert(applied <= handedOut, 'nothing is applied before it is handed out');
  assert(handedOut <= commit, 'nothing is handed out before it is committed');
  assert(commit <= log.lastIndex, 'C4: commit is within the log');
  assert(persistence.persistedIndex <= log.lastIndex, 'only what is in the log is persisted');
  assert(persistence.durableTerm <= state.term, 'no term is durable before we are in it');
  assert(log.lastTerm <= state.term, 'no entry is newer than our term');
}

function checkTail({ log }: RaftState): void {
  const from = Math.max(log.firstIndex, log.lastIndex - TAIL_ENTRIES) as LogIndex;
  for (let at = from; at <= log.lastIndex; at = indexAfter(at)) {
    assert(log.at(at).index === at, 'the log has no gaps');
    assert((log.termOf(indexAfter(at, -1)) ?? 0) <= log.at(at).term, 'terms never decrease along the log');
  }
}

function checkRole(state: RaftState): void {
  assert((state.role === 'leader') === (state.leader === state.self), 'a leader, and only a leader, follows itself');
  if (state.role === 'candidate') assert(state.vote === state.self, 'a candidate votes for itself');
  if (state.role !== 'leader') {
    assert(state.progress.size === 0, 'only a leader tracks progress');
    assert(state.transfer === null, 'only a leader hands over leadership');
    assert(state.reads.rounds.length === 0 && state.reads.leaseTick === null, 'only a leader confirms reads');
    return;
  }
  assert(state.vote === state.self, 'a leader was elected by itself too');
  assert(state.persistence.durableTerm === state.term, 'R1: a leader has its term on disk');
  assert(state.log.termOf(state.termStartIndex) === state.term || state.log.baseIndex > state.termStartIndex, 'C1');
  const { latest, committed } = state.memberships;
  const leaving = !isVoter(latest.membership, state.self);
  assert(
    !leaving || latest !== committed || state.transfer !== null,
    'M7: a removed leader leads until it is committed',
  );
}

/** Who is tracked is who belongs to the group, whatever the way there. */
function checkProgress(state: RaftState): void {
  const { members } = membershipOf(state);
  if (state.role === 'leader') {
    const others = members.filter(({ id }) => id !== state.self);
    assert(
      others.every(({ id }) => state.progress.get(id)?.leaving === null),
      'a leader tracks every other member',
    );
    const leaving = [...state.progress.values()].filter((progress) => progress.leaving !== null);
    assert(state.progress.size === others.length + leaving.length, 'and nobody else but those on their way out');
  }
  for (const progress of state.progress.values()) {
    assert(progress.next > progress.match, 'A3: next stays above match');
    assert(progress.match <= state.log.lastIndex, 'no follower matches what we do not have');
    assert(progress.next <= state.log.lastIndex + 1, 'nothing beyond the log is sent');
    assert(progress.state === 'replicate' || progress.inflight.count === 0, 'only replicate keeps appends in flight');
    assert(progress.ackedRound <= state.reads.lastRound, 'no round is acknowledged before it began');
  }
}

/**
 * M1, M2. At most one change is open: among the memberships beyond the commit index there is one, or the two steps of one
 * change. (A leader appends the second when the first is committed, but a follower may learn of that commit later, and a
 * new leader too.) Neighbours are looked at when a new one is in force: in production as well, as that is rare.
 */
export function checkMemberships({ memberships, commit }: RaftState, memory: InvariantMemory): void {
  const { placed, latest, committed } = memberships;
  assert(memberships.at(commit) === committed, 'M2: committed is what the commit index covers');
  assert(committed.index >= memory.committedMembership, 'M2: a committed membership is never undone');
  memory.committedMembership = committed.index;
  if (latest === memory.latest) return;
  memory.latest = latest;
  const open = placed.filter(({ index }) => index > commit);
  const steps = open.length === 2 && open[0] !== undefined && isJoint(open[0].membership);
  assert(open.length <= 1 || steps, `M1: ${open.length} memberships are not committed`);
  for (const [at, { index, membership }] of placed.entries()) {
    const fault = faultOf(membership);
    assert(fault === null, `membership ${index} makes sense: ${fault}`);
    const before = placed[at - 1];
    if (before === undefined) continue;
    assert(before.index < index, 'memberships are in the order of the log');
    const known = before.membership.voters.length > 0;
    assert(!known || mayFollow(before.membership, membership), `M1: ${before.index} and ${index} are neighbours`);
  }
}

function checkReads({ reads, forwards, options }: RaftState): void {
  const inRounds = reads.rounds.reduce((sum, round) => sum + round.reads.length, 0);
  const total = reads.waiting.length + inRounds + (reads.request?.reads.length ?? 0);
  assert(reads.count === total, 'every pending read is counted once');
  assert(total <= options.limits.pendingReads, 'reads are bounded');
  assert(forwards.pending.size <= options.limits.forwardedProposals, 'forwards are bounded');
}

function checkHistory(state: RaftState, memory: InvariantMemory): void {
  assert(state.term >= memory.term, 'terms never go back');
  assert(state.commit >= memory.commit, 'C4: commit never moves back');
  if (state.term === memory.term && memory.vote !== null) {
    assert(state.vote === memory.vote, 'a vote is never changed within a term');
  }
  if (state.role === 'leader' && memory.ledTerm === state.term) {
    assert(state.log.lastIndex >= memory.ledLastIndex, 'a leader only appends to its log (Raft paper §5.3)');
  }
  memory.term = state.term;
  memory.vote = state.vote;
  memory.commit = state.commit;
  memory.ledTerm = state.role === 'leader' ? state.term : null;
  memory.ledLastIndex = state.log.lastIndex;
}
