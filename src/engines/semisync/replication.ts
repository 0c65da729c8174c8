import { indexAfter, type LogIndex, type Term } from '../../base/brand.js';
import { advanceCommit } from './commit.js';
import type { AppendResponse } from './messages.js';
import type { Progress } from './progress.js';
import { send } from './send.js';
import type { SemisyncState } from './state.js';

/** Without a word for this many maxLagTicks, nobody is streamed a checkpoint (raft.md S12). */
const SILENT_LAGS_MAX = 4;

/**
 * Leader to followers: sends whatever each one lacks and its window lets through. Called once per drain, so that all
 * proposals of a turn share one append per follower.
 */
export function replicate(state: SemisyncState): void {
  for (const progress of state.progress.values()) replicateTo(state, progress);
}

/** True when `replicate` would send something. */
export function hasToReplicate(state: SemisyncState): boolean {
  for (const progress of state.progress.values()) {
    if (progress.wantsEmpty || (maySendEntries(progress) && progress.next <= state.log.lastIndex)) return true;
  }
  return false;
}

function maySendEntries(progress: Progress): boolean {
  if (progress.state === 'probe') return !progress.paused;
  return progress.state === 'replicate' && !progress.inflight.full;
}

function replicateTo(state: SemisyncState, progress: Progress): void {
  while (maySendEntries(progress) && progress.next <= state.log.lastIndex) {
    if (!sendAppend(state, progress, true)) break;
  }
  // A full window lets an empty append pass: its answer tells what arrived.
  if (progress.wantsEmpty && progress.state !== 'fullsync' && !progress.paused) sendAppend(state, progress, false);
  progress.wantsEmpty = false;
}

/** False when the follower cannot be served from the log now. */
function sendAppend(state: SemisyncState, progress: Progress, withEntries: boolean): boolean {
  const { log, options, self, term } = state;
  const prevIndex = indexAfter(progress.next, -1);
  const prevTerm = log.termOf(prevIndex);
  if (prevTerm === null) {
    startFullsync(state, progress, false);
    return false;
  }
  const { appendEntries, appendBytes } = options.limits;
  const entries = withEntries ? log.slice(progress.next, appendEntries, appendBytes) : [];
  const lastIndex = indexAfter(prevIndex, entries.length);
  const { commit } = state;
  send(state, { type: 'appendRequest', from: self, to: progress.peer, term, prevIndex, prevTerm, commit, entries });
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

/** Our log does not reach back to what it needs, or it has another history. Only the living are streamed a checkpoint. */
function startFullsync(state: SemisyncState, progress: Progress, replaces: boolean): void {
  if (state.tick - progress.heardTick <= SILENT_LAGS_MAX * state.options.maxLagTicks) {
    progress.becomeFullsync(replaces);
    state.outbox.sendSnapshots.push({
      to: progress.peer,
      term: state.term,
      replaces,
      forcedTerm: state.quorums.latest.forcedTerm,
    });
  } else {
    progress.becomeProbe();
    progress.paused = true;
  }
}

export function onAppendResponse(state: SemisyncState, message: AppendResponse): void {
  const progress = state.progress.get(message.from);
  if (progress === undefined) return;
  progress.heardTick = state.tick;
  if (!message.rejected) onAccepted(state, progress, message.index);
  else if (message.diverged) onDiverged(state, progress);
  else onRejected(state, progress, message);
}

function onAccepted(state: SemisyncState, progress: Progress, index: LogIndex): void {
  const { log, tick } = state;
  // Nobody in our epoch can match what we never had: a damaged or foreign message, not to be counted.
  if (index > log.lastIndex || progress.replaces) return;
  const advanced = progress.acknowledge(index);
  if (progress.state === 'replicate') progress.inflight.freeUpTo(index);
  else if (progress.state === 'probe' && index === progress.match) progress.becomeReplicate();
  // raft.md S1: whatever reconnects its log to ours ends the full sync, not only the end of our stream.
  else if (progress.state === 'fullsync' && progress.match >= log.baseIndex) progress.becomeReplicate();
  if (advanced || progress.match === log.lastIndex) progress.keptUpTick = tick;
  if (advanced) advanceCommit(state);
}

function onRejected(state: SemisyncState, progress: Progress, message: AppendResponse): void {
  const { log } = state;
  const { hintIndex, hintTerm, index } = message;
  if (progress.replaces) return;
  if (hintIndex > index) {
    if (progress.state !== 'replicate' && hintIndex > progress.match) onBeyond(state, progress, hintIndex, hintTerm);
    return;
  }
  if (progress.state === 'fullsync') return;
  if (progress.state === 'replicate') {
    if (index > progress.match) progress.becomeProbe(); // Otherwise stale: it has acknowledged more since.
    return;
  }
  if (index !== progress.next - 1) return; // Not the answer to our probe.
  // Skip every epoch of ours that the follower cannot have.
  const agree = log.lastAtMost(hintIndex, hintTerm);
  // Below our base nothing can be compared: the follower's own hint decides (a full sync will follow).
  const probe = hintIndex < log.baseIndex ? hintIndex : agree.index;
  progress.becomeProbe(Math.max(progress.match + 1, Math.min(index, probe + 1)) as LogIndex);
}

/** It can compare nothing before (index, term): it goes on from there, if that is in our log. */
function onBeyond(state: SemisyncState, progress: Progress, index: LogIndex, term: Term): void {
  const { log } = state;
  if (log.termOf(index) === term) progress.becomeProbe(indexAfter(index));
  else if (index >= log.baseIndex) startFullsync(state, progress, true);
  else if (progress.state === 'probe') startFullsync(state, progress, false);
}

/** It applied entries that were discarded by force, and said so: only a new state helps. */
function onDiverged(state: SemisyncState, progress: Progress): void {
  if (progress.state === 'fullsync' && progress.replaces) return;
  startFullsync(state, progress, true);
}

/** What was on its way is lost; without a disk, what the follower had may be lost as well. */
export function onUnreachable({ options }: SemisyncState, progress: Progress): void {
  if (options.volatile === true) progress.forget();
  else if (progress.state === 'replicate') progress.becomeProbe();
}
