import { Buffer } from 'node:buffer';
import type { Dot } from '../../../base/dot.js';
import { KvorumError } from '../../../base/errors/error.js';
import type { Revision } from '../../../base/brand.js';
import type { Condition, Item, KeyString, KvReader, Operation } from '../../../kv/types.js';
import type { Keyspace, WriteOptions, WriteWaiter } from '../../../replica/router.js';
import { keyMembers } from '../bytes.js';
import { writeCondition } from '../conditions.js';
import { read } from '../consistency.js';
import type { Exchange } from '../exchange.js';
import * as fields from '../fields.js';
import { answerItem, etagOf, versionName, writtenMembers } from '../item-view.js';
import { parseJsonObject, type JsonObject } from '../json.js';
import { failOrPassOn, passedToLeader } from '../pass-on.js';
import type { RouteSpec } from '../route.js';
import * as schemas from '../schemas.js';
import { seenByReading } from '../session.js';
import { observeWrite, onlyOperation, revisionHeader, submit, writeOptions } from '../write.js';

export function keyOf(exchange: Exchange, keyspace: Keyspace): KeyString {
  return fields.checkedKey(keyspace, exchange.parameter('key') ?? '');
}

function get(exchange: Exchange): void {
  const keyspace = exchange.keyspace();
  const key = keyOf(exchange, keyspace);
  read(exchange, keyspace, [key], (reader) => answerGet(exchange, keyspace, reader, key));
}

function answerGet(exchange: Exchange, keyspace: Keyspace, reader: KvReader, key: KeyString): void {
  observeReading(exchange, keyspace, reader, [key]);
  const headers = revisionHeader(reader.revision);
  const item = reader.get(key);
  if (item === undefined) exchange.fail(new KvorumError('key_not_found'), headers);
  else answerItem(exchange, keyspace.name, key, item, headers);
}

export function observeReading(
  exchange: Exchange,
  keyspace: Keyspace,
  reader: KvReader,
  keys: readonly KeyString[],
): void {
  if (exchange.session === null) return;
  const seen = seenByReading(keyspace, reader, keys);
  if (seen !== null) exchange.session.observe(keyspace.name, seen);
}

/** The value of a PUT: a member of a JSON object, or the body itself when its type is anything else. */
function putBody(exchange: Exchange, keyspace: Keyspace): { object: JsonObject | null; value: Buffer } {
  const type = fields.mediaType(exchange);
  if (fields.isJsonType(type)) {
    const object = parseJsonObject(exchange.body);
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
  const condition = writeCondition(exchange, keyspace);
  const options = itemWriteOptions(exchange, keyspace, object);
  if (condition === null && session === null) {
    if (!passedToLeader(exchange, keyspace, 'write')) putPlain(exchange, keyspace, key, value, options);
    return;
  }
  const operation = withCondition({ op: 'put', key, value }, condition);
  submit(
    exchange,
    keyspace,
    [operation],
    session,
    (result, headers) => {
      const { status, revision, previous } = onlyOperation(result);
      if (status === 'unmet') throw preconditionFailed(previous);
      answerPut(exchange, key, status === 'created', revision, result.dot, headers);
    },
    options,
  );
}

function itemWriteOptions(exchange: Exchange, keyspace: Keyspace, object: JsonObject | null): WriteOptions | undefined {
  const expiresAtMs = fields.expiryOf(exchange, keyspace, object);
  const context = fields.contextOf(exchange, keyspace, object);
  const more =
    expiresAtMs === null && context === null
      ? undefined
      : { ...(expiresAtMs === null ? {} : { expiresAtMs }), ...(context === null ? {} : { context }) };
  return writeOptions(exchange, keyspace, more);
}

function withCondition(operation: Operation & { op: 'put' | 'delete' }, condition: Condition | null): Operation {
  return condition === null ? operation : { ...operation, condition };
}

function putPlain(
  exchange: Exchange,
  keyspace: Keyspace,
  key: KeyString,
  value: Buffer,
  options: WriteOptions | undefined,
): void {
  const keyBytes = Buffer.from(key, 'latin1');
  const done = (created: boolean, revision: Revision, dot: Dot | undefined): void => {
    observeWrite(exchange, keyspace, revision, dot);
    answerPut(exchange, key, created, revision, dot, revisionHeader(revision));
  };
  const waiter: WriteWaiter = {
    onPut: (_token, created, revision, dot) => exchange.run(() => done(created, revision, dot)),
    onResult: (_token, result) =>
      exchange.run(() => {
        if (result.error !== null) throw new KvorumError(result.error);
        const { status, revision } = onlyOperation(result);
        done(status === 'created', revision, result.dot);
      }),
    onError: (_token, error) => exchange.run(() => failOrPassOn(exchange, keyspace, 'write', error)),
  };
  keyspace.put(
    { source: keyBytes, start: 0, end: keyBytes.length },
    { source: value, start: 0, end: value.length },
    waiter,
    0,
    options,
  );
}

export function answerPut(
  exchange: Exchange,
  key: KeyString,
  created: boolean,
  revision: Revision,
  dot: Dot | undefined,
  headers: readonly string[],
): void {
  const body = `{"result":"${created ? 'created' : 'replaced'}",${keyMembers(key)},${writtenMembers(revision, dot)}}`;
  const tag = dot === undefined ? `"${revision}"` : `"${versionName(revision, dot.origin)}"`;
  exchange.json(created ? 201 : 200, body, [...headers, 'etag', tag]);
}

/** The 412 carries the current ETag as a member; none when the key is absent. */
function preconditionFailed(previous: Item | null): KvorumError {
  const detail = previous === null ? 'The key does not exist' : `The key is at revision ${previous.modRevision}`;
  const current = previous === null ? null : etagOf(previous);
  return new KvorumError('precondition_failed', detail, { extra: { etag: current } });
}

function remove(exchange: Exchange): void {
  const keyspace = exchange.keyspace();
  const key = keyOf(exchange, keyspace);
  const object = exchange.body === null ? null : fields.jsonBody(exchange);
  const session = fields.sessionOf(exchange, object);
  const condition = writeCondition(exchange, keyspace);
  if (condition?.kind === 'absent') throw new KvorumError('bad_request', 'If-None-Match makes no sense on DELETE');
  const operation = withCondition({ op: 'delete', key }, condition);
  const context = fields.contextOf(exchange, keyspace, object);
  submit(
    exchange,
    keyspace,
    [operation],
    session,
    (result, headers) => {
      const { status, revision, previous } = onlyOperation(result);
      if (status === 'unmet') throw preconditionFailed(previous);
      if (status === 'absent') {
        answerAbsent(exchange, keyspace, key, () => exchange.fail(new KvorumError('key_not_found'), headers));
        return;
      }
      const body = `{"result":"deleted",${keyMembers(key)},${writtenMembers(revision, result.dot)}}`;
      exchange.json(200, body, headers);
    },
    writeOptions(exchange, keyspace, context === null ? undefined : { context }),
  );
}

/** Who is told that a key is absent has seen the delete, if there was one: no other replica may show it the value. */
export function answerAbsent(exchange: Exchange, keyspace: Keyspace, key: KeyString, answer: () => void): void {
  if (keyspace.leaderless === null || exchange.session === null) {
    answer();
    return;
  }
  const waiter = {
    onReadable: (_token: number, reader: KvReader): void =>
      exchange.run(() => {
        observeReading(exchange, keyspace, reader, [key]);
        answer();
      }),
    onError: (): void => exchange.run(answer),
  };
  keyspace.read('one', waiter, 0, { keys: [key] });
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
];
