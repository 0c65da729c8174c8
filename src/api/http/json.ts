import { isUtf8, type Buffer } from 'node:buffer';
import { KvorumError } from '../../base/errors/error.js';
import { findJsonError } from './json-position.js';

/** Deeper than anything the API takes. A million open brackets would keep JSON.parse busy for a quarter of a second. */
const DEPTH_MAX = 32;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** What a JSON object in a body holds. Only own members are read: `__proto__` is a member like any other. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Parses a body that must be a JSON object. Throws malformed_json or bad_request. */
export function parseJsonObject(body: Buffer | null): JsonObject {
  if (body === null || body.length === 0) throw new KvorumError('malformed_json', 'The body is empty');
  if (!isUtf8(body)) throw new KvorumError('malformed_json', 'The body is not valid UTF-8');
  if (exceedsDepth(body)) throw new KvorumError('malformed_json', `The body is nested deeper than ${DEPTH_MAX} levels`);
  const text = body.toString('utf8');
  const parsed = parse(text);
  if (!isJsonObject(parsed)) throw new KvorumError('bad_request', 'The body must be a JSON object');
  if (text.includes('\\u') && LONE_SURROGATE.test(allStrings(parsed))) {
    throw new KvorumError('malformed_json', 'A string holds half of a surrogate pair, which has no UTF-8 form');
  }
  return parsed;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The own member `name`, or undefined. */
export function member(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const { line, column, found } = findJsonError(text);
    throw new KvorumError('malformed_json', `Unexpected ${found} at line ${line}, column ${column}`);
  }
}

/** All strings in one: depth is bounded by DEPTH_MAX, so recursion is safe. */
function allStrings(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(allStrings).join(' ');
  if (isJsonObject(value))
    return Object.entries(value)
      .map(([name, inner]) => `${name} ${allStrings(inner)}`)
      .join(' ');
  return '';
}

/** Counts brackets outside of strings. Strings are skipped by a native search, so long values cost little. */
function exceedsDepth(body: Buffer): boolean {
  let depth = 0;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at];
    if (byte === QUOTE) {
      at = endOfString(body, at);
      if (at < 0) return false; // Unterminated: JSON.parse tells.
    } else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > DEPTH_MAX) return true;
    } else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return false;
}

function endOfString(body: Buffer, start: number): number {
  for (let at = body.indexOf(QUOTE, start + 1); at >= 0; at = body.indexOf(QUOTE, at + 1)) {
    let backslashes = 0;
    while (body[at - 1 - backslashes] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return at;
  }
  return -1;
}
