import { Buffer, isUtf8 } from 'node:buffer';
import type { Revision } from '../../../base/brand.js';
import { KvorumError } from '../../../base/errors/error.js';
import type { Condition, Item, KeyString, KvReader, Operation } from '../../../kv/types.js';
import type { Keyspace, WriteWaiter } from '../../../replica/router.js';
import { keyMembers, valueMembers, viewOf } from '../bytes.js';
import { etag, isNotModified, writeCondition } from '../conditions.js';
import { read } from '../consistency.js';
import type { Exchange } from '../exchange.js';
import { isJsonObject, member, parseJsonObject, type JsonObject } from '../json.js';
import * as fields from '../fields.js';
import { redirectedToLeader } from '../leader.js';
import type { RouteSpec } from '../route.js';
import * as schemas from '../schemas.js';
import { onlyOperation, revisionHeader, submit } from '../write.js';

function keyOf(exchange: Exchange, keyspace: Keyspace): KeyString {
  return fields.checkedKey(keyspace, exchange.parameter('key') ?? '');
}

export function itemMembers(item: Item): string {
  const { modRevision, createRevision, version } = item;
  return `${valueMembers(item)},"revision":${modRevision},"create_revision":${createRevision},"version":${version}`;
}

/** `Accept` without application/json: the value alone, as bytes or as text; otherwise the JSON object. */
function wantedForm(exchange: Exchange): 'json' | 'bytes' | 'text' {
  const accept = exchange.header('accept');
  if (accept === undefined || accept.includes('application/json')) return 'json';
  if (accept.includes('application/octet-stream')) return 'bytes';
  return accept.includes('text/plain') ? 'text' : 'json';
}

function get(exchange: Exchange): void {
  const keyspace = exchange.keyspace();
  const key = keyOf(exchange, keyspace);
  read(exchange, keyspace, (reader) => answerGet(exchange, reader, key));
}

function answerGet(exchange: Exchange, reader: KvReader, key: KeyString): void {
  const headers = revisionHeader(reader.revision);
  const item = reader.get(key);
  if (item === undefined) {
    exchange.fail(new KvorumError('key_not_found'), headers);
    return;
  }
  const tagged = [...headers, 'etag', etag(item.modRevision)];
  if (isNotModified(exchange, item.modRevision)) exchange.send(304, null, '', tagged);
  else answerItem(exchange, key, item, tagged);
}

function answerItem(exchange: Exchange, key: KeyString, item: Item, headers: readonly string[]): void {
  const form = wantedForm(exchange);
  if (form === 'json') {
    exchange.json(200, `{${keyMembers(key)},${itemMembers(item)}}`, headers);
    return;
  }
  const value = viewOf(item);
  if (form === 'bytes') exchange.send(200, 'application/octet-stream', value, headers);
  else if (isUtf8(value)) exchange.send(200, 'text/plain; charset=utf-8', value, headers);
  else throw new KvorumError('not_acceptable', 'The value is not text');
}

/** The value of a PUT: a member of a JSON object, or the body itself when its type is anything else. */
function putBody(exchange: Exchange, keyspace: Keyspace): { object: JsonObject | null; value: Buffer } {
  const type = fields.mediaType(exchange);
  if (fields.isJsonType(type)) {
    const object = parseJsonObject(exchange.body);
    fields.refuseTtl(object);
    return { object, value: fields.valueMember(keyspace, object) };
  }
  if (type?.startsWith('multipart/') === true) {
    throw new KvorumError('unsupported_media_type', 'Send the bytes of the value themselves, not a form');
  }
  const declared =
    exchange.header('content-length') !== undefined || exchange.header('transfer-encoding') !== undefined;
  if (exchange.body === null && !declared) throw new KvorumError('missing_value');
  return { object: null, value: fields.checkedValue(keyspace, exchange.body ?? Buffer.alloc(0)) };
}

function put(exchange: Exchange): void {
  const keyspace = exchange.keyspace();
  const key = keyOf(exchange, keyspace);
  const { object, value } = putBody(exchange, keyspace);
  const session = fields.sessionOf(exchange, object);
  const condition = writeCondition(exchange);
  if (condition === null && session === null) {
    if (!redirectedToLeader(exchange, keyspace)) putPlain(exchange, keyspace, key, value);
    return;
  }
  const operation = withCondition({ op: 'put', key, value }, condition);
  submit(exchange, keyspace, [operation], session, (result, headers) => {
    const { status, revision, previous } = onlyOperation(result);
    if (status === 'unmet') throw preconditionFailed(previous);
    answerPut(exchange, key, status === 'created', revision, headers);
  });
}

function withCondition(operation: Operation & { op: 'put' | 'delete' }, condition: Condition | null): Operation {
  return condition === null ? operation : { ...operation, condition };
}

function putPlain(exchange: Exchange, keyspace: Keyspace, key: KeyString, value: Buffer): void {
  const keyBytes = Buffer.from(key, 'latin1');
  const waiter: WriteWaiter = {
    onPut: (_token, created, revision) =>
      exchange.run(() => answerPut(exchange, key, created, revision, revisionHeader(revision))),
    onResult: (_token, result) =>
      exchange.run(() => {
        if (result.error !== null) throw new KvorumError(result.error);
        const { status, revision } = onlyOperation(result);
        answerPut(exchange, key, status === 'created', revision, revisionHeader(result.revision));
      }),
    onError: (_token, error) => exchange.run(() => exchange.fail(error)),
  };
  keyspace.put(
    { source: keyBytes, start: 0, end: keyBytes.length },
    { source: value, start: 0, end: value.length },
    waiter,
    0,
  );
}

function answerPut(
  exchange: Exchange,
  key: KeyString,
  created: boolean,
  revision: Revision,
  headers: readonly string[],
): void {
  const body = `{"result":"${created ? 'created' : 'replaced'}",${keyMembers(key)},"revision":${revision}}`;
  exchange.json(created ? 201 : 200, body, [...headers, 'etag', etag(revision)]);
}

/** The 412 carries the current ETag as a member; none when the key is absent. */
function preconditionFailed(previous: Item | null): KvorumError {
  const detail = previous === null ? 'The key does not exist' : `The key is at revision ${previous.modRevision}`;
  const current = previous === null ? null : etag(previous.modRevision);
  return new KvorumError('precondition_failed', detail, { extra: { etag: current } });
}

function remove(exchange: Exchange): void {
  const keyspace = exchange.keyspace();
  const key = keyOf(exchange, keyspace);
  const object = exchange.body === null ? null : fields.jsonBody(exchange);
  const session = fields.sessionOf(exchange, object);
  const condition = writeCondition(exchange);
  if (condition?.kind === 'absent') throw new KvorumError('bad_request', 'If-None-Match makes no sense on DELETE');
  const operation = withCondition({ op: 'delete', key }, condition);
  submit(exchange, keyspace, [operation], session, (result, headers) => {
    const { status, revision, previous } = onlyOperation(result);
    if (status === 'unmet') throw preconditionFailed(previous);
    if (status === 'absent') exchange.fail(new KvorumError('key_not_found'), headers);
    else exchange.json(200, `{"result":"deleted",${keyMembers(key)},"revision":${revision}}`, headers);
  });
}

function compareAndSet(exchange: Exchange): void {
  const keyspace = exchange.keyspace();
  const key = keyOf(exchange, keyspace);
  const object = fields.jsonBody(exchange);
  fields.refuseTtl(object);
  const condition = expectation(object);
  const value = fields.valueMember(keyspace, object);
  const session = fields.sessionOf(exchange, object);
  submit(exchange, keyspace, [{ op: 'put', key, value, condition }], session, (result, headers) => {
    const { status, revision, previous } = onlyOperation(result);
    if (status === 'unmet') throw casMismatch(previous);
    answerPut(exchange, key, status === 'created', revision, headers);
  });
}

/** `"expected": null` means that the key must be absent. */
function expectation(object: JsonObject): Condition {
  const base64 = member(object, 'expected_base64') ?? null;
  const text = member(object, 'expected');
  if (text === null && base64 === null) return { kind: 'absent' };
  const value = fields.bytesMember(object, 'expected');
  if (value !== undefined) return { kind: 'value', value };
  throw new KvorumError('bad_request', '"expected" is missing; null means that the key must be absent');
}

function casMismatch(previous: Item | null): KvorumError {
  if (previous === null) {
    return new KvorumError('cas_mismatch', 'The key does not exist', {
      extra: { current: null, current_revision: null },
    });
  }
  const held: unknown = JSON.parse(`{${valueMembers(previous)}}`);
  const { value, value_base64 } = isJsonObject(held) ? held : {};
  const base64 = value_base64 === undefined ? {} : { current_base64: value_base64 };
  return new KvorumError('cas_mismatch', undefined, {
    extra: { current: value, ...base64, current_revision: previous.modRevision },
  });
}

function create(exchange: Exchange): void {
  const keyspace = exchange.keyspace();
  const object = fields.jsonBody(exchange);
  fields.refuseTtl(object);
  const key = fields.keyMember(keyspace, object);
  const value = fields.valueMember(keyspace, object);
  const session = fields.sessionOf(exchange, object);
  submit(exchange, keyspace, [{ op: 'put', key, value, condition: { kind: 'absent' } }], session, (result, headers) => {
    const { status, revision } = onlyOperation(result);
    if (status === 'unmet') throw new KvorumError('key_exists');
    answerPut(exchange, key, true, revision, headers);
  });
}

export const ITEM_ROUTES: readonly RouteSpec[] = [
  {
    method: 'GET',
    path: '/kv/:key',
    perKeyspace: true,
    operation: 'get',
    schema: schemas.GET_ITEM,
    handle: get,
  },
  {
    method: 'PUT',
    path: '/kv/:key',
    perKeyspace: true,
    operation: 'put',
    bodyBytes: 'value',
    schema: schemas.PUT_ITEM,
    handle: put,
  },
  {
    method: 'DELETE',
    path: '/kv/:key',
    perKeyspace: true,
    operation: 'delete',
    schema: schemas.DELETE_ITEM,
    handle: remove,
  },
  {
    method: 'POST',
    path: '/kv/:key/cas',
    perKeyspace: true,
    operation: 'cas',
    bodyBytes: 'batch',
    schema: schemas.CAS,
    handle: compareAndSet,
  },
  ...['/kv', '/kv/'].map((path): RouteSpec => ({
    method: 'POST',
    path,
    perKeyspace: true,
    operation: 'create',
    bodyBytes: 'batch',
    schema: schemas.CREATE,
    handle: create,
  })),
];
