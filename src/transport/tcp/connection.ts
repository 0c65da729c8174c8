import type { Socket } from 'node:net';
import { assert } from '../../base/assert.js';
import { FrameDecoder } from '../../wire/frame-decoder.js';
import { WireError } from '../../wire/wire-error.js';
import type { LinkTimings } from './timings.js';

export interface ConnectionHandlers {
  /** One whole body; `ownsBody` as in FrameDecoder. */
  onFrame(body: Buffer, ownsBody: boolean): void;
  /** Once, whoever closed. */
  onClosed(reason: string, detail: string): void;
}

const MIB = 1024 * 1024;

/**
 * One socket with a decoder and deadlines; both ends use it. Deadlines count ticks of the transport's one timer rather
 * than time: while our own event loop is blocked no ticks pass, so that a pause of ours is not taken for the peer's.
 */
export class Connection {
  readonly socket: Socket;
  readonly decoder = new FrameDecoder();
  receivedBytes = 0;
  receivedFrames = 0;
  /** Set once the handshake is done: other deadlines hold. */
  established = false;
  closed = false;

  private readonly timings: LinkTimings;
  private readonly handlers: ConnectionHandlers;
  private ticksOpen = 0;
  private ticksSilent = 0;
  private ticksInFrame = 0;
  /** receivedFrames at the last tick: tells one slow frame from many. */
  private framesSeen = 0;

  constructor(socket: Socket, timings: LinkTimings, handlers: ConnectionHandlers) {
    this.socket = socket;
    this.timings = timings;
    this.handlers = handlers;
    socket.on('data', (chunk: Buffer) => this.onData(chunk));
    socket.on('end', () => this.onEnd());
    socket.on('error', (error: NodeJS.ErrnoException) => this.close(reasonOf(error), error.message));
    socket.on('close', () => this.close('connection_lost', 'the socket was closed'));
  }

  /** Closes at once; bytes still queued are dropped. */
  close(reason: string, detail: string): void {
    if (this.closed) return;
    this.closed = true;
    this.socket.destroy();
    this.handlers.onClosed(reason, detail);
  }

  /** Sends a last frame, then closes. Nothing that arrives meanwhile is looked at. */
  closeAfter(frame: Buffer, reason: string, detail: string): void {
    if (this.closed) return;
    this.closed = true;
    this.socket.end(frame);
    this.socket.destroySoon();
    this.handlers.onClosed(reason, detail);
  }

  /** Ends in order: what was written is still sent. Resolves when that is done, at the latest after `graceMs`. */
  async finish(graceMs: number): Promise<void> {
    assert(!this.closed, 'an open connection is finished');
    this.closed = true;
    const { socket } = this;
    this.handlers.onClosed('shutdown', 'the transport was closed');
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => socket.destroy(), graceMs);
      socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      socket.end();
    });
  }

  /** Closes for a WireError; anything else is a bug and is thrown on. */
  fail(error: unknown): void {
    if (!(error instanceof WireError)) throw error;
    // Before the first frame a broken header means that this is no replica at all.
    const stranger = error.reason === 'bad_header' && this.receivedFrames === 0;
    this.close(stranger ? 'bad_magic' : error.reason, error.message);
  }

  /** To be called once per ping interval. Closes connections that are late with something. */
  tick(): void {
    if (this.closed) return;
    const { timings } = this;
    this.ticksOpen++;
    this.ticksSilent++;
    const inFrame = this.decoder.pendingBytes > 0 && this.framesSeen === this.receivedFrames;
    this.ticksInFrame = inFrame ? this.ticksInFrame + 1 : 0;
    this.framesSeen = this.receivedFrames;
    if (!this.established) {
      if (this.isLate(this.ticksOpen, timings.handshakeTimeoutMs))
        this.close('handshake_timeout', 'no handshake in time');
    } else if (this.isLate(this.ticksSilent, timings.silenceTimeoutMs)) {
      this.close('silent', `nothing arrived for ${timings.silenceTimeoutMs} ms`);
    }
    const allowedMs = timings.frameDeadlineMs + (this.decoder.pendingFrameBytes / MIB) * 1000;
    if (this.isLate(this.ticksInFrame, allowedMs)) this.close('slow_frame', 'a frame did not become complete in time');
  }

  private isLate(ticks: number, allowedMs: number): boolean {
    return ticks * this.timings.pingIntervalMs > allowedMs;
  }

  private onData(chunk: Buffer): void {
    if (this.closed) return;
    this.receivedBytes += chunk.length;
    this.ticksSilent = 0;
    this.decoder.feed(chunk);
    while (!this.closed) {
      const body = this.nextBody();
      if (body === null) return;
      this.receivedFrames++;
      this.handlers.onFrame(body, this.decoder.ownsBody);
    }
  }

  private nextBody(): Buffer | null {
    try {
      return this.decoder.next();
    } catch (error) {
      this.fail(error);
      assert(this.closed, 'a connection with bad bytes is closed');
      return null;
    }
  }

  private onEnd(): void {
    const { pendingBytes } = this.decoder;
    if (pendingBytes > 0) this.close('truncated', `the stream ended after ${pendingBytes} bytes of a frame`);
    else this.close('closed_by_peer', 'the peer closed the connection');
  }
}

/** System errors that mean: there is nobody to talk to at that address now. */
const UNREACHABLE = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT']);

/** Names for `closedBy`: few, and the same on every system. */
function reasonOf(error: NodeJS.ErrnoException): string {
  return UNREACHABLE.has(error.code ?? '') ? 'unreachable' : 'connection_lost';
}
