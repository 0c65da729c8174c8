import { Buffer } from 'node:buffer';
import { KvorumError } from '../../../base/errors/error.js';
import { LIMITS } from '../../../base/limits.js';
import type { KeyString, KvReader } from '../../../kv/types.js';
import type { Keyspace } from '../../../replica/router.js';
import { keyMembers } from '../bytes.js';
import { read } from '../consistency.js';
import type { Exchange } from '../exchange.js';
import { itemMembers } from '../item-view.js';
import { printable } from '../query.js';
import type { RouteSpec } from '../route.js';
import * as schemas from '../schemas.js';
import { revisionHeader } from '../write.js';
import { observeReading } from './item.js';

const LIMIT_DEFAULT = 1000;

interface Range {
  readonly start: KeyString;
  /** Excluded; null means to the last key. */
  readonly end: KeyString | null;
}

interface Cursor {
  readonly next: KeyString;
  /** The revision that the first page showed. */
  readonly revision: number;
}

/**
 * Ordered scan. Each page is one consistent state; old states are not kept, so a later page may show a newer one: its
 * `revision` then differs from `first_revision`.
 */
function scan(exchange: Exchange): void {
  const keyspace = exchange.keyspace();
  const range = rangeOf(exchange);
  const limit = limitOf(exchange);
  const cursorText = exchange.query.get('cursor');
  const cursor = cursorText === undefined ? null : decodeCursor(cursorText);
  if (cursor !== null && (cursor.next < range.start || (range.end !== null && cursor.next >= range.end))) {
    throw new KvorumError('bad_request', 'The cursor belongs to another prefix, start or end');
  }
  const page: Range = cursor === null ? range : { start: cursor.next, end: range.end };
  read(exchange, keyspace, null, (reader) => answerPage(exchange, keyspace, reader, page, limit, cursor));
}

function answerPage(
  exchange: Exchange,
  keyspace: Keyspace,
  reader: KvReader,
  range: Range,
  limit: number,
  cursor: Cursor | null,
): void {
  const empty = range.end !== null && range.start >= range.end;
  const page = empty
    ? { items: [], next: null }
    : reader.scan({ start: range.start, end: range.end, limit, maxBytes: LIMITS.scanBytes });
  observeReading(
    exchange,
    keyspace,
    reader,
    page.items.map(([key]) => key),
  );
  const items = page.items.map(([key, item]) => `{${keyMembers(key)},${itemMembers(item)}}`).join(',');
  const first = cursor?.revision ?? reader.revision;
  const next = page.next === null ? 'null' : `"${encodeCursor({ next: page.next, revision: first })}"`;
  const body = `{"items":[${items}],"next_cursor":${next},"revision":${reader.revision},"first_revision":${first}}`;
  exchange.json(200, body, revisionHeader(reader.revision));
}

/** What `prefix`, `start` and `end` have in common. */
function rangeOf(exchange: Exchange): Range {
  const prefix = exchange.query.get('prefix') ?? '';
  const start = exchange.query.get('start') ?? '';
  const end = exchange.query.get('end') ?? '';
  const prefixEnd = afterPrefix(prefix);
  const ends = [prefixEnd, end === '' ? null : end].filter((bound) => bound !== null);
  return { start: start > prefix ? start : prefix, end: ends.length === 0 ? null : ends.reduce(lesser) };
}

function lesser(one: KeyString, other: KeyString): KeyString {
  return one < other ? one : other;
}

/** The first key after all keys with the prefix; null when there is none. */
export function afterPrefix(prefix: KeyString): KeyString | null {
  const kept = prefix.replace(/\xff+$/, '');
  if (kept === '') return null;
  return kept.slice(0, -1) + String.fromCharCode(kept.charCodeAt(kept.length - 1) + 1);
}

function limitOf(exchange: Exchange): number {
  const text = exchange.query.get('limit');
  if (text === undefined) return LIMIT_DEFAULT;
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (limit < 1) throw new KvorumError('bad_request', `limit must be a positive integer, not ${printable(text)}`);
  return Math.min(limit, LIMITS.scanKeys);
}

function encodeCursor({ next, revision }: Cursor): string {
  return Buffer.from(`1:${revision}:${next}`, 'latin1').toString('base64url');
}

function decodeCursor(text: string): Cursor {
  const decoded = /^[\w-]*$/.test(text) ? Buffer.from(text, 'base64url').toString('latin1') : '';
  const match = /^1:(\d{1,16}):([^]+)$/.exec(decoded);
  const revision = Number(match?.[1]);
  const next = match?.[2];
  if (next !== undefined && Number.isSafeInteger(revision)) return { next, revision };
  throw new KvorumError('bad_request', 'The cursor is not one that this server has given out');
}

export const SCAN_ROUTES: readonly RouteSpec[] = ['/kv', '/kv/'].map((path) => ({
  method: 'GET',
  path,
  perKeyspace: true,
  operation: 'scan',
  schema: schemas.SCAN,
  handle: scan,
}));
