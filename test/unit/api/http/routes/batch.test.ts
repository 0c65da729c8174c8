import t from 'tap';
import { createHttpApp } from '../../../../fixtures/http-app.js';

const app = await createHttpApp();
const { ask } = app;
t.teardown(() => app.close());

t.test('mput is one atomic change with one revision', async (t) => {
  const entries = [
    { key: 'a', value: '1' },
    { key: 'b', value_base64: '/w==' },
    { key_base64: '/w==', value: '3' },
  ];
  const answer = await ask('POST', '/kv/mput', { body: { entries } });
  t.same(answer.json, {
    result: 'ok',
    revision: 1,
    results: [
      { key: 'a', result: 'created' },
      { key: 'b', result: 'created' },
      { key: null, key_base64: '/w==', result: 'created' },
    ],
  });
  for (const key of ['a', 'b', '%ff']) t.equal((await ask('GET', `/kv/${key}`)).json['revision'], 1);
  const again = await ask('POST', '/kv/mput', { body: { entries, client_id: 'c', seq: 1 } });
  t.equal(again.json['revision'], 2);
  const repeated = await ask('POST', '/kv/mput', { body: { entries, client_id: 'c', seq: 1 } });
  t.equal(repeated.text, again.text);
  t.equal(repeated.headers['x-kvorum-duplicate'], 'true');
});

t.test('a wrong entry refuses the whole batch', async (t) => {
  for (const [body, code] of [
    [{}, 'bad_request'],
    [{ entries: [] }, 'bad_request'],
    [{ entries: 'x' }, 'bad_request'],
    [{ entries: [5] }, 'bad_request'],
    [{ entries: [{ key: 'x', value: '1' }, { key: 'y' }] }, 'missing_value'],
    [{ entries: [{ key: 'x', value: '1' }, { value: '1' }] }, 'bad_request'],
    [
      {
        entries: [
          { key: 'x', value: '1' },
          { key: '', value: '1' },
        ],
      },
      'empty_key',
    ],
    [
      {
        entries: [
          { key: 'x', value: '1' },
          { key: 'k'.repeat(1025), value: '1' },
        ],
      },
      'key_too_large',
    ],
    [
      {
        entries: [
          { key: 'x', value: '1' },
          { key: 'y', value: 'v'.repeat(1024 * 1024 + 1) },
        ],
      },
      'value_too_large',
    ],
    [{ entries: [{ key: 'x', value: '1', ttl_ms: 5 }] }, 'unsupported_operation'],
    [{ entries: Array.from({ length: 10_001 }, () => ({ key: 'x', value: '' })) }, 'too_many_operations'],
  ] as const) {
    const answer = await ask('POST', '/kv/mput', { body });
    t.equal(answer.json['code'], code);
  }
  t.equal((await ask('GET', '/kv/x')).status, 404);
});

t.test('mget answers per key, in the order asked', async (t) => {
  const answer = await ask('POST', '/kv/mget', { body: { keys: ['b', 'none', { key_base64: '/w==' }, 'b'] } });
  t.match(answer.json, {
    revision: 2,
    entries: [
      { key: 'b', found: true, value: null, value_base64: '/w==', version: 2 },
      { key: 'none', found: false },
      { key: null, key_base64: '/w==', found: true, value: '3' },
      { key: 'b', found: true },
    ],
  });
  for (const body of [{}, { keys: [] }, { keys: [''] }, { keys: [null] }, { keys: { length: 1 } }]) {
    t.equal((await ask('POST', '/kv/mget', { body })).status, 400, JSON.stringify(body));
  }
});

t.test('mget does not gather more than a request may hold', async (t) => {
  await ask('PUT', '/kv/large', { body: 'v'.repeat(1024 * 1024), headers: { 'content-type': 'text/plain' } });
  const answer = await ask('POST', '/kv/mget', { body: { keys: Array.from({ length: 17 }, () => 'large') } });
  t.match(answer.json, { status: 413, code: 'request_too_large' });
});

t.test('mdelete reports which keys existed', async (t) => {
  const answer = await ask('POST', '/kv/mdelete', { body: { keys: ['a', 'none', 'b'] } });
  t.match(answer.json, {
    deleted: 2,
    results: [
      { key: 'a', result: 'deleted' },
      { key: 'none', result: 'absent' },
      { key: 'b', result: 'deleted' },
    ],
  });
  t.equal((await ask('GET', '/kv/a')).status, 404);
});

t.test('batches take JSON only', async (t) => {
  const body = '{"entries":[{"key":"x","value":"1"}]}';
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', '']) {
    const headers: Record<string, string> = type === '' ? {} : { 'content-type': type };
    const answer = await ask('POST', '/kv/mput', { body: Buffer.from(body), headers });
    t.equal(answer.status, 415, type);
    t.match(answer.json, { code: 'unsupported_media_type', detail: /application\/json/ });
  }
  const charset = { 'content-type': 'Application/JSON; charset=utf-8' };
  t.equal((await ask('POST', '/kv/mput', { body: Buffer.from(body), headers: charset })).status, 200);
});
