import t from 'tap';
import { ERRORS } from '../../../../src/base/errors/catalogue.js';
import { createPrng } from '../../../../src/base/prng.js';
import { ORIGINS, tokenOf } from '../../../fixtures/fake-leaderless.js';
import { createHttpApp, type AskOptions, type Method } from '../../../fixtures/http-app.js';

const REQUESTS = Number(process.env['KVORUM_TEST_HTTP_REQUESTS'] ?? 20_000);
const SEED = Number(process.env['KVORUM_TEST_SEED'] ?? 1);

const app = await createHttpApp();
t.teardown(() => app.close());

const prng = createPrng(SEED);
const pick = <Value>(values: readonly [Value, ...Value[]]): Value =>
  values[prng.between(0, values.length - 1)] ?? values[0];

const TOKEN = tokenOf('carts', { origin: ORIGINS.n1, seq: 1 });
const METHODS = ['GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'PATCH', 'OPTIONS'] as const;
const PATHS = [
  '/kv/KEY',
  '/kv/KEY',
  '/keyspaces/default/kv/KEY',
  '/keyspaces/KEY/kv/KEY',
  '/kv/KEY/cas',
  '/kv/mput',
  '/kv/mget',
  '/kv/mdelete',
  '/kv',
  '/kv/',
  '/keyspaces/carts/kv/KEY',
  '/keyspaces/carts/kv',
  '/kvs/KEY',
  '/kvs/KEY',
  '/kvs/sync',
  '/admin/conflicts',
  '/admin/sync',
  '/admin/scrub',
  '/status',
  '/health',
  '/readyz',
  '/admin/read-policy',
  '/admin/transfer-leader',
  '/KEY',
] as const;
const BODIES = [
  '{"value":"v"}',
  '{"client_id":"c","seq":SEQ,"value":"v"}',
  '{"expected":null,"value":"v"}',
  '{"expected":"v","value":"w"}',
  '{"key":"k","value":"v"}',
  '{"entries":[{"key":"a","value":"1"},{"key_base64":"/w==","value_base64":"/w=="}]}',
  '{"keys":["a","b",{"key_base64":"/w=="}]}',
  '{"policy":"stale"}',
  '{"value":"v","causal-metadata":null}',
  `{"value":"v","causal-metadata":{"token":"${TOKEN}"}}`,
  `{"causal-metadata":"${TOKEN}"}`,
  '{"value":"v","ttl_ms":1000}',
  '{"keyspace":"carts"}',
  '{"target":"n2","keyspace":"other"}',
  '{"__proto__":{"value":"x"},"constructor":{"prototype":{}}}',
  '[[[[[[]]]]]]',
  '"\\ud800"',
  '',
] as const;
const TYPES = [
  'application/json',
  'application/json; charset=utf-8',
  'text/plain',
  'multipart/form-data',
  ';;',
  'x',
] as const;
const HEADERS: readonly (readonly [string, readonly [string, ...string[]]])[] = [
  ['if-match', ['*', '"1"', 'abc', '"99999999999999999999"', '']],
  ['if-none-match', ['*', '"1"', '"']],
  ['accept', ['application/octet-stream', 'text/plain', '*/*', '\u0001']],
  ['x-kvorum-client-id', ['c', '', 'x'.repeat(200)]],
  ['x-kvorum-seq', ['1', '-1', '1e99', 'NaN']],
  ['x-kvorum-forward', ['false', 'x']],
  ['x-kvorum-session', [TOKEN, `${TOKEN},${TOKEN}`, 'x', ',', '']],
  ['x-kvorum-context', [TOKEN, 'x']],
  ['x-kvorum-forwarded', ['n2']],
  ['prefer', ['wait=0', 'wait=x', 'respond-async, wait=1']],
  ['x-request-id', ['ok-1', 'a\u0000b', 'é']],
  ['origin', ['null', 'http://evil.example']],
];
const QUERIES = [
  'consistency=stale',
  'consistency=x',
  'consistency=quorum',
  'ttl_ms=5',
  'ttl_ms=x',
  `causal-metadata=${TOKEN}`,
  'causal-metadata=%7B%22token%22:1%7D',
  'after=%ff',
  'forward=false',
  'limit=1',
  'limit=x',
  'cursor=AAAA',
  'prefix=%ff',
  'a=%',
  '&&=',
  'client_id=q&seq=1',
  '__proto__=1',
] as const;

function randomKey(): string {
  const kind = prng.between(0, 5);
  if (kind === 0) return pick(['%', '%zz', '%00', '%2F..%2F', '__proto__', '..', 'a'.repeat(3000), '%ff%fe', '%25']);
  const bytes = Array.from({ length: prng.between(0, 8) }, () => prng.between(0, 255));
  return bytes.map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}

/** Changes a few characters, so that most of a valid request stays valid. */
function mutate(text: string): string {
  const chars = Array.from(text);
  for (let count = prng.between(0, 3); count > 0 && chars.length > 0; count--) {
    const at = prng.between(0, chars.length - 1);
    const kind = prng.between(0, 2);
    if (kind === 0) chars.splice(at, 1);
    else if (kind === 1) chars.splice(at, 0, pick(['{', '}', '[', '"', ',', '\\', '0', '\u0000', '\u{1f600}', ':']));
    else chars[at] = String.fromCharCode(prng.between(1, 255));
  }
  return chars.join('');
}

function randomRequest(): { method: Method; url: string; options: AskOptions } {
  const path = pick(PATHS).replaceAll('KEY', () => randomKey());
  const url = prng.between(0, 2) === 0 ? `${path}?${pick(QUERIES)}&${pick(QUERIES)}` : path;
  const headers: Record<string, string> = { 'content-type': pick(TYPES) };
  if (prng.between(0, 2) === 0) headers['content-type'] = 'application/json';
  for (const [name, values] of HEADERS) if (prng.between(0, 9) === 0) headers[name] = pick([...values] as [string]);
  const template = pick(BODIES).replace('SEQ', () => String(prng.between(0, 20)));
  const body = prng.between(0, 1) === 0 ? template : mutate(template);
  const raw = prng.between(0, 9) === 0 ? Buffer.from(body, 'latin1') : Buffer.from(body);
  const method = prng.between(0, 1) === 0 ? pick<Method>(['GET', 'PUT', 'POST']) : pick<Method>(METHODS);
  return { method, url, options: prng.between(0, 4) === 0 ? { headers } : { headers, body: raw } };
}

/** What every answer must be, whatever was asked. */
function complaint(answer: Awaited<ReturnType<typeof app.ask>>, method: Method, url: string): string | null {
  if (answer.status < 200 || answer.status > 504) return `status ${answer.status}`;
  if (answer.status === 500) return `500: ${answer.text}`;
  if (answer.status < 400 || method === 'HEAD') return null;
  if (url.startsWith('/kvs/') && answer.headers['content-type'] === 'application/json; charset=utf-8') {
    const { error: text, 'causal-metadata': metadata } = answer.json;
    return typeof text === 'string' && text !== '' && metadata !== undefined
      ? null
      : 'not as the causal document has it';
  }
  const { type, title, status, detail, code, retry, error, instance } = answer.json;
  if (answer.headers['content-type'] !== 'application/problem+json; charset=utf-8') return 'not a problem document';
  if (typeof code !== 'string' || !Object.hasOwn(ERRORS, code)) return `code ${String(code)}`;
  if (type !== `urn:kvorum:error:${code}` || error !== code || status !== answer.status) return 'inconsistent members';
  if ([title, detail, retry, instance].some((text) => typeof text !== 'string' || text === '')) return 'empty member';
  return /\bat .*\.[jt]s:\d/.test(answer.text) ? 'a stack trace' : null;
}

t.test('any request gets a well-formed answer', { timeout: 60_000 + REQUESTS }, async (t) => {
  const failures: string[] = [];
  const statuses = new Map<number, number>();
  let heapAtStart = 0;
  let count = 0;
  while (count < REQUESTS && failures.length < 5) {
    const batch = Array.from({ length: 50 }, () => randomRequest());
    const answers = await Promise.all(batch.map(({ method, url, options }) => app.ask(method, url, options)));
    for (const [at, answer] of answers.entries()) {
      const request = batch[at];
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      const wrong = complaint(answer, request?.method ?? 'GET', request?.url ?? '');
      if (wrong !== null) failures.push(`${wrong}: ${JSON.stringify(request)}`);
    }
    count += batch.length;
    if (heapAtStart === 0 && count > REQUESTS / 3) heapAtStart = process.memoryUsage().heapUsed;
  }
  t.same(failures, [], `seed ${SEED}`);
  t.comment(`${count} requests, ${JSON.stringify(Object.fromEntries(statuses))}`);
  const grown = process.memoryUsage().heapUsed - heapAtStart;
  t.ok(grown < 128 * 1024 * 1024, `the heap has grown by ${Math.round(grown / 1024 / 1024)} MiB`);
  for (const status of [200, 201, 307, 400, 404, 405, 415]) {
    const possible = status !== 307; // The fake replica leads, unless a transfer was among the requests.
    t.ok(!possible || statuses.has(status), `status ${status} was reached`);
  }
});
