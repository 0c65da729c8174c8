import { Buffer } from 'node:buffer';
import { systemClock } from '../../base/clock.js';
import type { Dot } from '../../base/dot.js';
import { KvorumError } from '../../base/errors/error.js';
import { LIMITS } from '../../base/limits.js';
import type { Command, KeyString } from '../../kv/types.js';
import type { Keyspace } from '../../replica/router.js';
import { bytesOfText, decodeBase64, textOfBytes } from './bytes.js';
import type { Exchange } from './exchange.js';
import { member, parseJsonObject, type JsonObject } from './json.js';
import { printable } from './query.js';

/** A hundred years: what is added to the wall clock must stay an exact number. */
const TTL_MS_MAX = 100 * 366 * 86_400_000;

/** The media type of the body, in lower case and without parameters; null when none is given. */
export function mediaType(exchange: Exchange): string | null {
  const header = exchange.header('content-type');
  if (header === undefined) return null;
  return (header.split(';', 1)[0] ?? '').trim().toLowerCase();
}

export function isJsonType(type: string | null): boolean {
  return type === 'application/json' || (type?.startsWith('application/') === true && type.endsWith('+json'));
}

/**
 * The JSON object in the body of a POST. Other types are refused even when the bytes are JSON: a web page may send
 * them to this server without asking it first, JSON it may not.
 */
export function jsonBody(exchange: Exchange): JsonObject {
  const type = mediaType(exchange);
  if (!isJsonType(type)) {
    const sent = type === null ? 'none is given' : `not ${printable(type)}`;
    throw new KvorumError('unsupported_media_type', `The Content-Type must be application/json, ${sent}`);
  }
  return parseJsonObject(exchange.body);
}

export function checkedKey(keyspace: Keyspace, key: KeyString): KeyString {
  const { keyBytes } = keyspace.limits;
  if (key.length === 0) throw new KvorumError('empty_key');
  if (key.length <= keyBytes) return key;
  throw new KvorumError('key_too_large', `The key has ${key.length} bytes, the limit is ${keyBytes}`);
}

export function checkedValue(keyspace: Keyspace, value: Buffer): Buffer {
  const { valueBytes } = keyspace.limits;
  if (value.length <= valueBytes) return value;
  throw new KvorumError('value_too_large', `The value has ${value.length} bytes, the limit is ${valueBytes}`);
}

/** The bytes of a text member, or of its `_base64` twin. Undefined when neither is given. */
export function bytesMember(object: JsonObject, name: string): Buffer | undefined {
  const text = member(object, name);
  const base64 = member(object, `${name}_base64`);
  if (base64 !== undefined && base64 !== null) {
    if (text !== undefined && text !== null) throw new KvorumError('bad_request', `Both ${name} and ${name}_base64`);
    const decoded = typeof base64 === 'string' ? decodeBase64(base64) : null;
    if (decoded === null) throw new KvorumError('bad_request', `"${name}_base64" is not base64`);
    return decoded;
  }
  if (text === undefined) return undefined;
  if (typeof text === 'string') return Buffer.from(text, 'utf8');
  const kind =
    text === null
      ? 'null'
      : Array.isArray(text)
        ? 'an array'
        : `${typeof text === 'object' ? 'an' : 'a'} ${typeof text}`;
  throw new KvorumError(
    'bad_request',
    `"${name}" is ${kind}, but values are strings of bytes: send a string, or base64 as "${name}_base64"`,
  );
}

export function valueMember(keyspace: Keyspace, object: JsonObject): Buffer {
  const value = bytesMember(object, 'value');
  if (value === undefined) throw new KvorumError('missing_value');
  return checkedValue(keyspace, value);
}

export function keyMember(keyspace: Keyspace, object: JsonObject): KeyString {
  const key = bytesMember(object, 'key');
  if (key === undefined) throw new KvorumError('bad_request', '"key" is missing');
  return checkedKey(keyspace, key.toString('latin1'));
}

/** An element of `keys`: a string, or `{"key_base64": "…"}`. */
export function keyElement(keyspace: Keyspace, element: unknown): KeyString {
  if (typeof element === 'string') return checkedKey(keyspace, bytesOfText(element));
  return keyMember(keyspace, objectElement('keys', element));
}

export function objectElement(list: string, element: unknown): JsonObject {
  if (typeof element === 'object' && element !== null && !Array.isArray(element)) return element as JsonObject;
  throw new KvorumError('bad_request', `"${list}" holds something that is not an object`);
}

/** A list of 1 to LIMITS.batchOperations elements. */
export function listMember(object: JsonObject, name: string): readonly unknown[] {
  const list = member(object, name);
  if (!Array.isArray(list)) throw new KvorumError('bad_request', `"${name}" must be a list`);
  if (list.length === 0) throw new KvorumError('bad_request', `"${name}" is empty`);
  if (list.length <= LIMITS.batchOperations) return list as readonly unknown[];
  const detail = `"${name}" has ${list.length} elements, the limit is ${LIMITS.batchOperations}`;
  throw new KvorumError('too_many_operations', detail);
}

/** A member that is a non-empty string, or undefined. */
export function textMember(object: JsonObject, name: string): string | undefined {
  const value = member(object, name);
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && value !== '') return value;
  throw new KvorumError('bad_request', `"${name}" must be a string that is not empty`);
}

/** False when it is left out. */
export function flagMember(object: JsonObject, name: string): boolean {
  const value = member(object, name);
  if (value === undefined || value === null) return false;
  if (typeof value === 'boolean') return value;
  throw new KvorumError('bad_request', `"${name}" must be true or false`);
}

export function refuseTtl(object: JsonObject): void {
  const ttl = member(object, 'ttl_ms');
  if (ttl === undefined || ttl === null) return;
  throw new KvorumError(
    'unsupported_operation',
    'Keys of this keyspace do not expire: expiry would have to be part of the order of its writes, and is not yet. ' +
      'Leave out "ttl_ms" and delete the key when its time has come.',
  );
}

/** When the value expires by `ttl_ms`, in the body or the query; null: never. Leaderless keyspaces only. */
export function expiryOf(exchange: Exchange, keyspace: Keyspace, object: JsonObject | null): number | null {
  if (keyspace.leaderless === null) {
    if (object !== null) refuseTtl(object);
    return null;
  }
  const given = (object === null ? undefined : member(object, 'ttl_ms')) ?? exchange.query.get('ttl_ms');
  if (given === undefined) return null;
  const ttlMs = typeof given === 'string' && /^\d{1,15}$/.test(given) ? Number(given) : given;
  if (typeof ttlMs === 'number' && Number.isInteger(ttlMs) && ttlMs > 0 && ttlMs <= TTL_MS_MAX) {
    return Math.round(systemClock.wallMs()) + ttlMs;
  }
  throw new KvorumError('bad_request', `ttl_ms must be an integer from 1 to ${TTL_MS_MAX}`);
}

/**
 * What a write to a keyspace that keeps siblings has seen and replaces: `context` of the answer to a GET, in the body, as
 * X-Kvorum-Context or in the query. Null: nothing.
 */
export function contextOf(exchange: Exchange, keyspace: Keyspace, object: JsonObject | null): readonly Dot[] | null {
  const given =
    (object === null ? undefined : textMember(object, 'context')) ??
    exchange.header('x-kvorum-context') ??
    exchange.query.get('context');
  if (given === undefined || given === '') return null;
  if (keyspace.leaderless?.conflicts !== 'siblings') {
    throw new KvorumError(
      'bad_request',
      `The keyspace ${keyspace.name} keeps no siblings: a context has no meaning there`,
    );
  }
  return exchange.router.sessions?.decode(given).get(keyspace.name)?.dots ?? [];
}

type Session = NonNullable<Command['session']>;

/**
 * The client session of a write, from the body, the headers X-Kvorum-Client-Id and X-Kvorum-Seq, or the query; the
 * first that names one counts. Null when none does.
 */
export function sessionOf(exchange: Exchange, body: JsonObject | null): Session | null {
  const inBody = body === null ? null : sessionFrom(member(body, 'client_id'), member(body, 'seq'));
  if (inBody !== null) return inBody;
  const inHeaders = sessionFrom(headerText(exchange, 'x-kvorum-client-id'), exchange.header('x-kvorum-seq'));
  if (inHeaders !== null) return inHeaders;
  const id = exchange.query.get('client_id');
  return sessionFrom(id === undefined ? undefined : (textOfBytes(id) ?? ''), exchange.query.get('seq'));
}

function sessionFrom(clientId: unknown, seq: unknown): Session | null {
  const noId = clientId === undefined || clientId === null;
  const noSeq = seq === undefined || seq === null;
  if (noId && noSeq) return null;
  if (noId || noSeq) throw new KvorumError('bad_request', 'client_id and seq are only valid together');
  if (typeof clientId !== 'string' || clientId === '' || Buffer.byteLength(clientId) > LIMITS.clientIdBytes) {
    throw new KvorumError('bad_request', `client_id must be a string of 1 to ${LIMITS.clientIdBytes} bytes`);
  }
  const digits = typeof seq === 'string' && /^\d{1,16}$/.test(seq) ? Number(seq) : seq;
  if (typeof digits !== 'number' || !Number.isSafeInteger(digits) || digits < 0) {
    throw new KvorumError('bad_request', 'seq must be an integer from 0 to 9007199254740991');
  }
  return { clientId, seq: digits };
}

/** Header values arrive as bytes: the same text as in a body is the same client. */
function headerText(exchange: Exchange, name: string): string | undefined {
  const bytes = exchange.header(name);
  return bytes === undefined ? undefined : (textOfBytes(bytes) ?? '');
}
