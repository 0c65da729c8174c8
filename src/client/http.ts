import { Buffer, isUtf8 } from 'node:buffer';
import { Agent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as SecureAgent, request as httpsRequest } from 'node:https';
import { KvorumError } from '../base/errors/error.js';

/** An answer larger than this is no answer of a replica: the largest page of a scan, as base64 in JSON, is smaller. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

export interface Call {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** With its query, percent-encoded; sent as it is: a URL parser would fold a key that is `..`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
  /** For this call, instead of the caller's. */
  readonly timeoutMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  /** X-Kvorum-Session. */
  readonly session: string | null;
}

/** How far a failed request got: only `not-sent` is certain to have had no effect. */
export interface CallFailure {
  readonly stage: 'not-sent' | 'sent';
  readonly reason: string;
  readonly timedOut: boolean;
}

export class CallError extends Error implements CallFailure {
  override readonly name = 'CallError';
  readonly stage: CallFailure['stage'];
  readonly reason: string;
  readonly timedOut: boolean;

  constructor({ reason, stage, timedOut }: CallFailure, cause?: unknown) {
    super(reason, cause === undefined ? undefined : { cause });
    this.stage = stage;
    this.reason = reason;
    this.timedOut = timedOut;
  }
}

/** Requests to one replica over kept connections. */
export class HttpCaller {
  readonly base: string;
  readonly #secure: boolean;
  readonly #target: RequestOptions;
  readonly #agent: Agent;
  readonly #timeoutMs: number;

  constructor(base: string, timeoutMs: number) {
    const url = parseBase(base);
    this.base = base;
    this.#secure = url.protocol === 'https:';
    this.#agent = this.#secure ? new SecureAgent({ keepAlive: true }) : new Agent({ keepAlive: true });
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    this.#target = { host, agent: this.#agent, ...(url.port === '' ? {} : { port: url.port }) };
    this.#timeoutMs = timeoutMs;
  }

  /** Idle connections do not keep a process alive; this ends them now, and what is in progress with them. */
  close(): void {
    this.#agent.destroy();
  }

  /** Rejects with a CallError when no whole answer arrives within the timeout. */
  send(call: Call): Promise<Answer> {
    const { body, headers, method, path, timeoutMs = this.#timeoutMs } = call;
    return new Promise((resolve, reject) => {
      let connected = false;
      let timedOut = false;
      const open = this.#secure ? httpsRequest : httpRequest;
      const length = body === null ? {} : { 'content-length': String(body.length) };
      const request = open({ ...this.#target, method, path, headers: { ...headers, ...length } });
      const timer = setTimeout(() => {
        timedOut = true;
        request.destroy(new Error(`no answer within ${timeoutMs} ms`));
      }, timeoutMs);
      const fail = (error: Error): void => {
        clearTimeout(timer);
        reject(new CallError({ stage: connected ? 'sent' : 'not-sent', reason: reasonOf(error), timedOut }, error));
      };
      request.on('socket', (socket) => {
        if (socket.connecting) socket.once('connect', () => (connected = true));
        else connected = true;
      });
      request.on('error', fail);
      request.on('response', (response) => {
        const { 'x-kvorum-session': session } = response.headers;
        const answer = readAll(response).then((bytes) => ({
          status: response.statusCode ?? 0,
          body: bytes,
          session: typeof session === 'string' ? session : null,
        }));
        answer.finally(() => clearTimeout(timer)).then(resolve, fail);
      });
      request.end(body ?? undefined);
    });
  }
}

function parseBase(base: string): URL {
  const url = URL.canParse(base) ? new URL(base) : null;
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:';
  if (url === null || !isHttp || url.pathname !== '/' || url.search !== '' || url.username !== '') {
    throw new KvorumError('usage', `${JSON.stringify(base)} is not the address of a replica: write http://host:port`);
  }
  return url;
}

async function readAll(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`the answer is larger than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Several addresses of one name fail together: an AggregateError without a message. */
function reasonOf(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const { code, message } = (first ?? error) as NodeJS.ErrnoException;
  if (message !== '') return message;
  return code ?? 'unknown reason';
}

/** `key` in a path or a query. */
export function percentEncode(bytes: Buffer): string {
  let encoded = '';
  for (const byte of bytes) {
    const char = String.fromCharCode(byte);
    encoded += /[\w.~-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/** Bytes of a text (UTF-8), or a view of the given ones. A lone surrogate has no UTF-8: replacing it would be silent. */
export function toBytes(value: string | Uint8Array): Buffer {
  if (typeof value !== 'string') return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (/\p{Surrogate}/u.test(value)) throw new KvorumError('bad_request', 'The text holds half of a surrogate pair');
  return Buffer.from(value, 'utf8');
}

/** A member of a JSON body: text where the bytes are UTF-8, base64 otherwise. */
export function bytesMember(name: string, value: string | Uint8Array): Record<string, string> {
  const bytes = toBytes(value);
  return isUtf8(bytes) ? { [name]: bytes.toString('utf8') } : { [`${name}_base64`]: bytes.toString('base64') };
}
