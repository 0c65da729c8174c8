import type { ReplicaId } from '../../base/brand.js';
import { Peer } from './peer.js';
import { leavePull } from './pulls.js';
import { beginStart } from './start.js';
import type { LeaderlessState } from './state.js';

/** Another membership is in force: nothing is known of newcomers, and nothing counts any more of those who left. */
export function setMembers(state: LeaderlessState, members: readonly ReplicaId[]): void {
  state.members = [...members];
  const others = new Set(members.filter((id) => id !== state.self));
  for (const id of state.peers.keys()) {
    if (others.has(id)) continue;
    state.peers.delete(id);
    state.clock.forget(id);
  }
  for (const id of others) {
    if (!state.peers.has(id)) state.peers.set(id, new Peer(id, expectedTicks(state, others.size), state.tick));
  }
  beginStart(state);
  state.ensuresDirty = true;
  state.pullsDirty = true;
  state.stabilityDirty = true;
  state.outbox.changed = true;
}

/** How often a member is heard of with nothing to do: its rounds and ours choose one of all others. */
function expectedTicks(state: LeaderlessState, others: number): number {
  return Math.max(1, (state.options.gossipTicks * others) / 2);
}

export function onPeerUp(state: LeaderlessState, id: ReplicaId): void {
  const peer = state.peers.get(id);
  if (peer === undefined) return;
  peer.lost();
  peer.up = true;
  // A full sync that failed for lack of a link is tried again now.
  state.syncFailures = 0;
  state.syncAfterTick = Math.min(state.syncAfterTick, state.tick);
  state.pullsDirty = true;
  peer.detector.pause(state.tick);
  // At once: what was missed while there was no link must not wait for the next write.
  peer.wantDigest(true);
  state.outbox.changed = true;
}

export function onPeerDown(state: LeaderlessState, id: ReplicaId): void {
  const peer = state.peers.get(id);
  if (peer === undefined) return;
  peer.lost();
  state.ensuresDirty = true;
  state.pullsDirty = true;
  state.outbox.changed = true;
}

/** The link stands, but what is on its way may not arrive. */
export function onDropped(state: LeaderlessState, id: ReplicaId): void {
  const peer = state.peers.get(id);
  if (peer === undefined || !peer.up) return;
  peer.grounded();
  // Asked again at once it would be dropped again, for as long as the link takes nothing.
  leavePull(state, peer);
}

export function onStalled(state: LeaderlessState): void {
  for (const peer of state.peers.values()) peer.detector.pause(state.tick);
}
