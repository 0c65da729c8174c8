import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import t, { type Test } from 'tap';
import { isKvorumError } from '../../../src/base/errors/error.js';
import { portsBelowEphemeral } from '../../cluster/ports.js';
import { connect, type KvorumClient } from '../../../src/client/client.js';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

type Handler = (seen: Seen, response: ServerResponse, socket: Socket) => void;

/** A client, and a server that remembers what it was asked and answers as told. */
async function serve(
  t: Test,
  handler: Handler,
  timeoutMs?: number,
): Promise<{ client: KvorumClient; seen: Seen[]; url: string }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { headers, method = '', url = '' } = request;
      const one = { method, url, headers, body: Buffer.concat(chunks).toString() };
      seen.push(one);
      handler(one, response, request.socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = connect({ node: `http://127.0.0.1:${port}/`, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  t.teardown(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  return { client, seen, url: `http://127.0.0.1:${port}` };
}

function json(status: number, document: object): Handler {
  return (_seen, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document));
  };
}

const WRITTEN = json(200, { result: 'replaced', key: 'k', revision: 7 });

t.test('a replica that has done nothing names the leader, who is asked instead, once', async (t) => {
  const leader = await serve(t, WRITTEN);
  const { client: direct } = await serve(t, json(503, { code: 'not_leader', detail: 'nobody knows' }));
  await t.rejects(direct.put('k', 'v'), { code: 'not_leader' }, 'nobody is named');
  const named = (url: string): Handler => json(403, { code: 'not_leader', detail: 'd', leader_http: url });
  const { client, seen } = await serve(t, named(leader.url));
  t.equal((await client.put('k', 'v')).revision, 7);
  t.same([seen.length, leader.seen.length], [1, 1]);
  t.match(leader.seen[0], { method: 'PUT', url: '/kv/k', body: '{"value":"v"}' });
  const other = await serve(t, named(leader.url));
  const { client: twice } = await serve(t, named(other.url));
  await t.rejects(twice.put('k', 'v'), { code: 'not_leader' }, 'who is named and does not lead either is believed');
  t.equal(leader.seen.length, 1);
});

t.test('requests are those of the HTTP interface', async (t) => {
  const { client, seen } = await serve(t, WRITTEN);
  t.same(await client.put('a/b ü', 'v', { session: { clientId: 'c', seq: 3 }, ifRevision: 9 }), {
    result: 'replaced',
    revision: 7,
  });
  await client.put('k', 'v', { ifAbsent: true });
  await client.delete('k');
  await client.cas('k', null, 'new');
  await client.cas('k', new Uint8Array([0xff]), new Uint8Array([0x61]));
  t.match(seen[0], { method: 'PUT', url: '/kv/a%2Fb%20%C3%BC', headers: { 'if-match': '"9"' } });
  t.same(JSON.parse(seen[0]?.body ?? ''), { value: 'v', client_id: 'c', seq: 3 });
  t.match(seen[1]?.headers, { 'if-none-match': '*', 'content-type': 'application/json' });
  t.match(seen[2], { method: 'DELETE', body: '' });
  t.notOk(seen[2]?.headers['content-type'], 'no type without a body');
  t.match(seen[3], { method: 'POST', url: '/kv/k/cas', body: '{"expected":null,"value":"new"}' });
  t.match(seen[4], { body: '{"expected_base64":"/w==","value":"a"}' }, 'base64 only where it must be');
});

t.test('keys are sent as they are, dots and bytes included', async (t) => {
  const { client, seen } = await serve(t, WRITTEN);
  for (const key of ['..', '.', '%2e', '?#', new Uint8Array([0, 0xff])]) await client.put(key, '');
  t.same(
    seen.map(({ url }) => url),
    ['/kv/..', '/kv/.', '/kv/%252e', '/kv/%3F%23', '/kv/%00%FF'],
  );
});

t.test('bytes that are not UTF-8 come back as bytes', async (t) => {
  const counters = { revision: 5, create_revision: 4, version: 2 };
  const { client } = await serve(
    t,
    json(200, { key: null, key_base64: '/wA=', value: null, value_base64: '/w==', ...counters }),
  );
  const found = await client.get(new Uint8Array([0xff, 0]));
  t.match(found, { key: null, value: null, revision: 5, createRevision: 4, version: 2 });
  t.same([...(found?.keyBytes ?? [])], [0xff, 0]);
  t.same([...(found?.valueBytes ?? [])], [0xff]);
});

t.test('text comes as text and as its bytes', async (t) => {
  const { client } = await serve(t, json(200, { key: 'k', value: 'ü', revision: 5, create_revision: 5, version: 1 }));
  const found = await client.get('k');
  t.equal(found?.value, 'ü');
  t.same([...(found?.valueBytes ?? [])], [0xc3, 0xbc]);
});

t.test('scan pages', async (t) => {
  const item = { key: 'k', value: 'v', revision: 1, create_revision: 1, version: 1 };
  const { client, seen } = await serve(t, json(200, { items: [item], next_cursor: 'abc', revision: 3 }));
  t.match(await client.scan({ prefix: 'ü&', limit: 1, consistency: 'stale' }), {
    items: [{ key: 'k', value: 'v' }],
    cursor: 'abc',
    revision: 3,
  });
  await client.scan();
  t.same(
    seen.map(({ url }) => url),
    ['/kv?prefix=%C3%BC%26&limit=1&consistency=stale', '/kv'],
  );
});

t.test('a problem document becomes the error of its code', async (t) => {
  const { client } = await serve(t, (seen, response) => {
    const code = seen.method === 'PUT' ? 'precondition_failed' : 'cas_mismatch';
    const problem = { code, detail: 'because', title: 'x', etag: '"4"', current: 'now' };
    json(409, problem)(seen, response, seen as never);
  });
  await t.rejects(client.put('k', 'v'), { code: 'precondition_failed', message: 'because', extra: { etag: '"4"' } });
  await t.rejects(client.cas('k', 'a', 'b'), { code: 'cas_mismatch', extra: { current: 'now' } });
});

t.test('an absent key is null, an absent keyspace is an error', async (t) => {
  const { client } = await serve(t, (seen, response, socket) => {
    const code = seen.url.includes('absent') ? 'key_not_found' : 'unknown_keyspace';
    json(404, { code, detail: code })(seen, response, socket);
  });
  t.equal(await client.get('absent'), null);
  t.equal(await client.delete('absent'), null);
  await t.rejects(client.get('x'), { code: 'unknown_keyspace' });
});

t.test('nobody listens: nothing happened, also for a write', async (t) => {
  const [port = 0] = await portsBelowEphemeral(1);
  const client = connect({ node: `http://127.0.0.1:${port}` });
  await t.rejects(client.put('k', 'v'), { code: 'cannot_connect', message: /ECONNREFUSED/ });
  await t.rejects(client.get('k'), { code: 'cannot_connect' });
});

t.test('the connection breaks after the request: a write may have taken effect, a read has not', async (t) => {
  const { client } = await serve(t, (_seen, _response, socket) => socket.resetAndDestroy());
  await t.rejects(client.put('k', 'v'), { code: 'outcome_unknown' });
  await t.rejects(client.delete('k'), { code: 'outcome_unknown' });
  await t.rejects(client.cas('k', 'a', 'b'), { code: 'outcome_unknown' });
  await t.rejects(client.get('k'), { code: 'cannot_connect' });
});

t.test('an answer that is cut off is no answer', async (t) => {
  const { client } = await serve(t, (_seen, response, socket) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('{"result":', () => socket.destroy());
  });
  await t.rejects(client.put('k', 'v'), { code: 'outcome_unknown' });
});

t.test('no answer in time', async (t) => {
  const { client, seen } = await serve(t, () => undefined, 50);
  await t.rejects(client.put('k', 'v'), { code: 'outcome_unknown', message: /no answer within 50 ms/ });
  await t.rejects(client.get('k'), { code: 'read_timeout' });
  t.equal(seen.length, 2, 'nothing is sent twice');
});

t.test('what stands in between answers for itself', async (t) => {
  let status = 502;
  const { client } = await serve(t, (_seen, response) => response.writeHead(status).end('<h1>Bad gateway</h1>'));
  await t.rejects(client.put('k', 'v'), { code: 'outcome_unknown' }, 'the gateway may have passed it on');
  await t.rejects(client.get('k'), { code: 'cannot_connect', message: /no replica of Kvorum/ });
  status = 401;
  await t.rejects(client.put('k', 'v'), { code: 'cannot_connect' }, 'refused for certain');
  status = 200;
  await t.rejects(client.put('k', 'v'), { code: 'outcome_unknown' });
});

t.test('a server that does not speak HTTP', async (t) => {
  const server = createTcpServer((socket) => socket.end('-ERR unknown command\r\n'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const client = connect({ node: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  await t.rejects(client.get('k'), { code: 'cannot_connect' });
});

t.test('what cannot be sent is refused before anything is', async (t) => {
  for (const node of ['127.0.0.1:1', 'ftp://a', 'http://a/path', 'http://user@a', '']) {
    t.throws(() => connect({ node }), { code: 'usage' }, node);
  }
  const { client, seen } = await serve(t, WRITTEN);
  await t.rejects(client.put('\ud800', 'v'), { code: 'bad_request' }, 'half a surrogate pair has no UTF-8');
  await t.rejects(client.put('k', '\udc00'), { code: 'bad_request' });
  await t.rejects(client.put('k', 'v', { ifAbsent: true, ifRevision: 1 }), { code: 'bad_request' });
  t.equal(seen.length, 0);
  t.ok(isKvorumError(await client.put('\ud800', '').catch((error: unknown) => error)));
});

t.test('connections are kept', async (t) => {
  const sockets = new Set<Socket>();
  const { client } = await serve(t, (seen, response, socket) => {
    sockets.add(socket);
    WRITTEN(seen, response, socket);
  });
  for (let i = 0; i < 5; i++) await client.put('k', String(i));
  t.equal(sockets.size, 1);
});

t.test('the client goes on where its answers left it, on every replica', async (t) => {
  let answers = 0;
  const { client, seen } = await serve(t, (_one, response) => {
    const headers = { 'content-type': 'application/json', 'x-kvorum-session': `t${++answers}` };
    response.writeHead(200, headers).end('{"result":"replaced","revision":7,"version":"7@n1"}');
  });
  t.equal(client.sessionToken, null);
  t.same(await client.put('k', 'v'), { result: 'replaced', revision: 7, version: '7@n1' });
  t.equal(client.sessionToken, 't1');
  await client.put('k', 'v');
  t.notOk(seen[0]?.headers['x-kvorum-session']);
  t.equal(seen[1]?.headers['x-kvorum-session'], 't1');
  t.equal(client.sessionToken, 't2', 'which holds what t1 held');
  await Promise.all([client.put('a', 'v'), client.put('b', 'v')]);
  t.equal(seen[3]?.headers['x-kvorum-session'], 't2', 'sent before the other was answered');
  t.same(client.sessionToken?.split(',').sort(), ['t3', 't4'], 'neither answer knows of the other');
  await client.put('k', 'v');
  t.equal(client.sessionToken, 't5');
  client.forgetSession();
  t.equal(client.sessionToken, null);
});

t.test('sessions may be handed over, and switched off', async (t) => {
  const { seen, url } = await serveTokens(t);
  using other = connect({ node: url, session: 'theirs' });
  await other.put('k', 'v');
  t.equal(seen[0]?.headers['x-kvorum-session'], 'theirs');
  using off = connect({ node: url, session: false });
  await off.put('k', 'v');
  await off.put('k', 'v');
  t.notOk(seen[2]?.headers['x-kvorum-session']);
  t.equal(off.sessionToken, null);
});

async function serveTokens(t: Test): Promise<{ seen: Seen[]; url: string }> {
  const seen: Seen[] = [];
  const server = createServer(({ headers, method = '', url = '' }, response) => {
    seen.push({ method, url, headers, body: '' });
    response.writeHead(200, { 'content-type': 'application/json', 'x-kvorum-session': 'new' });
    response.end('{"result":"replaced","revision":7}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

t.test('what leaderless keyspaces have beside', async (t) => {
  const { client, seen } = await serve(t, (one, response) => {
    const written = { result: 'created', revision: 3, version: '3@n1' };
    const item = { key: 'k', value: 'new', revision: 9, version: '9@n2', expires_at_ms: 5, context: 'ctx' };
    const siblings = [{ value: 'new' }, { value: null, value_base64: '/w==' }];
    json(200, one.method === 'GET' ? { ...item, siblings } : written)(one, response, response.socket!);
  });
  await client.put('k', 'v', { consistency: 'quorum', ttlMs: 100, context: 'ctx' });
  t.match(seen[0], { url: '/kv/k?consistency=quorum', body: '{"value":"v","ttl_ms":100,"context":"ctx"}' });
  await client.delete('k', { consistency: 'all', context: 'ctx' });
  t.match(seen[1], { url: '/kv/k?consistency=all', body: '{"context":"ctx"}' });
  t.match(await client.get('k', { consistency: 'each_quorum' }), {
    revision: 9,
    version: '9@n2',
    createRevision: null,
    expiresAtMs: 5,
    context: 'ctx',
    siblings: [{ value: 'new' }, { value: null, valueBytes: Buffer.from([0xff]) }],
  });
});
