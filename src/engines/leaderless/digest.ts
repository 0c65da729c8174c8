import { replicaOf, type OriginId } from '../../base/brand.js';
import { isOrigin } from './batch-codec.js';
import { checkOwn } from './incarnation.js';
import type { GossipDigest, OriginCounter, OriginState } from './messages.js';
import type { Peer } from './peer.js';
import { isHeardOf, isLater, isQuiet, noteTold, rowOf } from './stability.js';
import { lowerGoal, onWord } from './start.js';
import { isSyncing, originHere, type LeaderlessState } from './state.js';
import type { Dot } from './types.js';
import { positionOf, raise, sameVector, vectorOf } from './vector.js';

/** Everything about us that `peer` needs; what it claims is durable. */
export function buildDigest(
  state: LeaderlessState,
  peer: Peer,
  pull: readonly Dot[],
  creditBytes: number,
): GossipDigest {
  const vector: OriginState[] = [];
  const heard: OriginCounter[] = [];
  const pending: OriginId[] = [];
  for (const here of state.origins.values()) {
    const { origin, log } = here;
    if (log.durable > 0) vector.push({ origin, seq: log.durable, boot: log.bootOf(log.durable), first: log.first });
    if (origin === state.origin ? !state.heardOut : !isQuiet(state, here)) pending.push(origin);
    if (!state.retired.has(origin) && isHeardOf(state, here)) heard.push({ origin, counter: rowOf(state, here) });
  }
  const counter = state.clock.durable;
  if (counter > state.promised) state.promised = counter;
  return {
    type: 'gossipDigest',
    from: state.self,
    to: peer.id,
    origin: state.origin,
    boot: state.options.boot,
    respond: peer.digest?.respond ?? false,
    vector,
    counter,
    heard,
    creditBytes,
    syncing: isSyncing(state),
    clock: state.clock.value,
    pull,
    round: ++state.round,
    answers: peer.known ? peer.round : 0,
    pending,
    root: standsAtVector(state) ? state.options.root() : null,
  };
}

/** What was just handed out is in the vector, and not applied yet; what a full sync brought may be applied already. */
function standsAtVector({ outbox, sync }: LeaderlessState): boolean {
  return outbox.deliver.length === 0 && (sync === null || sync.received === null);
}

export function onDigest(state: LeaderlessState, peer: Peer, digest: GossipDigest): void {
  if (!isSane(digest) || replicaOf(digest.origin) !== peer.id) {
    state.counters.rejectedCounters++;
    return;
  }
  const { round } = digest;
  const age = compareLives(peer, digest);
  if (age < 0 || (age === 0 && round > 0 && round <= peer.round)) {
    if (age < 0 && digest.respond) peer.wantDigest(false); // It must learn that it is not who it was.
    return;
  }
  if (age > 0) newLife(state, peer, digest);
  peer.round = round;
  const { answers } = digest;
  if (answers > state.roundsFrom && answers <= state.round) peer.answered = Math.max(peer.answered, answers);
  peer.syncing = digest.syncing;
  peer.pending = new Set(digest.pending);
  peer.collectedTo = digest.root?.collectedTo ?? null;
  learnPositions(state, peer, digest);
  const isAdmitted = learnCounters(state, peer, digest);
  compareRoots(state, peer, digest);
  const positions = digest.pull.filter(({ origin }) => isOrigin(origin));
  if (positions.length > 0) peer.asked = { positions, creditBytes: digest.creditBytes };
  if (digest.respond) peer.wantDigest(false);
  // Whose clock is not taken in has not told how far time has come: nobody may begin to write because of it.
  if (isAdmitted) onWord(state, digest.syncing);
  lowerGoal(state);
  state.pullsDirty = true;
  state.ensuresDirty = true;
  state.stabilityDirty = true;
}

function isSane(digest: GossipDigest): boolean {
  if (!isOrigin(digest.origin) || !isCount(digest.boot)) return false;
  if (!isCount(digest.counter) || !isCount(digest.clock)) return false;
  for (const { origin, seq, boot, first } of digest.vector) {
    if (!isOrigin(origin) || !isCount(seq) || !isCount(boot) || !isCount(first)) return false;
  }
  for (const { origin, counter } of digest.heard) if (!isOrigin(origin) || !isCount(counter)) return false;
  return digest.pull.every(({ seq }) => isCount(seq)) && isCount(digest.round) && isCount(digest.creditBytes);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/**
 * Negative: the digest is of an earlier life of the member than what we know; positive: of a later one. The first word over a
 * new link is always of the present: a folder that went back in time may repeat a boot, and what its rounds began with
 * is chance.
 */
function compareLives(peer: Peer, digest: GossipDigest): number {
  if (peer.origin === null) return 1;
  if (peer.origin === digest.origin) return peer.known ? digest.boot - peer.boot : 1;
  return isLater(digest.origin, peer.origin) ? 1 : -1;
}

/** Nothing that the former one claimed need be true any more. */
function newLife(state: LeaderlessState, peer: Peer, digest: GossipDigest): void {
  peer.has = new Map();
  peer.first = new Map();
  peer.row = null;
  peer.origin = digest.origin;
  peer.boot = digest.boot;
  peer.known = false;
  peer.answered = 0;
  peer.grounded();
  peer.acked.clear();
  peer.pull = null;
  // It may have told of positions that it lost before anybody got them: nobody ever will.
  const here = state.origins.get(digest.origin);
  if (here !== undefined) here.told = [];
}

function learnPositions(state: LeaderlessState, peer: Peer, digest: GossipDigest): void {
  for (const { origin, seq, boot, first } of digest.vector) {
    peer.learn({ origin, seq });
    peer.first.set(origin, first);
    checkOwn(state, { origin, seq }, boot);
    if (origin !== state.origin) originHere(state, origin);
  }
  if (!peer.known) {
    for (const { origin, seq } of digest.vector) if (origin !== state.origin) raise(state.goal, origin, seq);
    state.outbox.changed = true;
  }
  peer.known = true;
  peer.follows ||= peer.reach(state.origin) >= positionOf(state.vector, state.origin);
}

function learnCounters(state: LeaderlessState, peer: Peer, digest: GossipDigest): boolean {
  const { clock, tick } = state;
  if (!clock.admit(digest.counter, peer.id, tick) || !clock.admit(digest.clock, peer.id, tick)) {
    state.counters.rejectedCounters++;
    return false;
  }
  peer.row ??= new Map();
  for (const { origin, counter } of digest.heard) {
    raise(peer.row, origin, counter);
    // A former one of ours that never wrote is in no vector. After a clock that went back it may be above the one we have.
    if (origin !== state.origin) checkOwn(state, { origin, seq: 0 }, 0);
  }
  const here = originHere(state, digest.origin);
  const own = digest.vector.find(({ origin }) => origin === digest.origin);
  if (here !== null && digest.origin !== state.origin) noteTold(state, here, own?.seq ?? 0, digest.counter);
  return true;
}

/** Equal vectors mean equal states: anything else is bit rot or a bug (ap.md §1.0.7). Told once per vector and peer. */
function compareRoots(state: LeaderlessState, peer: Peer, digest: GossipDigest): void {
  if (digest.root === null || state.outbox.deliver.length > 0 || state.sync !== null) return;
  if (!sameVector(state.vector, vectorOf(digest.vector))) return;
  const ours = state.options.root();
  if (ours === null || ours.collectedTo !== digest.root.collectedTo || ours.hash === digest.root.hash) return;
  const shown = `${peer.id} ${ours.hash} ${digest.root.hash}`;
  if (shown === state.mismatchShown) return;
  state.mismatchShown = shown;
  state.counters.mismatches++;
  state.outbox.mismatch = peer.id;
}
