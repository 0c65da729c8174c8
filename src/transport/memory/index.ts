import { assert } from '../../base/assert.js';
import type { ReplicaId } from '../../base/brand.js';
import { LIMITS } from '../../base/limits.js';
import { envelopeBytes } from '../../wire/codec.js';
import { admissionText } from '../../wire/handshake.js';
import { LinkCounters } from '../link-counters.js';
import type {
  Envelope,
  FormationMessage,
  PeerAddress,
  PeerLinkStatus,
  Transport,
  TransportHandlers,
} from '../transport.js';

/** Replicas of one process that reach each other without sockets: for tests, and for clusters that keep nothing. */
export interface MemoryNetwork {
  /** The transport of one replica. `folder` names its data folder to the others. */
  transport(self: ReplicaId, peers: readonly ReplicaId[], folder?: string | null): Transport;
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

/** What a Formation costs in a queue; small beside anything else. */
const FORMATION_BYTES = 256;

class Network implements MemoryNetwork {
  readonly queueBytesMax: number;
  readonly nodes = new Map<ReplicaId, MemoryTransport>();
  private readonly cuts = new Set<string>();
  private readonly paused = new Set<ReplicaId>();

  constructor(queueBytesMax: number) {
    this.queueBytesMax = queueBytesMax;
  }

  transport(self: ReplicaId, peers: readonly ReplicaId[], folder: string | null = null): Transport {
    return new MemoryTransport(this, self, peers, folder);
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

  /** The other end, when both run and nothing is cut. */
  reach(from: MemoryTransport, to: ReplicaId): MemoryTransport | null {
    if (this.nodes.get(from.self) !== from || this.cuts.has(pairOf(from.self, to))) return null;
    return this.nodes.get(to) ?? null;
  }

  refresh(): void {
    for (const node of this.nodes.values()) node.refresh();
  }
}

interface Frame {
  readonly envelopes: readonly Envelope[];
  readonly formation: FormationMessage | null;
  readonly bytes: number;
}

/** One direction of a pair. */
interface Lane {
  readonly counters: LinkCounters;
  readonly queue: Frame[];
  queuedBytes: number;
  /** Whoever has let us in; null while the link is down. A replica that starts again is another one. */
  remote: MemoryTransport | null;
  everUp: boolean;
  draining: boolean;
}

class MemoryTransport implements Transport {
  readonly self: ReplicaId;
  readonly folder: string | null;
  private readonly network: Network;
  private readonly lanes = new Map<ReplicaId, Lane>();
  private readonly folders = new Map<ReplicaId, string | null>();
  private handlers: TransportHandlers | null = null;

  constructor(network: Network, self: ReplicaId, peers: readonly ReplicaId[], folder: string | null) {
    this.network = network;
    this.self = self;
    this.folder = folder;
    for (const peer of peers) this.addLane(peer);
  }

  private addLane(peer: ReplicaId): void {
    if (peer === this.self || this.lanes.has(peer)) return;
    const counters = new LinkCounters();
    this.lanes.set(peer, { counters, queue: [], queuedBytes: 0, remote: null, everUp: false, draining: false });
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
    if (!this.isUp(to)) return false;
    let bytes = 0;
    for (const envelope of envelopes) {
      const { from, to: recipient } = envelope.message;
      assert(from === this.self && recipient === to, 'messages go from this replica to the one named');
      bytes += envelopeBytes(envelope);
    }
    return this.enqueue(to, { envelopes: [...envelopes], formation: null, bytes });
  }

  sendFormation(message: FormationMessage): boolean {
    assert(message.from === this.self, 'messages go from this replica');
    return this.enqueue(message.to, { envelopes: [], formation: message, bytes: FORMATION_BYTES });
  }

  private enqueue(to: ReplicaId, frame: Frame): boolean {
    const lane = this.lanes.get(to);
    if (lane === undefined || !this.isUp(to)) return false;
    const { queueBytesMax } = this.network;
    const { bytes } = frame;
    if (lane.queuedBytes >= queueBytesMax || (lane.queuedBytes > 0 && lane.queuedBytes + bytes > queueBytesMax)) {
      lane.counters.count('queue_full');
      return false;
    }
    lane.queue.push(frame);
    lane.queuedBytes += bytes;
    lane.counters.sentFrames++;
    lane.counters.sentBytes += bytes;
    this.drainLater(to);
    return true;
  }

  /** Addresses mean nothing here. */
  setPeers(peers: readonly PeerAddress[]): void {
    const wanted = new Set(peers.map(({ id }) => id));
    for (const [peer, lane] of this.lanes) {
      if (wanted.has(peer)) continue;
      this.lanes.delete(peer);
      this.folders.delete(peer);
      if (lane.remote !== null) this.handlers?.onPeerDown(peer, 'shutdown');
    }
    for (const peer of wanted) this.addLane(peer);
    this.network.refresh();
  }

  folderOf(peer: ReplicaId): string | null {
    return this.folders.get(peer) ?? null;
  }

  isUp(peer: ReplicaId): boolean {
    const remote = this.lanes.get(peer)?.remote ?? null;
    return remote !== null && this.network.reach(this, peer) === remote;
  }

  queuedBytes(peer: ReplicaId): number {
    return this.lanes.get(peer)?.queuedBytes ?? 0;
  }

  status(): readonly PeerLinkStatus[] {
    return [...this.lanes].map(([peer, { counters, queuedBytes }]) => {
      return counters.status(peer, `memory:${peer}`, this.isUp(peer), queuedBytes);
    });
  }

  close(): Promise<void> {
    if (this.handlers === null) return Promise.resolve();
    if (this.network.nodes.get(this.self) === this) this.network.nodes.delete(this.self);
    this.refresh();
    this.network.refresh();
    return Promise.resolve();
  }

  /** Drops what cannot arrive any more; lanes come up and go down in a turn of their own, as those of a socket. */
  refresh(): void {
    for (const [peer, lane] of this.lanes) {
      if (this.isUp(peer)) continue;
      lane.queue.length = 0;
      lane.queuedBytes = 0;
    }
    setImmediate(() => {
      for (const [peer, lane] of this.lanes) this.settle(peer, lane);
    });
  }

  private settle(peer: ReplicaId, lane: Lane): void {
    const remote = this.network.reach(this, peer);
    if (lane.remote !== null && remote !== lane.remote) this.down(peer, lane, 'closed_by_peer', 'the link was cut');
    if (remote === null) return;
    const refusal = this.handshake(remote);
    if (refusal === null && lane.remote === null) this.up(peer, lane, remote);
    else if (refusal !== null && lane.remote !== null) this.down(peer, lane, refusal.code, refusal.text);
    else if (refusal !== null) lane.counters.closed(refusal.code, refusal.text);
  }

  /** Both sides are asked, as over a socket; and asked again whenever anything changes. */
  private handshake(remote: MemoryTransport): { readonly code: string; readonly text: string } | null {
    const theirs = remote.handlers?.admits(this.self, this.folder) ?? null;
    if (theirs !== null) {
      const text = admissionText(theirs, remote.self, this.self);
      this.handlers?.onRefused(remote.self, theirs, text);
      return { code: theirs, text };
    }
    const ours = this.handlers?.admits(remote.self, remote.folder) ?? null;
    if (ours !== null) return { code: ours, text: admissionText(ours, this.self, remote.self) };
    remote.folders.set(this.self, this.folder);
    this.folders.set(remote.self, remote.folder);
    return null;
  }

  private up(peer: ReplicaId, lane: Lane, remote: MemoryTransport): void {
    lane.remote = remote;
    if (lane.everUp) lane.counters.reconnects++;
    lane.everUp = true;
    this.handlers?.onPeerUp(peer);
  }

  private down(peer: ReplicaId, lane: Lane, reason: string, detail: string): void {
    lane.remote = null;
    lane.queue.length = 0;
    lane.queuedBytes = 0;
    lane.counters.closed(reason, detail);
    this.handlers?.onPeerDown(peer, reason);
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
      if (this.isUp(peer)) lane.remote?.receive(this.self, frame);
    }
  }

  private receive(from: ReplicaId, { envelopes, formation, bytes }: Frame): void {
    const counters = this.lanes.get(from)?.counters;
    if (counters !== undefined) {
      counters.receivedFrames++;
      counters.receivedBytes += bytes;
    }
    if (formation !== null) this.handlers?.onFormation(formation);
    if (envelopes.length > 0) this.handlers?.onMessages(from, envelopes);
  }
}

function pairOf(a: ReplicaId, b: ReplicaId): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
