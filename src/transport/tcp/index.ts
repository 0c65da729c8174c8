import { createServer, type Server } from 'node:net';
import { assert } from '../../base/assert.js';
import type { ReplicaId } from '../../base/brand.js';
import { systemClock } from '../../base/clock.js';
import { KvorumError } from '../../base/errors/error.js';
import { LIMITS } from '../../base/limits.js';
import { PROTOCOL_VERSIONS } from '../../wire/protocol.js';
import { LinkCounters } from '../link-counters.js';
import type { Envelope, FormationMessage, PeerLinkStatus, TransportHandlers } from '../transport.js';
import { InboundLinks } from './inbound-links.js';
import type { LinkContext } from './link-context.js';
import type { TcpAddress, TcpPeer, TcpTransport, TcpTransportOptions } from './options.js';
import { OutboundLink } from './outbound-link.js';
import { ReasonLog } from './reason-log.js';
import { DEFAULT_TIMINGS, type LinkTimings } from './timings.js';

export type { TcpAddress, TcpPeer, TcpTransport, TcpTransportOptions } from './options.js';
export { DEFAULT_TIMINGS, type LinkTimings } from './timings.js';

/**
 * Links between replicas over TCP. Each replica dials every other one and sends only on what it dialled, so a pair has
 * two connections, each with one direction of messages: no tie has to be broken when both dial at once, and an
 * overloaded direction does not delay the other. docs/protocol.md describes the bytes.
 */
export function createTcpTransport(options: TcpTransportOptions): TcpTransport {
  return new TcpLinks(options);
}

/** How long `close` waits for written bytes to leave. */
const CLOSE_GRACE_MS = 200;

class TcpLinks implements TcpTransport {
  address: TcpAddress | null = null;
  private readonly options: TcpTransportOptions;
  private readonly timings: LinkTimings;
  private readonly counters = new Map<ReplicaId, LinkCounters>();
  private readonly outbound = new Map<ReplicaId, OutboundLink>();
  /** Of every peer that was let in. */
  private readonly folders = new Map<ReplicaId, string | null>();
  private peers: ReadonlyMap<ReplicaId, TcpPeer>;
  private running: { context: LinkContext; inbound: InboundLinks; server: Server; ticker: NodeJS.Timeout } | null =
    null;

  constructor(options: TcpTransportOptions) {
    const { incarnation } = options;
    assert(Number.isSafeInteger(incarnation) && incarnation >= 0, 'an incarnation is a safe non-negative integer');
    this.options = options;
    this.timings = { ...DEFAULT_TIMINGS, ...options.timings };
    this.peers = this.byId(options.peers);
  }

  async start(handlers: TransportHandlers): Promise<void> {
    assert(this.running === null, 'a transport is started once');
    const context = this.contextFor(handlers);
    const inbound = new InboundLinks(context, (peer) => this.countersOf(peer));
    const server = createServer({ noDelay: true, keepAlive: true }, (socket) => inbound.accept(socket));
    await listen(server, this.options.listen);
    const bound = server.address();
    assert(bound !== null && typeof bound === 'object', 'a listening TCP server has an address');
    this.address = { host: bound.address, port: bound.port };
    // Out of file descriptors, for example: the connection is lost, the listener is not.
    server.on('error', (error) =>
      context.log.warn('peer_accept_failed', 'stranger', 'accept', { detail: error.message }),
    );
    const ticker = setInterval(() => this.tick(), this.timings.pingIntervalMs);
    this.running = { context, inbound, server, ticker };
    this.dialMissing(context);
  }

  send(to: ReplicaId, envelopes: readonly Envelope[]): boolean {
    return this.outbound.get(to)?.send(envelopes) ?? false;
  }

  sendFormation(message: FormationMessage): boolean {
    assert(message.from === this.options.self, 'messages go from this replica');
    return this.outbound.get(message.to)?.sendFormation(message) ?? false;
  }

  folderOf(peer: ReplicaId): string | null {
    return this.folders.get(peer) ?? null;
  }

  isUp(peer: ReplicaId): boolean {
    return this.outbound.get(peer)?.isUp ?? false;
  }

  queuedBytes(peer: ReplicaId): number {
    return this.outbound.get(peer)?.queuedBytes ?? 0;
  }

  status(): readonly PeerLinkStatus[] {
    return [...this.peers.values()].map(({ id, host, port }) => {
      return this.countersOf(id).status(id, `${host}:${port}`, this.isUp(id), this.queuedBytes(id));
    });
  }

  strangers(): Readonly<Record<string, number>> {
    return this.running?.inbound.strangers.reasons() ?? {};
  }

  setPeers(peers: readonly TcpPeer[]): void {
    this.peers = this.byId(peers);
    if (this.running === null) return;
    const { context, inbound } = this.running;
    inbound.recheck();
    for (const [id, link] of this.outbound) {
      const peer = this.peers.get(id);
      if (peer !== undefined) {
        link.moveTo(peer);
        continue;
      }
      this.outbound.delete(id);
      void link.stop(CLOSE_GRACE_MS);
      this.folders.delete(id);
      this.counters.delete(id);
    }
    for (const link of this.outbound.values()) link.recheck();
    this.dialMissing(context);
  }

  async close(): Promise<void> {
    if (this.running === null) return;
    const { inbound, server, ticker } = this.running;
    this.running = null;
    this.address = null;
    clearInterval(ticker);
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    const links = [...this.outbound.values()];
    this.outbound.clear();
    // First, so that nothing is delivered any more while the last messages leave.
    inbound.stop();
    await Promise.all(links.map((link) => link.stop(CLOSE_GRACE_MS)));
    await closed;
  }

  private contextFor(handlers: TransportHandlers): LinkContext {
    const { self, cluster, incarnation, folder = null, prng, logger } = this.options;
    return {
      identity: { self, cluster, incarnation, folder, versions: this.options.versions ?? PROTOCOL_VERSIONS },
      timings: this.timings,
      prng: prng.fork('links'),
      log: new ReasonLog(logger, this.options.clock ?? systemClock),
      queueBytesMax: this.options.queueBytesMax ?? LIMITS.peerQueueBytes,
      handlers,
      isPeer: (id) => this.peers.has(id as ReplicaId),
      onPeerSeen: (peer) => this.outbound.get(peer)?.nudge(),
      onFolder: (peer, name) => this.folders.set(peer, name),
    };
  }

  private tick(): void {
    for (const link of this.outbound.values()) link.tick();
    this.running?.inbound.tick();
  }

  private dialMissing(context: LinkContext): void {
    for (const [id, peer] of this.peers) {
      if (!this.outbound.has(id)) this.outbound.set(id, new OutboundLink(peer, context, this.countersOf(id)));
    }
  }

  private countersOf(peer: ReplicaId): LinkCounters {
    let counters = this.counters.get(peer);
    if (counters === undefined) {
      counters = new LinkCounters();
      this.counters.set(peer, counters);
    }
    return counters;
  }

  private byId(peers: readonly TcpPeer[]): ReadonlyMap<ReplicaId, TcpPeer> {
    return new Map(peers.filter(({ id }) => id !== this.options.self).map((peer) => [peer.id, peer]));
  }
}

/** Rejects with address_in_use, or config_invalid when the address cannot be used at all. */
async function listen(server: Server, { host, port }: TcpAddress): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const used = error.code === 'EADDRINUSE';
      const detail = used
        ? `the peer address ${host}:${port} is in use`
        : `cannot listen on ${host}:${port}: ${error.message}`;
      reject(new KvorumError(used ? 'address_in_use' : 'config_invalid', detail, { cause: error }));
    });
    server.listen({ host, port }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}
