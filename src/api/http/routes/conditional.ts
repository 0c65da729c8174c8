import { KvorumError } from '../../../base/errors/error.js';
import type { Condition, Item } from '../../../kv/types.js';
import type { Keyspace } from '../../../replica/router.js';
import { refusedWithoutOrder } from '../../leaderless.js';
import { valueMembers } from '../bytes.js';
import type { Exchange } from '../exchange.js';
import * as fields from '../fields.js';
import { isJsonObject, member, type JsonObject } from '../json.js';
import type { RouteSpec } from '../route.js';
import * as schemas from '../schemas.js';
import { onlyOperation, submit } from '../write.js';
import { answerPut, keyOf } from './item.js';

/** A leaderless keyspace cannot compare and write in one step (ap.md §1.1): it says so instead of pretending. */
function needsOrder(exchange: Exchange, keyspace: Keyspace, what: string): void {
  if (keyspace.leaderless !== null) throw refusedWithoutOrder(exchange.router, keyspace, what);
}

function compareAndSet(exchange: Exchange): void {
  const keyspace = exchange.keyspace();
  needsOrder(exchange, keyspace, 'A compare-and-set compares and writes');
  const key = keyOf(exchange, keyspace);
  const object = fields.jsonBody(exchange);
  fields.refuseTtl(object);
  const condition = expectation(object);
  const value = fields.valueMember(keyspace, object);
  const session = fields.sessionOf(exchange, object);
  submit(exchange, keyspace, [{ op: 'put', key, value, condition }], session, (result, headers) => {
    const { status, revision, previous } = onlyOperation(result);
    if (status === 'unmet') throw casMismatch(previous);
    answerPut(exchange, key, status === 'created', revision, result.dot, headers);
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
  needsOrder(exchange, keyspace, 'Creating a key looks whether it is absent and writes');
  const object = fields.jsonBody(exchange);
  fields.refuseTtl(object);
  const key = fields.keyMember(keyspace, object);
  const value = fields.valueMember(keyspace, object);
  const session = fields.sessionOf(exchange, object);
  submit(exchange, keyspace, [{ op: 'put', key, value, condition: { kind: 'absent' } }], session, (result, headers) => {
    const { status, revision } = onlyOperation(result);
    if (status === 'unmet') throw new KvorumError('key_exists');
    answerPut(exchange, key, true, revision, result.dot, headers);
  });
}

export const CONDITIONAL_ROUTES: readonly RouteSpec[] = [
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
