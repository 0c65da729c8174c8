import { Buffer } from 'node:buffer';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { assert, assertDefined } from '../../base/assert.js';
import { originId, revision, term, type OriginId } from '../../base/brand.js';
import type { Dot } from '../../base/dot.js';
import { KvorumError } from '../../base/errors/error.js';
import type { Seen } from '../router.js';
import type { Session, SessionKey, SessionTokenOptions, SessionTokens } from './types.js';
import { TokenReader } from './token-reader.js';

/** Longest token, in characters: headers of proxies are limited to 8 KiB, and there are other headers. */
export const TOKEN_CHARACTERS_MAX = 4096;
/** Keyspaces and origins in one token, together (ap.md §1.2.4). */
export const TOKEN_ENTRIES_MAX = 64;

const VERSION = 1;
/** HMAC-SHA-256 cut to 128 bits: nobody guesses one, and it is a third of a small token already. */
const MAC_BYTES = 16;
const HAS_REVISION = 1;
const HAS_COUNTER = 2;
/** Since keyspaces with a write quorum: tokens of before have none and are read as ever. */
const HAS_EPOCH = 4;
/** How an incarnation is written: eight bytes, or (for origins that are not ours) its text. */
const SHORT_INCARNATION = /^[0-9a-f]{16}$/;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

/**
 * version | key id | keyspaces: [name, flags, revision?, counter?, epoch?, dots: [replica, incarnation, seq]] | mac, as base64url.
 * Numbers are varints, texts carry their length.
 */
export function createSessionTokens(options: SessionTokenOptions): SessionTokens {
  return new SignedTokens(options);
}

class SignedTokens implements SessionTokens {
  readonly #options: SessionTokenOptions;
  readonly #keys = new Map<number, Buffer>();
  readonly #signing: SessionKey;

  constructor(options: SessionTokenOptions) {
    this.#options = options;
    this.#signing = assertDefined(options.keys[0], 'tokens are signed with a key');
    for (const { id, secret } of options.keys) {
      assert(Number.isInteger(id) && id >= 0 && id <= 255, 'the id of a key is a byte');
      assert(secret.length >= 16, 'a key has 128 bits or more');
      // Of the cluster alone: a token of another cluster that was given the same secret does not verify.
      this.#keys.set(id, createHmac('sha256', secret).update(`kvorum session 1 ${options.cluster}`).digest());
    }
    assert(this.#keys.size === options.keys.length, 'ids of keys are unique');
  }

  decode(token: string): Session {
    if (token.length > TOKEN_CHARACTERS_MAX) throw invalid('It is longer than any that was given out');
    if (!BASE64URL.test(token)) throw invalid('It holds characters that no token has');
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length < 2 + MAC_BYTES || bytes.toString('base64url') !== token) throw invalid('It is cut short');
    const body = bytes.subarray(0, -MAC_BYTES);
    const key = this.#keys.get(body[1] ?? 0);
    // The mac first: nothing of a forged token is looked at.
    if (body[0] !== VERSION || key === undefined || !timingSafeEqual(sign(key, body), bytes.subarray(-MAC_BYTES))) {
      throw invalid('It was not given out by this cluster');
    }
    const session = readSession(body);
    if (session === null) throw invalid('It was given out by another version');
    return session;
  }

  encode(session: Session): string {
    const token = this.#encode(session) ?? this.#encode(this.#pruned(session));
    if (token !== null) return token;
    const detail = `The session spans more than ${TOKEN_ENTRIES_MAX} keyspaces and origins: begin another one`;
    throw new KvorumError('session_token_invalid', detail);
  }

  #encode(session: Session): string | null {
    if (entriesOf(session) > TOKEN_ENTRIES_MAX) return null;
    const key = assertDefined(this.#keys.get(this.#signing.id), 'the signing key is known');
    const body = writeSession(session, this.#signing.id);
    const token = Buffer.concat([body, sign(key, body)]).toString('base64url');
    return token.length <= TOKEN_CHARACTERS_MAX ? token : null;
  }

  #pruned(session: Session): Session {
    const options = this.#options;
    if (options.everywhere === undefined) return session;
    const pruned = new Map<string, Seen>();
    for (const [keyspace, seen] of session) {
      const dots = (seen.dots ?? []).filter((dot) => options.everywhere?.(keyspace, dot) !== true);
      if (dots.length > 0 || seen.revision !== undefined) pruned.set(keyspace, { ...seen, dots });
    }
    return pruned;
  }
}

function invalid(why: string): KvorumError {
  return new KvorumError('session_token_invalid', `The session token is not valid: ${why}`);
}

function sign(key: Buffer, body: Uint8Array): Buffer {
  return createHmac('sha256', key).update(body).digest().subarray(0, MAC_BYTES);
}

function entriesOf(session: Session): number {
  let entries = 0;
  for (const { dots } of session.values()) entries += Math.max(1, dots?.length ?? 0);
  return entries;
}

function writeSession(session: Session, keyId: number): Buffer {
  const out: number[] = [VERSION, keyId];
  number(out, session.size);
  for (const [keyspace, seen] of session) {
    const { counter, dots = [], epoch, revision: seenRevision } = seen;
    text(out, keyspace);
    number(out, flagsOf(seen));
    if (seenRevision !== undefined) number(out, seenRevision);
    if (counter !== undefined) number(out, counter);
    if (epoch !== undefined) number(out, epoch);
    number(out, dots.length);
    for (const dot of dots) writeDot(out, dot);
  }
  return Buffer.from(out);
}

function flagsOf({ counter, epoch, revision: seenRevision }: Seen): number {
  const first = seenRevision === undefined ? 0 : HAS_REVISION;
  return first | (counter === undefined ? 0 : HAS_COUNTER) | (epoch === undefined ? 0 : HAS_EPOCH);
}

function writeDot(out: number[], { origin, seq }: Dot): void {
  const at = origin.lastIndexOf('~');
  const incarnation = origin.slice(at + 1);
  text(out, origin.slice(0, at));
  if (SHORT_INCARNATION.test(incarnation)) {
    number(out, 0);
    out.push(...Buffer.from(incarnation, 'hex'));
  } else {
    text(out, incarnation); // Never empty: its length is not 0.
  }
  number(out, seq);
}

function number(out: number[], value: number): void {
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out.push((rest % 0x80) | 0x80);
  out.push(rest);
}

function text(out: number[], value: string): void {
  const bytes = Buffer.from(value);
  number(out, bytes.length);
  out.push(...bytes);
}

/** Null: the bytes, although signed by us, say something else than this version writes. */
function readSession(body: Uint8Array): Session | null {
  const reader = new TokenReader(body, 2);
  const session = new Map<string, Seen>();
  try {
    for (let left = reader.number(); left > 0; left--) {
      const keyspace = reader.text();
      const flags = reader.number();
      const seen = {
        ...(flags & HAS_REVISION ? { revision: revision(reader.number()) } : {}),
        ...(flags & HAS_COUNTER ? { counter: reader.number() } : {}),
        ...(flags & HAS_EPOCH ? { epoch: term(reader.number()) } : {}),
      };
      const dots: Dot[] = [];
      for (let dotsLeft = reader.number(); dotsLeft > 0; dotsLeft--) dots.push(readDot(reader));
      session.set(keyspace, dots.length === 0 ? seen : { ...seen, dots });
    }
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
  return reader.done ? session : null;
}

function readDot(reader: TokenReader): Dot {
  const replica = reader.text();
  const length = reader.number();
  const incarnation =
    length === 0 ? Buffer.from(reader.bytes(8)).toString('hex') : Buffer.from(reader.bytes(length)).toString();
  if (replica === '' || incarnation === '') throw new RangeError('an origin without a name');
  const origin: OriginId = originId(`${replica}~${incarnation}`);
  return { origin, seq: reader.number() };
}
