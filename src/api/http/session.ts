import { isKvorumError, KvorumError } from '../../base/errors/error.js';
import type { OriginId, Revision, Term } from '../../base/brand.js';
import type { Dot } from '../../base/dot.js';
import type { KeyString, KvReader } from '../../kv/types.js';
import type { Keyspace, RequestOptions, Seen } from '../../replica/router.js';
import type { Session, SessionTokens } from '../../replica/session/types.js';
import type { Exchange } from './exchange.js';
import { printable } from './query.js';

/** Tokens in one request: of so many requests at the same time. */
const TOKENS_MAX = 64;
const NOTHING: Session = new Map();
/** The token of a session that has seen nothing, per maker of tokens: most refused requests are answered with it. */
const emptyTokens = new WeakMap<SessionTokens, string>();
/** The last token that says no more than a revision of one keyspace. */
const lastTokens = new WeakMap<
  SessionTokens,
  { readonly keyspace: string; readonly revision: Revision; readonly epoch: Term | undefined; readonly token: string }
>();

/**
 * The session of one request (ap.md §1.2.4): what its client had seen, and what it sees by the answer. The answer carries
 * both together, so that the client may go on at any replica.
 */
export class SessionScope {
  readonly #tokens: SessionTokens;
  readonly #given: string | null;
  readonly #session: Session;
  #observed: Map<string, Seen> | null = null;
  #encoded: string | null = null;
  #dropped: readonly string[] = [];
  /** Keyspaces that this request has seen something of. */
  readonly #touched = new Set<string>();

  /** `given`: one token, or several with commas between them: all of it was seen. Throws session_token_invalid. */
  constructor(tokens: SessionTokens, given: string | null) {
    this.#tokens = tokens;
    if (given?.includes(',') === true) {
      this.#given = null;
      this.#session = NOTHING;
      this.#merge(given.split(','));
    } else {
      this.#given = given;
      this.#session = given === null ? NOTHING : tokens.decode(given);
    }
  }

  /** Answers to requests at the same time have a token each; a client that had several answers has seen all of it. */
  #merge(given: readonly string[]): void {
    if (given.length > TOKENS_MAX) {
      throw new KvorumError('session_token_invalid', `At most ${TOKENS_MAX} tokens go into one request`);
    }
    for (const token of given) {
      for (const [keyspace, seen] of this.#tokens.decode(token.trim())) this.observe(keyspace, seen);
    }
  }

  /** What the client had seen of the keyspace, the answers of this request included. */
  seen(keyspace: string): Seen | undefined {
    return (this.#observed ?? this.#session).get(keyspace);
  }

  observe(keyspace: string, seen: Seen): void {
    this.#encoded = null;
    this.#observed ??= new Map(this.#session);
    const both = mergeSeen(this.#observed.get(keyspace), seen);
    this.#observed.delete(keyspace); // A token names last what was used last.
    this.#observed.set(keyspace, both);
    this.#touched.add(keyspace);
  }

  /** Null while the client has seen nothing. */
  token(): string | null {
    if (this.#observed === null) return this.#given;
    return (this.#encoded ??= this.#encode(this.#observed));
  }

  #encode(session: Session): string {
    const [first] = session;
    if (session.size === 1 && first !== undefined && this.#given === null) return this.#encodeFirst(session, ...first);
    return this.#encodeAny(session);
  }

  /** Of clients without a session many see the same revision of one keyspace: its token is made once. */
  #encodeFirst(session: Session, keyspace: string, { counter, dots, epoch, revision }: Seen): string {
    if (revision === undefined || dots !== undefined || counter !== undefined) return this.#encodeAny(session);
    const last = lastTokens.get(this.#tokens);
    if (last?.keyspace === keyspace && last.revision === revision && last.epoch === epoch) return last.token;
    const token = this.#encodeAny(session);
    lastTokens.set(this.#tokens, { keyspace, revision, epoch, token });
    return token;
  }

  /**
   * A session of too many keyspaces and origins has no token. The answer, which may be that of a write, is told anyway:
   * with what fits, without the keyspaces that were not used for longest, which `dropped` names.
   */
  #encodeAny(session: Session): string {
    this.#dropped = [];
    const token = this.#tryEncode(session);
    if (token !== null) return token;
    const kept = new Map(session);
    const dropped: string[] = [];
    for (const keyspace of session.keys()) {
      if (this.#touched.has(keyspace)) continue;
      kept.delete(keyspace);
      dropped.push(keyspace);
      const shorter = this.#tryEncode(kept);
      if (shorter === null) continue;
      this.#dropped = dropped;
      return shorter;
    }
    // This request alone is too much: what was sent still holds.
    this.#dropped = this.#given === null ? [...session.keys()] : [...this.#touched];
    return this.#given ?? this.#tokens.encode(NOTHING);
  }

  #tryEncode(session: Session): string | null {
    try {
      return this.#tokens.encode(session);
    } catch (error) {
      if (isKvorumError(error)) return null;
      throw error;
    }
  }

  /** Keyspaces of which the token of the answer does not say all that was seen. */
  get dropped(): readonly string[] {
    this.token();
    return this.#dropped;
  }

  /** What X-Kvorum-Session says. */
  header(): string {
    const token = this.token();
    if (token !== null) return token;
    const empty = emptyTokens.get(this.#tokens) ?? this.#tokens.encode(NOTHING);
    emptyTokens.set(this.#tokens, empty);
    return empty;
  }
}

/**
 * Both together: the later of two revisions or counters, and of each origin the later dot. An epoch belongs to its revision;
 * of two with the same one the older is kept, as that is the one which may be lost.
 */
export function mergeSeen(one: Seen | undefined, other: Seen): Seen {
  if (one === undefined) return other;
  const revision = laterOf(one.revision, other.revision);
  const counter = laterOf(one.counter, other.counter);
  const dots = latestDots([...(one.dots ?? []), ...(other.dots ?? [])]);
  const epoch = epochOf(one, other);
  return {
    ...(revision === undefined ? {} : { revision }),
    ...(epoch === undefined ? {} : { epoch }),
    ...(dots.length === 0 ? {} : { dots }),
    ...(counter === undefined ? {} : { counter }),
  };
}

function epochOf(one: Seen, other: Seen): Term | undefined {
  const [older, newer] = (one.revision ?? 0) <= (other.revision ?? 0) ? [one, other] : [other, one];
  if (older.revision !== newer.revision || older.epoch === undefined) return newer.epoch;
  return newer.epoch === undefined || older.epoch < newer.epoch ? older.epoch : newer.epoch;
}

function laterOf<N extends number>(one: N | undefined, other: N | undefined): N | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one > other ? one : other;
}

/** Of each origin the last: who has that one has those before it. */
export function latestDots(dots: readonly Dot[]): Dot[] {
  const latest = new Map<OriginId, Dot>();
  for (const dot of dots) {
    if (dot.seq > (latest.get(dot.origin)?.seq ?? 0)) latest.set(dot.origin, dot);
  }
  return [...latest.values()];
}

/** What whoever is told of `revision` has seen of a keyspace with a leader. */
export function seenRevision({ semisync }: Keyspace, revision: Revision): Seen {
  return semisync === null ? { revision } : { revision, epoch: semisync.epoch };
}

/** What the client has seen by reading `keys`, deleted ones included; of a keyspace with a leader the whole state. */
export function seenByReading(keyspace: Keyspace, reader: KvReader, keys: readonly KeyString[]): Seen | null {
  if (keyspace.leaderless === null) return seenRevision(keyspace, reader.revision);
  const versions = keys.flatMap((key) => reader.version?.(key) ?? []);
  if (versions.length === 0) return null;
  const counter = versions.reduce((highest, version) => Math.max(highest, version.counter), 0);
  return { dots: latestDots(versions.flatMap(({ dots }) => dots)), counter };
}

/** The session and the patience of a request; undefined when it says nothing of either. */
export function requestOptions(exchange: Exchange, keyspace: Keyspace): RequestOptions | undefined {
  const seen = exchange.session?.seen(keyspace.name);
  const waitMs = waitOf(exchange);
  if (seen === undefined && waitMs === undefined) return undefined;
  return { ...(seen === undefined ? {} : { seen }), ...(waitMs === undefined ? {} : { waitMs }) };
}

/** `Prefer: wait=<seconds>` (RFC 7240 §4.3): how long the client would wait for what it has seen. */
function waitOf(exchange: Exchange): number | undefined {
  const prefer = exchange.header('prefer');
  if (prefer === undefined) return undefined;
  const wait = prefer.split(',').find((preference) => /^\s*wait\s*=/i.test(preference));
  if (wait === undefined) return undefined;
  const seconds = /=\s*"?(\d{1,6}(?:\.\d{1,3})?)"?\s*(?:;.*)?$/.exec(wait)?.[1];
  if (seconds === undefined) throw new KvorumError('bad_request', `${printable(wait.trim())} names no seconds`);
  return Math.round(Number(seconds) * 1000);
}
