import { assert } from '../../base/assert.js';
import type { ReplicaId } from '../../base/brand.js';
import { LIMITS } from '../../base/limits.js';
import { envelopeBytes } from '../../wire/codec.js';
import { LinkCounters } from '../link-counters.js';
import type { Envelope, FormationMessage, PeerLinkStatus, Transport, TransportHandlers } from '../transport.js';

/** Replicas of one process that reach each other without sockets: for tests, and for clusters that keep nothing. */
export interface MemoryNetwork {
  /** The transport of one replica. */
  transport(self: ReplicaId, peers: readonly ReplicaId[]): Transport;
  /** Cuts the link in both directions; what is on its way is lost. */
  cut(a: ReplicaId, b: ReplicaId): void;
  heal(a: ReplicaId, b: ReplicaId): void;
  /** Stops (or resumes) taking in messages: they queue up at their senders, as behind a slow socket. */
  pause(replica: ReplicaId, paused: boolean): void;
}

/** `queueBytesMax`: bytes queued towards one peer, default LIMITS.peerQueueBytes. */
export function createMemoryNetwork(options: { readonly queueBytesMax?: number } = {}): MemoryNetwork {
  return new Network(options.queueBytesMax ?? LIMITS.peerQueueBytes);
}

class Network implements MemoryNetwork {
  readonly queueBytesMax: number;
  readonly nodes = new Map<ReplicaId, MemoryTransport>();
  private readonly cuts = new Set<string>();
  private readonly paused = new Set<ReplicaId>();

  constructor(queueBytesMax: number) {
    this.queueBytesMax = queueBytesMax;
  }

  transport(self: ReplicaId, peers: readonly ReplicaId[]): Transport {
    return new MemoryTransport(this, self, peers);
  }

  cut(a: ReplicaId, b: ReplicaId): void {
    this.cuts.add(pairOf(a, b));
    this.refresh();
  }

  heal(a: ReplicaId, b: ReplicaId): void {
    this.cuts.delete(pairOf(a, b));
    this.refresh();
  }

  pause(replica: ReplicaId, paused: boolean): void {
    if (paused) this.paused.add(replica);
    else this.paused.delete(replica);
    for (const node of this.nodes.values()) node.drainLater(replica);
  }

  isPaused(replica: ReplicaId): boolean {
    return this.paused.has(replica);
  }

  /** The other end, when both run, know each other, and nothing is cut. */
  reach(from: MemoryTransport, to: ReplicaId): MemoryTransport | null {
    if (this.nodes.get(from.self) !== from || this.cuts.has(pairOf(from.self, to))) return null;
    const node = this.nodes.get(to);
    return node !== undefined && node.knows(from.self) ? node : null;
  }

  refresh(): void {
    for (const node of this.nodes.values()) node.refresh();
  }
}

/** One direction of a pair. */
interface Lane {
  readonly counters: LinkCounters;
  readonly queue: { readonly envelopes: readonly Envelope[]; readonly bytes: number }[];
  queuedBytes: number;
  up: boolean;
  everUp: boolean;
  draining: boolean;
}

class MemoryTransport implements Transport {
  readonly self: ReplicaId;
  private readonly network: Network;
  private readonly lanes = new Map<ReplicaId, Lane>();
  private handlers: TransportHandlers | null = null;

  constructor(network: Network, self: ReplicaId, peers: readonly ReplicaId[]) {
    this.network = network;
    this.self = self;
    for (const peer of peers) {
      if (peer === self) continue;
      const counters = new LinkCounters();
      this.lanes.set(peer, { counters, queue: [], queuedBytes: 0, up: false, everUp: false, draining: false });
    }
  }

  start(handlers: TransportHandlers): Promise<void> {
    assert(this.handlers === null, 'a transport is started once');
    assert(!this.network.nodes.has(this.self), 'a replica is in a network once');
    this.handlers = handlers;
    this.network.nodes.set(this.self, this);
    this.network.refresh();
    return Promise.resolve();
  }

  send(to: ReplicaId, envelopes: readonly Envelope[]): boolean {
    const lane = this.lanes.get(to);
    if (lane === undefined || !this.isUp(to)) return false;
    let bytes = 0;
    for (const envelope of envelopes) {
      const { from, to: recipient } = envelope.message;
      assert(from === this.self && recipient === to, 'messages go from this replica to the one named');
      bytes += envelopeBytes(envelope);
    }
    const { queueBytesMax } = this.network;
    if (lane.queuedBytes >= queueBytesMax || (lane.queuedBytes > 0 && lane.queuedBytes + bytes > queueBytesMax)) {
      lane.counters.count('queue_full');
      return false;
    }
    lane.queue.push({ envelopes: [...envelopes], bytes });
    lane.queuedBytes += bytes;
    lane.counters.sentFrames++;
    lane.counters.sentBytes += bytes;
    this.drainLater(to);
    return true;
  }

  sendFormation(_message: FormationMessage): boolean {
    return false;
  }

  setPeers(): void {
    // The peers of a test are fixed.
  }

  folderOf(_peer: ReplicaId): string | null {
    return null;
  }

  isUp(peer: ReplicaId): boolean {
    return (this.lanes.get(peer)?.up ?? false) && this.network.reach(this, peer) !== null;
  }

  queuedBytes(peer: ReplicaId): number {
    return this.lanes.get(peer)?.queuedBytes ?? 0;
  }

  status(): readonly PeerLinkStatus[] {
    return [...this.lanes].map(([peer, { counters, up, queuedBytes }]) => {
      return counters.status(peer, `memory:${peer}`, up && this.isUp(peer), queuedBytes);
    });
  }

  close(): Promise<void> {
    if (this.handlers === null) return Promise.resolve();
    if (this.network.nodes.get(this.self) === this) this.network.nodes.delete(this.self);
    this.refresh();
    this.network.refresh();
    return Promise.resolve();
  }

  knows(peer: ReplicaId): boolean {
    return this.lanes.has(peer);
  }

  /** Drops what cannot arrive any more; lanes come up and go down in a turn of their own, as those of a socket. */
  refresh(): void {
    for (const [peer, lane] of this.lanes) {
      if (this.network.reach(this, peer) !== null) continue;
      lane.queue.length = 0;
      lane.queuedBytes = 0;
    }
    setImmediate(() => {
      for (const [peer, lane] of this.lanes) this.settle(peer, lane);
    });
  }

  private settle(peer: ReplicaId, lane: Lane): void {
    const up = this.network.reach(this, peer) !== null;
    if (up === lane.up) return;
    lane.up = up;
    if (up && lane.everUp) lane.counters.reconnects++;
    lane.everUp ||= up;
    if (up) {
      this.handlers?.onPeerUp(peer);
      return;
    }
    lane.counters.closed('closed_by_peer', 'the link was cut');
    this.handlers?.onPeerDown(peer, 'closed_by_peer');
  }

  drainLater(peer: ReplicaId): void {
    const lane = this.lanes.get(peer);
    if (lane === undefined || lane.draining || lane.queue.length === 0) return;
    lane.draining = true;
    setImmediate(() => {
      lane.draining = false;
      this.drain(peer, lane);
    });
  }

  private drain(peer: ReplicaId, lane: Lane): void {
    while (!this.network.isPaused(peer)) {
      const frame = lane.queue.shift();
      if (frame === undefined) return;
      lane.queuedBytes -= frame.bytes;
      assert(lane.queuedBytes >= 0, 'a queue holds what was put in');
      this.network.reach(this, peer)?.receive(this.self, frame.envelopes, frame.bytes);
    }
  }

  private receive(from: ReplicaId, envelopes: readonly Envelope[], bytes: number): void {
    const lane = this.lanes.get(from);
    if (lane === undefined) return;
    lane.counters.receivedFrames++;
    lane.counters.receivedBytes += bytes;
    this.handlers?.onMessages(from, envelopes);
  }
}

function pairOf(a: ReplicaId, b: ReplicaId): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
