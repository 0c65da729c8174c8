import type { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import {
  createRespScan,
  growSlots,
  protocolErrorText,
  resetRespScan,
  RespStatus,
  scanRequest,
  type RespLimits as ScanLimits,
} from '../../../native-like/resp-scan/index.js';
import { assert } from '../../base/assert.js';
import type { KvorumError } from '../../base/errors/error.js';
import type { CommandResult, KvReader } from '../../kv/types.js';
import type { Keyspace, ReadWaiter, WriteWaiter } from '../../replica/router.js';
import { keyspaceOf, type Client, type ServerView } from './client.js';
import { Dispatcher } from './dispatcher.js';
import { QueryBuffer } from './query-buffer.js';
import { ReplyQueue } from './reply-queue.js';
import { Request } from './request.js';
import { PHASE } from './slots.js';

/** What a connection needs of the server beyond what commands see. */
export interface ConnectionHost extends ServerView {
  readonly scanLimits: ScanLimits;
  onClosed(connection: Connection): void;
  warn(event: string, fields: Readonly<Record<string, unknown>>): void;
}

/**
 * One client. Bytes come in, requests are scanned in place and dispatched; answers arrive through the waiter interfaces
 * with the slot's token; replies leave once per turn of the replica, in the order of the requests.
 */
export class Connection implements Client, WriteWaiter, ReadWaiter {
  readonly id: number;
  readonly server: ConnectionHost;
  readonly address: string;
  readonly localAddress: string;
  readonly connectedAtMs = performance.now();
  lastActiveMs = performance.now();
  lastCommand = 'NULL';
  name = '';
  libName = '';
  libVersion = '';
  noEvict = false;
  readOnly = false;
  closing = false;
  killed = false;
  /** The keyspace of `database`. */
  keyspace: Keyspace;
  readonly replies: ReplyQueue;
  readonly request = new Request();
  readonly #socket: Socket;
  readonly #query = new QueryBuffer();
  readonly #scan = createRespScan();
  readonly #dispatcher: Dispatcher;
  #database = 0;
  /** Requests wait in the query buffer for answers, for the socket, or for other connections' turn. */
  #stalled = false;
  #paused = false;
  /** The stalled request waits for nothing but its turn. */
  #outOfBudget = false;
  /** Nothing more will be read; close when everything read so far is answered. */
  #ended = false;
  #flushing = false;
  #closed = false;
  readonly #flush = (): void => this.flush();

  constructor(server: ConnectionHost, socket: Socket, id: number) {
    this.server = server;
    this.id = id;
    this.#socket = socket;
    this.address = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`;
    this.localAddress = `${socket.localAddress ?? ''}:${socket.localPort ?? 0}`;
    this.keyspace = server.router.defaultKeyspace;
    this.replies = new ReplyQueue(server.router, server.stats, server.limits.outputPauseBytes);
    this.#dispatcher = new Dispatcher(this);
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('drain', () => this.scheduleFlush());
    // The client sends no more; what it has sent is still answered.
    socket.on('end', () => this.finish());
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.destroy());
  }

  get database(): number {
    return this.#database;
  }

  set database(number: number) {
    this.#database = number;
    this.keyspace = keyspaceOf(this);
  }

  get version(): number {
    return this.replies.out.version;
  }

  get queryBytes(): number {
    return this.#query.length;
  }

  get outputBytes(): number {
    return this.replies.out.length + this.#socket.writableLength;
  }

  #onData(chunk: Buffer): void {
    if (this.#closed || this.closing || this.#ended) return;
    const { limits } = this.server;
    if (this.#query.length + chunk.length > limits.queryBytes) {
      this.server.warn('client_query_buffer_exceeded', { client: this.address, limitBytes: limits.queryBytes });
      this.destroy();
      return;
    }
    this.#query.append(chunk);
    this.lastActiveMs = performance.now();
    if (!this.#stalled) this.#process(this.lastActiveMs);
    if (this.#stalled && this.#query.length > limits.queryPauseBytes) this.#pause();
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  /** Runs requests until there is no whole one left, or one has to wait. */
  #process(nowMs: number): void {
    const query = this.#query;
    const scan = this.#scan;
    this.#stalled = false;
    let budget = this.server.limits.commandsPerTurn;
    while (query.start < query.end) {
      const status = scanRequest(query.bytes, query.start, query.end, this.server.scanLimits, scan);
      if (status === RespStatus.INCOMPLETE) break;
      if (status === RespStatus.NEED_MORE_SLOTS) {
        growSlots(scan);
        continue;
      }
      if (status === RespStatus.REQUEST || status === RespStatus.INLINE) {
        this.#readRequest(status === RespStatus.INLINE);
        this.#outOfBudget = budget-- === 0;
        if (this.#outOfBudget || !this.#dispatcher.dispatch(nowMs)) {
          this.#stalled = true;
          break;
        }
        if (this.killed) {
          this.destroy();
          return;
        }
      } else if (status !== RespStatus.EMPTY) {
        this.#protocolError(protocolErrorText(status, scan.unexpectedByte) ?? 'ERR Protocol error', nowMs);
      }
      query.start += scan.requestBytes;
      if (this.closing) query.clear();
    }
    if (query.trim()) this.request.release();
    if (this.replies.out.length > 0 || this.closing || (this.#stalled && this.#outOfBudget)) this.scheduleFlush();
  }

  #readRequest(inline: boolean): void {
    const { request } = this;
    const scan = this.#scan;
    if (inline) {
      request.setInline(scan.inline);
      return;
    }
    request.buffer = this.#query.bytes;
    request.base = this.#query.start;
    request.slots = scan.slots;
    request.count = scan.argumentCount;
  }

  /** Says what is wrong, as Redis does, and closes: where the next request begins is not known any more. */
  #protocolError(text: string, nowMs: number): void {
    this.server.router.countRefused('resp', 'bad_request');
    this.replies.local(null, nowMs, (out) => out.error(text));
    this.closing = true;
  }

  get closed(): boolean {
    return this.#closed;
  }

  onPut(token: number): void {
    if (this.#closed) return;
    this.replies.settleOk(token);
    this.scheduleFlush();
  }

  onResult(token: number, result: CommandResult): void {
    if (this.#closed) return;
    this.replies.settle(token, PHASE.result, result);
    this.scheduleFlush();
  }

  onReadable(token: number, reader: KvReader): void {
    if (this.#closed) return;
    const { slots } = this.replies;
    const command = slots.command(token);
    assert(command?.kind === 'read', 'a read is answered to a command that reads');
    this.replies.settle(token, PHASE.found, command.look(reader, slots.state(token)));
    this.scheduleFlush();
  }

  onError(token: number, error: KvorumError): void {
    if (this.#closed) return;
    this.replies.fail(token, error);
    this.scheduleFlush();
  }

  scheduleFlush(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.server.router.atTurnEnd(this.#flush);
  }

  /** The end of a turn: goes on with requests that waited for this turn's answers, then sends all replies at once. */
  flush(): void {
    if (this.#closed) return;
    const nowMs = performance.now();
    this.replies.socketBytes = this.#socket.writableLength;
    if (this.#stalled) {
      // The waiting request is scanned again: its bytes may have moved.
      resetRespScan(this.#scan);
      this.#process(nowMs);
    }
    this.#flushing = false;
    if (this.#closed) return;
    this.#send();
    this.replies.accounting.flush(nowMs);
    this.#goOn();
  }

  /** What the flush has made possible. */
  #goOn(): void {
    if (this.#closed) return;
    const { replies } = this;
    if (this.#stalled) {
      // Answers of a keyspace and the socket's `drain` wake us; nothing else would.
      if (this.#outOfBudget || (replies.pending === 0 && !replies.blocked)) this.scheduleFlush();
      return;
    }
    if (this.#paused) {
      this.#paused = false;
      this.#socket.resume();
    }
    if ((this.closing || this.#ended) && replies.slots.size === 0) this.#end();
  }

  #send(): void {
    const { replies } = this;
    const socket = this.#socket;
    do {
      replies.writeReady();
      if (replies.out.length === 0) break;
      socket.write(replies.out.take());
      replies.socketBytes = socket.writableLength;
      // Nothing unsent: the kernel has a copy of everything, the buffer is ours again.
      if (replies.socketBytes === 0) replies.out.giveBack();
      else replies.out.forget();
    } while (replies.ready && !replies.blocked);
    if (replies.socketBytes > this.server.limits.outputBytes) {
      this.server.warn('client_output_buffer_exceeded', {
        client: this.address,
        limitBytes: this.server.limits.outputBytes,
      });
      this.destroy();
    }
  }

  /** Reads nothing more; closes when everything read so far is answered. */
  finish(): void {
    if (this.#closed) return;
    this.#ended = true;
    this.scheduleFlush();
  }

  #end(): void {
    this.#socket.destroySoon();
    this.#forget();
  }

  destroy(): void {
    this.#socket.destroy();
    this.#forget();
  }

  /** Answers that still come are for nobody. */
  #forget(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#query.clear();
    this.server.onClosed(this);
  }
}
