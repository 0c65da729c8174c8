import { KvorumError } from '../../../base/errors/error.js';
import { LIMITS } from '../../../base/limits.js';
import type { CommandResult, KeyString, Operation, KvReader } from '../../../kv/types.js';
import type { Keyspace } from '../../../replica/router.js';
import { refusedWithoutOrder } from '../../leaderless.js';
import { keyMembers } from '../bytes.js';
import { read } from '../consistency.js';
import type { Exchange } from '../exchange.js';
import * as fields from '../fields.js';
import { itemMembers } from '../item-view.js';
import type { RouteSpec } from '../route.js';
import * as schemas from '../schemas.js';
import { revisionHeader, submit } from '../write.js';
import { observeReading } from './item.js';

/** One atomic batch with one revision: all keys change together or none does. */
function putMany(exchange: Exchange): void {
  const keyspace = exchange.keyspace();
  refuseBatch(exchange, keyspace);
  const object = fields.jsonBody(exchange);
  fields.refuseTtl(object);
  const operations = fields.listMember(object, 'entries').map((element): Operation => {
    const entry = fields.objectElement('entries', element);
    fields.refuseTtl(entry);
    return { op: 'put', key: fields.keyMember(keyspace, entry), value: fields.valueMember(keyspace, entry) };
  });
  const session = fields.sessionOf(exchange, object);
  submit(exchange, keyspace, operations, session, (result, headers) => {
    const body = `{"result":"ok","revision":${result.revision},"results":[${results(operations, result)}]}`;
    exchange.json(200, body, headers);
  });
}

function results(operations: readonly Operation[], result: CommandResult): string {
  return operations
    .map(({ key }, at) => `{${keyMembers(key)},"result":"${result.operations[at]?.status ?? 'absent'}"}`)
    .join(',');
}

/** All keys at once or none: without a leader other writes may come between them on one member and not on another. */
function refuseBatch(exchange: Exchange, keyspace: Keyspace): void {
  if (keyspace.leaderless === null) return;
  throw refusedWithoutOrder(exchange.router, keyspace, 'A batch changes all of its keys at once or none');
}

function removeMany(exchange: Exchange): void {
  const keyspace = exchange.keyspace();
  refuseBatch(exchange, keyspace);
  const object = fields.jsonBody(exchange);
  const operations = fields
    .listMember(object, 'keys')
    .map((element): Operation => ({ op: 'delete', key: fields.keyElement(keyspace, element) }));
  const session = fields.sessionOf(exchange, object);
  submit(exchange, keyspace, operations, session, (result, headers) => {
    const deleted = result.operations.filter(({ status }) => status === 'deleted').length;
    const body = `{"deleted":${deleted},"revision":${result.revision},"results":[${results(operations, result)}]}`;
    exchange.json(200, body, headers);
  });
}

/** All keys as of one state. */
function getMany(exchange: Exchange): void {
  const keyspace = exchange.keyspace();
  const object = fields.jsonBody(exchange);
  const keys = fields.listMember(object, 'keys').map((element) => fields.keyElement(keyspace, element));
  read(exchange, keyspace, keys, (reader) => {
    observeReading(exchange, keyspace, reader, keys);
    const body = `{"revision":${reader.revision},"entries":[${lookUp(reader, keys)}]}`;
    exchange.json(200, body, revisionHeader(reader.revision));
  });
}

function lookUp(reader: KvReader, keys: readonly KeyString[]): string {
  let bytes = 0;
  const found = keys.map((key) => {
    const item = reader.get(key);
    if (item === undefined) return `{${keyMembers(key)},"found":false}`;
    bytes += item.end - item.start;
    if (bytes > LIMITS.requestBytes) {
      const detail = `The values have more than ${LIMITS.requestBytes} bytes together: ask for fewer keys at once`;
      throw new KvorumError('request_too_large', detail);
    }
    return `{${keyMembers(key)},"found":true,${itemMembers(item)}}`;
  });
  return found.join(',');
}

export const BATCH_ROUTES: readonly RouteSpec[] = [
  {
    method: 'POST',
    path: '/kv/mput',
    perKeyspace: true,
    operation: 'mput',
    bodyBytes: 'batch',
    schema: schemas.MPUT,
    handle: putMany,
  },
  {
    method: 'POST',
    path: '/kv/mget',
    perKeyspace: true,
    operation: 'mget',
    bodyBytes: 'batch',
    schema: schemas.MGET,
    handle: getMany,
  },
  {
    method: 'POST',
    path: '/kv/mdelete',
    perKeyspace: true,
    operation: 'mdelete',
    bodyBytes: 'batch',
    schema: schemas.MDELETE,
    handle: removeMany,
  },
];
