import { replicaOf } from '../../base/brand.js';
import { KvorumError } from '../../base/errors/error.js';
import type { Seen } from '../../replica/router.js';
import type { Exchange } from './exchange.js';
import { isJsonObject, member, type JsonObject } from './json.js';
import { textOfBytes } from './bytes.js';

const NAME = 'causal-metadata';

/**
 * The token in the `causal-metadata` of a request, null for a new session: in the JSON body, the query, or
 * X-Kvorum-Session; the first that holds one counts. `found` is told what was sent, before it is looked into: answers to
 * requests that changed nothing give it back as it was. Throws session_token_invalid.
 */
export function causalMetadata(exchange: Exchange, body: JsonObject, found: (sent: unknown) => void): string | null {
  const places = [member(body, NAME) ?? null, inQuery(exchange), exchange.sessionHeader].map(unpacked);
  const sent = places.find((place) => place !== null && place !== '') ?? null;
  found(sent);
  return sent === null ? null : tokenOf(sent);
}

function inQuery(exchange: Exchange): string | null {
  const bytes = exchange.query.get(NAME);
  return bytes === undefined ? null : textOfBytes(bytes);
}

/** A string, or an object that holds it. An empty object is a new session. */
function tokenOf(sent: unknown): string | null {
  if (typeof sent === 'string') return sent;
  if (isJsonObject(sent)) {
    const token = member(sent, 'token') ?? null;
    if (typeof token === 'string') return token;
    if (token === null && Object.keys(sent).length === 0) return null;
  }
  throw new KvorumError('session_token_invalid', 'The causal-metadata holds no token');
}

/** What a client has written out as a string, as it has to in a query. */
function unpacked(text: unknown): unknown {
  if (typeof text !== 'string') return text;
  const trimmed = text.trim();
  if (trimmed !== 'null' && !trimmed.startsWith('{') && !trimmed.startsWith('"')) return text;
  try {
    return JSON.parse(trimmed);
  } catch {
    return text;
  }
}

/**
 * What the answer carries: an object, so that clients may treat it as one. Only the token counts; the clock is for people:
 * per replica, how many of its batches of writes the client has seen.
 */
export function shownMetadata(exchange: Exchange, keyspace: string): Record<string, unknown> | null {
  const token = exchange.session?.token() ?? null;
  if (token === null) return null;
  return { token, clock: clockOf(exchange.session?.seen(keyspace)) };
}

function clockOf(seen: Seen | undefined): Record<string, number> {
  const clock = new Map<string, number>();
  for (const { origin, seq } of seen?.dots ?? []) {
    const replica = replicaOf(origin);
    clock.set(replica, (clock.get(replica) ?? 0) + seq);
  }
  return Object.fromEntries(clock);
}
