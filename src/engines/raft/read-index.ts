import { assert } from '../../base/assert.js';
import type { LogIndex, ReplicaId } from '../../base/brand.js';
import type { ReadOutcome } from './events.js';
import type { HeartbeatResponse, ReadIndexRequest, ReadIndexResponse } from './messages.js';
import { reachedByMajority } from './quorum.js';
import { send } from './send.js';
import { membershipOf, termStartCommitted, type PendingRead, type RaftState } from './state.js';

/** A read that found no answer for this many election timeouts is refused: the queue must not fill with the dead. */
const READ_AGE_TIMEOUTS_MAX = 4;
/** Unanswered rounds kept; those beyond it are merged. A round trip of seconds fits at any sensible heartbeat. */
const ROUNDS_MAX = 64;

/** A read of our own driver. Answered by exactly one outcome. `lease`: the caller is content with the leader's lease. */
export function requestRead(state: RaftState, id: number, lease: boolean): void {
  if (state.reads.count >= state.options.limits.pendingReads) refuse(state, id, 'busy');
  else if (state.role === 'leader') enqueueOnLeader(state, { id, origin: null, sinceTick: state.tick }, lease);
  else if (leaderlessForLong(state)) refuse(state, id, 'no_leader');
  else enqueue(state, { id, origin: null, sinceTick: state.tick });
}

/** A follower asks; it counts as one read however many of its own it stands for. */
export function onReadIndexRequest(state: RaftState, message: ReadIndexRequest): void {
  const read = { id: message.id, origin: message.from, sinceTick: state.tick };
  const full = state.reads.count >= state.options.limits.pendingReads;
  if (state.role !== 'leader' || full) answerFollower(state, read, message.from, null);
  else enqueueOnLeader(state, read, false);
}

function enqueueOnLeader(state: RaftState, read: PendingRead, lease: boolean): void {
  if (lease && leaseValid(state)) answer(state, read, state.commit, true);
  else enqueue(state, read);
}

function enqueue(state: RaftState, read: PendingRead): void {
  state.reads.waiting.push(read);
  state.reads.count++;
}

function leaderlessForLong(state: RaftState): boolean {
  return state.leader === null && state.tick - state.leaderlessSinceTick >= state.options.electionTicks[1];
}

/** True when `flushReads` would start a round or send a request. A round under way gathers later reads into the next. */
export function hasReadsToFlush(state: RaftState): boolean {
  const { reads } = state;
  if (reads.waiting.length === 0) return false;
  if (state.role !== 'leader') return state.leader !== null && reads.request === null;
  return termStartCommitted(state) && !reads.rounds.some((round) => round.reads.length > 0);
}

/** Called once per drain: all reads of a turn share one round, or one request to the leader. */
export function flushReads(state: RaftState): void {
  if (!hasReadsToFlush(state)) return;
  if (state.role === 'leader') startRound(state);
  else sendRequest(state);
}

/**
 * Leader: a broadcast of heartbeats, numbered by our own counter (raft.md L2). A quorum that answers confirms that no
 * other leader could commit anything before the round began, so its reads may be served at the commit index of then.
 * Before the first commit of our term that index may be stale, and reads wait (L1, L8).
 */
export function startRound(state: RaftState): void {
  const { reads } = state;
  assert(state.role === 'leader', 'only a leader starts a round');
  const ready = termStartCommitted(state);
  const round = ++reads.lastRound;
  // A later round confirms an earlier one: where answers fail to come, rounds without reads need not pile up.
  if (reads.rounds.length >= ROUNDS_MAX && reads.rounds.at(-1)?.reads.length === 0) reads.rounds.pop();
  reads.rounds.push({ round, sentTick: state.tick, index: state.commit, reads: ready ? reads.waiting : [] });
  if (ready) reads.waiting = [];
  for (const progress of state.progress.values()) {
    const commit = Math.min(progress.match, state.commit) as LogIndex; // C3
    send(state, {
      type: 'heartbeat',
      from: state.self,
      to: progress.peer,
      term: state.term,
      commit,
      readRound: round,
    });
    if (commit > progress.commitSent) progress.commitSent = commit;
  }
  state.heartbeatElapsed = 0;
  confirmRounds(state);
}

export function onHeartbeatResponse(state: RaftState, message: HeartbeatResponse): void {
  const progress = state.progress.get(message.from);
  if (progress === undefined) return;
  progress.heardAt(state.tick);
  progress.paused = false;
  // A4: the follower lives; an append that got lost must not hold it up, whatever the window says.
  if (progress.state === 'probe' || progress.match < state.log.lastIndex) progress.wantsEmpty = true;
  if (message.readRound <= progress.ackedRound || message.readRound > state.reads.lastRound) return;
  progress.ackedRound = message.readRound;
  confirmRounds(state);
}

function confirmRounds(state: RaftState): void {
  const { reads } = state;
  const confirmed = reachedByMajority(membershipOf(state), (voter) =>
    voter === state.self ? reads.lastRound : (state.progress.get(voter)?.ackedRound ?? 0),
  );
  for (;;) {
    const oldest = reads.rounds[0];
    if (oldest === undefined || oldest.round > confirmed) return;
    reads.rounds.shift();
    if (state.transfer === null && !reads.leaseForbidden) reads.leaseTick = oldest.sentTick;
    for (const read of oldest.reads) {
      reads.count--;
      answer(state, read, oldest.index, false);
    }
  }
}

/**
 * The lease runs from the tick in which a round was *sent* that a quorum answered (raft.md L4): those voters refuse
 * their vote for at least the minimal election timeout after that (E4, E9). Ours is a tenth shorter, and at least one
 * tick, for clocks that differ and for ticks that are coarse.
 */
export function leaseValid(state: RaftState): boolean {
  const { options, reads } = state;
  if (!options.leaseReads || reads.leaseTick === null || state.transfer !== null || reads.leaseForbidden) return false;
  if (!termStartCommitted(state)) return false;
  const [electionTicksMin] = options.electionTicks;
  const leaseTicks = Math.min(Math.floor(electionTicksMin * 0.9), electionTicksMin - 1);
  return state.tick - reads.leaseTick < leaseTicks;
}

/** The loop stood still and ticks are missing: no lease, and no round of before may renew it (raft.md R8, L6). */
export function voidLease(state: RaftState): void {
  state.reads.leaseTick = null;
  state.reads.rounds = state.reads.rounds.map((round) => ({ ...round, sentTick: Number.NEGATIVE_INFINITY }));
}

function answer(state: RaftState, read: PendingRead, index: LogIndex, lease: boolean): void {
  if (read.origin === null) state.outbox.reads.push({ id: read.id, index, refused: null, lease });
  else answerFollower(state, read, read.origin, index);
}

function answerFollower(state: RaftState, read: PendingRead, to: ReplicaId, index: LogIndex | null): void {
  const progress = state.progress.get(to);
  // It serves the read only once its commit index is there: do not let it wait for the next heartbeat.
  if (progress !== undefined && index !== null && index > progress.commitWanted) progress.commitWanted = index;
  send(state, {
    type: 'readIndexResponse',
    from: state.self,
    to,
    term: state.term,
    id: read.id,
    ok: index !== null,
    index: index ?? (0 as LogIndex),
  });
}

function refuse(state: RaftState, id: number, refused: NonNullable<ReadOutcome['refused']>): void {
  state.outbox.reads.push({ id, index: null, refused, lease: false });
}

function sendRequest(state: RaftState): void {
  const { reads, leader } = state;
  assert(leader !== null && reads.request === null, 'one request to a known leader at a time');
  const id = reads.nextRequestId++;
  reads.request = { id, sentTick: state.tick, reads: reads.waiting };
  reads.waiting = [];
  send(state, { type: 'readIndexRequest', from: state.self, to: leader, term: state.term, id });
}

export function onReadIndexResponse(state: RaftState, message: ReadIndexResponse): void {
  const { request } = state.reads;
  if (request === null || request.id !== message.id) return; // Of an attempt that was given up (L2, L7).
  state.reads.request = null;
  for (const read of request.reads) {
    state.reads.count--;
    if (message.ok) answer(state, read, message.index, false);
    else refuse(state, read.id, 'not_leader');
  }
}

/** The request will not be answered: its reads go out again with a new id (raft.md L7). */
export function abandonRequest(state: RaftState): void {
  const { request } = state.reads;
  if (request === null) return;
  state.reads.request = null;
  state.reads.waiting = [...request.reads, ...state.reads.waiting];
}

/** We lead no longer: our own reads wait for the new leader, followers are told to ask again. */
export function releaseReads(state: RaftState): void {
  const { reads } = state;
  const all = [...reads.rounds.flatMap((round) => round.reads), ...reads.waiting];
  reads.rounds = [];
  reads.waiting = [];
  reads.leaseTick = null;
  for (const read of all) {
    if (read.origin === null) {
      reads.waiting.push(read);
      continue;
    }
    reads.count--;
    answerFollower(state, read, read.origin, null);
  }
}

export function tickReads(state: RaftState): void {
  const { reads, options } = state;
  const [electionTicksMin, electionTicksMax] = options.electionTicks;
  if (reads.request !== null && state.tick - reads.request.sentTick >= electionTicksMin / 2) abandonRequest(state);
  const oldest = reads.waiting[0];
  if (oldest === undefined) return;
  if (leaderlessForLong(state)) expireWaiting(state, Number.POSITIVE_INFINITY, 'no_leader');
  const beforeTick = state.tick - READ_AGE_TIMEOUTS_MAX * electionTicksMax;
  if (oldest.sinceTick <= beforeTick) expireWaiting(state, beforeTick, state.role === 'leader' ? 'busy' : 'no_leader');
}

function expireWaiting(state: RaftState, upToTick: number, refused: NonNullable<ReadOutcome['refused']>): void {
  const { reads } = state;
  const expired = reads.waiting.filter((read) => read.sinceTick <= upToTick);
  reads.waiting = reads.waiting.filter((read) => read.sinceTick > upToTick);
  for (const read of expired) {
    reads.count--;
    if (read.origin === null) refuse(state, read.id, refused);
    else answerFollower(state, read, read.origin, null);
  }
}
