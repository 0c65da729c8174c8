import type { Socket } from 'node:net';
import { assertDefined } from '../../base/assert.js';
import type { ReplicaId } from '../../base/brand.js';
import { decodeFrame, encodePong, type DecodedFrame } from '../../wire/codec.js';
import {
  admissionText,
  decodeHello,
  encodeAnswer,
  judgeHello,
  type Hello,
  type HelloAnswer,
} from '../../wire/handshake.js';
import { FRAME_BODY_BYTES_MAX, FRAME_HEADER_BYTES } from '../../wire/protocol.js';
import { LinkCounters } from '../link-counters.js';
import { Connection } from './connection.js';
import type { LinkContext } from './link-context.js';

/** Connections that have not said who they are: more of them are closed at once. */
const STRANGERS_MAX = 64;

interface Inbound {
  readonly connection: Connection;
  readonly remote: string;
  /** null until the handshake is done. */
  peer: ReplicaId | null;
  incarnation: number;
  folder: string | null;
  /** receivedBytes that the last pong acknowledged. */
  acknowledgedBytes: number;
}

/** The connections that peers have dialled: this replica receives on them, and sends only answers and pongs. */
export class InboundLinks {
  readonly strangers = new LinkCounters();
  private readonly context: LinkContext;
  private readonly countersOf: (peer: ReplicaId) => LinkCounters;
  private readonly open = new Set<Inbound>();
  /** The current connection of each peer. */
  private readonly byPeer = new Map<ReplicaId, Inbound>();
  private stopped = false;

  constructor(context: LinkContext, countersOf: (peer: ReplicaId) => LinkCounters) {
    this.context = context;
    this.countersOf = countersOf;
  }

  /** Takes a socket that was just accepted. */
  accept(socket: Socket): void {
    const connection = new Connection(socket, this.context.timings, {
      onFrame: (body, ownsBody) => this.onFrame(inbound, body, ownsBody),
      onClosed: (reason, detail) => this.onClosed(inbound, reason, detail),
    });
    const remote = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
    const inbound: Inbound = { connection, remote, peer: null, incarnation: 0, folder: null, acknowledgedBytes: 0 };
    this.open.add(inbound);
    if (this.open.size - this.byPeer.size > STRANGERS_MAX) {
      connection.close('too_many_strangers', `more than ${STRANGERS_MAX} connections without a handshake`);
    }
  }

  /** Once per ping interval: deadlines, and an acknowledgement where bytes arrived. */
  tick(): void {
    for (const inbound of this.open) {
      const { connection } = inbound;
      connection.tick();
      if (connection.closed || inbound.peer === null) continue;
      if (connection.receivedBytes === inbound.acknowledgedBytes) continue;
      inbound.acknowledgedBytes = connection.receivedBytes;
      // A peer that does not read its pongs has a full buffer: it will close for silence, we need not add to it.
      if (connection.socket.writableLength === 0) connection.socket.write(encodePong(connection.receivedBytes));
    }
  }

  /** Cuts whoever would not be let in any more. */
  recheck(): void {
    const { handlers, identity } = this.context;
    for (const [peer, { connection, folder }] of this.byPeer) {
      const refusal = handlers.admits(peer, folder);
      if (refusal !== null) connection.close(refusal, admissionText(refusal, identity.self, peer));
    }
  }

  stop(): void {
    this.stopped = true;
    for (const { connection } of this.open) connection.close('shutdown', 'the transport was closed');
  }

  private onFrame(inbound: Inbound, body: Buffer, ownsBody: boolean): void {
    if (inbound.peer === null) this.onHello(inbound, body);
    else this.onPeerFrame(inbound, inbound.peer, body, ownsBody);
  }

  private onHello(inbound: Inbound, body: Buffer): void {
    const { connection } = inbound;
    let hello: Hello;
    try {
      hello = decodeHello(body);
    } catch (error) {
      connection.fail(error);
      return;
    }
    const answer = this.judge(hello);
    const frame = encodeAnswer(answer, hello.nonce);
    if (answer.outcome === 'refused') {
      this.refuse(inbound, hello, answer.code, answer.text, frame);
      return;
    }
    const peer = hello.from as ReplicaId;
    const older = this.byPeer.get(peer);
    // Messages of the older connection must not arrive after those of the newer one: it is cut first.
    older?.connection.close('replaced', `a newer connection came from ${inbound.remote}`);
    this.byPeer.set(peer, inbound);
    inbound.peer = peer;
    inbound.incarnation = hello.incarnation;
    inbound.folder = hello.folder;
    connection.established = true;
    connection.decoder.bodyBytesMax = FRAME_BODY_BYTES_MAX;
    connection.socket.write(frame);
    this.context.onFolder(peer, hello.folder);
    this.context.onPeerSeen(peer);
  }

  private judge(hello: Hello): HelloAnswer {
    const { handlers, identity } = this.context;
    const answer = judgeHello(hello, identity, (peer, folder) => handlers.admits(peer, folder));
    if (answer.outcome === 'refused') return answer;
    const current = this.byPeer.get(hello.from as ReplicaId);
    if (current === undefined || hello.incarnation >= current.incarnation) return answer;
    const text = `replica ${hello.from} is connected from ${current.remote} with a newer incarnation`;
    const { self: from, cluster, versions } = identity;
    return { outcome: 'refused', code: 'duplicate_replica', text, from, cluster, versions };
  }

  /** Counted under the peer that it claims to be, if there is one. */
  private refuse(inbound: Inbound, hello: Hello, code: string, text: string, frame: Buffer): void {
    const known = this.context.isPeer(hello.from);
    const counters = known ? this.countersOf(hello.from as ReplicaId) : this.strangers;
    counters.closed(code, text);
    const { remote } = inbound;
    const fields = { from: hello.from, fromCluster: hello.cluster, to: hello.to, remote, detail: text };
    this.context.log.warn('peer_refused', known ? hello.from : 'stranger', code, fields);
    inbound.connection.closeAfter(frame, 'refused', text);
  }

  private onPeerFrame(inbound: Inbound, peer: ReplicaId, body: Buffer, ownsBody: boolean): void {
    const { connection } = inbound;
    const counters = this.countersOf(peer);
    let frame: DecodedFrame;
    try {
      frame = decodeFrame(body, { from: peer, to: this.context.identity.self }, ownsBody);
    } catch (error) {
      connection.fail(error);
      return;
    }
    counters.receivedFrames++;
    counters.receivedBytes += FRAME_HEADER_BYTES + body.length;
    const { handlers, identity } = this.context;
    if (frame.formation !== null) handlers.onFormation({ from: peer, to: identity.self, ...frame.formation });
    if (frame.envelopes.length > 0) handlers.onMessages(peer, frame.envelopes);
  }

  private onClosed(inbound: Inbound, reason: string, detail: string): void {
    assertDefined(this.open.has(inbound) ? inbound : null, 'a connection is closed once');
    this.open.delete(inbound);
    const { peer, remote } = inbound;
    if (peer !== null && this.byPeer.get(peer) === inbound) this.byPeer.delete(peer);
    if (this.stopped || reason === 'refused') return;
    const counters = peer === null ? this.strangers : this.countersOf(peer);
    counters.closed(reason, detail);
    // The end of a peer's connection is told by our own link to it.
    if (peer !== null && (reason === 'closed_by_peer' || reason === 'connection_lost')) {
      this.context.log.info('peer_inbound_closed', { peer, reason, remote, detail });
    } else this.context.log.warn('peer_inbound_closed', peer ?? 'stranger', reason, { remote, detail });
  }
}
