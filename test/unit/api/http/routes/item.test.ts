import t from 'tap';
import { createHttpApp } from '../../../../fixtures/http-app.js';

const app = await createHttpApp();
const { ask, router } = app;
t.teardown(() => app.close());

t.test('the requests of the Raft KV document work as written', async (t) => {
  const put = await ask('PUT', '/kv/mykey', { body: { client_id: 'cli1', seq: 1, value: 'myvalue' } });
  t.equal(put.status, 201);
  t.match(put.json, { result: 'created', key: 'mykey', revision: 1 });
  const got = await ask('GET', '/kv/mykey');
  t.equal(got.status, 200);
  t.same(got.json, { key: 'mykey', value: 'myvalue', revision: 1, create_revision: 1, version: 1 });
  const body = {
    client_id: 'cli1',
    seq: 2,
    entries: [
      { key: 'a', value: '1' },
      { key: 'b', value: '2' },
    ],
  };
  t.equal((await ask('POST', '/kv/mput', { body })).status, 200);
  t.equal((await ask('GET', '/kv/b')).json['value'], '2');
});

t.test('put tells created from replaced, and counts versions', async (t) => {
  t.equal((await ask('PUT', '/kv/versions', { body: { value: 'one' } })).status, 201);
  const again = await ask('PUT', '/kv/versions', { body: { value: 'two' } });
  t.equal(again.status, 200);
  t.equal(again.json['result'], 'replaced');
  const got = await ask('GET', '/kv/versions');
  t.equal(got.json['version'], 2);
  t.equal(got.headers['etag'], `"${String(got.json['revision'])}"`);
  t.equal(got.headers['etag'], again.headers['etag']);
  t.equal(got.headers['x-kvorum-served-by'], 'n1');
  t.equal(got.headers['x-kvorum-revision'], String(got.json['revision']));
  t.equal(got.headers['cache-control'], 'no-store');
  t.equal(got.headers['x-content-type-options'], 'nosniff');
});

t.test('keys are bytes', async (t) => {
  for (const [path, shown] of [
    ['%00', { key: '\0' }],
    ['a%2Fb', { key: 'a/b' }],
    ['%25', { key: '%' }],
    ['%2525', { key: '%25' }],
    ['a;b', { key: 'a;b' }],
    ['a+b', { key: 'a+b' }],
    ['%C3%A9', { key: 'é' }],
    ['%ff%FE', { key: null, key_base64: '//4=' }],
    ['%E2%82', { key: null, key_base64: '4oI=' }],
    ['__proto__', { key: '__proto__' }],
    ['constructor', { key: 'constructor' }],
    ['mput', { key: 'mput' }],
  ] as const) {
    const put = await ask('PUT', `/kv/${path}`, { body: { value: path } });
    t.equal(put.status, 201, path);
    t.match(put.json, shown);
    t.match((await ask('GET', `/kv/${path}`)).json, { ...shown, value: path });
    t.equal((await ask('DELETE', `/kv/${path}`)).status, 200);
  }
  t.equal((await ask('PUT', '/kv/caf%C3%A9', { body: { value: '1' } })).status, 201);
  t.equal((await ask('GET', '/kv/caf%c3%a9')).status, 200, 'the case of hex digits does not matter');
});

t.test('malformed keys are refused', async (t) => {
  for (const path of ['%', '%zz', 'a%2', '%%41']) {
    const answer = await ask('GET', `/kv/${path}`);
    t.equal(answer.status, 400, path);
    t.equal(answer.json['code'], 'bad_request');
  }
  const long = await ask('PUT', `/kv/${'k'.repeat(1025)}`, { body: { value: '' } });
  t.equal(long.json['code'], 'key_too_large');
  t.match(long.json['detail'], /1024/);
  t.equal((await ask('PUT', `/kv/${'%41'.repeat(1024)}`, { body: { value: '' } })).status, 201, 'counted decoded');
  t.equal((await ask('POST', '/kv/', { body: { key: '', value: 'x' } })).json['code'], 'empty_key');
});

t.test('values are bytes, as JSON, base64 or raw', async (t) => {
  const bytes = Buffer.from([0xff, 0x00, 0xfe]);
  await ask('PUT', '/kv/raw', { body: bytes, headers: { 'content-type': 'application/octet-stream' } });
  t.match((await ask('GET', '/kv/raw')).json, { value: null, value_base64: bytes.toString('base64') });
  const raw = await ask('GET', '/kv/raw', { headers: { accept: 'application/octet-stream' } });
  t.equal(raw.headers['content-type'], 'application/octet-stream');
  t.same(raw.bytes, bytes);
  const text = await ask('GET', '/kv/raw', { headers: { accept: 'text/plain' } });
  t.equal(text.status, 406);
  t.equal(text.json['code'], 'not_acceptable');

  await ask('PUT', '/kv/base64', { body: { value_base64: '/wD+' } });
  t.same((await ask('GET', '/kv/base64', { headers: { accept: 'application/octet-stream' } })).bytes, bytes);
  const unicode = 'naïve \u0000 "quoted" \u{1f600} \u2028';
  await ask('PUT', '/kv/text', { body: { value: unicode } });
  t.equal((await ask('GET', '/kv/text')).json['value'], unicode);
  t.equal((await ask('GET', '/kv/text', { headers: { accept: 'text/plain' } })).text, unicode);

  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'image/png']) {
    await ask('PUT', '/kv/form', { body: '{"value":1}&a=b', headers: { 'content-type': type } });
    t.equal((await ask('GET', '/kv/form')).json['value'], '{"value":1}&a=b', type);
  }
  t.equal((await ask('PUT', '/kv/empty', { body: { value: '' } })).status, 201);
  t.equal((await ask('GET', '/kv/empty')).json['value'], '');
  t.equal((await ask('PUT', '/kv/empty', { headers: { 'content-length': '0' } })).status, 200, 'no bytes are a value');
});

t.test('what is not a value is refused with a reason', async (t) => {
  for (const [value, reason] of [
    [5, /a number/],
    [true, /a boolean/],
    [null, /null/],
    [{ a: 1 }, /an object/],
    [['x'], /an array/],
  ] as const) {
    const answer = await ask('PUT', '/kv/bad', { body: { value } });
    t.equal(answer.status, 400);
    t.match(answer.json, { code: 'bad_request', detail: reason });
  }
  t.equal((await ask('PUT', '/kv/bad', { body: {} })).json['code'], 'missing_value');
  t.equal((await ask('PUT', '/kv/bad')).json['code'], 'missing_value', 'no body at all');
  t.equal((await ask('PUT', '/kv/bad', { body: { value_base64: 'not base64!' } })).status, 400);
  t.equal((await ask('PUT', '/kv/bad', { body: { value: 'a', value_base64: 'YQ==' } })).status, 400);
  t.equal((await ask('PUT', '/kv/bad', { body: '[1]', headers: { 'content-type': 'application/json' } })).status, 400);
  const form = await ask('PUT', '/kv/bad', {
    body: 'x',
    headers: { 'content-type': 'multipart/form-data; boundary=x' },
  });
  t.equal(form.status, 415);
  const large = await ask('PUT', '/kv/bad', {
    body: 'x'.repeat(1024 * 1024 + 1),
    headers: { 'content-type': 'text/plain' },
  });
  t.equal(large.status, 413);
  t.equal(large.json['code'], 'value_too_large');
  const ttl = await ask('PUT', '/kv/bad', { body: { value: 'x', ttl_ms: 1000 } });
  t.match(ttl.json, { status: 400, code: 'unsupported_operation', detail: /expire/ });
  t.equal((await ask('GET', '/kv/bad')).status, 404, 'nothing was written');
});

t.test('the prototype of a parsed body is not read', async (t) => {
  const body = '{"__proto__":{"value":"polluted"},"client_id":null}';
  const answer = await ask('PUT', '/kv/proto', { body, headers: { 'content-type': 'application/json' } });
  t.equal(answer.json['code'], 'missing_value');
  t.equal(
    (
      await ask('POST', '/kv/mput', {
        body: '{"__proto__":{"entries":[]}}',
        headers: { 'content-type': 'application/json' },
      })
    ).status,
    400,
  );
  t.equal(({} as Record<string, unknown>)['value'], undefined);
});

t.test('compare and set by ETag', async (t) => {
  const none = { 'if-none-match': '*' };
  const created = await ask('PUT', '/kv/etag', { body: { value: '1' }, headers: none });
  t.equal(created.status, 201);
  const exists = await ask('PUT', '/kv/etag', { body: { value: '2' }, headers: none });
  t.match(exists.json, { status: 412, code: 'precondition_failed', etag: created.headers['etag'] });
  const matching = { 'if-match': String(created.headers['etag']) };
  const second = await ask('PUT', '/kv/etag', { body: { value: '2' }, headers: matching });
  t.equal(second.status, 200);
  t.equal((await ask('PUT', '/kv/etag', { body: { value: '3' }, headers: matching })).status, 412);
  t.equal((await ask('DELETE', '/kv/etag', { headers: matching })).status, 412);
  t.match((await ask('PUT', '/kv/absent', { body: { value: '3' }, headers: { 'if-match': '*' } })).json, {
    status: 412,
    etag: null,
  });
  t.equal((await ask('GET', '/kv/etag', { headers: { 'if-none-match': String(second.headers['etag']) } })).status, 304);
  t.equal((await ask('GET', '/kv/etag', { headers: { 'if-none-match': '"0", W/"99999"' } })).status, 200);
  for (const headers of [
    { 'if-match': 'abc' },
    { 'if-match': '"1", "2"' },
    { 'if-none-match': '"1"' },
    { 'if-match': '*', 'if-none-match': '*' },
  ] as const) {
    t.equal((await ask('PUT', '/kv/etag', { body: { value: 'x' }, headers })).status, 400, JSON.stringify(headers));
  }
  t.equal((await ask('DELETE', '/kv/etag', { headers: { 'if-match': String(second.headers['etag']) } })).status, 200);
});

t.test('compare and set by value', async (t) => {
  const post = (body: unknown): ReturnType<typeof ask> => ask('POST', '/kv/cas/cas', { body });
  t.match((await post({ expected: 'x', value: 'y' })).json, { status: 409, code: 'cas_mismatch', current: null });
  t.equal((await post({ expected: null, value: 'one' })).status, 201, 'null: must be absent');
  t.match((await post({ expected: null, value: 'two' })).json, { code: 'cas_mismatch', current: 'one' });
  t.equal((await post({ expected: 'one', value: 'two' })).status, 200);
  t.equal((await post({ expected: 'two', value_base64: '/w==' })).status, 200);
  t.match((await post({ expected: 'two', value: '3' })).json, { current: null, current_base64: '/w==' });
  t.equal((await post({ expected_base64: '/w==', value: '3' })).status, 200);
  t.equal((await post({ value: '4' })).json['code'], 'bad_request', 'expected is not optional');
  t.equal((await post({ expected: '3' })).json['code'], 'missing_value');
});

t.test('create fails on an existing key', async (t) => {
  t.equal((await ask('POST', '/kv/', { body: { key: 'made', value: '1' } })).status, 201);
  t.match((await ask('POST', '/kv', { body: { key: 'made', value: '2' } })).json, { status: 409, code: 'key_exists' });
  t.equal((await ask('POST', '/kv/', { body: { key_base64: '/w==', value: '1' } })).json['key_base64'], '/w==');
  t.equal((await ask('POST', '/kv/', { body: { value: '1' } })).status, 400);
});

t.test('delete', async (t) => {
  await ask('PUT', '/kv/gone', { body: { value: '1' } });
  t.match((await ask('DELETE', '/kv/gone')).json, { result: 'deleted', key: 'gone' });
  t.match((await ask('DELETE', '/kv/gone')).json, { status: 404, code: 'key_not_found', error: 'key_not_found' });
});

t.test('a repeated write of a session is applied once and answered the same', async (t) => {
  const send = { body: { client_id: 'c', seq: 7, value: 'once' } };
  const first = await ask('PUT', '/kv/once', send);
  const again = await ask('PUT', '/kv/once', send);
  t.equal(again.status, first.status);
  t.equal(again.text, first.text);
  t.equal(first.headers['x-kvorum-duplicate'], undefined);
  t.equal(again.headers['x-kvorum-duplicate'], 'true');
  t.match((await ask('PUT', '/kv/once', { body: { client_id: 'c', seq: 7, value: 'other' } })).json, {
    status: 409,
    code: 'session_conflict',
  });
  t.equal((await ask('PUT', '/kv/once', { body: { client_id: 'c', seq: 6, value: 'x' } })).json['code'], 'stale_seq');

  const headers = { 'x-kvorum-client-id': 'h', 'x-kvorum-seq': '1', 'content-type': 'text/plain' };
  await ask('PUT', '/kv/by-header', { body: 'raw', headers });
  t.equal((await ask('PUT', '/kv/by-header', { body: 'raw', headers })).headers['x-kvorum-duplicate'], 'true');
  await ask('DELETE', '/kv/by-header?client_id=q&seq=1');
  const deleted = await ask('DELETE', '/kv/by-header?client_id=q&seq=1');
  t.equal(deleted.status, 200, 'the second delivery does not say 404');
  t.equal(deleted.headers['x-kvorum-duplicate'], 'true');
  const refused = { body: { client_id: 'e', seq: 1, expected: 'never', value: 'x' } };
  const mismatch = await ask('POST', '/kv/once/cas', refused);
  const repeated = await ask('POST', '/kv/once/cas', refused);
  t.equal(repeated.status, 409, 'a result that is a refusal is kept as well');
  t.equal(repeated.json['current'], mismatch.json['current']);
  t.equal(repeated.headers['x-kvorum-duplicate'], 'true');
  const inBody = { body: { client_id: 'd', seq: '2' } };
  await ask('DELETE', '/kv/once', inBody);
  t.equal((await ask('DELETE', '/kv/once', inBody)).status, 200);
});

t.test('sessions are complete and bounded', async (t) => {
  for (const session of [
    { client_id: 'c' },
    { seq: 1 },
    { client_id: 'c', seq: -1 },
    { client_id: 'c', seq: 1.5 },
    { client_id: 'c', seq: 9007199254740992 },
    { client_id: 'c', seq: 'abc' },
    { client_id: '', seq: 1 },
    { client_id: 5, seq: 1 },
    { client_id: 'é'.repeat(65), seq: 1 },
  ]) {
    const answer = await ask('PUT', '/kv/session', { body: { value: 'x', ...session } });
    t.equal(answer.json['code'], 'bad_request', JSON.stringify(session));
  }
});

t.test('reads go where the client or the keyspace says', async (t) => {
  router.defaultKeyspace.reads.length = 0;
  await ask('GET', '/kv/a?consistency=stale');
  await ask('GET', '/kv/a?consistency=lease');
  await ask('GET', '/kv/a');
  t.same(router.defaultKeyspace.reads, ['stale', 'lease', 'linearizable']);
  const eventual = await ask('GET', '/kv/a?consistency=eventual');
  t.match(eventual.json, { status: 400, code: 'unsupported_consistency', detail: /linearizable, lease and stale/ });
  t.equal((await ask('GET', '/kv/a?consistency=stale&consistency=lease')).status, 400);
});

t.test('keyspaces do not share keys', async (t) => {
  t.equal((await ask('PUT', '/keyspaces/other/kv/mine', { body: { value: '1' } })).status, 201);
  t.equal((await ask('GET', '/kv/mine')).status, 404);
  t.equal((await ask('GET', '/keyspaces/other/kv/mine')).status, 200);
  t.equal((await ask('GET', '/keyspaces/none/kv/mine')).json['code'], 'unknown_keyspace');
  t.equal((await ask('GET', '/keyspaces/%ff%00/kv/mine')).json['code'], 'unknown_keyspace');
});

t.test('a follower forwards, or points at the leader when asked to', async (t) => {
  const keyspace = router.defaultKeyspace;
  t.teardown(() => (keyspace.leaderId = router.self));
  keyspace.leaderId = router.replicas[1]?.id ?? null;
  t.equal((await ask('PUT', '/kv/fwd', { body: { value: '1' } })).status, 201, 'forwards by itself');
  const redirect = await ask('PUT', '/kv/f%2fwd?forward=false', { body: { value: '1' } });
  t.equal(redirect.status, 307);
  t.equal(redirect.headers['location'], 'http://127.0.0.1:8102/kv/f%2fwd?forward=false');
  t.equal(redirect.headers['x-kvorum-leader'], 'n2');
  t.equal((await ask('GET', '/kv/fwd', { headers: { 'x-kvorum-forward': 'false' } })).status, 307);
  t.equal((await ask('GET', '/kv/fwd?forward=false&consistency=stale')).status, 200, 'any replica serves stale reads');
  keyspace.leaderId = router.replicas[2]?.id ?? null;
  t.match((await ask('DELETE', '/kv/fwd?forward=false')).json, { status: 503, code: 'not_leader', leader: 'n3' });
  keyspace.leaderId = null;
  const none = await ask('PUT', '/kv/fwd?forward=false', { body: { value: '1' } });
  t.match(none.json, { status: 503, code: 'no_leader', retry: 'after' });
  t.equal(none.headers['retry-after'], '1');
  keyspace.leaderId = router.self;
  t.equal((await ask('PUT', '/kv/fwd?forward=false', { body: { value: '1' } })).status, 200);
  t.equal((await ask('PUT', '/kv/fwd?forward=maybe', { body: { value: '1' } })).status, 400);
});

t.test('what the replica refuses keeps its meaning', async (t) => {
  const keyspace = router.defaultKeyspace;
  t.teardown(() => (keyspace.failWith = null));
  for (const [code, status, retry, after] of [
    ['no_leader', 503, 'after', '1'],
    ['busy', 503, 'after', '1'],
    ['outcome_unknown', 504, 'outcome-unknown', undefined],
    ['not_leader', 503, 'elsewhere', undefined],
    ['lost_leadership', 503, 'safe', undefined],
  ] as const) {
    keyspace.failWith = code;
    router.observed.length = 0;
    const answer = await ask('PUT', '/kv/x', { body: { value: '1' } });
    t.equal(answer.status, status, code);
    t.equal(answer.headers['content-type'], 'application/problem+json; charset=utf-8');
    t.match(answer.json, { type: `urn:kvorum:error:${code}`, status, code, retry, error: code });
    t.equal(answer.json['instance'], answer.headers['x-request-id']);
    t.equal(answer.headers['retry-after'], after);
    t.same(router.observed, [`http put ${code === 'outcome_unknown' ? 'unknown' : 'rejected'}`]);
  }
});

t.test('HEAD answers like GET without the body', async (t) => {
  await ask('PUT', '/kv/head', { body: { value: '1' } });
  const head = await ask('HEAD', '/kv/head');
  t.equal(head.status, 200);
  t.ok(head.headers['etag']);
  t.equal((await ask('HEAD', '/kv/absent-head')).status, 404);
});
