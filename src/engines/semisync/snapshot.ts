import { assert } from '../../base/assert.js';
import { indexAfter, type LogIndex, type ReplicaId, type Term } from '../../base/brand.js';
import { onFetchedSnapshot } from './candidacy.js';
import { followLeader, reject, sendAppendResponse } from './follower.js';
import { voidFreshness } from './freshness.js';
import { beginRebuild, discard, endRebuild, restartLog } from './merge.js';
import type { PlacedQuorum, SnapshotChunk } from './messages.js';
import type { SemisyncState } from './state.js';

/** Without a word from the driver for this many election timeouts, an installation is taken for abandoned. */
const INSTALL_AGE_TIMEOUTS_MAX = 20;

/**
 * A piece of the checkpoint of the leader, or of the member whose log a candidate adopts; handed to the driver in order of
 * arrival. From the last piece until the driver reports, the log stands still.
 */
export function onSnapshotChunk(state: SemisyncState, message: SnapshotChunk): void {
  const { from, index, indexTerm, last, replaces, term } = message;
  if (state.role !== 'candidate') followLeader(state, from);
  if (state.installing !== null || state.logLost) return;
  const { commit, log, tick } = state;
  if (replaces ? log.lastTerm >= term : index <= commit) return answerNotNeeded(state, message);
  // What we have and the snapshot may not: told before it goes. A divergence that we found ourselves has been told.
  if (replaces && !state.diverged) {
    discard(state, log.firstIndex, false, true);
    beginRebuild(state);
  }
  if (last) {
    if (!replaces && log.termOf(index) !== indexTerm) {
      // After force, what we committed before may be gone as well, and their log does not reach back to compare.
      const unsure = message.forcedTerm > termAt(state, commit);
      discard(state, unsure ? log.firstIndex : indexAfter(commit), false, unsure);
    }
    state.installing = { index, term, sinceTick: tick };
  }
  state.outbox.snapshotChunks.push(message);
}

/** raft.md S1: we have more than that. The leader compares what we have with what it has. */
function answerNotNeeded(state: SemisyncState, { from, index, replaces }: SnapshotChunk): void {
  const { commit, matched, role } = state;
  if (role === 'candidate') return;
  if (replaces || matched >= commit) return sendAppendResponse(state, from, matched);
  const prevIndex = index === 0 ? index : indexAfter(index, -1);
  reject(state, { from, prevIndex }, { hint: { index: commit, term: termAt(state, commit) } });
}

function termAt({ log }: SemisyncState, index: LogIndex): Term {
  return log.termOf(index) ?? log.baseTerm;
}

export interface InstalledSnapshot {
  readonly index: LogIndex;
  readonly indexTerm: Term;
  readonly replaces: boolean;
  /** In force after `index`. */
  readonly quorum: PlacedQuorum;
}

/** The state machine stands at (index, indexTerm), durably. */
export function onSnapshotInstalled(state: SemisyncState, snapshot: InstalledSnapshot): void {
  const { index, indexTerm: term, quorum, replaces } = snapshot;
  const { installing, log, quorums } = state;
  state.installing = null;
  if (!replaces && index <= state.applied) return; // Entries were faster.
  const agrees = !replaces && log.termOf(index) === term;
  if (replaces || index > state.commit) {
    quorums.install(index, quorum, agrees);
    restartLog(state, index, term, agrees);
    state.commit = index;
    state.handedOut = index;
    state.diverged = false;
    if (replaces) voidFreshness(state);
    endRebuild(state);
    state.outbox.changed = true;
  }
  state.applied = index;
  if (state.handedOut < index) state.handedOut = index;
  const current = installing !== null && installing.term === state.term;
  if (!current) return;
  if (state.role === 'candidate') onFetchedSnapshot(state);
  else if (state.leader !== null) {
    // It came from this leader: up to here we have what it has.
    if (state.matched < index || replaces) state.matched = index;
    sendAppendResponse(state, state.leader, state.matched);
  }
}

export function onSnapshotAborted(state: SemisyncState): void {
  state.installing = null;
}

export function tickInstalling(state: SemisyncState): void {
  const { installing, options } = state;
  if (installing === null) return;
  if (state.tick - installing.sinceTick >= INSTALL_AGE_TIMEOUTS_MAX * options.electionTicks[1]) state.installing = null;
}

/** Our stream to `peer` ended. Whether it worked shows in the peer's next answer. */
export function onSnapshotSent(state: SemisyncState, peer: ReplicaId, index: LogIndex, ok: boolean): void {
  state.serving.delete(peer);
  const progress = state.progress.get(peer);
  if (progress === undefined || progress.state !== 'fullsync') return;
  assert(index <= state.log.lastIndex, 'a leader streams a checkpoint of its own log');
  progress.replaces = false;
  if (ok) progress.becomeProbe(indexAfter(index > progress.match ? index : progress.match));
  else {
    progress.becomeProbe();
    progress.paused = true; // Until it answers a heartbeat: no tight loop of snapshots.
  }
}
