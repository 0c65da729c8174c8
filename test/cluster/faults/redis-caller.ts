import { connect, type Socket } from 'node:net';
import { assert } from '../../../src/base/assert.js';
import { encodeRequest, replyEnd } from '../../fixtures/resp-wire.js';
import type { FaultReplica } from './fault-cluster.js';
import type { Ending, Intent } from './history.js';

/** A reply, or why there is none. `lost` with `sent`: the request may have been carried out. */
export type RedisAnswer =
  | { readonly kind: 'reply'; readonly value: string | number | null }
  | { readonly kind: 'error'; readonly word: string; readonly text: string }
  | { readonly kind: 'lost'; readonly sent: boolean; readonly why: string };

/** First words of errors after which nothing has happened (docs/redis.md). */
const NOTHING_HAPPENED: ReadonlySet<string> = new Set(['CLUSTERDOWN', 'TRYAGAIN', 'LOADING', 'BUSY', 'NOTLEADER']);

/** The Redis protocol over a raw socket: no library between the bytes and what is recorded. */
export class RedisCaller {
  readonly #target: Pick<FaultReplica, 'host' | 'redisPort'>;
  readonly #keyspace: string;
  readonly #timeoutMs: number;
  #socket: Socket | null = null;
  #received = Buffer.alloc(0);
  #settle: ((answer: RedisAnswer) => void) | null = null;

  constructor(target: Pick<FaultReplica, 'host' | 'redisPort'>, keyspace: string, timeoutMs: number) {
    this.#target = target;
    this.#keyspace = keyspace;
    this.#timeoutMs = timeoutMs;
  }

  async call(intent: Intent): Promise<Ending> {
    const answer = await this.request(...commandOf(intent));
    if (answer.kind !== 'reply') return { outcome: isUnknown(answer) ? 'unknown' : 'failed', code: codeOf(answer) };
    const { value } = answer;
    if (intent.kind === 'get') return { outcome: 'ok', value: value === null ? null : String(value) };
    if (intent.kind === 'delete') return { outcome: 'ok', existed: value === 1 };
    if (intent.kind === 'cas' && value === null) return { outcome: 'mismatch' };
    return { outcome: 'ok' };
  }

  /** One command; connects, and picks the keyspace, when there is no connection. */
  async request(...words: readonly string[]): Promise<RedisAnswer> {
    if (this.#socket === null) {
      const refusal = await this.#open();
      if (refusal !== null) return refusal;
    }
    return this.#send(words);
  }

  close(): void {
    this.#drop('closed');
  }

  /** Null when the connection stands. */
  async #open(): Promise<RedisAnswer | null> {
    const { host, redisPort: port } = this.#target;
    const socket = connect({ host, port, noDelay: true });
    const why = await new Promise<string | null>((resolve) => {
      const timer = setTimeout(() => resolve('timeout'), this.#timeoutMs);
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
      socket.once('connect', () => resolve(null));
      socket.once('close', () => clearTimeout(timer));
      socket.once('connect', () => clearTimeout(timer));
    });
    if (why !== null) {
      socket.destroy();
      return { kind: 'lost', sent: false, why };
    }
    this.#socket = socket;
    this.#received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#drop(error.code ?? 'unknown', socket));
    socket.on('close', () => this.#drop('closed', socket));
    const selected = await this.#send(['SELECT', this.#keyspace]);
    if (selected.kind === 'reply') return null;
    this.#drop('closed');
    // SELECT changes nothing: the request itself was not sent.
    return selected.kind === 'lost' ? { ...selected, sent: false } : selected;
  }

  #send(words: readonly string[]): Promise<RedisAnswer> {
    const socket = this.#socket;
    if (socket === null) return Promise.resolve({ kind: 'lost', sent: false, why: 'closed' });
    assert(this.#settle === null, 'one request at a time');
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#drop('timeout'), this.#timeoutMs);
      this.#settle = (answer) => {
        clearTimeout(timer);
        this.#settle = null;
        resolve(answer);
      };
      socket.write(encodeRequest(...words));
    });
  }

  #onData(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    const end = replyEnd(this.#received, 0);
    if (end === -1) return;
    const bytes = this.#received.subarray(0, end);
    this.#received = this.#received.subarray(end);
    assert(this.#settle !== null && this.#received.length === 0, 'one reply for each request');
    this.#settle(parse(bytes));
  }

  /** Ends the connection; a request without an answer stays without one. */
  #drop(why: string, socket = this.#socket): void {
    if (socket !== this.#socket) return;
    this.#socket = null;
    socket?.destroy();
    this.#settle?.({ kind: 'lost', sent: true, why });
  }
}

function isUnknown(answer: Exclude<RedisAnswer, { kind: 'reply' }>): boolean {
  if (answer.kind === 'lost') return answer.sent;
  if (answer.word === 'UNKNOWN') return true;
  assert(NOTHING_HAPPENED.has(answer.word), `the command is in order: ${answer.text}`);
  return false;
}

function codeOf(answer: Exclude<RedisAnswer, { kind: 'reply' }>): string {
  return answer.kind === 'lost' ? `lost:${answer.why}` : answer.word;
}

function commandOf({ expected = null, key, kind, value }: Intent): string[] {
  if (kind === 'get') return ['GET', key];
  if (kind === 'delete') return ['DEL', key];
  if (kind === 'append') return ['APPEND', key, value ?? ''];
  if (kind === 'put') return ['SET', key, value ?? ''];
  assert(expected === null, 'the Redis protocol compares with absence only');
  return ['SET', key, value ?? '', 'NX'];
}

function parse(bytes: Buffer): RedisAnswer {
  const text = bytes.toString('latin1');
  const line = text.slice(1, text.indexOf('\r\n'));
  if (text.startsWith('+')) return { kind: 'reply', value: line };
  if (text.startsWith(':')) return { kind: 'reply', value: Number(line) };
  if (text.startsWith('-')) return { kind: 'error', word: line.split(' ')[0] ?? '', text: line };
  assert(text.startsWith('$'), `a reply to one of the commands above: ${JSON.stringify(text)}`);
  return { kind: 'reply', value: line === '-1' ? null : text.slice(line.length + 3, -2) };
}
