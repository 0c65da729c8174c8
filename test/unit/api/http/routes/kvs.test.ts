import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import t from 'tap';
import type { ReplicaId } from '../../../../../src/base/brand.js';
import type { ReplicaInfo } from '../../../../../src/replica/router.js';
import { ORIGINS, testSessions, tokenOf } from '../../../../fixtures/fake-leaderless.js';
import { createHttpApp, type HttpApp } from '../../../../fixtures/http-app.js';

/** The causal document's API: statuses and bodies as it has them, metadata on every answer. */
let app: HttpApp;
t.beforeEach(async () => void (app = await createHttpApp()));
t.afterEach(() => app.close());

const TOKEN_1 = testSessions.encode(new Map([['carts', { dots: [{ origin: ORIGINS.n1, seq: 1 }], counter: 1 }]]));
const METADATA_1 = { token: TOKEN_1, clock: { n1: 1 } };

t.test('create, replace, find, delete', async (t) => {
  const created = await app.ask('PUT', '/kvs/x', { body: { value: '1', 'causal-metadata': null } });
  t.equal(created.status, 201);
  t.equal(created.text, JSON.stringify({ result: 'created', 'causal-metadata': METADATA_1 }));
  t.equal(created.headers['x-kvorum-session'], TOKEN_1);
  t.equal(created.headers['content-type'], 'application/json; charset=utf-8');
  const found = await app.ask('GET', '/kvs/x');
  t.equal(found.status, 200);
  t.equal(found.text, JSON.stringify({ result: 'found', value: '1', 'causal-metadata': METADATA_1 }));
  const replaced = await app.ask('PUT', '/kvs/x', { body: { value: '2', 'causal-metadata': METADATA_1 } });
  t.match(replaced, { status: 200, json: { result: 'replaced', 'causal-metadata': { clock: { n1: 2 } } } });
  const deleted = await app.ask('DELETE', '/kvs/x', { body: { 'causal-metadata': replaced.json['causal-metadata'] } });
  t.match(deleted, { status: 200, json: { result: 'deleted', 'causal-metadata': { clock: { n1: 3 } } } });
  const gone = await app.ask('GET', '/kvs/x');
  t.match(gone, { status: 404, json: { error: 'Key does not exist', 'causal-metadata': { clock: { n1: 3 } } } });
  t.same(Object.keys(gone.json), ['error', 'causal-metadata']);
  const again = await app.ask('DELETE', '/kvs/x');
  t.match(again, { status: 404, json: { error: 'Key does not exist', 'causal-metadata': { clock: { n1: 3 } } } });
  t.equal((await app.ask('GET', '/kvs/none')).text, '{"error":"Key does not exist","causal-metadata":null}');
});

t.test('a value and a short key are needed', async (t) => {
  const missing = await app.ask('PUT', '/kvs/x', { body: { 'causal-metadata': METADATA_1 } });
  t.equal(missing.status, 400);
  t.same(missing.json, { error: 'PUT request does not specify a value', 'causal-metadata': METADATA_1 });
  t.equal((await app.ask('PUT', '/kvs/x')).json['error'], 'PUT request does not specify a value', 'no body at all');
  t.equal((await app.ask('PUT', `/kvs/${'k'.repeat(50)}`, { body: { value: '' } })).status, 201);
  const umlauts = encodeURIComponent('ä'.repeat(50));
  t.equal((await app.ask('PUT', `/kvs/${umlauts}`, { body: { value: '' } })).status, 201, 'characters, not bytes');
  for (const [method, body] of [
    ['PUT', { value: '1' }],
    ['GET', undefined],
    ['DELETE', undefined],
  ] as const) {
    // prettier-ignore
    const long = await app.ask(method, `/kvs/${'k'.repeat(51)}`, body === undefined ? {} : { body });
    t.match(long, { status: 400, json: { error: 'Key is too long', 'causal-metadata': null } }, method);
  }
  const broken = await app.ask('PUT', '/kvs/x', { body: '{', headers: { 'content-type': 'application/json' } });
  t.match(broken, {
    status: 400,
    json: { error: /line 1, column 2/, code: 'malformed_json', 'causal-metadata': null },
  });
  const form = { body: '{"value":"1"}', headers: { 'content-type': 'application/x-www-form-urlencoded' } };
  t.equal((await app.ask('PUT', '/kvs/x', form)).status, 201, 'curl -d sends JSON under this name');
});

t.test('metadata are taken from body, query or header, in every form that was given out', async (t) => {
  const { carts } = app.router;
  carts.deliver(ORIGINS.n1, 1, 1, 'x', 'v');
  const query = `causal-metadata=${encodeURIComponent(JSON.stringify(METADATA_1))}`;
  const requests = [
    ['/kvs/x', { body: { 'causal-metadata': METADATA_1 } }],
    ['/kvs/x', { body: { 'causal-metadata': { token: TOKEN_1 } } }],
    ['/kvs/x', { body: { 'causal-metadata': TOKEN_1 } }],
    ['/kvs/x', { body: { 'causal-metadata': JSON.stringify(METADATA_1) } }],
    [`/kvs/x?causal-metadata=${TOKEN_1}`, {}],
    [`/kvs/x?${query}`, {}],
    ['/kvs/x', { headers: { 'x-kvorum-session': TOKEN_1 } }],
    ['/kvs/x', { body: { 'causal-metadata': null }, headers: { 'x-kvorum-session': TOKEN_1 } }],
  ] as const;
  for (const [url, options] of requests) {
    const answer = await app.ask('GET', url, options);
    t.match(answer.json, { result: 'found', 'causal-metadata': METADATA_1 }, `${url} ${JSON.stringify(options)}`);
    t.match(carts.asked.at(-1)?.options, { seen: { counter: 1 } });
  }
  for (const fresh of [null, {}, '', 'null']) {
    await app.ask('GET', '/kvs/x', { body: { 'causal-metadata': fresh } });
    t.notOk('seen' in (carts.asked.at(-1)?.options ?? {}), JSON.stringify(fresh));
  }
  for (const bad of ['nonsense', { clock: {} }, 7, ['x'], { token: 1 }]) {
    const answer = await app.ask('PUT', '/kvs/x', { body: { value: '1', 'causal-metadata': bad } });
    t.match(answer, { status: 400, json: { code: 'session_token_invalid' } }, JSON.stringify(bad));
    t.same(answer.json['causal-metadata'], bad, 'as it was sent');
  }
});

t.test('unmet dependencies are a 503 that gives the metadata back unchanged', async (t) => {
  const token = tokenOf('carts', { origin: ORIGINS.n2, seq: 3 });
  for (const [method, more] of [
    ['PUT', { value: '1' }],
    ['GET', {}],
    ['DELETE', {}],
  ] as const) {
    // prettier-ignore
    const answer = await app.ask(method, '/kvs/x', { body: { ...more, 'causal-metadata': { token } } });
    t.equal(answer.status, 503, method);
    t.equal(answer.headers['retry-after'], '1');
    t.same(answer.json, {
      error: 'Causal dependencies not satisfied; try again later',
      missing: [{ replica: 'n2', have: 0, need: 3 }],
      'causal-metadata': { token },
    });
  }
  app.router.carts.deliver(ORIGINS.n2, 3, 5, 'y', 'v');
  const met = await app.ask('PUT', '/kvs/x', { body: { value: '1', 'causal-metadata': { token } } });
  t.match(met.json, { result: 'created', 'causal-metadata': { clock: { n1: 1, n2: 3 } } });
});

t.test('other errors say what they are', async (t) => {
  app.router.carts.failWith = 'outcome_unknown';
  const unknown = await app.ask('PUT', '/kvs/x', { body: { value: '1', 'causal-metadata': METADATA_1 } });
  t.match(unknown, { status: 504, json: { code: 'outcome_unknown', 'causal-metadata': METADATA_1 } });
  app.router.carts.failWith = 'causal_history_lost';
  t.match(await app.ask('GET', '/kvs/x'), { status: 410, json: { code: 'causal_history_lost' } });
});

t.test('GET /kvs/sync shows what a replica holds, in pages', async (t) => {
  const { carts } = app.router;
  carts.deliver(ORIGINS.n2, 4, 9, 'a', '1');
  carts.deliver(ORIGINS.n3, 2, 5, 'b', '2');
  const first = await app.ask('GET', '/kvs/sync?limit=1');
  t.match(first, {
    status: 200,
    json: { replica: 'n1', 'vector-clock': { n2: 4, n3: 2 }, items: [{ key: 'a', value: '1' }], next: { key: 'a' } },
  });
  const second = await app.ask('GET', '/kvs/sync?after=a');
  t.match(second.json, { items: [{ key: 'b' }], next: null, 'causal-metadata': null });
  t.match((await app.ask('GET', '/kvs/sync?limit=0')).json, { error: /limit/ });
});

t.test('where siblings are kept, what the client has seen is what it replaces', async (t) => {
  app.router.carts.conflicts = 'siblings';
  app.router.carts.deliver(ORIGINS.n1, 1, 1, 'x', 'v');
  await app.ask('PUT', '/kvs/x', { body: { value: '2', 'causal-metadata': METADATA_1 } });
  t.match(app.router.carts.asked.at(-1)?.options, { context: [{ origin: ORIGINS.n1, seq: 1 }] });
});

t.test('without a causal keyspace there is nothing here', async (t) => {
  (app.router as { keyspaces: unknown }).keyspaces = [app.router.defaultKeyspace, app.router.likes];
  const answer = await app.ask('GET', '/kvs/x');
  t.match(answer, { status: 404, json: { error: /No keyspace of this cluster is causal/, 'causal-metadata': null } });
});

t.test('requests are handed to the replica that the keyspace names', async (t) => {
  const seen: { request: IncomingMessage; body: string }[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      seen.push({ request, body: await text(request) });
      response.writeHead(request.url === '/kvs/teapot' ? 418 : 201, {
        'content-type': 'application/json',
        'x-kvorum-session': 'theirs',
      });
      response.end('{"result":"created"}');
    })();
  });
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1' }, resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const replicas = app.router.replicas as ReplicaInfo[];
  replicas[1] = { ...replicas[1]!, http: `http://127.0.0.1:${port}` };
  app.router.carts.forwardTo = 'n2' as ReplicaId;

  const body = { value: '1', 'causal-metadata': { token: TOKEN_1 } };
  const answer = await app.ask('PUT', '/kvs/a%2Fb?x=1', { body });
  t.match(answer, { status: 201, text: '{"result":"created"}', headers: { 'x-kvorum-session': 'theirs' } });
  t.equal(seen[0]?.request.url, '/kvs/a%2Fb?x=1');
  t.match(seen[0]?.request.headers, { 'x-kvorum-forwarded': 'n1', 'content-type': 'application/json' });
  t.same(JSON.parse(seen[0]?.body ?? ''), body);
  t.equal((await app.ask('GET', '/kvs/teapot')).status, 418, 'whatever it says');

  const looping = await app.ask('GET', '/kvs/x', { headers: { 'x-kvorum-forwarded': 'n3' } });
  t.match(looping, { status: 503, json: { error: /Cannot forward request: another replica passed it on/ } });
  app.router.carts.forwardTo = 'n3' as ReplicaId;
  t.match(await app.ask('GET', '/kvs/x'), { status: 503, json: { error: /n3 should serve it, and has no HTTP/ } });
  replicas[1] = { ...replicas[1], http: 'http://127.0.0.1:1' };
  app.router.carts.forwardTo = 'n2' as ReplicaId;
  const down = await app.ask('PUT', '/kvs/x', { body });
  t.match(down, { status: 503, json: { error: /Cannot forward request/, 'causal-metadata': { token: TOKEN_1 } } });
  app.router.carts.forwardTo = 'n1' as ReplicaId;
  t.equal((await app.ask('PUT', '/kvs/x', { body: { value: '1' } })).status, 201, 'which may be this one');
});
