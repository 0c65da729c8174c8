import { assert } from '../../base/assert.js';
import { indexAfter, type LogIndex, type ReplicaId } from '../../base/brand.js';
import { commitTo } from './commit.js';
import { readMembership } from './membership-rules.js';
import type { AppendRequest, Entry, Heartbeat } from './messages.js';
import { placeMembership } from './placement.js';
import { becomeFollower, setLeader } from './role.js';
import { send } from './send.js';
import type { RaftState } from './state.js';

/** `from` leads our term. Starts the election timer again. */
export function followLeader(state: RaftState, from: ReplicaId): void {
  assert(state.role !== 'leader', `E10: ${from} and ${state.self} both lead term ${state.term}`);
  assert(state.leader === null || state.leader === from, `E10: ${from} and ${state.leader} both lead ${state.term}`);
  if (state.role !== 'follower') becomeFollower(state, state.term, from);
  setLeader(state, from);
  state.electionElapsed = 0;
}

/** Log matching (Raft paper §5.3). Every answer waits until what it vouches for is durable (raft.md R1). */
export function onAppendRequest(state: RaftState, message: AppendRequest): void {
  followLeader(state, message.from);
  if (state.installing !== null || state.logLost) return;
  if (!isWellFormed(state, message)) return; // A7: never into the log, and nothing to vouch for.
  if (message.prevIndex < state.commit) {
    // Everything committed equals the leader's; tell it to go on from there.
    respond(state, message, state.commit);
    return;
  }
  if (state.log.termOf(message.prevIndex) !== message.prevTerm) {
    reject(state, message);
    return;
  }
  appendEntries(state, message.entries);
  const matched = indexAfter(message.prevIndex, message.entries.length);
  commitTo(state, Math.min(message.commit, matched) as LogIndex); // C2: not our last index, which may be stale.
  respond(state, message, matched);
}

/** Entries without a gap, terms in order; and a membership that we cannot read we could not follow (M2). */
function isWellFormed({ options }: RaftState, message: AppendRequest): boolean {
  let index: number = message.prevIndex;
  let term = message.prevTerm;
  for (const entry of message.entries) {
    if (entry.index !== index + 1 || entry.term < term || entry.term > message.term) return false;
    if (entry.kind === 'membership' && readMembership(options.codec, entry.payload) === null) return false;
    index = entry.index;
    term = entry.term;
  }
  return true;
}

/** A1: truncates only at a real conflict; what we hold already, and what lies beyond the request, stays. */
function appendEntries(state: RaftState, entries: readonly Entry[]): void {
  const { log, persistence, memberships } = state;
  let at = 0;
  for (const entry of entries) {
    const term = log.termOf(entry.index);
    if (term === null) break;
    if (term !== entry.term) {
      assert(entry.index > state.commit, `a committed entry (${entry.index}) conflicts with the leader's`);
      log.truncateFrom(entry.index);
      withdrawAcknowledgements(state, entry.index);
      persistence.onTruncated(entry.index);
      if (memberships.truncateFrom(entry.index)) persistence.markMemberships(); // M2: in force is the one before.
      break;
    }
    at++;
  }
  for (const entry of at === 0 ? entries : entries.slice(at)) {
    log.append(entry);
    if (entry.kind === 'membership') placeMembership(state, entry);
  }
}

/**
 * What we were about to tell the leader of an older term is not true any more: the entries at and after `index` will never
 * reach our disk (R1). Harmless, because whoever overwrites them was elected without us; but an answer that leaves is true.
 */
function withdrawAcknowledgements(state: RaftState, index: LogIndex): void {
  const { outbox, term } = state;
  outbox.afterPersist = outbox.afterPersist.filter(
    (message) =>
      message.type !== 'appendResponse' || message.rejected || message.term === term || message.index < index,
  );
}

function respond(state: RaftState, { from }: AppendRequest, index: LogIndex): void {
  assert(index <= state.log.lastIndex, 'only what is in the log is vouched for');
  sendAppendResponse(state, from, index);
}

export function sendAppendResponse(state: RaftState, to: ReplicaId, index: LogIndex): void {
  const { self, term } = state;
  send(state, {
    type: 'appendResponse',
    from: self,
    to,
    term,
    rejected: false,
    index,
    hintIndex: index,
    hintTerm: state.log.termOf(index) ?? state.log.baseTerm,
  });
}

/** A2: says where our logs may still agree, so that the leader needs at most one probe per term. */
function reject(state: RaftState, message: AppendRequest): void {
  const hint = state.log.lastAtMost(message.prevIndex, message.prevTerm);
  send(state, {
    type: 'appendResponse',
    from: state.self,
    to: message.from,
    term: state.term,
    rejected: true,
    index: message.prevIndex,
    hintIndex: hint.index,
    hintTerm: hint.term,
  });
}

/** E3: tells a leader of an older term that the group has moved on; it steps down and is heard again in a new term. */
export function rejectStaleLeader(state: RaftState, to: ReplicaId): void {
  send(state, {
    type: 'appendResponse',
    from: state.self,
    to,
    term: state.term,
    rejected: true,
    index: 0 as LogIndex,
    hintIndex: 0 as LogIndex,
    hintTerm: state.log.termOf(0 as LogIndex) ?? state.log.baseTerm,
  });
}

/** `commit` is at most what we acknowledged ourselves (C3): more than our log holds means that our disk forgot (C4). */
export function onHeartbeat(state: RaftState, message: Heartbeat): void {
  followLeader(state, message.from);
  if (message.commit > state.log.lastIndex && state.installing === null) {
    state.logLost = true;
    state.outbox.changed = true;
    return;
  }
  if (state.installing === null) commitTo(state, message.commit);
  const { self, term } = state;
  send(state, { type: 'heartbeatResponse', from: self, to: message.from, term, readRound: message.readRound });
}
