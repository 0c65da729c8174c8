import { assert } from '../../base/assert.js';
import { indexAfter, type LogIndex, type ReplicaId } from '../../base/brand.js';
import { commitTo } from './commit.js';
import { followLeader, sendAppendResponse } from './follower.js';
import type { Position } from './log.js';
import type { PlacedMembership } from './membership.js';
import type { SnapshotChunk } from './messages.js';
import { becomeFollower } from './role.js';
import type { RaftState } from './state.js';

/** Without a word from the driver for this many election timeouts, an installation is taken for abandoned. */
const INSTALL_AGE_TIMEOUTS_MAX = 20;

/**
 * A piece of the leader's checkpoint, handed to the driver in order of arrival. From the last piece until the driver
 * reports, the log stands still: no appends, no commits, no campaign (raft.md E6).
 */
export function onSnapshotChunk(state: RaftState, message: SnapshotChunk): void {
  followLeader(state, message.from);
  if (state.installing !== null) return;
  if (message.index <= state.commit) {
    sendAppendResponse(state, message.from, state.commit); // S1: the leader can go on from here.
    return;
  }
  if (message.last) state.installing = { index: message.index, sinceTick: state.tick };
  state.outbox.snapshotChunks.push(message);
}

/** The state machine stands at `at`, durably, where `membership` is in force (raft.md M9). */
export function onSnapshotInstalled(state: RaftState, at: Position, membership: PlacedMembership): void {
  const { index } = at;
  state.installing = null;
  if (index <= state.applied) return; // Entries were faster.
  if (index > state.commit) restartLog(state, at, membership);
  state.applied = index;
  if (state.handedOut < index) state.handedOut = index;
  if (state.leader !== null && state.leader !== state.self) sendAppendResponse(state, state.leader, state.commit);
}

/** S5: if our entry at `index` differs, the whole suffix belongs to another history and goes; if not, it stays. */
function restartLog(state: RaftState, { index, term }: Position, membership: PlacedMembership): void {
  assert(index > state.commit, 'a snapshot moves the log forward only');
  if (state.role !== 'follower') becomeFollower(state, state.term, null);
  const agrees = state.log.termOf(index) === term;
  state.memberships.install(index, membership, agrees);
  state.persistence.markMemberships();
  if (agrees) {
    state.log.cutPrefix(index);
    state.persistence.onCovered(index);
  } else {
    state.log.reset(index, term);
    state.persistence.onReset(index);
  }
  commitTo(state, index);
}

export function onSnapshotAborted(state: RaftState): void {
  state.installing = null;
}

export function tickInstalling(state: RaftState): void {
  const { installing, options } = state;
  if (installing === null) return;
  if (state.tick - installing.sinceTick >= INSTALL_AGE_TIMEOUTS_MAX * options.electionTicks[1]) state.installing = null;
}

/** Leader: our stream to `peer` ended. Whether it worked shows in the peer's next answer (S1). */
export function onSnapshotSent(state: RaftState, peer: ReplicaId, index: LogIndex, ok: boolean): void {
  const progress = state.progress.get(peer);
  if (progress === undefined || progress.state !== 'snapshot') return;
  assert(index <= state.log.lastIndex, 'a leader streams a checkpoint of its own log');
  if (ok) progress.becomeProbe(indexAfter(index > progress.match ? index : progress.match));
  else {
    progress.becomeProbe();
    progress.paused = true; // Until it answers a heartbeat: no tight loop of snapshots.
  }
}
