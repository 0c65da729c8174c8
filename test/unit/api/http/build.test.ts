import { Ajv2020 } from 'ajv/dist/2020.js';
import t from 'tap';
import type { ReplicaId } from '../../../../src/base/brand.js';
import { ERRORS } from '../../../../src/base/errors/catalogue.js';
import { createHttpApp, type Method } from '../../../fixtures/http-app.js';

const app = await createHttpApp({ feed: true });
const { ask, router } = app;
t.teardown(() => app.close());

t.test('unknown paths and methods', async (t) => {
  for (const path of ['/', '/nothing', '/kv/a/b', '/keyspaces', '/kv/a/cas/x', '/KV/a', '//kv/a']) {
    t.match((await ask('GET', path)).json, { status: 404, code: 'route_not_found' }, path);
  }
  t.match((await ask('PUT', '/kv/a/b')).json, { detail: /%2F/ }, 'how to write a slash');
  for (const [method, path, allow] of [
    ['POST', '/kv/a', 'DELETE, GET, HEAD, PUT'],
    ['PATCH', '/keyspaces/x/kv/a', 'DELETE, GET, HEAD, PUT'],
    ['DELETE', '/kv', 'GET, HEAD, POST'],
    ['GET', '/kv/a/cas', 'POST'],
    ['PUT', '/status', 'GET, HEAD'],
    ['OPTIONS', '/admin/transfer-leader', 'POST'],
  ] as const) {
    const answer = await ask(method, path);
    t.match(answer.json, { status: 405, code: 'method_not_allowed' }, path);
    t.equal(answer.headers['allow'], allow);
  }
  t.match((await ask('GET', '/kv/mput')).json, { code: 'key_not_found' }, 'mput is a key like any other');
});

t.test('a request id is echoed when it is harmless', async (t) => {
  t.equal((await ask('GET', '/health', { headers: { 'x-request-id': 'abc-1' } })).headers['x-request-id'], 'abc-1');
  for (const bad of ['a b', 'x'.repeat(65), '<script>', 'a\tb', '']) {
    const given = await ask('GET', '/health', { headers: { 'x-request-id': bad } });
    t.not(given.headers['x-request-id'], bad);
    t.match(given.headers['x-request-id'], /^[0-9a-f]{8}-[0-9a-z]+$/);
  }
});

t.test('bodies are bounded', async (t) => {
  const small = await createHttpApp({ bodyBytesMax: 20_000 });
  t.teardown(() => small.close());
  const body = { keys: ['x'.repeat(30_000)] };
  t.match((await small.ask('POST', '/kv/mget', { body })).json, { status: 413, code: 'request_too_large' });
  const admin = await ask('POST', '/admin/read-policy', { body: { policy: 'x'.repeat(17_000) } });
  t.match(admin.json, { status: 413, code: 'request_too_large' });
  t.match((await ask('PUT', '/kv/a', { body: 'x', headers: { 'content-type': ';;' } })).json, { status: 415 });
});

t.test('refusals are counted by code', async (t) => {
  router.refused.clear();
  await ask('GET', '/none');
  await ask('GET', '/kv/a?consistency=x');
  await ask('PUT', '/kv/a', { body: '{', headers: { 'content-type': 'application/json' } });
  t.same(Object.fromEntries(router.refused), { route_not_found: 1, unsupported_consistency: 1, malformed_json: 1 });
});

t.test('draining answers close their connection', async (t) => {
  app.context.draining = true;
  t.teardown(() => (app.context.draining = false));
  t.equal((await ask('GET', '/health')).headers['connection'], 'close');
});

interface OpenApi {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId: string }>>>>;
}

t.test('the OpenAPI document describes the answers', async (t) => {
  const document = (await ask('GET', '/openapi.json')).json as unknown as OpenApi;
  t.equal(document.openapi, '3.1.0');
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  ajv.addSchema(document, 'openapi');
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path).map((o) => o.operationId));
  t.equal(new Set(operations).size, operations.length, 'operation ids are unique');
  t.ok(document.paths['/keyspaces/{keyspace}/kv/{key}'], 'every keyspace has the same routes');

  const check = async (method: Method, url: string, path: string, status: number, body?: unknown): Promise<void> => {
    const answer = await ask(method, url, body === undefined ? {} : { body });
    t.equal(answer.status, status, `${method} ${url}`);
    const type = String(answer.headers['content-type']).split(';', 1)[0] ?? '';
    const pointer = ['paths', path, method.toLowerCase(), 'responses', String(status), 'content', type, 'schema'];
    const escaped = pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')));
    const validate = ajv.compile({ $ref: `openapi#/${escaped.join('/')}` });
    t.ok(validate(answer.json), `${method} ${url} ${status}: ${ajv.errorsText(validate.errors)}`);
  };
  await check('PUT', '/kv/k', '/kv/{key}', 201, { value: '1' });
  await check('PUT', '/kv/k', '/kv/{key}', 200, { value: '2' });
  await check('PUT', '/kv/k', '/kv/{key}', 400, { value: 2 });
  await check('GET', '/kv/k', '/kv/{key}', 200);
  await check('GET', '/keyspaces/default/kv/k', '/keyspaces/{keyspace}/kv/{key}', 200);
  await check('GET', '/kv/none', '/kv/{key}', 404);
  await check('POST', '/kv/k/cas', '/kv/{key}/cas', 200, { expected: '2', value: '3' });
  await check('POST', '/kv/k/cas', '/kv/{key}/cas', 409, { expected: '2', value: '3' });
  await check('POST', '/kv/', '/kv/', 201, { key_base64: '/w==', value_base64: '/w==' });
  await check('POST', '/kv/mput', '/kv/mput', 200, { entries: [{ key: 'a', value: '1' }] });
  await check('POST', '/kv/mget', '/kv/mget', 200, { keys: ['a', 'none', { key_base64: '/w==' }] });
  await check('GET', '/kv?limit=2', '/kv', 200);
  await check('POST', '/kv/mdelete', '/kv/mdelete', 200, { keys: ['a', 'none'] });
  await check('DELETE', '/kv/k', '/kv/{key}', 200);
  await check('GET', '/status', '/status', 200);
  await check('GET', '/healthz', '/healthz', 200);
  await check('GET', '/admin/metrics', '/admin/metrics', 200);
  await check('GET', '/admin/read-policy', '/admin/read-policy', 200);
  await check('POST', '/admin/read-policy', '/admin/read-policy', 200, { policy: 'readindex' });
  await check('POST', '/admin/transfer-leader', '/admin/transfer-leader', 200, { target: 'n1' });
  const carts = '/keyspaces/{keyspace}/kv';
  await check('PUT', '/keyspaces/carts/kv/k', `${carts}/{key}`, 201, { value: '1', ttl_ms: 60_000 });
  await check('GET', '/keyspaces/carts/kv/k', `${carts}/{key}`, 200);
  await check('GET', '/keyspaces/carts/kv?limit=2', carts, 200);
  await check('POST', '/keyspaces/carts/kv/k/cas', `${carts}/{key}/cas`, 409, { expected: null, value: '2' });
  for (const path of ['/admin/conflicts', '/admin/sync', '/admin/members']) await check('GET', path, path, 200);
  await check('POST', '/admin/sync', '/admin/sync', 202, {});
  await check('POST', '/admin/scrub', '/admin/scrub', 200, {});
  await check('PUT', '/kvs/k', '/kvs/{key}', 200, { value: '1', 'causal-metadata': null });
  await check('PUT', '/kvs/k', '/kvs/{key}', 400, {});
  await check('GET', '/kvs/k', '/kvs/{key}', 200);
  await check('GET', '/kvs/none', '/kvs/{key}', 404);
  await check('DELETE', '/kvs/k', '/kvs/{key}', 200);
  await check('GET', '/kvs/sync', '/kvs/sync', 200);
  await check('PUT', '/keyspaces/feed/kv/k', `${carts}/{key}`, 201, { value: '1' });
  await check('GET', '/keyspaces/feed/kv/k?consistency=bounded:50', `${carts}/{key}`, 200);
  for (const path of ['/admin/quorum', '/admin/replica-status', '/dump', '/admin/failovers']) {
    await check('GET', path, path, 200);
  }
  await check('POST', '/admin/quorum', '/admin/quorum', 200, { write_quorum: 2 });
  await check('POST', '/admin/promote', '/admin/promote', 200, { force: true });
  router.feed.leaderId = 'n2' as ReplicaId;
  await check('POST', '/admin/quorum', '/admin/quorum', 403, { write_quorum: 2 });
  await check('GET', '/admin/replica-status', '/admin/replica-status', 200);
  router.defaultKeyspace.failWith = 'outcome_unknown';
  await check('PUT', '/kv/k', '/kv/{key}', 504, { value: '1' });
  router.defaultKeyspace.failWith = null;
});

t.test('every code of a problem is in the catalogue', async (t) => {
  const { json } = await ask('GET', '/none');
  t.ok(Object.hasOwn(ERRORS, String(json['code'])));
});
