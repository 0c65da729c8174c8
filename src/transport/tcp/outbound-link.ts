import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { assert } from '../../base/assert.js';
import {
  decodeFrame,
  encodeFormation,
  encodeFrames,
  encodePing,
  WireError,
  type EncodedFrames,
  type WireFormation,
  isSpokenIn,
} from '../../wire/codec.js';
import { admissionText, decodeAnswer, encodeHello, judgeAcceptance, type HelloAnswer } from '../../wire/handshake.js';
import { NONCE_BYTES } from '../../wire/protocol.js';
import type { LinkCounters } from '../link-counters.js';
import type { Envelope } from '../transport.js';
import { Connection } from './connection.js';
import type { LinkContext } from './link-context.js';
import type { TcpPeer } from './options.js';

/** Reasons that the restart of a peer brings along. */
const PASSING: ReadonlySet<string> = new Set(['unreachable', 'closed_by_peer', 'connection_lost']);
/** Refusals that only an operator can end: knocking at the door every 2 s would only fill both logs. */
const LASTING_REFUSALS: ReadonlySet<string> = new Set([
  'wrong_cluster',
  'wrong_version',
  'unknown_replica',
  'removed_replica',
  'foreign_folder',
]);

/**
 * The connection that this replica dials to one peer, and on which it sends. It dials again for ever, with a pause that
 * doubles up to a bound and is jittered, so that replicas which lost each other do not meet in step.
 */
export class OutboundLink {
  private peer: TcpPeer;
  private readonly context: LinkContext;
  private readonly counters: LinkCounters;
  private connection: Connection | null = null;
  private retryTimer: NodeJS.Timeout | null = null;
  private pauseMs: number;
  /** Set while a lasting refusal holds. */
  private refused = false;
  /** Told to dial while we were dialling. */
  private nudged = false;
  /** Of the protocol, as the peer answered. */
  private version = 0;
  /** As the peer named it when it let us in. */
  private folder: string | null = null;
  private stopped = false;
  private everUp = false;
  private nonce: Buffer = Buffer.alloc(0);
  private pings = 0;
  private sentSinceTick = false;

  constructor(peer: TcpPeer, context: LinkContext, counters: LinkCounters) {
    this.peer = peer;
    this.context = context;
    this.counters = counters;
    this.pauseMs = context.timings.reconnectMinMs;
    this.dial();
  }

  get isUp(): boolean {
    return this.connection !== null && this.connection.established && !this.connection.closed;
  }

  get queuedBytes(): number {
    return this.connection?.socket.writableLength ?? 0;
  }

  get address(): string {
    return `${this.peer.host}:${this.peer.port}`;
  }

  /** False when not connected, when the queue is full, or when a message exceeds a frame: nothing was sent then. */
  send(envelopes: readonly Envelope[]): boolean {
    const { connection } = this;
    if (!this.isUp || connection === null) return false;
    const { self } = this.context.identity;
    for (const { message } of envelopes) {
      assert(message.from === self && message.to === this.peer.id, 'messages go from this replica to the one named');
    }
    const queued = connection.socket.writableLength;
    if (queued >= this.context.queueBytesMax) return this.dropped(queued);
    if (!envelopes.every((envelope) => isSpokenIn(this.version, envelope))) return this.sendSpoken(envelopes);
    const encoded = this.encode(envelopes);
    if (encoded === null) return false;
    if (queued > 0 && queued + encoded.bytes > this.context.queueBytesMax) return this.dropped(queued);
    this.write(connection, encoded.buffers);
    this.counters.sentFrames += encoded.frames;
    this.counters.sentBytes += encoded.bytes;
    return true;
  }

  sendFormation(formation: WireFormation): boolean {
    const { connection } = this;
    if (!this.isUp || connection === null || this.queuedBytes >= this.context.queueBytesMax) return false;
    const frame = encodeFormation(formation);
    this.write(connection, [frame]);
    this.counters.sentFrames++;
    this.counters.sentBytes += frame.length;
    return true;
  }

  /** Once per ping interval. */
  tick(): void {
    const { connection } = this;
    if (connection === null) return;
    connection.tick();
    if (!this.isUp) return;
    // A link with traffic needs no ping: the acceptor acknowledges any bytes. Behind a full queue a ping says nothing.
    if (!this.sentSinceTick && this.queuedBytes === 0) this.write(connection, [encodePing(++this.pings)]);
    this.sentSinceTick = false;
  }

  /**
   * Dial now rather than after the pause: the peer has reached us, or what one of us knows has changed, so that even a
   * lasting refusal may be over.
   */
  nudge(): void {
    if (this.stopped) return;
    if (this.retryTimer === null) {
      this.nudged = true;
      return;
    }
    clearTimeout(this.retryTimer);
    this.dial();
  }

  /** What we know of the peer has changed: cuts a link that would not be made any more, tries again one that was not. */
  recheck(): void {
    const { handlers, identity } = this.context;
    const refusal = this.isUp ? handlers.admits(this.peer.id, this.folder) : null;
    if (refusal !== null) this.connection?.close(refusal, admissionText(refusal, identity.self, this.peer.id));
    else if (this.refused) this.nudge();
  }

  /** The peer's address changed (topology, membership). */
  moveTo(peer: TcpPeer): void {
    assert(peer.id === this.peer.id, 'a link belongs to one peer');
    if (peer.host === this.peer.host && peer.port === this.peer.port) return;
    this.peer = peer;
    this.refused = false;
    this.pauseMs = this.context.timings.reconnectMinMs;
    if (this.connection !== null) this.connection.close('moved', `the peer moved to ${this.address}`);
    this.nudge();
  }

  /** For ever. Resolves when what was written has been handed over, at the latest after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.stopped = true;
    if (this.retryTimer !== null) clearTimeout(this.retryTimer);
    this.retryTimer = null;
    const { connection } = this;
    if (connection === null) return;
    if (this.isUp) await connection.finish(graceMs);
    else connection.close('shutdown', 'the transport was closed');
  }

  private dial(): void {
    this.retryTimer = null;
    this.nudged = false;
    const { host, port } = this.peer;
    const socket = connect({ host, port, noDelay: true, keepAlive: true });
    const connection = new Connection(socket, this.context.timings, {
      onFrame: (body) =>
        connection.established ? this.onPeerFrame(connection, body) : this.onAnswer(connection, body),
      onClosed: (reason, detail) => this.onClosed(connection, reason, detail),
    });
    this.connection = connection;
    socket.once('connect', () => socket.write(this.hello()));
  }

  private hello(): Buffer {
    const { versions, cluster, self, incarnation, folder } = this.context.identity;
    this.nonce = randomBytes(NONCE_BYTES);
    return encodeHello({ versions, cluster, from: self, to: this.peer.id, incarnation, nonce: this.nonce, folder });
  }

  private onAnswer(connection: Connection, body: Buffer): void {
    let answer: HelloAnswer;
    try {
      answer = decodeAnswer(body, this.nonce);
    } catch (error) {
      connection.fail(error);
      return;
    }
    const { handlers, identity } = this.context;
    if (answer.outcome === 'refused') {
      connection.close(answer.code, answer.text);
      if (LASTING_REFUSALS.has(answer.code)) handlers.onRefused(this.peer.id, answer.code, answer.text);
      return;
    }
    const admits = (peer: string, folder: string | null) => handlers.admits(peer, folder);
    const wrong = judgeAcceptance(answer, identity, this.peer.id, admits);
    if (wrong !== null) {
      connection.close(wrong.code, wrong.text);
      return;
    }
    connection.established = true;
    this.refused = false;
    this.nudged = false;
    this.folder = answer.folder;
    this.version = answer.version;
    this.context.onFolder(this.peer.id, answer.folder);
    if (this.everUp) this.counters.reconnects++;
    this.everUp = true;
    this.context.log.info('peer_connected', { peer: this.peer.id, address: this.address, version: answer.version });
    handlers.onPeerUp(this.peer.id);
  }

  /** The acceptor sends pongs only; that bytes arrived is all that matters, and the connection has noted it. */
  private onPeerFrame(connection: Connection, body: Buffer): void {
    try {
      const { envelopes, formation } = decodeFrame(body, { from: this.peer.id, to: this.context.identity.self });
      if (envelopes.length > 0 || formation !== null)
        throw new WireError('protocol_violation', 'messages from an acceptor');
      // Only now: a peer that accepts and then closes each time must not be dialled fifty times a second.
      this.pauseMs = this.context.timings.reconnectMinMs;
    } catch (error) {
      connection.fail(error);
    }
  }

  private onClosed(connection: Connection, reason: string, detail: string): void {
    assert(this.connection === connection, 'a link has one connection at a time');
    this.connection = null;
    if (this.stopped) {
      if (connection.established) this.context.handlers.onPeerDown(this.peer.id, reason);
      return;
    }
    this.counters.closed(reason, detail);
    const { self, cluster } = this.context.identity;
    const fields = { self, cluster, address: this.address, detail };
    // A peer that starts or restarts is no cause for alarm; one that stays away until the pause is longest is.
    if (PASSING.has(reason) && this.pauseMs < this.context.timings.reconnectMaxMs) {
      this.context.log.info('peer_connection_closed', { peer: this.peer.id, reason, ...fields });
    } else this.context.log.warn('peer_connection_closed', this.peer.id, reason, fields);
    // What was refused may have been judged before the change that we were told of meanwhile: one more try will tell.
    this.refused = LASTING_REFUSALS.has(reason) && !this.nudged;
    this.retryTimer = setTimeout(() => this.dial(), this.nextPauseMs());
    if (connection.established) this.context.handlers.onPeerDown(this.peer.id, reason);
  }

  /** Between half and all of a pause that doubles. */
  private nextPauseMs(): number {
    const { reconnectMaxMs, refusedRetryMs } = this.context.timings;
    if (this.refused) return refusedRetryMs * (1 + this.context.prng.float() / 10);
    const pauseMs = this.pauseMs;
    this.pauseMs = Math.min(pauseMs * 2, reconnectMaxMs);
    return pauseMs * (0.5 + this.context.prng.float() / 2);
  }

  private encode(envelopes: readonly Envelope[]): EncodedFrames | null {
    try {
      return encodeFrames(envelopes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.counters.count('message_too_large');
      this.context.log.warn('peer_message_dropped', this.peer.id, 'message_too_large', { detail: error.message });
      return null;
    }
  }

  /** The peer is older: it hears what it understands, and nothing of the groups whose messages it would not know. */
  private sendSpoken(envelopes: readonly Envelope[]): boolean {
    this.counters.count('too_new');
    this.context.log.warn('peer_message_dropped', this.peer.id, 'too_new', { version: this.version });
    const spoken = envelopes.filter((envelope) => isSpokenIn(this.version, envelope));
    return spoken.length === 0 ? false : this.send(spoken);
  }

  private dropped(queuedBytes: number): false {
    this.counters.count('queue_full');
    this.context.log.warn('peer_message_dropped', this.peer.id, 'queue_full', { queuedBytes });
    return false;
  }

  /** One system call for all buffers. */
  private write(connection: Connection, buffers: readonly Uint8Array[]): void {
    this.sentSinceTick = true;
    connection.socket.cork();
    for (const buffer of buffers) connection.socket.write(buffer);
    connection.socket.uncork();
  }
}
