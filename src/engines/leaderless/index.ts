import { assert, unreachable } from '../../base/assert.js';
import type { OriginId, ReplicaId } from '../../base/brand.js';
import { onPersisted, receiveBatches } from './delivery.js';
import { drain, hasEffects } from './drain.js';
import { ensure } from './ensures.js';
import type { LeaderlessEffects, LeaderlessEvent, LeaderlessOptions, LeaderlessStatus } from './events.js';
import { onFullSynced, onFullSyncFailed, onFullSyncReceived } from './full-sync.js';
import { checkOwn, onRenewed } from './incarnation.js';
import { checkAlways, checkInvariants, createInvariantMemory } from './invariants.js';
import type { Leaderless } from './leaderless.js';
import { onDigest } from './digest.js';
import { onDropped, onPeerDown, onPeerUp, onStalled, setMembers } from './members.js';
import type { LeaderlessMessage } from './messages.js';
import type { Peer } from './peer.js';
import type { DeliveryPolicy } from './policy.js';
import { endPull } from './pulls.js';
import { recover } from './recovery.js';
import { closedTo } from './stability.js';
import { createState, isSyncing, type LeaderlessState } from './state.js';
import { phaseOf, statusOf } from './status.js';
import { onTick, scheduleRound } from './tick.js';
import type { Dot, Vector } from './types.js';
import { coversAll, notCovered, positionOf } from './vector.js';
import { isWritable, write } from './writes.js';

export type { Leaderless } from './leaderless.js';

/** A member of a leaderless group, as the storage recovered it. Throws InvariantViolation for options that cannot be. */
export function createLeaderless(options: LeaderlessOptions, policy: DeliveryPolicy): Leaderless {
  const state = createState(options, policy);
  recover(state);
  setMembers(state, options.members);
  scheduleRound(state);
  return new Member(state);
}

class Member implements Leaderless {
  readonly #state: LeaderlessState;
  readonly #memory = createInvariantMemory();
  readonly engine: 'lww' | 'causal';
  readonly boot: number;
  readonly vector: Vector;

  constructor(state: LeaderlessState) {
    this.#state = state;
    this.engine = state.policy.engine;
    this.boot = state.options.boot;
    this.vector = state.vector;
  }

  step(event: LeaderlessEvent): void {
    step(this.#state, event);
  }

  drain(): LeaderlessEffects {
    const effects = drain(this.#state);
    checkAlways(this.#state, this.#memory);
    return effects;
  }

  get hasEffects(): boolean {
    return hasEffects(this.#state);
  }

  checkInvariants(): void {
    checkInvariants(this.#state, this.#memory);
  }

  status(): LeaderlessStatus {
    return statusOf(this.#state);
  }

  get origin(): OriginId {
    return this.#state.origin;
  }

  get members(): readonly ReplicaId[] {
    return this.#state.members;
  }

  get state(): LeaderlessStatus['state'] {
    return phaseOf(this.#state);
  }

  get writable(): boolean {
    return isWritable(this.#state);
  }

  get ready(): boolean {
    return phaseOf(this.#state) === 'ready';
  }

  get syncing(): boolean {
    return isSyncing(this.#state);
  }

  get boots(): Vector {
    const boots = [...this.#state.origins.values()].map(
      ({ origin, log }) => [origin, log.bootOf(log.durable)] as const,
    );
    return new Map(boots.filter(([origin]) => this.vector.has(origin)));
  }

  get counter(): number {
    return this.#state.clock.value;
  }

  get durableCounter(): number {
    return this.#state.clock.durable;
  }

  get stable(): number {
    return this.#state.stable;
  }

  get collectedTo(): number {
    return this.#state.collectedTo;
  }

  get closedTo(): number {
    return closedTo(this.#state);
  }

  get retired(): readonly OriginId[] {
    return [...this.#state.retired];
  }

  isRetired(origin: OriginId): boolean {
    return this.#state.retired.has(origin);
  }

  get retained(): { readonly batches: number; readonly bytes: number } {
    let batches = 0;
    let bytes = 0;
    for (const { log } of this.#state.origins.values()) {
      batches += log.count;
      bytes += log.bytes;
    }
    return { batches, bytes };
  }

  heldByAll(): Vector {
    const peers = [...this.#state.peers.values()];
    const least = ([origin, seq]: readonly [OriginId, number]): readonly [OriginId, number] => [
      origin,
      peers.reduce((held, { has }) => Math.min(held, positionOf(has, origin)), seq),
    ];
    return new Map([...this.vector].map(least));
  }

  aliveMembers(): readonly ReplicaId[] {
    const { tick, peers, self } = this.#state;
    return [self, ...[...peers.values()].filter((peer) => peer.alive(tick)).map(({ id }) => id)];
  }

  coverage(dots: readonly Dot[]): readonly ReplicaId[] {
    const { peers, self } = this.#state;
    const others = [...peers.values()].filter(({ has }) => coversAll(has, dots)).map(({ id }) => id);
    return coversAll(this.vector, dots) ? [self, ...others] : others;
  }

  missing(dots: readonly Dot[]): readonly Dot[] {
    return notCovered(this.vector, dots);
  }
}

function step(state: LeaderlessState, event: LeaderlessEvent): void {
  switch (event.type) {
    case 'tick':
      return onTick(state);
    case 'message':
      return receive(state, event.message);
    case 'write':
      return write(state, event);
    case 'persisted':
      return onPersisted(state, event.batch);
    case 'ensure':
      return ensure(state, event);
    case 'release':
      state.ensures.delete(event.id);
      return;
    case 'peerUp':
      return onPeerUp(state, event.peer);
    case 'peerDown':
      return onPeerDown(state, event.peer);
    case 'dropped':
      return onDropped(state, event.peer);
    case 'stalled':
      return onStalled(state);
    case 'members':
      return setMembers(state, event.members);
    case 'checkpointed':
      return onCheckpointed(state, event.cut);
    case 'collected':
      return onCollected(state, event.counter);
    case 'fullSyncReceived':
      return onFullSyncReceived(state, event);
    case 'fullSynced':
      return onFullSynced(state, event);
    case 'fullSyncFailed':
      return onFullSyncFailed(state, event);
    case 'renewed':
      return onRenewed(state, event.origin);
    default:
      return unreachable(event);
  }
}

function onCheckpointed(state: LeaderlessState, cut: Vector): void {
  for (const [origin, seq] of cut) state.origins.get(origin)?.log.cut(seq);
}

function onCollected(state: LeaderlessState, counter: number): void {
  assert(counter <= state.collecting, 'only what is stable is collected');
  state.collectUnderway = false;
  state.stabilityDirty = true; // What became stable meanwhile goes next, also when nothing else ever happens.
  if (counter > state.collectedTo) state.collectedTo = counter;
}

function receive(state: LeaderlessState, message: LeaderlessMessage): void {
  const peer = state.peers.get(message.from);
  if (message.to !== state.self || peer === undefined) return; // Of a former member, or to a former self.
  hear(state, peer);
  switch (message.type) {
    case 'gossipDigest':
      return onDigest(state, peer, message);
    case 'gossipDelta': {
      receiveBatches(state, peer, message.batches);
      const origins = message.batches.map(({ origin }) => origin);
      endPull(state, peer, origins, message.more);
      state.ensuresDirty = true;
      return;
    }
    case 'gossipAck':
      for (const dot of message.positions) learnAck(state, peer, dot);
      state.ensuresDirty = true;
      return;
    case 'needFullSync':
      for (const origin of message.origins) peer.first.set(origin, positionOf(peer.has, origin) + 1);
      return endPull(state, peer, [], false);
    case 'fullSyncRequest':
    case 'fullSyncItems':
    case 'fullSyncEnd':
    case 'fullSyncAck':
    case 'versionProbe':
    case 'versionAnswer':
    case 'scrubLeaves':
    case 'scrubItems':
      return; // The driver's, who holds the items. To us they are a sign of life.
    default:
      return unreachable(message);
  }
}

function hear(state: LeaderlessState, peer: Peer): void {
  if (!peer.up) {
    peer.up = true;
    peer.detector.pause(state.tick);
    peer.wantDigest(true);
    state.outbox.changed = true;
  }
  peer.detector.heard(state.tick);
  peer.heardTick = state.tick;
}

function learnAck(state: LeaderlessState, peer: Peer, dot: Dot): void {
  if (!Number.isSafeInteger(dot.seq) || dot.seq < 1) return;
  checkOwn(state, dot, 0);
  peer.learn(dot);
}
