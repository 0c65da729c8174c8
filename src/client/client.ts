import { ERRORS, type ErrorCode } from '../base/errors/catalogue.js';
import { KvorumError } from '../base/errors/error.js';

/** How long a request may take, connection included. */
const TIMEOUT_MS = 10_000;

export interface ConnectOptions {
  /** Base address of a replica's HTTP listener, for example `http://127.0.0.1:8101`. */
  readonly node: string;
  /** Keyspace; the default one when absent. */
  readonly keyspace?: string;
  readonly timeoutMs?: number;
}

export interface WriteOptions {
  /** At-most-once: the same (clientId, seq) may be sent again and is applied once. */
  readonly session?: { readonly clientId: string; readonly seq: number };
  /** Only when the key is absent. */
  readonly ifAbsent?: boolean;
  /** Only when the key's revision is this one. */
  readonly ifRevision?: number;
}

export interface GetResult {
  readonly key: string;
  readonly value: string;
  readonly revision: number;
}

export interface WriteResult {
  readonly result: 'created' | 'replaced' | 'deleted';
  readonly revision: number;
}

export interface ScanOptions {
  readonly prefix?: string;
  readonly start?: string;
  readonly end?: string;
  readonly limit?: number;
  readonly cursor?: string;
  readonly consistency?: string;
}

export interface ScanResult {
  readonly items: readonly GetResult[];
  /** Goes into the next call's `cursor`; null at the end. */
  readonly cursor: string | null;
}

type Body = Readonly<Record<string, unknown>>;

/**
 * A small client of one replica. Every failure is a KvorumError with the server's code; a write that may have taken
 * effect fails with `outcome_unknown`, also when the connection broke after the request was sent.
 */
export class KvorumClient {
  readonly #base: string;
  readonly #prefix: string;
  readonly #timeoutMs: number;

  constructor({ node, keyspace, timeoutMs }: ConnectOptions) {
    this.#base = node.replace(/\/+$/, '');
    this.#prefix = keyspace === undefined ? '/kv' : `/keyspaces/${encodeURIComponent(keyspace)}/kv`;
    this.#timeoutMs = timeoutMs ?? TIMEOUT_MS;
  }

  async get(key: string, options: { readonly consistency?: string } = {}): Promise<GetResult | null> {
    try {
      const body = await this.#call('GET', `${this.#path(key)}${query(options)}`);
      return body as unknown as GetResult;
    } catch (error) {
      if (error instanceof KvorumError && error.code === 'key_not_found') return null;
      throw error;
    }
  }

  async put(key: string, value: string, options: WriteOptions = {}): Promise<WriteResult> {
    const body = { value, ...sessionBody(options) };
    return (await this.#call('PUT', this.#path(key), body, conditions(options))) as unknown as WriteResult;
  }

  async delete(key: string, options: WriteOptions = {}): Promise<WriteResult | null> {
    try {
      const body = await this.#call('DELETE', this.#path(key), sessionBody(options), conditions(options));
      return body as unknown as WriteResult;
    } catch (error) {
      if (error instanceof KvorumError && error.code === 'key_not_found') return null;
      throw error;
    }
  }

  /** Sets `value` if the current one is `expected` (null: absent). Fails with `cas_mismatch` otherwise. */
  async cas(key: string, expected: string | null, value: string, options: WriteOptions = {}): Promise<WriteResult> {
    const body = { expected, value, ...sessionBody(options) };
    return (await this.#call('POST', `${this.#path(key)}/cas`, body)) as unknown as WriteResult;
  }

  async scan(options: ScanOptions = {}): Promise<ScanResult> {
    const body = await this.#call('GET', `${this.#prefix}${query({ ...options })}`);
    const { items, next_cursor: cursor } = body as unknown as { items: GetResult[]; next_cursor: string | null };
    return { items, cursor };
  }

  status(): Promise<Body> {
    return this.#call('GET', '/status');
  }

  #path(key: string): string {
    return `${this.#prefix}/${encodeURIComponent(key)}`;
  }

  async #call(method: string, path: string, body?: Body, headers: Record<string, string> = {}): Promise<Body> {
    const hasBody = body !== undefined && Object.keys(body).length > 0;
    let response: Response;
    try {
      response = await fetch(`${this.#base}${path}`, {
        method,
        headers: { accept: 'application/json', ...headers, ...(hasBody ? { 'content-type': 'application/json' } : {}) },
        ...(hasBody ? { body: JSON.stringify(body) } : {}),
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
    } catch (error) {
      throw this.#connectionError(method, error);
    }
    const answer: unknown = await response.json().catch(() => null);
    if (response.ok) return (answer ?? {}) as Body;
    throw problemToError(response, answer);
  }

  #connectionError(method: string, error: unknown): KvorumError {
    const cause = error instanceof Error ? error.cause : undefined;
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const neverSent = ['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'EAI_AGAIN'].includes(code);
    if (neverSent || method === 'GET') {
      return new KvorumError('cannot_connect', `${this.#base} cannot be reached: ${code || String(error)}`, {
        cause: error,
      });
    }
    return new KvorumError('outcome_unknown', `The connection to ${this.#base} broke: ${String(error)}`, {
      cause: error,
    });
  }
}

/** Opens nothing yet: connections are made as requests need them. */
export function connect(options: ConnectOptions): KvorumClient {
  return new KvorumClient(options);
}

function sessionBody({ session }: WriteOptions): Body {
  return session === undefined ? {} : { client_id: session.clientId, seq: session.seq };
}

function conditions({ ifAbsent, ifRevision }: WriteOptions): Record<string, string> {
  if (ifAbsent === true) return { 'if-none-match': '*' };
  return ifRevision === undefined ? {} : { 'if-match': `"${ifRevision}"` };
}

function query(options: Readonly<Record<string, unknown>>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(options)) if (value !== undefined) parameters.set(name, String(value));
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

function problemToError(response: Response, answer: unknown): KvorumError {
  const problem = (typeof answer === 'object' && answer !== null ? answer : {}) as Body;
  const code = String(problem['code'] ?? '');
  const detail = String(problem['detail'] ?? problem['title'] ?? `HTTP ${response.status}`);
  return new KvorumError(code in ERRORS ? (code as ErrorCode) : 'internal', detail, { extra: problem });
}
