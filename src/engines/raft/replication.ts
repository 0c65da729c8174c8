import { assert } from '../../base/assert.js';
import { indexAfter, type LogIndex } from '../../base/brand.js';
import { advanceCommit } from './commit.js';
import type { AppendResponse } from './messages.js';
import type { Progress } from './progress.js';
import { send } from './send.js';
import { recentlyActive, type RaftState } from './state.js';
import { continueTransfer } from './transfer.js';

/**
 * Leader to followers: sends whatever each one lacks and its window lets through. Called once per drain, so that all
 * proposals of a turn share one append per follower.
 */
export function replicate(state: RaftState): void {
  for (const progress of state.progress.values()) replicateTo(state, progress);
}

/** True when `replicate` would send something. */
export function hasToReplicate(state: RaftState): boolean {
  for (const progress of state.progress.values()) {
    if (progress.wantsEmpty || wantsCommit(state, progress)) return true;
    if (maySendEntries(progress) && progress.next <= state.log.lastIndex) return true;
  }
  return false;
}

function maySendEntries(progress: Progress): boolean {
  if (progress.state === 'probe') return !progress.paused;
  return progress.state === 'replicate' && !progress.inflight.full;
}

/** The follower waits for a commit index that nothing on its way carries. */
function wantsCommit(state: RaftState, progress: Progress): boolean {
  if (progress.state !== 'replicate' || progress.commitSent >= progress.commitWanted) return false;
  return Math.min(state.commit, progress.next - 1) > progress.commitSent;
}

function replicateTo(state: RaftState, progress: Progress): void {
  while (maySendEntries(progress) && progress.next <= state.log.lastIndex) {
    if (!sendAppend(state, progress, true)) break;
  }
  if (progress.wantsEmpty || wantsCommit(state, progress)) {
    // A full window lets an empty append pass: its answer tells what arrived (A4).
    if (progress.state !== 'snapshot' && !progress.paused) sendAppend(state, progress, false);
  }
  progress.wantsEmpty = false;
}

/** False when the follower cannot be served from the log now. */
function sendAppend(state: RaftState, progress: Progress, withEntries: boolean): boolean {
  const { log, options } = state;
  const prevIndex = indexAfter(progress.next, -1);
  const prevTerm = log.termOf(prevIndex);
  if (prevTerm === null) {
    assert(prevIndex < log.baseIndex, 'next never runs past the log');
    return startSnapshot(state, progress);
  }
  const { appendEntries, appendBytes } = options.limits;
  const entries = withEntries ? log.slice(progress.next, appendEntries, appendBytes) : [];
  const lastIndex = indexAfter(prevIndex, entries.length);
  const commit = state.commit;
  send(state, { type: 'appendRequest', ...toPeer(state, progress), prevIndex, prevTerm, commit, entries });
  progress.commitSent = Math.max(progress.commitSent, Math.min(commit, lastIndex)) as LogIndex;
  progress.wantsEmpty = false;
  if (progress.state === 'probe') progress.paused = true;
  else if (entries.length > 0) {
    let bytes = 0;
    for (const entry of entries) bytes += entry.payload.length;
    progress.inflight.add(lastIndex, bytes);
    progress.next = indexAfter(lastIndex);
  }
  return true;
}

/** What the follower needs was cut away. Only the living get a snapshot; the others are probed when they answer (S12). */
function startSnapshot(state: RaftState, progress: Progress): false {
  if (recentlyActive(state, progress.peer) && progress.leaving === null) {
    progress.becomeSnapshot();
    state.outbox.sendSnapshots.push({ to: progress.peer, term: state.term });
  } else {
    progress.becomeProbe();
    progress.paused = true;
  }
  return false;
}

export function toPeer(state: RaftState, progress: Progress): Pick<AppendResponse, 'from' | 'to' | 'term'> {
  return { from: state.self, to: progress.peer, term: state.term };
}

export function onAppendResponse(state: RaftState, message: AppendResponse): void {
  const progress = state.progress.get(message.from);
  if (progress === undefined) return;
  progress.heardAt(state.tick);
  if (message.rejected) onRejected(state, progress, message);
  else onAccepted(state, progress, message.index);
}

function onAccepted(state: RaftState, progress: Progress, index: LogIndex): void {
  // Nobody in our term can match what we never had: a damaged or foreign message, not to be counted (C4).
  if (index > state.log.lastIndex) return;
  const advanced = progress.acknowledge(index);
  if (progress.state === 'replicate') progress.inflight.freeUpTo(index);
  else if (progress.state === 'probe' && index === progress.match) progress.becomeReplicate();
  // S1: whatever reconnects its log to ours ends the snapshot, not only the end of our stream.
  else if (progress.state === 'snapshot' && progress.match >= state.log.baseIndex) progress.becomeReplicate();
  if (!advanced) return;
  advanceCommit(state);
  continueTransfer(state);
}

function onRejected(state: RaftState, progress: Progress, message: AppendResponse): void {
  const { log } = state;
  if (progress.state === 'snapshot') return;
  if (progress.state === 'replicate') {
    if (message.index <= progress.match) return; // A3: stale, it has acknowledged more since.
    progress.becomeProbe();
    return;
  }
  if (message.index !== progress.next - 1) return; // A3: not the answer to our probe.
  // A2: skip every term of ours that the follower cannot have.
  const agree = log.lastAtMost(message.hintIndex, message.hintTerm);
  // Below our base nothing can be compared: the follower's own hint decides (a snapshot will follow).
  const probe = message.hintIndex < log.baseIndex ? message.hintIndex : agree.index;
  progress.becomeProbe(Math.max(progress.match + 1, Math.min(message.index, probe + 1)) as LogIndex);
}

/** raft.md A5: what was on its way is lost; without a disk, what the follower had may be lost as well. */
export function onUnreachable(state: RaftState, progress: Progress): void {
  if (state.options.volatile === true) progress.forget();
  else if (progress.state === 'replicate') progress.becomeProbe();
}
