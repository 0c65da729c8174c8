import { assert } from '../../base/assert.js';
import type { ReadOutcome } from './events.js';
import { knowFresh } from './freshness.js';
import type { HeartbeatResponse } from './messages.js';
import { send } from './send.js';
import type { Round, SemisyncState } from './state.js';

/** A read that was not confirmed for this many election timeouts is refused: the queue must not fill with the dead. */
const READ_AGE_TIMEOUTS_MAX = 4;
/** Unanswered rounds kept: a round trip of seconds fits at any sensible heartbeat. */
const ROUNDS_MAX = 64;

/** A strong read of our own driver. Answered by exactly one outcome. */
export function requestRead(state: SemisyncState, id: number): void {
  const { options, reads, role, tick } = state;
  if (role !== 'leader') return refuse(state, id, 'not_leader');
  if (reads.count >= options.limits.pendingReads) return refuse(state, id, 'busy');
  reads.waiting.push({ id, sinceTick: tick });
  reads.count++;
}

/** Before the no-op of its epoch is committed a leader may not know everything that is (raft.md L1). */
export function epochStarted({ commit, epochStartIndex, role }: SemisyncState): boolean {
  return role === 'leader' && commit >= epochStartIndex;
}

/** True when `flushReads` would start a round. A round under way gathers later reads into the next. */
export function hasReadsToFlush(state: SemisyncState): boolean {
  const { rounds, waiting } = state.reads;
  return waiting.length > 0 && epochStarted(state) && !rounds.some((round) => round.reads.length > 0);
}

/** Called once per drain: all reads of a turn share one round. */
export function flushReads(state: SemisyncState): void {
  if (hasReadsToFlush(state)) startRound(state);
}

/**
 * Leader: a broadcast of heartbeats, numbered by our own counter (raft.md L2). Followers enough that answer it in our epoch
 * meet every set of promises: nobody else could have committed anything before it began (ap.md §1.3.5). How many that
 * takes is decided now, because promises taken later do no harm to a read that began before.
 */
export function startRound(state: SemisyncState): void {
  const { commit, followers, progress, quorums, reads, rules, self, term, tick } = state;
  const round = ++reads.lastRound;
  const started = epochStarted(state);
  const answers = started ? reads.waiting.map(({ id }) => id) : [];
  if (started) reads.waiting = [];
  if (reads.rounds.length >= ROUNDS_MAX) dropOldestRound(state);
  reads.rounds.push({
    round,
    index: commit,
    reads: answers,
    sentTick: tick,
    required: rules.confirmations(followers, quorums.after(commit).writeQuorum),
    clocks: started ? new Map([...progress.values()].map(({ peer, clock }) => [peer, clock])) : new Map(),
  });
  for (const { match, peer, vouched } of progress.values()) {
    send(state, {
      type: 'epochHeartbeat',
      from: self,
      to: peer,
      term,
      round,
      commit,
      acked: match,
      vouchedCommit: vouched.commit,
      vouchedClock: vouched.clock,
    });
  }
  state.heartbeatElapsed = 0;
  confirmRounds(state);
}

function dropOldestRound(state: SemisyncState): void {
  const oldest = state.reads.rounds.shift();
  for (const id of oldest?.reads ?? []) expire(state, id, 'unconfirmed');
}

export function onHeartbeatResponse(state: SemisyncState, message: HeartbeatResponse): void {
  const progress = state.progress.get(message.from);
  if (progress === undefined) return;
  progress.heardTick = state.tick;
  progress.paused = false;
  if (message.clock > progress.clock || message.round > progress.ackedRound) progress.clock = message.clock;
  if (progress.match === state.log.lastIndex) progress.keptUpTick = state.tick;
  // It lives: an append that got lost must not hold it up, whatever the window says.
  else progress.wantsEmpty = true;
  if (progress.state === 'probe') progress.wantsEmpty = true;
  if (message.round <= progress.ackedRound || message.round > state.reads.lastRound) return;
  progress.ackedRound = message.round;
  confirmRounds(state);
}

function confirmRounds(state: SemisyncState): void {
  const { reads } = state;
  const confirmed = reads.rounds.filter((round) => isConfirmed(state, round));
  if (confirmed.length === 0) return;
  reads.rounds = reads.rounds.filter((round) => !confirmed.includes(round));
  for (const round of confirmed) onConfirmed(state, round);
}

function isConfirmed({ progress }: SemisyncState, { round, required }: Round): boolean {
  let count = 0;
  for (const { ackedRound } of progress.values()) if (ackedRound >= round) count++;
  return count >= required;
}

function onConfirmed(state: SemisyncState, { clocks, index, reads, sentTick }: Round): void {
  for (const id of reads) {
    state.reads.count--;
    state.outbox.reads.push({ id, index, refused: null });
  }
  if (index < state.epochStartIndex) return; // What was committed before our epoch we may not have known then.
  knowFresh(state, index, sentTick);
  for (const progress of state.progress.values()) {
    const clock = clocks.get(progress.peer) ?? 0;
    if (clock > 0 && index >= progress.vouched.commit) progress.vouched = { commit: index, clock };
  }
}

function refuse(state: SemisyncState, id: number, refused: NonNullable<ReadOutcome['refused']>): void {
  state.outbox.reads.push({ id, index: null, refused });
}

function expire(state: SemisyncState, id: number, refused: NonNullable<ReadOutcome['refused']>): void {
  state.reads.count--;
  assert(state.reads.count >= 0, 'every pending read is counted');
  refuse(state, id, refused);
}

/** All of them: we lead no longer. */
export function refuseReads(state: SemisyncState, refused: NonNullable<ReadOutcome['refused']>): void {
  const { reads } = state;
  const ids = [...reads.rounds.flatMap((round) => round.reads), ...reads.waiting.map(({ id }) => id)];
  reads.rounds = [];
  reads.waiting = [];
  for (const id of ids) expire(state, id, refused);
}

export function tickReads(state: SemisyncState): void {
  const { options, reads, tick } = state;
  const beforeTick = tick - READ_AGE_TIMEOUTS_MAX * options.electionTicks[1];
  while ((reads.rounds[0]?.sentTick ?? tick) < beforeTick) dropOldestRound(state);
  while ((reads.waiting[0]?.sinceTick ?? tick) < beforeTick) {
    const oldest = reads.waiting.shift();
    if (oldest !== undefined) expire(state, oldest.id, 'unconfirmed');
  }
}
