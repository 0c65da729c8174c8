import { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { KvorumError, isKvorumError, toKvorumError } from '../../base/errors/error.js';
import type { Logger } from '../../base/logger.js';
import type { Keyspace, Router } from '../../replica/router.js';
import { percentDecode } from './bytes.js';
import { RETRY_AFTER_SECONDS, problemDocument } from './problem.js';
import { parseQuery, printable } from './query.js';
import { SessionScope } from './session.js';

/** What all requests of one server share. */
export interface ServerContext {
  readonly router: Router;
  readonly logger: Logger;
  /** True while the server drains: answers then close their connection. */
  draining: boolean;
}

export const JSON_TYPE = 'application/json; charset=utf-8';
const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/**
 * One request and its one answer. Answers are written to the socket directly: fastify routes, reads bodies and
 * describes the API, but its reply pipeline would cost more than the rest of a read.
 */
export class Exchange {
  readonly request: FastifyRequest;
  readonly operation: string;
  readonly router: Router;
  readonly #context: ServerContext;
  readonly #reply: FastifyReply;
  readonly #startMs = performance.now();
  /** Null before it was opened, and where the replica hands out no tokens. */
  session: SessionScope | null = null;
  /** How an error is told instead of as a problem document: JSON text. */
  errorDocument: ((shown: KvorumError) => string) | null = null;
  #query: ReadonlyMap<string, string> | undefined;
  #answered = false;

  constructor(context: ServerContext, request: FastifyRequest, reply: FastifyReply, operation: string) {
    this.#context = context;
    this.#reply = reply;
    this.request = request;
    this.router = context.router;
    this.operation = operation;
  }

  /** The path and query as the client wrote them. */
  get url(): string {
    return this.request.originalUrl;
  }

  get query(): ReadonlyMap<string, string> {
    return (this.#query ??= parseQuery(this.url));
  }

  /** Null when the request has no body. */
  get body(): Buffer | null {
    return this.request.body instanceof Buffer ? this.request.body : null;
  }

  /** The token that the client sent, null for a new session. */
  get sessionHeader(): string | null {
    const header = this.header('x-kvorum-session');
    return header === undefined || header === '' ? null : header;
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  /** A path parameter, percent-decoded into a byte string. */
  parameter(name: 'key' | 'keyspace' | 'id'): string | undefined {
    const raw = (this.request.params as Readonly<Record<string, string | undefined>>)[name];
    if (raw === undefined) return undefined;
    const decoded = percentDecode(raw);
    if (decoded === null) throw new KvorumError('bad_request', 'The path holds a % without two hex digits after it');
    return decoded;
  }

  /** The keyspace of the path, or the default one. Throws unknown_keyspace. */
  keyspace(): Keyspace {
    const name = this.parameter('keyspace');
    return name === undefined ? this.router.defaultKeyspace : this.keyspaceNamed(name);
  }

  keyspaceNamed(name: string): Keyspace {
    const keyspace = this.router.keyspace(name);
    if (keyspace === undefined) throw new KvorumError('unknown_keyspace', `There is no keyspace ${printable(name)}`);
    return keyspace;
  }

  /** From here on the answer carries the session's token. Throws session_token_invalid. */
  openSession(given: string | null): void {
    const { sessions } = this.router;
    if (sessions !== undefined) this.session = new SessionScope(sessions, given);
  }

  /** The answer may take this long: until then a connection on which nothing moves is not stuck. */
  mayTake(milliseconds: number): void {
    const { socket } = this.request.raw;
    if (socket instanceof Socket) socket.setTimeout(milliseconds); // Node restores its own after the answer.
  }

  /** Runs a callback that the replica's loop calls: what it throws becomes the answer, and never reaches the loop. */
  run(handle: () => void): void {
    try {
      handle();
    } catch (error) {
      this.fail(toKvorumError(error));
    }
  }

  json(status: number, body: string, headers: readonly string[] = []): void {
    this.send(status, JSON_TYPE, body, headers);
  }

  /** `headers` is a flat list: name, value, name, value. */
  send(status: number, contentType: string | null, body: string | Buffer, headers: readonly string[] = []): void {
    this.#write(status, contentType, body, headers);
    this.#account('ok');
  }

  /** `status`: where a document names another one than the catalogue. */
  fail(error: KvorumError, headers: readonly string[] = [], status: number = error.spec.http): void {
    const { retry } = error.spec;
    const known = isKvorumError(error) && error.code !== 'internal';
    if (!known) this.#report(error);
    const shown = known ? error : new KvorumError('internal');
    const after = retry === 'after' ? ['retry-after', String(RETRY_AFTER_SECONDS)] : [];
    const type = this.errorDocument === null ? PROBLEM_TYPE : JSON_TYPE;
    const document = this.errorDocument?.(shown) ?? problemDocument(shown, this.request.id, status);
    this.#write(status, type, document, [...after, ...headers]);
    this.router.countRefused('http', error.code);
    // That a key is absent is an answer, not a refusal.
    this.#account(error.code === 'key_not_found' ? 'ok' : retry === 'outcome-unknown' ? 'unknown' : 'rejected');
  }

  /** Details stay in the log, under the request's id (reliability.md §6.6). */
  #report(error: KvorumError): void {
    const cause = error.cause instanceof Error ? error.cause.stack : undefined;
    this.#context.logger.error('request_failed', {
      request: this.request.id,
      operation: this.operation,
      detail: error.message,
      stack: cause ?? error.stack,
    });
  }

  #account(outcome: 'ok' | 'rejected' | 'unknown'): void {
    this.router.observeRequest('http', this.operation, outcome, performance.now() - this.#startMs);
  }

  #tellSession(session: SessionScope, head: string[]): void {
    head.push('x-kvorum-session', session.header());
    const { dropped } = session;
    if (dropped.length === 0) return;
    head.push('x-kvorum-session-dropped', dropped.join(', '));
    this.router.countSessionDropped?.();
  }

  #write(status: number, contentType: string | null, body: string | Buffer, headers: readonly string[]): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#reply.hijack();
    const response = this.#reply.raw;
    if (response.destroyed || response.headersSent) return; // The client has gone.
    const head = [
      'x-request-id',
      this.request.id,
      'x-kvorum-served-by',
      this.router.self,
      'x-content-type-options',
      'nosniff',
      'cache-control',
      'no-store',
      ...headers,
    ];
    if (this.session !== null) this.#tellSession(this.session, head);
    if (contentType !== null) head.push('content-type', contentType);
    if (status !== 304) head.push('content-length', String(Buffer.byteLength(body)));
    if (this.#context.draining) head.push('connection', 'close');
    response.writeHead(status, head);
    response.end(status === 304 ? undefined : body);
  }
}
