import { connect, type Socket } from 'node:net';
import type { Load, LoadOptions, Recorder } from './generator.js';

/** Different batches that a connection takes turns with, so that keys vary without being built on the hot path. */
const BATCHES = 64;

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

function request(...parts: string[]): string {
  return `*${parts.length}\r\n${parts.map(bulk).join('')}`;
}

function batch({ operation, pipeline, valueBytes, keys }: LoadOptions): Buffer {
  let text = '';
  for (let at = 0; at < pipeline; at++) {
    const key = `key:${String(Math.floor(Math.random() * keys)).padStart(12, '0')}`;
    text += operation === 'get' ? request('GET', key) : request('SET', key, 'x'.repeat(valueBytes));
  }
  if (operation === 'set-wait') text += request('WAIT', '1', '0');
  return Buffer.from(text, 'latin1');
}

/** Counts replies in a stream of them: simple strings, errors, integers and bulk strings. */
export class ReplyCounter {
  #rest: Buffer = Buffer.alloc(0);
  errors: string[] = [];

  push(chunk: Buffer): number {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    let count = 0;
    while (at < data.length) {
      const lineEnd = data.indexOf(13, at);
      if (lineEnd === -1 || lineEnd + 1 >= data.length) break;
      let next = lineEnd + 2;
      const type = data[at];
      if (type === 0x24) {
        const length = Number(data.toString('latin1', at + 1, lineEnd));
        if (length >= 0) next += length + 2;
        if (next > data.length) break;
      } else if (type === 0x2d) this.errors.push(data.toString('latin1', at, lineEnd));
      at = next;
      count++;
    }
    this.#rest = data.subarray(at);
    return count;
  }
}

class RespConnection {
  readonly #socket: Socket;
  readonly #options: LoadOptions;
  readonly #recorder: Recorder;
  readonly #batches: Buffer[];
  readonly #replies = new ReplyCounter();
  readonly #expected: number;
  #turn = 0;
  #awaited = 0;
  #sentMs = 0;

  constructor(socket: Socket, options: LoadOptions, recorder: Recorder) {
    this.#socket = socket;
    this.#options = options;
    this.#recorder = recorder;
    this.#batches = Array.from({ length: BATCHES }, () => batch(options));
    this.#expected = options.pipeline + (options.operation === 'set-wait' ? 1 : 0);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
  }

  send(): void {
    this.#awaited = this.#expected;
    this.#sentMs = performance.now();
    this.#socket.write(this.#batches[this.#turn++ % BATCHES] ?? '');
  }

  #onData(chunk: Buffer): void {
    this.#awaited -= this.#replies.push(chunk);
    for (const error of this.#replies.errors.splice(0)) this.#recorder.failed(error);
    if (this.#awaited > 0) return;
    this.#recorder.finished(this.#options.pipeline, (performance.now() - this.#sentMs) * 1000);
    this.send();
  }
}

export async function createRespConnections(options: LoadOptions, recorder: Recorder): Promise<Load> {
  const sockets = await Promise.all(
    Array.from(
      { length: options.connections },
      () =>
        new Promise<Socket>((resolve, reject) => {
          const socket = connect({ port: options.port, host: '127.0.0.1', noDelay: true }, () => resolve(socket));
          socket.on('error', reject);
        }),
    ),
  );
  for (const socket of sockets) {
    socket.on('error', (error) => recorder.failed(error.message));
    socket.on('close', () => recorder.failed('connection closed'));
    new RespConnection(socket, options, recorder).send();
  }
  return {
    stop: () => {
      for (const socket of sockets) socket.removeAllListeners('close').destroy();
    },
  };
}
