import { assertDefined } from '../../../base/assert.js';
import type { ReplicaId } from '../../../base/brand.js';
import { WireError } from '../../../wire/codec.js';
import { decodeAnswer, encodeHello, judgeAcceptance, type HelloAnswer } from '../../../wire/handshake.js';
import { NONCE_BYTES } from '../../../wire/protocol.js';
import { EVENT } from '../event-kinds.js';
import type { Connection } from './connection.js';
import type { NetworkContext } from './context.js';
import type { Endpoint } from './endpoint.js';
import { onlyBody } from './freight.js';

const LASTING_REFUSALS: ReadonlySet<string> = new Set([
  'wrong_cluster',
  'wrong_version',
  'unknown_replica',
  'removed_replica',
  'foreign_folder',
]);

/** One attempt to connect: what comes after it was given up is of no interest. */
interface Attempt {
  readonly nonce: Uint8Array;
  over: boolean;
}

/**
 * The connection that a replica dials to one peer, and on which it sends. It dials again for ever, with the pauses of
 * src/transport/tcp/outbound-link.ts.
 */
export class OutboundLink {
  readonly peer: ReplicaId;
  /** Set while messages can be sent. */
  connection: Connection | null = null;
  readonly #context: NetworkContext;
  readonly #own: Endpoint;
  #attempt: Attempt | null = null;
  /** Cancels the pause before the next attempt. */
  #stopPause: (() => void) | null = null;
  #pauseMs: number;
  #refused = false;
  #stopped = false;
  #folder: string | null = null;

  constructor(context: NetworkContext, own: Endpoint, peer: ReplicaId) {
    this.#context = context;
    this.#own = own;
    this.peer = peer;
    this.#pauseMs = context.timings.reconnectMinMs;
  }

  dial(): void {
    this.#stopPause = null;
    const attempt: Attempt = { nonce: this.#nonce(), over: false };
    this.#attempt = attempt;
    const { versions, cluster, self, incarnation, folder } = this.#own.identity;
    const names = { cluster, from: self, to: this.peer, folder };
    const hello = encodeHello({ versions, incarnation, nonce: attempt.nonce, ...names });
    this.#later(this.#context.timings.handshakeTimeoutMs, () => this.#fail(attempt, 'handshake_timeout'));
    if (this.#context.paths.between(self, this.peer).cut === 'loud') {
      this.#later(1, () => this.#fail(attempt, 'unreachable'));
      return;
    }
    this.#context.carry(self, this.peer, () => this.#arrived(attempt, hello));
  }

  /** At the peer's machine. */
  #arrived(attempt: Attempt, hello: Buffer): void {
    const listener = this.#context.listener(this.peer);
    if (listener === null) {
      this.#back(() => this.#fail(attempt, 'unreachable'));
      return;
    }
    listener.machine.deliver(listener.life, () => {
      listener.onHello(this.#own, hello, (connection, answer) => {
        this.#back(() => this.#onAnswer(attempt, connection, answer));
      });
    });
  }

  /** A packet from the peer to this process. */
  #back(task: () => void): void {
    this.#context.carry(this.peer, this.#own.self, () => this.#own.machine.deliver(this.#own.life, task));
  }

  #onAnswer(attempt: Attempt, connection: Connection | null, bytes: Buffer | null): void {
    if (attempt.over) {
      connection?.close();
      return;
    }
    const answer = this.#read(attempt, bytes);
    if (answer === null) {
      connection?.close();
      this.#fail(attempt, 'closed_by_peer');
      return;
    }
    const { handlers, identity } = this.#own;
    if (answer.outcome === 'refused') {
      const lasting = LASTING_REFUSALS.has(answer.code);
      if (lasting) handlers?.onRefused(this.peer, answer.code, answer.text);
      this.#fail(attempt, answer.code);
      return;
    }
    const wrong = judgeAcceptance(answer, identity, this.peer, (peer, folder) => {
      return handlers === null ? 'unknown_replica' : handlers.admits(peer, folder);
    });
    if (wrong !== null) {
      connection?.close();
      this.#fail(attempt, wrong.code);
      return;
    }
    this.#up(attempt, assertDefined(connection, 'who accepts has made a connection'), answer.folder);
  }

  #read(attempt: Attempt, bytes: Buffer | null): HelloAnswer | null {
    if (bytes === null) return null;
    try {
      const body = onlyBody(bytes);
      return body === null ? null : decodeAnswer(body, attempt.nonce);
    } catch (error) {
      if (error instanceof WireError) return null;
      throw error;
    }
  }

  #up(attempt: Attempt, connection: Connection, folder: string | null): void {
    attempt.over = true;
    this.#refused = false;
    this.#folder = folder;
    this.#pauseMs = this.#context.timings.reconnectMinMs;
    this.#own.onFolder(this.peer, folder);
    if (!connection.open) {
      // It was closed while the answer was on its way.
      this.#pause('closed_by_peer');
      return;
    }
    this.connection = connection;
    this.#context.watch(connection);
    this.#own.handlers?.onPeerUp(this.peer);
  }

  #fail(attempt: Attempt, reason: string): void {
    if (attempt.over) return;
    attempt.over = true;
    this.#pause(reason);
  }

  /** The connection has ended: called in this process. */
  onClosed(connection: Connection, reason: string): void {
    if (this.connection !== connection) return;
    connection.close();
    this.connection = null;
    this.#pause(reason);
    this.#own.handlers?.onPeerDown(this.peer, reason);
  }

  #pause(reason: string): void {
    if (this.#stopped) return;
    this.#own.countClosed(this.peer, reason, reason);
    this.#refused = LASTING_REFUSALS.has(reason);
    let cancelled = false;
    this.#stopPause = () => {
      cancelled = true;
    };
    this.#later(this.#nextPauseMs(), () => {
      if (!cancelled) this.dial();
    });
  }

  #nextPauseMs(): number {
    const { reconnectMaxMs, refusedRetryMs } = this.#context.timings;
    const jitter = this.#own.prng.float();
    if (this.#refused) return refusedRetryMs * (1 + jitter / 10);
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(pauseMs * 2, reconnectMaxMs);
    return pauseMs * (0.5 + jitter / 2);
  }

  /** The peer has reached us, or what we know of it has changed: try now. */
  nudge(): void {
    if (this.#stopPause === null || this.#stopped) return;
    this.#stopPause();
    this.dial();
  }

  recheck(): void {
    const { connection } = this;
    const refusal = connection === null ? null : (this.#own.handlers?.admits(this.peer, this.#folder) ?? null);
    if (refusal !== null && connection !== null) this.onClosed(connection, refusal);
    else if (this.#refused) this.nudge();
  }

  stop(): void {
    this.#stopped = true;
    this.#stopPause?.();
    if (this.#attempt !== null) this.#attempt.over = true;
    const { connection } = this;
    if (connection === null) return;
    this.connection = null;
    this.#own.handlers?.onPeerDown(this.peer, 'shutdown');
  }

  #later(delayMs: number, task: () => void): void {
    this.#own.machine.later(this.#own.life, delayMs, EVENT.link, task);
  }

  #nonce(): Uint8Array {
    const nonce = new Uint8Array(NONCE_BYTES);
    for (let at = 0; at < NONCE_BYTES; at++) nonce[at] = this.#own.prng.between(0, 255);
    return nonce;
  }
}
