import { varintSize, writeVarint } from '../../native-like/bytes/index.js';
import { assert, assertDefined } from '../base/assert.js';
import { LIMITS } from '../base/limits.js';
import type { Hasher } from './hasher.js';
import { decodeRecord, PREFIX, PREFIX_END, type KvBase, type KvChange, type KvMeta } from './records.js';
import { decodeResult } from './result-codec.js';
import type { KeyString } from './types.js';

/**
 * The bounds of the session table. They are part of the replicated state: replicas with different bounds evict
 * differently and diverge (raft.md X1), so that only tests set them.
 */
export interface SessionBounds {
  readonly sessions: number;
  readonly evictedSessions: number;
  readonly sessionBytes: number;
}

export const SESSION_BOUNDS: SessionBounds = {
  sessions: LIMITS.sessions,
  evictedSessions: LIMITS.evictedSessions,
  sessionBytes: LIMITS.sessionBytes,
};

/** What is kept of a client. Never changed: a later command makes a new one. */
interface KeptSession {
  /** When it was last used, in uses of all sessions. */
  readonly touched: number;
  readonly seq: number;
  /** Of the command's operations. */
  readonly digest: number;
  readonly result: Uint8Array;
}

/** What to do with a command of a session. */
export type Admission =
  | { readonly verdict: 'execute' }
  /** The kept result is the answer. */
  | { readonly verdict: 'duplicate'; readonly result: Uint8Array }
  | { readonly verdict: 'stale_seq' | 'session_evicted' | 'session_conflict' };

/** Sessions that one step of `hashing` adds. */
const HASHED_PER_STEP = 500;
/** Memory of a session besides its result: the object, its Map entry, its id. */
const SESSION_OVERHEAD_BYTES = 256;

/**
 * At-most-once execution (reliability.md §2.5, Raft thesis §6.3): the last result of every client, by client id. The
 * table is replicated state: decided by the commands and their order alone, and part of every checkpoint.
 *
 * It is bounded in sessions and in bytes. The least recently used session goes first, "used" meaning executed or
 * answered as a duplicate, in commit order. The ids of evicted sessions are remembered, also bounded, so that a late
 * retry is refused instead of executed again. Once one of those has been forgotten as well, an unknown client that
 * begins with seq > 1 may be such a retry, and is refused too.
 */
export class Sessions {
  /** In order of use. Client ids are byte strings. */
  readonly #live = new Map<KeyString, KeptSession>();
  /** Ids of evicted sessions, in order of eviction, with its ordinal. */
  readonly #evicted = new Map<KeyString, number>();
  /**
   * Iterators that never start again: all before them was deleted. A new one each time would pass over every hole that
   * used or evicted sessions left at the front of the Map.
   */
  readonly #oldestLive = this.#live.keys();
  readonly #oldestEvicted = this.#evicted.keys();
  readonly #bounds: SessionBounds;
  #clock = 0;
  #evictions = 0;
  #hasForgotten = false;
  #bytes = 0;
  /** Records changed since the last freeze, and by the checkpoint being written. */
  #dirty = new Map<string, KeptSession | number | null>();
  #frozen: Map<string, KeptSession | number | null> | null = null;

  constructor(bounds: SessionBounds) {
    assert(bounds.sessions >= 1 && bounds.evictedSessions >= 0, 'a session table has room for one session');
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#live.size;
  }

  /** What the checkpoint keeps beside the records. */
  get meta(): Pick<KvMeta, 'sessionClock' | 'evictions' | 'hasForgotten'> {
    return { sessionClock: this.#clock, evictions: this.#evictions, hasForgotten: this.#hasForgotten };
  }

  /** Decides about a command. `digest` tells a second delivery from another request with the same seq. */
  admit(client: KeyString, seq: number, digest: number): Admission {
    const kept = this.#live.get(client);
    if (kept === undefined) {
      const isLate = this.#evicted.has(client) || (this.#hasForgotten && seq > 1);
      return { verdict: isLate ? 'session_evicted' : 'execute' };
    }
    if (seq > kept.seq) return { verdict: 'execute' };
    if (seq < kept.seq) return { verdict: 'stale_seq' };
    if (digest !== kept.digest) return { verdict: 'session_conflict' };
    this.#keep(client, { ...kept, touched: ++this.#clock });
    return { verdict: 'duplicate', result: kept.result };
  }

  /** Keeps the result of an admitted command, which is now the client's last; evicts others to stay within bounds. */
  remember(client: KeyString, seq: number, digest: number, result: Uint8Array): void {
    assert(!this.#evicted.has(client), 'an evicted session executes nothing');
    const before = this.#live.get(client);
    assert(before === undefined || seq > before.seq, 'sequence numbers of a session rise');
    this.#bytes += bytesOf(client, result) - (before === undefined ? 0 : bytesOf(client, before.result));
    this.#keep(client, { touched: ++this.#clock, seq, digest, result });
    while (this.#isOverBounds()) this.#evictOldest();
    assert(this.#live.has(client), 'the session just used is not evicted');
  }

  #isOverBounds(): boolean {
    if (this.#live.size <= 1) return false;
    return this.#live.size > this.#bounds.sessions || this.#bytes > this.#bounds.sessionBytes;
  }

  #keep(client: KeyString, session: KeptSession): void {
    this.#live.delete(client);
    this.#live.set(client, session);
    this.#dirty.set(PREFIX.session + client, session);
  }

  #evictOldest(): void {
    const client = assertDefined(this.#oldestLive.next().value, 'there is an oldest session');
    const session = assertDefined(this.#live.get(client), 'the oldest session is live');
    this.#bytes -= bytesOf(client, session.result);
    this.#live.delete(client);
    this.#dirty.set(PREFIX.session + client, null);
    this.#evicted.set(client, ++this.#evictions);
    this.#dirty.set(PREFIX.evicted + client, this.#evictions);
    if (this.#evicted.size > this.#bounds.evictedSessions) this.#forgetOldest();
  }

  #forgetOldest(): void {
    const client = assertDefined(this.#oldestEvicted.next().value, 'there is an oldest evicted session');
    assert(this.#evicted.delete(client), 'the oldest evicted session is remembered');
    this.#dirty.set(PREFIX.evicted + client, null);
    this.#hasForgotten = true;
  }

  /** Returns the records changed since the last freeze. */
  freeze(): () => IterableIterator<KvChange> {
    assert(this.#frozen === null, 'one checkpoint at a time');
    const frozen = this.#dirty;
    this.#frozen = frozen;
    this.#dirty = new Map();
    return () => changesOf(frozen);
  }

  thaw(): void {
    assert(this.#frozen !== null, 'only frozen sessions thaw');
    this.#frozen = null;
  }

  abandonFreeze(): void {
    assert(this.#frozen !== null, 'only frozen sessions are merged back');
    const merged = this.#frozen;
    for (const [key, value] of this.#dirty) merged.set(key, value);
    this.#dirty = merged;
    this.#frozen = null;
  }

  /** Restores what a checkpoint holds. Throws `checkpoint_corrupt`. */
  load(base: KvBase, meta: KvMeta): void {
    assert(this.#clock === 0, 'sessions are loaded once, before they are used');
    const sessions: [KeyString, KeptSession][] = [];
    for (const [key, record] of base.range(PREFIX.session, PREFIX_END.session)) {
      sessions.push([key.slice(PREFIX.session.length), decodeSession(key, record)]);
    }
    for (const [client, session] of sessions.sort(([, left], [, right]) => left.touched - right.touched)) {
      assert(session.touched <= meta.sessionClock, 'a session was used before the checkpoint');
      this.#live.set(client, session);
      this.#bytes += bytesOf(client, session.result);
    }
    const evicted: [KeyString, number][] = [];
    for (const [key, record] of base.range(PREFIX.evicted, PREFIX_END.evicted)) {
      evicted.push([key.slice(PREFIX.evicted.length), decodeRecord('an evicted session', record, (r) => r.varint())]);
    }
    for (const [client, ordinal] of evicted.sort(([, left], [, right]) => left - right)) {
      this.#evicted.set(client, ordinal);
    }
    this.#clock = meta.sessionClock;
    this.#evictions = meta.evictions;
    this.#hasForgotten = meta.hasForgotten;
  }

  /** Adds everything that decides about later commands to `hasher`. */
  hash(hasher: Hasher): void {
    const steps = this.hashing(hasher);
    while (steps.next().done !== true);
  }

  /** As `hash`, in steps, each of some hundred sessions. What is added is what is kept now, whatever happens between the steps. */
  hashing(hasher: Hasher): Iterator<undefined, void> {
    return hashImage(hasher, [this.#clock, this.#evictions, Number(this.#hasForgotten), this.#bytes], {
      live: [...this.#live],
      evicted: [...this.#evicted],
    });
  }
}

interface SessionsImage {
  readonly live: readonly (readonly [KeyString, KeptSession])[];
  readonly evicted: readonly (readonly [KeyString, number])[];
}

function* hashImage(
  hasher: Hasher,
  numbers: readonly number[],
  { live, evicted }: SessionsImage,
): Generator<undefined, void> {
  let count = 0;
  for (const value of numbers) hasher.number(value);
  for (const [client, { touched, seq, digest, result }] of live) {
    hasher.text(client);
    for (const value of [touched, seq, digest]) hasher.number(value);
    hasher.bytes(result);
    if (++count % HASHED_PER_STEP === 0) yield;
  }
  for (const [client, ordinal] of evicted) {
    hasher.text(client);
    hasher.number(ordinal);
    if (++count % HASHED_PER_STEP === 0) yield;
  }
}

function bytesOf(client: KeyString, result: Uint8Array): number {
  return SESSION_OVERHEAD_BYTES + client.length + result.length;
}

function* changesOf(dirty: ReadonlyMap<string, KeptSession | number | null>): IterableIterator<KvChange> {
  for (const [key, value] of dirty) {
    if (value === null) yield [key, null];
    else yield [key, typeof value === 'number' ? encodeNumber(value) : encodeSession(value)];
  }
}

function encodeNumber(value: number): Uint8Array {
  const record = new Uint8Array(varintSize(value));
  writeVarint(record, 0, value);
  return record;
}

function encodeSession({ touched, seq, digest, result }: KeptSession): Uint8Array {
  const head = varintSize(touched) + varintSize(seq) + varintSize(digest);
  const record = new Uint8Array(head + result.length);
  let at = writeVarint(record, 0, touched);
  at = writeVarint(record, at, seq);
  at = writeVarint(record, at, digest);
  record.set(result, at);
  return record;
}

function decodeSession(key: string, record: Uint8Array): KeptSession {
  return decodeRecord(`session ${JSON.stringify(key)}`, record, (reader) => {
    const touched = reader.varint();
    const seq = reader.varint();
    const digest = reader.varint();
    const result = record.slice(reader.at);
    decodeResult(result);
    return { touched, seq, digest, result };
  });
}
