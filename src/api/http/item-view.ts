import { isUtf8 } from 'node:buffer';
import type { OriginId, Revision } from '../../base/brand.js';
import type { Dot } from '../../base/dot.js';
import { KvorumError } from '../../base/errors/error.js';
import type { Item, KeyString } from '../../kv/types.js';
import type { SessionTokens } from '../../replica/session/types.js';
import { keyMembers, valueMembers, viewOf } from './bytes.js';
import type { Exchange } from './exchange.js';
import { isNotModified } from './conditions.js';
import { latestDots } from './session.js';

/** A version of a leaderless keyspace: the Lamport timestamp of its write, which no other write has. */
export function versionName(counter: Revision, origin: OriginId): string {
  return `${counter}@${origin}`;
}

/** Of a keyspace with a leader the revision, of a leaderless one the version. */
export function etagOf(item: Item): string {
  const { dot, modRevision } = item;
  return dot === undefined ? `"${modRevision}"` : `"${versionName(modRevision, dot.origin)}"`;
}

/** What a write was given: `"revision":7`, and in a leaderless keyspace `"version":"7@n1"`. */
export function writtenMembers(revision: Revision, dot: Dot | undefined): string {
  const version = dot === undefined ? '' : `,"version":${JSON.stringify(versionName(revision, dot.origin))}`;
  return `"revision":${revision}${version}`;
}

export function itemMembers(item: Item): string {
  const { modRevision, createRevision, dot, expiresAtMs, version } = item;
  const value = valueMembers(item);
  if (dot === undefined) {
    return `${value},"revision":${modRevision},"create_revision":${createRevision},"version":${version}`;
  }
  const expiry = expiresAtMs === undefined ? '' : `,"expires_at_ms":${expiresAtMs}`;
  return `${value},${writtenMembers(modRevision, dot)}${expiry}`;
}

/**
 * Concurrent values side by side, the newest first, and what a write has to send back to replace all of them. Signed
 * like a session token: a context that claims too much would replace values that nobody has seen.
 */
function siblingMembers(item: Item, context: string | null): string {
  const { siblings } = item;
  if (siblings === undefined) return '';
  const values = siblings.map((sibling) => `{${valueMembers(sibling)},"origin":${JSON.stringify(sibling.dot.origin)}}`);
  return `,"siblings":[${values.join(',')}],"context":${JSON.stringify(context)}`;
}

/** Null where the replica hands out no tokens. */
export function contextOf(item: Item, keyspace: string, tokens: SessionTokens | undefined): string | null {
  const dots = item.siblings?.map(({ dot }) => dot) ?? (item.dot === undefined ? [] : [item.dot]);
  return tokens?.encode(new Map([[keyspace, { dots: latestDots(dots) }]])) ?? null;
}

/** `Accept` without application/json: the value alone, as bytes or as text; otherwise the JSON object. */
function wantedForm(exchange: Exchange): 'json' | 'bytes' | 'text' {
  const accept = exchange.header('accept');
  if (accept === undefined || accept.includes('application/json')) return 'json';
  if (accept.includes('application/octet-stream')) return 'bytes';
  return accept.includes('text/plain') ? 'text' : 'json';
}

export function answerItem(
  exchange: Exchange,
  keyspace: string,
  key: KeyString,
  item: Item,
  headers: readonly string[],
): void {
  const tag = etagOf(item);
  const tagged = [...headers, 'etag', tag];
  if (isNotModified(exchange, tag)) {
    exchange.send(304, null, '', tagged);
    return;
  }
  const context = item.siblings === undefined ? null : contextOf(item, keyspace, exchange.router.sessions);
  const form = wantedForm(exchange);
  if (form === 'json') {
    exchange.json(200, `{${keyMembers(key)},${itemMembers(item)}${siblingMembers(item, context)}}`, tagged);
    return;
  }
  if (item.siblings !== undefined) tagged.push('x-kvorum-siblings', String(item.siblings.length));
  if (context !== null) tagged.push('x-kvorum-context', context);
  const value = viewOf(item);
  if (form === 'bytes') exchange.send(200, 'application/octet-stream', value, tagged);
  else if (isUtf8(value)) exchange.send(200, 'text/plain; charset=utf-8', value, tagged);
  else throw new KvorumError('not_acceptable', 'The value is not text');
}
