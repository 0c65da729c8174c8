import { replicaOf } from '../../../base/brand.js';
import type { ErrorCode } from '../../../base/errors/catalogue.js';
import { KvorumError } from '../../../base/errors/error.js';
import { LIMITS } from '../../../base/limits.js';
import type { KeyString, KvReader } from '../../../kv/types.js';
import type { Keyspace, Router, WriteOptions } from '../../../replica/router.js';
import { keyMembers, textOfBytes, valueMembers } from '../bytes.js';
import { causalMetadata, shownMetadata } from '../causal-metadata.js';
import { read } from '../consistency.js';
import type { Exchange } from '../exchange.js';
import * as fields from '../fields.js';
import { forward } from '../forward.js';
import { itemMembers } from '../item-view.js';
import { parseJsonObject, type JsonObject } from '../json.js';
import { leaderlessView } from '../leaderless-view.js';
import { printable } from '../query.js';
import type { RouteSpec } from '../route.js';
import * as schemas from '../schemas-causal.js';
import { onlyOperation, submit, writeOptions } from '../write.js';
import { answerAbsent, observeReading } from './item.js';

/** The API of the causal document, with its words: clients that were written against it compare them. */
const KEY_CHARACTERS_MAX = 50;
const TEXTS: ReadonlyMap<ErrorCode, string> = new Map([
  ['missing_value', 'PUT request does not specify a value'],
  ['key_too_large', 'Key is too long'],
  ['key_not_found', 'Key does not exist'],
  ['dependencies_not_satisfied', 'Causal dependencies not satisfied; try again later'],
]);
const PAGE_DEFAULT = 100;

/** The default keyspace if it is causal, else the first that is. */
function causalKeyspaceOf(router: Router): Keyspace | undefined {
  const isCausal = ({ engine }: Keyspace): boolean => engine === 'causal';
  return [router.defaultKeyspace, ...router.keyspaces].find(isCausal);
}

/** Lets answers and errors speak the document's language, and metadata come back on every one of them. */
function open(exchange: Exchange): JsonObject {
  let sent: unknown = exchange.sessionHeader;
  exchange.errorDocument = (shown) => errorDocument(exchange, shown, sent);
  const bytes = exchange.body;
  const body = bytes === null || bytes.length === 0 ? {} : parseJsonObject(bytes);
  exchange.openSession(causalMetadata(exchange, body, (found) => (sent = found)));
  return body;
}

/** An answer about the state carries what the client has seen by it; where nothing happened metadata are unchanged. */
function errorDocument(exchange: Exchange, shown: KvorumError, sent: unknown): string {
  const text = TEXTS.get(shown.code);
  const { missing } = shown.extra ?? {};
  const keyspace = causalKeyspaceOf(exchange.router);
  const seen = shown.code === 'key_not_found' && keyspace !== undefined;
  return JSON.stringify({
    error: text ?? shown.message,
    ...(text === undefined && { code: shown.code, retry: shown.spec.retry }),
    ...(missing !== undefined && { missing }),
    'causal-metadata': seen ? shownMetadata(exchange, keyspace.name) : sent,
  });
}

/** `members`: the inside of a JSON object. */
function answer(exchange: Exchange, keyspace: Keyspace, status: number, members: string): void {
  const metadata = JSON.stringify(shownMetadata(exchange, keyspace.name));
  exchange.json(status, `{${members},"causal-metadata":${metadata}}`);
}

/** A handler, unless its requests are another replica's to serve. */
function causal(
  handle: (exchange: Exchange, keyspace: Keyspace, body: JsonObject) => void,
): (exchange: Exchange) => void {
  return (exchange) => {
    const body = open(exchange);
    const { router } = exchange;
    const keyspace = causalKeyspaceOf(router);
    if (keyspace === undefined) {
      const detail = 'No keyspace of this cluster is causal: add one with the engine causal to the topology';
      throw new KvorumError('unknown_keyspace', detail);
    }
    const target = keyspace.leaderless?.forwardTo ?? router.self;
    if (target === router.self) handle(exchange, keyspace, body);
    else forward(exchange, target);
  };
}

function keyOf(exchange: Exchange, keyspace: Keyspace): KeyString {
  const key = exchange.parameter('key') ?? '';
  const characters = Array.from(textOfBytes(key) ?? key).length;
  if (characters <= KEY_CHARACTERS_MAX) return fields.checkedKey(keyspace, key);
  throw new KvorumError('key_too_large', `The key has ${characters} characters, the limit is ${KEY_CHARACTERS_MAX}`);
}

/** Where siblings are kept, what the client has seen is what its write replaces. */
function optionsOf(exchange: Exchange, keyspace: Keyspace): WriteOptions | undefined {
  const dots = exchange.session?.seen(keyspace.name)?.dots;
  const siblings = keyspace.leaderless?.conflicts === 'siblings';
  return writeOptions(exchange, keyspace, siblings && dots !== undefined ? { context: dots } : undefined);
}

function put(exchange: Exchange, keyspace: Keyspace, body: JsonObject): void {
  const value = fields.valueMember(keyspace, body);
  const key = keyOf(exchange, keyspace);
  submit(
    exchange,
    keyspace,
    [{ op: 'put', key, value }],
    null,
    (result) => {
      const created = onlyOperation(result).status === 'created';
      answer(exchange, keyspace, created ? 201 : 200, `"result":"${created ? 'created' : 'replaced'}"`);
    },
    optionsOf(exchange, keyspace),
  );
}

function get(exchange: Exchange, keyspace: Keyspace): void {
  const key = keyOf(exchange, keyspace);
  read(exchange, keyspace, [key], (reader) => {
    observeReading(exchange, keyspace, reader, [key]);
    const item = reader.get(key);
    if (item === undefined) throw new KvorumError('key_not_found');
    const others = item.siblings?.map((sibling) => `{${valueMembers(sibling)}}`).join(',');
    const siblings = others === undefined ? '' : `,"siblings":[${others}]`;
    answer(exchange, keyspace, 200, `"result":"found",${valueMembers(item)}${siblings}`);
  });
}

function remove(exchange: Exchange, keyspace: Keyspace): void {
  const key = keyOf(exchange, keyspace);
  submit(
    exchange,
    keyspace,
    [{ op: 'delete', key }],
    null,
    (result) => {
      if (onlyOperation(result).status !== 'absent') answer(exchange, keyspace, 200, '"result":"deleted"');
      else answerAbsent(exchange, keyspace, key, () => exchange.fail(new KvorumError('key_not_found')));
    },
    optionsOf(exchange, keyspace),
  );
}

/**
 * What this replica holds and has seen, a page at a time: for looking at. Replicas exchange what they have over their own
 * connections.
 */
function sync(exchange: Exchange, keyspace: Keyspace): void {
  const after = exchange.query.get('after');
  const limit = limitOf(exchange);
  const start = after === undefined ? '' : `${after}\0`;
  const use = (reader: KvReader): void => {
    const { items, next } = reader.scan({ start, end: null, limit, maxBytes: LIMITS.scanBytes });
    const shown = items.map(([key, item]) => `{${keyMembers(key)},${itemMembers(item)}}`).join(',');
    const last = next === null ? undefined : items.at(-1)?.[0];
    const nextAfter = last === undefined ? 'null' : `{${keyMembers(last)}}`;
    const clock = JSON.stringify(vectorClock(keyspace));
    const head = `"replica":${JSON.stringify(exchange.router.self)},"vector-clock":${clock}`;
    answer(exchange, keyspace, 200, `${head},"items":[${shown}],"next":${nextAfter}`);
  };
  const waiter = {
    onReadable: (_token: number, reader: KvReader): void => exchange.run(() => use(reader)),
    onError: (_token: number, error: KvorumError): void => exchange.run(() => exchange.fail(error)),
  };
  keyspace.read('one', waiter, 0);
}

function vectorClock(keyspace: Keyspace): Record<string, number> {
  const clock = new Map<string, number>();
  for (const [origin, seq] of leaderlessView(keyspace)?.engine.vector ?? []) {
    const replica = replicaOf(origin);
    clock.set(replica, (clock.get(replica) ?? 0) + seq);
  }
  return Object.fromEntries(clock);
}

function limitOf(exchange: Exchange): number {
  const text = exchange.query.get('limit');
  if (text === undefined) return PAGE_DEFAULT;
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (limit < 1) throw new KvorumError('bad_request', `limit must be a positive integer, not ${printable(text)}`);
  return Math.min(limit, LIMITS.scanKeys);
}

export const KVS_ROUTES: readonly RouteSpec[] = [
  { method: 'GET', path: '/kvs/sync', operation: 'scan', schema: schemas.KVS_SYNC, handle: causal(sync) },
  { method: 'GET', path: '/kvs/:key', operation: 'get', schema: schemas.KVS_GET, handle: causal(get) },
  {
    method: 'PUT',
    path: '/kvs/:key',
    operation: 'put',
    bodyBytes: 'value',
    schema: schemas.KVS_PUT,
    handle: causal(put),
  },
  { method: 'DELETE', path: '/kvs/:key', operation: 'delete', schema: schemas.KVS_DELETE, handle: causal(remove) },
];
