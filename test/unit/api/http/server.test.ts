import { once } from 'node:events';
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import t from 'tap';
import { createHttpServer, type HttpServer, type HttpServerOptions } from '../../../../src/api/http/index.js';
import { isKvorumError } from '../../../../src/base/errors/error.js';
import { FakeRouter } from '../../../fixtures/fake-router.js';

/** Real sockets: what a client can do to the server itself. */
async function start(
  t: { teardown(handler: () => Promise<void>): void },
  options: Partial<HttpServerOptions> = {},
): Promise<{ server: HttpServer; router: FakeRouter }> {
  const router = new FakeRouter();
  const server = await createHttpServer(router, { host: '127.0.0.1', port: 0, ...options });
  t.teardown(() => server.close());
  return { server, router };
}

function open({ address }: HttpServer): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(address.port, address.host, () => resolve(socket));
    socket.on('error', reject);
  });
}

/** Sends bytes and gathers everything until the server closes or `enough` says so. */
async function talk(server: HttpServer, bytes: string, enough = (_text: string): boolean => false): Promise<string> {
  const socket = await open(server);
  let text = '';
  return new Promise((resolve) => {
    const end = (): void => {
      socket.destroy();
      resolve(text);
    };
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (enough(text)) end();
    });
    socket.on('close', end);
    socket.on('error', end);
    socket.write(bytes, 'latin1');
  });
}

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

function ask(server: HttpServer, method: string, path: string, body = '', agent?: Agent): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { host, port } = server.address;
    const headers = body === '' ? {} : { 'content-type': 'application/json' };
    const sent = request(
      { host, port, method, path, headers, ...(agent === undefined ? {} : { agent }) },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

const PROBLEM = /content-type: application\/problem\+json/i;

t.test('requests over a socket', async (t) => {
  const { server } = await start(t);
  t.ok(server.address.port > 0);
  t.equal((await ask(server, 'PUT', '/kv/%ff%2f', '{"value":"1"}')).status, 201);
  t.match(JSON.parse((await ask(server, 'GET', '/kv/%FF%2F')).text), { key: null, key_base64: '/y8=', value: '1' });
});

t.test('a GET may bring a body where the causal document says so', async (t) => {
  const { server } = await start(t);
  const metadata = 'GET /kvs/a HTTP/1.1\r\nHost: a\r\nContent-Length: 24\r\n\r\n{"causal-metadata":null}';
  const head = 'GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
  const text = await talk(server, metadata + head);
  t.match(text, /^HTTP\/1\.1 404 [^]*Key does not exist[^]*HTTP\/1\.1 200 OK[^]*OK$/, 'and the next request is read');
});

t.test('the Content-Type of a GET without a body means nothing', async (t) => {
  const { server } = await start(t);
  for (const type of ['application/json', ';;', '']) {
    const head = `Host: a\r\nContent-Type: ${type}\r\n`;
    const requests = `GET /kv/a HTTP/1.1\r\n${head}\r\nGET /health HTTP/1.1\r\n${head}Connection: close\r\n\r\n`;
    const text = await talk(server, requests);
    t.match(text, /^HTTP\/1\.1 404 [^]*HTTP\/1\.1 200 OK[^]*OK$/, JSON.stringify(type));
  }
});

t.test('what the parser lets through is refused', async (t) => {
  const { server, router } = await start(t);
  for (const [name, bytes] of [
    ['duplicate Host', 'GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
    ['duplicate Host in another case', 'GET /health HTTP/1.1\r\nHost: a\r\nhOST: a\r\n\r\n'],
    ['absolute-form target', 'GET http://evil.example/health HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['asterisk-form target', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['chunked on HTTP/1.0', 'PUT /kv/a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n'],
    ['body on GET', 'GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx'],
    ['chunked body on GET', 'GET /health HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n'],
    ['upgrade', 'GET /health HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
  ] as const) {
    const before = router.refused.get('bad_request') ?? 0;
    const text = await talk(server, bytes);
    t.match(text, /^HTTP\/1\.1 400 /, name);
    t.match(text, PROBLEM, name);
    t.match(text, /connection: close/i, name);
    t.equal(router.refused.get('bad_request'), before + 1, `${name} is counted`);
  }
  t.match(await talk(server, 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n'), /^HTTP\/1\.1 405 /);
  t.match(
    await talk(server, 'TRACE /kv/a HTTP/1.1\r\nHost: a\r\n\r\n', (text) => text.includes('}')),
    /^HTTP\/1\.1 405 /,
  );
});

t.test('what the parser refuses is answered as a problem', async (t) => {
  const { server } = await start(t);
  for (const [name, bytes] of [
    ['no HTTP', 'hello\r\n\r\n'],
    ['RESP', '*1\r\n$4\r\nPING\r\n'],
    ['length and chunked', 'PUT /kv/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx'],
    ['two lengths', 'PUT /kv/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx'],
    ['folded header', 'GET /health HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n'],
    ['space before the colon', 'GET /health HTTP/1.1\r\nHost : a\r\n\r\n'],
    ['bad chunk size', 'PUT /kv/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
  ] as const) {
    const text = await talk(server, bytes);
    t.match(text, /^HTTP\/1\.1 400 /, name);
    t.match(text, PROBLEM, name);
  }
  t.match(await talk(server, 'GET /health HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 400 /, 'no Host');
  const large = await talk(server, `GET /health HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
  t.match(large, /^HTTP\/1\.1 431 /);
  t.match(large, /"code":"headers_too_large"/);
});

t.test('garbage behind a request in progress is not its answer', async (t) => {
  const { server, router } = await start(t);
  router.defaultKeyspace.held = [];
  const body = '{"value":"1"}';
  const put = `PUT /kv/a HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  t.equal(await talk(server, `${put}garbage\r\n\r\n`), '', 'closed without an answer: the write may take effect');
  router.defaultKeyspace.release();
  t.equal((await ask(server, 'GET', '/kv/a')).status, 200);
});

t.test('a web page of another site changes nothing', async (t) => {
  const { server } = await start(t);
  const put = (origin: string): Promise<string> =>
    talk(
      server,
      `PUT /kv/a HTTP/1.1\r\nHost: db:1\r\nConnection: close\r\nOrigin: ${origin}\r\nContent-Length: 1\r\n\r\nx`,
    );
  t.match(await put('http://evil.example'), /^HTTP\/1\.1 403 [^]*forbidden_origin/);
  t.match(await put('null'), /^HTTP\/1\.1 403 /);
  t.match(await put('http://db:1'), /^HTTP\/1\.1 201 /, 'its own pages may');
});

t.test('a large body is refused while it arrives', async (t) => {
  const { server } = await start(t, { bodyBytesMax: 100_000 });
  const head = 'POST /kv/mput HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';
  const declared = await talk(server, `${head}Content-Length: 200000\r\n\r\n`, (text) => text.includes('}'));
  t.match(declared, /^HTTP\/1\.1 413 /, 'before a byte of the body was sent');
  const chunk = `8000\r\n${'x'.repeat(0x8000)}\r\n`;
  const streamed = await talk(server, `${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(4)}`);
  t.match(streamed, /^HTTP\/1\.1 413 [^]*request_too_large/, 'before the body has ended');
  const expecting = `${head}Content-Length: 200000\r\nExpect: 100-continue\r\n\r\n`;
  t.match(await talk(server, expecting), /^HTTP\/1\.1 413 /, 'instead of 100 Continue');
  const fine = `${head}Content-Length: 2\r\nExpect: 100-continue\r\n\r\n`;
  t.match(await talk(server, fine, (text) => text.includes('\r\n\r\n')), /^HTTP\/1\.1 100 /);
});

t.test('slow requests are ended', async (t) => {
  const { server } = await start(t, { headersTimeoutMs: 100, requestTimeoutMs: 200, timeoutCheckMs: 20 });
  t.match(await talk(server, 'GET /health HTTP/1.1\r\nHos'), /^HTTP\/1\.1 408 [^]*request_timeout/, 'headers');
  const body = 'PUT /kv/a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc';
  t.match(await talk(server, body), /^HTTP\/1\.1 408 [^]*request_timeout/, 'body');
});

t.test('idle connections are closed', async (t) => {
  const { server } = await start(t, { keepAliveTimeoutMs: 50, timeoutCheckMs: 20 });
  const text = await talk(server, 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n');
  t.match(text, /^HTTP\/1\.1 200 /);
});

t.test('connections are bounded', async (t) => {
  const { server } = await start(t, { connectionsMax: 2 });
  const kept = [await open(server), await open(server)];
  t.equal(await talk(server, 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n'), '', 'the third is closed');
  for (const socket of kept) socket.destroy();
});

t.test('pipelined requests are answered in order', async (t) => {
  const { server } = await start(t);
  const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
  const text = await talk(server, get('/kv/a') + get('/health') + get('/none', 'Connection: close\r\n'));
  t.same(
    [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status),
    ['404', '200', '404'],
  );
});

t.test('a client that goes away harms nobody', async (t) => {
  const { server, router } = await start(t);
  router.defaultKeyspace.held = [];
  const socket = await open(server);
  socket.write('PUT /kv/gone HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx');
  while (router.defaultKeyspace.held.length === 0) await new Promise(setImmediate);
  socket.destroy();
  await once(socket, 'close');
  router.defaultKeyspace.release();
  t.equal((await ask(server, 'GET', '/kv/gone')).status, 200, 'its write took effect');
  const half = await open(server);
  half.write('PUT /kv/half HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
  half.destroy();
  t.equal((await ask(server, 'GET', '/kv/half')).status, 404);
});

t.test('draining finishes what is in progress', async (t) => {
  const { server, router } = await start(t);
  const agent = new Agent({ keepAlive: true });
  t.teardown(() => agent.destroy());
  await ask(server, 'GET', '/health', '', agent); // Leaves an idle connection behind.
  router.defaultKeyspace.held = [];
  const inProgress = ask(server, 'PUT', '/kv/a', '{"value":"1"}');
  while (router.defaultKeyspace.held.length === 0) await new Promise(setImmediate);
  let drained = false;
  const draining = server.drain().then(() => (drained = true));
  await t.rejects(open(server), { code: 'ECONNREFUSED' }, 'no new connections');
  t.equal(drained, false);
  router.defaultKeyspace.release();
  const answer = await inProgress;
  t.equal(answer.status, 201);
  t.equal(answer.headers.connection, 'close');
  await draining;
});

t.test('closing ends everything at once', async (t) => {
  const { server, router } = await start(t);
  router.defaultKeyspace.held = [];
  const inProgress = ask(server, 'PUT', '/kv/a', '{"value":"1"}');
  while (router.defaultKeyspace.held.length === 0) await new Promise(setImmediate);
  const rejected = t.rejects(inProgress, { code: 'ECONNRESET' });
  await server.close();
  await server.close();
  await rejected;
});

t.test('an address in use is named', async (t) => {
  const { server } = await start(t);
  const { host, port } = server.address;
  const second = createHttpServer(new FakeRouter(), { host, port });
  const error: unknown = await second.then(
    () => null,
    (failure: unknown) => failure,
  );
  t.ok(isKvorumError(error));
  t.match(error, { code: 'address_in_use', message: new RegExp(`${host}:${port}`) });
});
