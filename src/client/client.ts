import { Buffer } from 'node:buffer';
import { ERRORS, type ErrorCode } from '../base/errors/catalogue.js';
import { KvorumError } from '../base/errors/error.js';
import { bytesMember, CallError, HttpCaller, percentEncode, toBytes, type Answer, type Call } from './http.js';
import { toItem, toWriteResult, type Body, type GetResult, type WriteResult } from './answers.js';
import type { MemberChangeOptions, MembersChanged, MembersView, NewMember } from './members.js';
import type { FailoversView, Promoted, PromoteOptions, QuorumChanged, QuorumView } from './quorum.js';
import { SessionTokens } from './session-tokens.js';

export type { GetResult, WriteResult } from './answers.js';

/** How long a request may take, connection included: longer than a replica takes to say `outcome_unknown`. */
const TIMEOUT_MS = 10_000;
/** How long a replica takes by default where a learner is waited for. */
const CATCH_UP_MS = 60_000;
/** How much longer than the replica a client waits, so that it hears the answer. */
const ANSWER_SLACK_MS = 2000;

/** Keys and values are bytes; a string stands for its UTF-8. */
export type Bytes = string | Uint8Array;

/** How many members of a leaderless keyspace hold a write, or are asked by a read. */
export type Level = 'session' | 'one' | 'eventual' | 'quorum' | 'local_quorum' | 'each_quorum' | 'all';
/** The first three with raft, a level where a keyspace has no leader, the others with a write quorum of followers. */
export type ReadConsistency =
  'linearizable' | 'lease' | 'stale' | Level | 'leader' | 'strong' | 'follower' | `bounded:${number}`;

export interface ConnectOptions {
  /** Base address of a replica's HTTP listener, for example `http://127.0.0.1:8101`. */
  readonly node: string;
  /** Keyspace; the default one when absent. */
  readonly keyspace?: string;
  /** For one request, connection included; 10 seconds when absent. */
  readonly timeoutMs?: number;
  /**
   * By default the client remembers what it has seen, and whichever replica it talks to shows it nothing older, its own
   * writes included. A token (`sessionToken` of another client) goes on where that one was; false: nothing is remembered.
   */
  readonly session?: string | boolean;
}

export interface ReadOptions {
  /** The keyspace's own when absent. */
  readonly consistency?: ReadConsistency;
}

export interface Session {
  readonly clientId: string;
  /** Grows with every write of this client. */
  readonly seq: number;
}

export interface WriteOptions {
  /** At-most-once: the same (clientId, seq) may be sent again and is applied once. */
  readonly session?: Session;
  /** Only when the key is absent. Not with `ifRevision`. */
  readonly ifAbsent?: boolean;
  /** Only when the key's revision is this one. */
  readonly ifRevision?: number;
  /** Leaderless keyspaces only: how many members hold the write before it is answered; the keyspace's own when absent. */
  readonly consistency?: Level;
  /** Leaderless keyspaces only: the value expires after this time. */
  readonly ttlMs?: number;
  /** Keyspaces with siblings only: `context` of the item that this write follows, and replaces with all its siblings. */
  readonly context?: string;
}

export interface ScanOptions extends ReadOptions {
  readonly prefix?: Bytes;
  /** First key. */
  readonly start?: Bytes;
  /** Not included. */
  readonly end?: Bytes;
  /** Keys in this page; 1000 when absent. */
  readonly limit?: number;
  readonly cursor?: string;
}

export interface ScanResult {
  readonly items: readonly GetResult[];
  /** Goes into the next call's `cursor`; null at the end. */
  readonly cursor: string | null;
  /** The state that this page shows. */
  readonly revision: number;
}

/**
 * A client of one replica, which forwards to the leader where it must. Every failure is a KvorumError with the server's
 * code; a write that may have taken effect fails with `outcome_unknown`, also when the connection broke after the
 * request was sent. Nothing is sent twice, except to the leader whom a replica names that has done nothing itself.
 */
export class KvorumClient implements Disposable {
  readonly #base: string;
  readonly #prefix: string;
  readonly #caller: HttpCaller;
  readonly #timeoutMs: number;
  /** Leaders that replicas have named. */
  readonly #leaders = new Map<string, HttpCaller>();
  /** Null when it was switched off. */
  readonly #session: SessionTokens | null;

  /** Throws `usage` when `node` is not an http address. */
  constructor({ node, keyspace, session, timeoutMs }: ConnectOptions) {
    this.#base = node.replace(/\/+$/, '');
    this.#prefix = keyspace === undefined ? '/kv' : `/keyspaces/${percentEncode(toBytes(keyspace))}/kv`;
    this.#timeoutMs = timeoutMs ?? TIMEOUT_MS;
    this.#caller = new HttpCaller(this.#base, this.#timeoutMs);
    this.#session = session === false ? null : new SessionTokens(typeof session === 'string' ? session : null);
  }

  /** What was seen so far, for `session` of another client; null: nothing yet, or it is switched off. */
  get sessionToken(): string | null {
    return this.#session?.header ?? null;
  }

  /** Begins anew: after `causal_history_lost`, when what was seen does not exist any more. */
  forgetSession(): void {
    this.#session?.forget();
  }

  /** Null when the key does not exist. */
  async get(key: Bytes, options: ReadOptions = {}): Promise<GetResult | null> {
    const body = await this.#nullWhenAbsent('GET', `${this.#path(key)}${query({ ...options })}`);
    return body === null ? null : toItem(body);
  }

  async put(key: Bytes, value: Bytes, options: WriteOptions = {}): Promise<WriteResult> {
    const body = { ...bytesMember('value', value), ...writeBody(options) };
    return toWriteResult(await this.#call('PUT', this.#writePath(key, options), body, conditions(options)));
  }

  /** Null when the key does not exist. */
  async delete(key: Bytes, options: WriteOptions = {}): Promise<WriteResult | null> {
    const path = this.#writePath(key, options);
    const body = await this.#nullWhenAbsent('DELETE', path, writeBody(options), conditions(options));
    return body === null ? null : toWriteResult(body);
  }

  /**
   * Sets `value` if the current one is `expected` (null: absent). Fails with `cas_mismatch` otherwise, with the current
   * value in the error's `extra`.
   */
  async cas(
    key: Bytes,
    expected: Bytes | null,
    value: Bytes,
    { session }: Pick<WriteOptions, 'session'> = {},
  ): Promise<WriteResult> {
    const expectation = expected === null ? { expected: null } : bytesMember('expected', expected);
    const body = { ...expectation, ...bytesMember('value', value), ...(session && writeBody({ session })) };
    return toWriteResult(await this.#call('POST', `${this.#path(key)}/cas`, body));
  }

  /** One page of keys in the order of their bytes. */
  async scan(options: ScanOptions = {}): Promise<ScanResult> {
    const body = await this.#call('GET', `${this.#prefix}${query({ ...options })}`);
    const { items, next_cursor, revision } = body;
    if (!Array.isArray(items)) throw notKvorum(this.#base, 'a page without items');
    return {
      items: items.map((item) => toItem(item as Body)),
      cursor: typeof next_cursor === 'string' ? next_cursor : null,
      revision: Number(revision),
    };
  }

  /** The replica's GET /status document. */
  status(): Promise<Body> {
    return this.#call('GET', '/status');
  }

  /** Who belongs to the cluster, as far as the replica knows. */
  async members(): Promise<MembersView> {
    return (await this.#call('GET', '/admin/members')) as unknown as MembersView;
  }

  /**
   * Adds a replica as a learner, and with `promote` makes it a voter when it has caught up. May be repeated. When it
   * fails, `results` in the error's `extra` tells what was done in which keyspace; so with the other changes.
   */
  addMember(
    member: NewMember,
    { keyspace, promote = false, timeoutMs }: MemberChangeOptions & { readonly promote?: boolean } = {},
  ): Promise<MembersChanged> {
    const body = { ...member, ...defined({ keyspace, timeout_ms: timeoutMs }), ...(promote && { promote }) };
    return this.#change('POST', '/admin/members', body, timeoutMs ?? (promote ? CATCH_UP_MS : null));
  }

  /** Makes a learner a voter; with `wait` once it has caught up. */
  promoteMember(
    id: string,
    { keyspace, timeoutMs, wait = false }: MemberChangeOptions & { readonly wait?: boolean } = {},
  ): Promise<MembersChanged> {
    const body = { ...defined({ keyspace, timeout_ms: timeoutMs }), ...(wait && { wait }) };
    return this.#change('POST', `${memberPath(id)}/promote`, body, timeoutMs ?? (wait ? CATCH_UP_MS : null));
  }

  /** Removes a replica for ever: its id is never used again. */
  removeMember(id: string, { keyspace, timeoutMs }: MemberChangeOptions = {}): Promise<MembersChanged> {
    const path = `${memberPath(id)}${query({ keyspace, timeout_ms: timeoutMs })}`;
    return this.#change('DELETE', path, {}, timeoutMs ?? null);
  }

  /** Asks the leader to hand leadership to `target`, or to the most advanced voter. */
  async transferLeader(target?: string, keyspace?: string): Promise<{ keyspace: string; leader: string }> {
    const body = await this.#call('POST', '/admin/transfer-leader', defined({ target, keyspace }));
    return { keyspace: String(body['keyspace']), leader: String(body['leader']) };
  }

  /** Sets how many followers have a write before it is answered, in a keyspace whose engine counts them. */
  async setWriteQuorum(writeQuorum: number, keyspace?: string): Promise<QuorumChanged> {
    const body = { write_quorum: writeQuorum, ...defined({ keyspace }) };
    return (await this.#call('POST', '/admin/quorum', body)) as unknown as QuorumChanged;
  }

  /** What a write, and a promotion without loss, take there, as far as the replica knows. */
  async writeQuorum(keyspace?: string): Promise<QuorumView> {
    return (await this.#call('GET', `/admin/quorum${query({ keyspace })}`)) as unknown as QuorumView;
  }

  /** Makes the replica the leader there; with `force` although acknowledged writes may be lost, or for another write quorum. */
  async promote({ force = false, keyspace, writeQuorum }: PromoteOptions = {}): Promise<Promoted> {
    const body = { force, ...defined({ keyspace, write_quorum: writeQuorum }) };
    return (await this.#call('POST', '/admin/promote', body)) as unknown as Promoted;
  }

  /** Changes of leader that the replica knows of, newest first, and the writes that it threw away because of them. */
  async failovers(keyspace?: string): Promise<FailoversView> {
    return (await this.#call('GET', `/admin/failovers${query({ keyspace })}`)) as unknown as FailoversView;
  }

  /** The replica's GET /admin/failovers document of one file of lost writes. */
  lostWrites(file: string, keyspace?: string): Promise<Body> {
    return this.#call('GET', `/admin/failovers${query({ file, keyspace })}`);
  }

  async #change(method: 'POST' | 'DELETE', path: string, body: Body, takesMs: number | null): Promise<MembersChanged> {
    const timeout = takesMs === null ? {} : { timeoutMs: takesMs + ANSWER_SLACK_MS };
    return (await this.#call(method, path, body, {}, timeout)) as unknown as MembersChanged;
  }

  /** Ends idle connections. They do not keep a process alive. */
  close(): void {
    this.#caller.close();
    for (const caller of this.#leaders.values()) caller.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #path(key: Bytes): string {
    return `${this.#prefix}/${percentEncode(toBytes(key))}`;
  }

  #writePath(key: Bytes, { consistency }: WriteOptions): string {
    return `${this.#path(key)}${query({ consistency })}`;
  }

  async #nullWhenAbsent(
    method: Call['method'],
    path: string,
    body: Body = {},
    headers: Record<string, string> = {},
  ): Promise<Body | null> {
    try {
      return await this.#call(method, path, body, headers);
    } catch (error) {
      if (error instanceof KvorumError && error.code === 'key_not_found') return null;
      throw error;
    }
  }

  /** A replica that does not lead, and does not pass the request on, has done nothing: the leader that it names may. */
  async #call(
    method: Call['method'],
    path: string,
    body: Body = {},
    headers: Record<string, string> = {},
    timeout: Pick<Call, 'timeoutMs'> = {},
  ): Promise<Body> {
    try {
      return await this.#callAt(this.#caller, method, path, body, headers, timeout);
    } catch (error) {
      const leader = error instanceof KvorumError && error.code === 'not_leader' ? error.extra?.['leader_http'] : null;
      if (typeof leader !== 'string' || leader === this.#base) throw error;
      return this.#callAt(this.#callerOf(leader), method, path, body, headers, timeout);
    }
  }

  #callerOf(base: string): HttpCaller {
    const caller = this.#leaders.get(base) ?? new HttpCaller(base, this.#timeoutMs);
    this.#leaders.set(base, caller);
    return caller;
  }

  async #callAt(
    caller: HttpCaller,
    method: Call['method'],
    path: string,
    body: Body,
    headers: Record<string, string>,
    timeout: Pick<Call, 'timeoutMs'>,
  ): Promise<Body> {
    const hasBody = Object.keys(body).length > 0;
    const session = this.#session?.header ?? null;
    let answer: Answer;
    try {
      answer = await caller.send({
        method,
        path,
        headers: {
          accept: 'application/json',
          ...headers,
          ...(session !== null && { 'x-kvorum-session': session }),
          ...(hasBody && { 'content-type': 'application/json' }),
        },
        body: hasBody ? Buffer.from(JSON.stringify(body)) : null,
        ...timeout,
      });
    } catch (error) {
      throw error instanceof CallError ? failureOf(caller.base, method, error) : error;
    }
    if (answer.session !== null) this.#session?.received(session, answer.session);
    const document = parseObject(answer.body);
    if (document !== null && answer.status >= 200 && answer.status < 300) return document;
    throw problemToError(caller.base, method, answer.status, document);
  }
}

function failureOf(base: string, method: Call['method'], cause: CallError): KvorumError {
  if (cause.stage === 'not-sent') {
    return new KvorumError('cannot_connect', `${base} cannot be reached: ${cause.reason}`, { cause });
  }
  const detail = `${base} did not answer: ${cause.reason}`;
  if (method !== 'GET') return new KvorumError('outcome_unknown', detail, { cause });
  return new KvorumError(cause.timedOut ? 'read_timeout' : 'cannot_connect', detail, { cause });
}

/** Opens nothing yet: connections are made as requests need them. Throws `usage` when `node` is no http address. */
export function connect(options: ConnectOptions): KvorumClient {
  return new KvorumClient(options);
}

function memberPath(id: string): string {
  return `/admin/members/${percentEncode(toBytes(id))}`;
}

/** The members that are given. */
function defined(body: Readonly<Record<string, unknown>>): Body {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}

function writeBody({ context, session, ttlMs }: WriteOptions): Body {
  const once = session === undefined ? {} : { client_id: session.clientId, seq: session.seq };
  return { ...once, ...defined({ ttl_ms: ttlMs, context }) };
}

function conditions({ ifAbsent, ifRevision }: WriteOptions): Record<string, string> {
  if (ifAbsent === true && ifRevision !== undefined) {
    throw new KvorumError('bad_request', 'A key cannot be absent and at a revision: ifAbsent or ifRevision');
  }
  if (ifAbsent === true) return { 'if-none-match': '*' };
  return ifRevision === undefined ? {} : { 'if-match': `"${ifRevision}"` };
}

function query(options: Readonly<Record<string, Bytes | number | undefined>>): string {
  const parameters = Object.entries(options).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${percentEncode(toBytes(typeof value === 'number' ? String(value) : value))}`],
  );
  return parameters.length === 0 ? '' : `?${parameters.join('&')}`;
}

function parseObject(bytes: Buffer): Body | null {
  try {
    const parsed: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? (parsed as Body) : null;
  } catch {
    return null;
  }
}

function notKvorum(base: string, what: string): KvorumError {
  return new KvorumError('cannot_connect', `${base} answered with ${what}: that is no replica of Kvorum`);
}

/**
 * The server's error. What stands between (a proxy, a gateway) answers without our code: then only a 4xx tells that a
 * write had no effect.
 */
function problemToError(base: string, method: Call['method'], status: number, document: Body | null): KvorumError {
  const code = document?.['code'];
  if (document !== null && typeof code === 'string' && Object.hasOwn(ERRORS, code)) {
    const { detail, title } = document;
    const text = typeof detail === 'string' ? detail : typeof title === 'string' ? title : undefined;
    return new KvorumError(code as ErrorCode, text, { extra: document });
  }
  const certain = method === 'GET' || (status >= 300 && status < 500);
  if (certain) return notKvorum(base, `HTTP ${status} without a problem document`);
  return new KvorumError('outcome_unknown', `${base} answered HTTP ${status} without a problem document`);
}
