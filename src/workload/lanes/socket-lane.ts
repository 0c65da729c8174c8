import { Buffer } from 'node:buffer';
import { connect, type Socket } from 'node:net';
import { assert, assertDefined } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import type { Scheduler } from '../../base/scheduler.js';
import type { Kind } from '../kinds.js';
import { LaneCode, type Failure, type Lane, type LaneEvents } from '../lane.js';
import type { Endpoint } from '../settings.js';
import { BadAnswer, type AnswerReader, type OnAnswer, type Protocol } from './protocol.js';
import { RequestRing, type OnDone } from './request-ring.js';

export interface SocketLaneOptions {
  /** The first one is connected to; when it is lost, or can't be reached, the others in turn. */
  readonly endpoints: readonly Endpoint[];
  readonly protocol: Protocol;
  readonly pipeline: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
}

/** Pause before a lost connection is made again; doubles with each attempt up to the maximum. */
const BACKOFF_MIN_MS = 20;
const BACKOFF_MAX_MS = 1000;
const OUTPUT_BYTES_MIN = 16 * 1024;
/** What is collected is sent at this size, before the caller says so. */
const OUTPUT_BYTES_MAX = 256 * 1024;
/** All sockets of a thread read into one buffer: what arrives is looked at before the next read. */
const INPUT = Buffer.allocUnsafeSlow(256 * 1024);

/** A TCP connection whose answers come in the order of the requests. */
export class SocketLane implements Lane {
  readonly #options: SocketLaneOptions;
  readonly #events: LaneEvents;
  readonly #requests: RequestRing;
  #output = Buffer.allocUnsafeSlow(OUTPUT_BYTES_MIN);
  #outputBytes = 0;
  #socket: Socket | null = null;
  #reader: AnswerReader;
  #state: 'down' | 'connecting' | 'up' | 'closed' = 'down';
  #greetingDue = false;
  #attempts = 0;
  #since = 0;
  #turn = 0;
  #reason: Failure | null = null;
  #cancelReconnect: () => void = () => undefined;
  /** When the answers that are being read have come. */
  #nowMs = 0;
  readonly #onAnswer: OnAnswer = (failure, found) => this.#take(failure, found);
  readonly #onDone: OnDone = (kind, key, startMs, failure, found) =>
    this.#events.done(kind, key, startMs, this.#nowMs, failure, found);

  constructor(options: SocketLaneOptions, events: LaneEvents) {
    this.#options = options;
    this.#events = events;
    this.#requests = new RequestRing(options.pipeline, options.protocol.confirmation !== null);
    this.#reader = options.protocol.createReader();
  }

  get free(): number {
    return this.#state === 'up' ? this.#requests.free : 0;
  }

  open(): void {
    const { clock, endpoints, protocol } = this.#options;
    if (this.#state === 'closed') return;
    const endpoint = assertDefined(endpoints[this.#turn % endpoints.length], 'a lane has an endpoint');
    const { host, port } = endpoint;
    this.#state = 'connecting';
    this.#since = clock.monotonicMs();
    this.#reader = protocol.createReader();
    this.#greetingDue = protocol.greeting !== null;
    const onread = { buffer: INPUT, callback: (bytes: number): boolean => this.#onData(socket, bytes) };
    const socket: Socket = connect({ host, port, noDelay: true, onread });
    this.#socket = socket;
    socket.on('connect', () => {
      if (protocol.greeting === null) this.#up();
      else socket.write(protocol.greeting);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#reason ??= this.#failure(error.code ?? error.message, endpoint);
    });
    socket.on('close', () => {
      if (this.#socket === socket) this.#lost(this.#reason ?? this.#failure('the server closed it', endpoint));
    });
  }

  submit(kind: Kind, key: number, startMs: number): void {
    const { protocol } = this.#options;
    if (this.#outputBytes >= OUTPUT_BYTES_MAX) this.flush();
    const needed = this.#outputBytes + protocol.requestBytesMax + (protocol.confirmation?.length ?? 0);
    if (needed > this.#output.length) this.#grow(needed);
    this.#outputBytes = protocol.write(this.#output, this.#outputBytes, kind, key);
    this.#requests.push(kind, key, startMs);
  }

  flush(): void {
    if (this.#outputBytes === 0 || this.#state !== 'up') return;
    const { clock, protocol } = this.#options;
    const socket = assertDefined(this.#socket, 'a lane that is up has a socket');
    if (protocol.confirmation !== null) {
      this.#outputBytes += protocol.confirmation.copy(this.#output, this.#outputBytes);
      this.#requests.confirm();
    }
    this.#requests.sent(clock.monotonicMs());
    socket.write(this.#output.subarray(0, this.#outputBytes));
    // What the kernel has taken at once is not needed any more; otherwise the socket still reads from this buffer.
    if (socket.writableLength > 0) this.#output = Buffer.allocUnsafeSlow(this.#output.length);
    this.#outputBytes = 0;
  }

  tick(nowMs: number): void {
    const { timeoutMs } = this.#options;
    const sinceMs = this.#state === 'connecting' ? this.#since : this.#requests.oldestSentMs;
    if (this.#state === 'down' || this.#state === 'closed' || nowMs - sinceMs <= timeoutMs) return;
    const code = this.#state === 'connecting' ? LaneCode.CANNOT_CONNECT : LaneCode.NO_ANSWER;
    this.#drop({ code, message: `no answer within ${timeoutMs} ms`, unknown: true });
  }

  close(code: string | null): void {
    if (this.#state === 'closed') return;
    this.#cancelReconnect();
    const socket = this.#socket;
    this.#socket = null;
    this.#state = 'closed';
    socket?.destroy();
    if (code !== null) this.#fail({ code, message: 'no answer before the end of the run', unknown: true });
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#output.length * 2));
    this.#output.copy(grown, 0, 0, this.#outputBytes);
    this.#output = grown;
  }

  #up(): void {
    this.#state = 'up';
    this.#attempts = 0;
    this.#reason = null;
    this.#events.room();
  }

  /** True: go on reading. */
  #onData(socket: Socket, length: number): boolean {
    if (socket !== this.#socket) return true;
    this.#nowMs = this.#options.clock.monotonicMs();
    try {
      this.#reader.push(INPUT, length, this.#onAnswer);
    } catch (error) {
      if (!(error instanceof BadAnswer)) throw error;
      this.#drop({ code: LaneCode.BAD_ANSWER, message: `the server answered with ${error.message}`, unknown: true });
      return true;
    }
    if (this.#state === 'up') this.#events.room();
    return true;
  }

  #take(failure: Failure | null, found: boolean): void {
    if (this.#greetingDue) {
      this.#greetingDue = false;
      if (failure === null) this.#up();
      else this.#drop({ ...failure, code: LaneCode.CANNOT_CONNECT });
      return;
    }
    if (this.#state !== 'up') return; // Answers behind one that ended the connection.
    if (!this.#requests.hasUnanswered) throw new BadAnswer('an answer that nobody asked for');
    this.#requests.answer(failure, found, this.#onDone);
  }

  #drop(reason: Failure): void {
    this.#socket?.destroy();
    this.#lost(reason);
  }

  #lost(reason: Failure): void {
    if (this.#state === 'closed') return;
    const wasUp = this.#state === 'up';
    this.#socket = null;
    this.#state = 'down';
    this.#reason = null;
    this.#outputBytes = 0;
    if (wasUp) this.#fail(reason);
    else this.#events.down({ ...reason, code: LaneCode.CANNOT_CONNECT, unknown: false });
    const delayMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(this.#attempts, 10));
    this.#attempts++;
    this.#turn++;
    this.#cancelReconnect = this.#options.scheduler.after(delayMs, () => this.open());
  }

  /** Everything in flight has failed. What was not sent yet is told as sent: it may have been on its way. */
  #fail(failure: Failure): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#requests.clear((kind, key, startMs) => this.#events.done(kind, key, startMs, nowMs, failure, false));
    assert(this.#requests.isEmpty, 'nothing is in flight on a lost connection');
  }

  #failure(reason: string, { host, port }: Endpoint): Failure {
    const where = `${host}:${port}`;
    return this.#state === 'up'
      ? { code: LaneCode.CONNECTION_LOST, message: `${where}: ${reason}`, unknown: true }
      : { code: LaneCode.CANNOT_CONNECT, message: `${where} cannot be reached: ${reason}`, unknown: false };
  }
}
