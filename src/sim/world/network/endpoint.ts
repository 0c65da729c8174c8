import { assert } from '../../../base/assert.js';
import type { GroupId, ReplicaId } from '../../../base/brand.js';
import type { Prng } from '../../../base/prng.js';
import type { EngineMessage } from '../../../engines/messages.js';
import { LinkCounters } from '../../../transport/link-counters.js';
import type {
  Envelope,
  FormationMessage,
  PeerAddress,
  PeerLinkStatus,
  Transport,
  TransportHandlers,
} from '../../../transport/transport.js';
import { WireError } from '../../../wire/codec.js';
import { decodeHello, encodeAnswer, judgeHello, type Hello, type Identity } from '../../../wire/handshake.js';
import type { Machine } from '../machine.js';
import { Connection } from './connection.js';
import type { NetworkContext } from './context.js';
import { freeze, onlyBody } from './freight.js';
import { OutboundLink } from './outbound-link.js';

export interface EndpointOptions {
  readonly identity: Identity;
  readonly machine: Machine;
  readonly life: number;
  readonly prng: Prng;
  readonly peers: readonly PeerAddress[];
  /** A message leaves. */
  onMessage(group: GroupId, message: EngineMessage): void;
}

/** What the network keeps of those that listen. */
export interface Listeners {
  listen(endpoint: Endpoint): void;
  leave(id: ReplicaId): void;
}

/** The transport of one life of one process: what src/transport/tcp does, without sockets. */
export class Endpoint implements Transport {
  readonly self: ReplicaId;
  readonly identity: Identity;
  readonly machine: Machine;
  readonly life: number;
  readonly prng: Prng;
  handlers: TransportHandlers | null = null;
  readonly #options: EndpointOptions;
  readonly #context: NetworkContext;
  readonly #listeners: Listeners;
  readonly #outbound = new Map<ReplicaId, OutboundLink>();
  /** The current connection of each peer to us. */
  readonly #inbound = new Map<ReplicaId, { readonly connection: Connection; readonly hello: Hello }>();
  readonly #folders = new Map<ReplicaId, string | null>();
  readonly #counters = new Map<ReplicaId, LinkCounters>();
  #peers: readonly PeerAddress[];

  constructor(context: NetworkContext, listeners: Listeners, options: EndpointOptions) {
    this.#context = context;
    this.#listeners = listeners;
    this.#options = options;
    this.self = options.identity.self;
    this.identity = options.identity;
    this.machine = options.machine;
    this.life = options.life;
    this.prng = options.prng;
    this.#peers = options.peers;
  }

  get links(): Iterable<OutboundLink> {
    return this.#outbound.values();
  }

  start(handlers: TransportHandlers): Promise<void> {
    assert(this.handlers === null, 'a transport is started once');
    this.handlers = handlers;
    this.#listeners.listen(this);
    this.#dialMissing();
    return Promise.resolve();
  }

  send(to: ReplicaId, envelopes: readonly Envelope[]): boolean {
    const connection = this.#outbound.get(to)?.connection ?? null;
    if (connection === null || !connection.open || this.machine.life !== this.life) return false;
    for (const { group, message } of envelopes) {
      assert(message.from === this.self && message.to === to, 'messages go from this replica to the one named');
      this.#options.onMessage(group, message);
    }
    if (this.#context.frozen) freeze(envelopes);
    const counters = this.countersOf(to);
    counters.sentFrames++;
    if (connection.send(envelopes, null)) return true;
    counters.count('queue_full');
    return false;
  }

  sendFormation(message: FormationMessage): boolean {
    assert(message.from === this.self, 'messages go from this replica');
    const connection = this.#outbound.get(message.to)?.connection ?? null;
    return connection !== null && connection.open && connection.send([], message);
  }

  setPeers(peers: readonly PeerAddress[]): void {
    this.#peers = peers;
    if (this.handlers === null) return;
    this.#recheckInbound();
    for (const [id, link] of this.#outbound) {
      if (peers.some((peer) => peer.id === id)) continue;
      this.#outbound.delete(id);
      link.stop();
      this.#folders.delete(id);
      this.#counters.delete(id);
    }
    this.#dialMissing();
    for (const link of this.#outbound.values()) link.recheck();
  }

  folderOf(peer: ReplicaId): string | null {
    return this.#folders.get(peer) ?? null;
  }

  isUp(peer: ReplicaId): boolean {
    return this.#outbound.get(peer)?.connection?.open ?? false;
  }

  queuedBytes(peer: ReplicaId): number {
    return this.#outbound.get(peer)?.connection?.queuedBytes ?? 0;
  }

  status(): readonly PeerLinkStatus[] {
    return [...this.#outbound.keys()].map((peer) => {
      return this.countersOf(peer).status(peer, `${peer}.sim`, this.isUp(peer), this.queuedBytes(peer));
    });
  }

  close(): Promise<void> {
    for (const link of this.#outbound.values()) link.stop();
    this.#outbound.clear();
    this.#listeners.leave(this.self);
    this.handlers = null;
    return Promise.resolve();
  }

  countersOf(peer: ReplicaId): LinkCounters {
    let counters = this.#counters.get(peer);
    if (counters === undefined) {
      counters = new LinkCounters();
      this.#counters.set(peer, counters);
    }
    return counters;
  }

  countClosed(peer: ReplicaId, reason: string, detail: string): void {
    this.countersOf(peer).closed(reason, detail);
  }

  onFolder(peer: ReplicaId, folder: string | null): void {
    this.#folders.set(peer, folder);
  }

  receive(from: ReplicaId, envelopes: readonly Envelope[], formation: FormationMessage | null, bytes: number): void {
    if (this.handlers === null) return;
    const counters = this.countersOf(from);
    counters.receivedFrames++;
    counters.receivedBytes += bytes;
    if (formation !== null) this.handlers.onFormation(formation);
    if (envelopes.length > 0) this.handlers.onMessages(from, envelopes);
  }

  /** A Hello has arrived in this process: makes the connection, and answers. */
  onHello(
    dialler: Endpoint,
    bytes: Buffer,
    answer: (connection: Connection | null, bytes: Buffer | null) => void,
  ): void {
    const { handlers } = this;
    if (handlers === null) return;
    let hello: Hello;
    try {
      const body = onlyBody(bytes);
      if (body === null) return;
      hello = decodeHello(body);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      answer(null, null);
      return;
    }
    const judged = judgeHello(hello, this.identity, (peer, folder) => handlers.admits(peer, folder));
    const frame = encodeAnswer(judged, hello.nonce);
    if (judged.outcome === 'refused') {
      const { handshakesRefused } = this.#context.stats;
      handshakesRefused[judged.code] = (handshakesRefused[judged.code] ?? 0) + 1;
      answer(null, frame);
      return;
    }
    // Messages of the older connection must not arrive after those of the newer one: it is cut first.
    const older = this.#inbound.get(dialler.self)?.connection;
    if (older?.open === true) {
      older.close();
      this.#context.tellDialler(older, 'closed_by_peer'); // It may be the one that the peer uses: Hellos overtake each other.
    }
    const connection = new Connection(this.#context, dialler, this);
    this.#context.stats.connectionsMade++;
    this.#inbound.set(dialler.self, { connection, hello });
    this.onFolder(dialler.self, hello.folder);
    answer(connection, frame);
    this.#outbound.get(dialler.self)?.nudge();
  }

  #recheckInbound(): void {
    for (const [peer, { connection, hello }] of this.#inbound) {
      if (!connection.open || this.handlers?.admits(peer, hello.folder) === null) continue;
      connection.close();
      this.#context.tellDialler(connection, 'closed_by_peer');
    }
  }

  #dialMissing(): void {
    for (const { id } of this.#peers) {
      if (id === this.self || this.#outbound.has(id)) continue;
      const link = new OutboundLink(this.#context, this, id);
      this.#outbound.set(id, link);
      link.dial();
    }
  }
}
