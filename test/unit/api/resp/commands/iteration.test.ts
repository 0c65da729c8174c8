import t from 'tap';
import { openRespSession } from '../../../../fixtures/resp-session.js';

function bulks(reply: string): string[] {
  return [...reply.matchAll(/\$\d+\r\n([^\r]*)\r\n/g)].map(([, text]) => text ?? '');
}

t.test('SCAN tells every key once, whatever comes in between', async (t) => {
  const { client } = await openRespSession(t);
  for (let at = 0; at < 25; at++) await client.ask('SET', `k${String(at).padStart(2, '0')}`, 'v');
  const seen: string[] = [];
  let cursor = '0';
  do {
    const [next = '', ...keys] = bulks(await client.ask('SCAN', cursor, 'COUNT', '7'));
    seen.push(...keys);
    cursor = next;
    await client.ask('DEL', 'k00');
    await client.ask('SET', 'a-new-one', 'v');
  } while (cursor !== '0');
  t.equal(seen.length, 25);
  t.equal(new Set(seen).size, 25);
});

t.test('options of SCAN', async (t) => {
  const { client, expect } = await openRespSession(t);
  for (const key of ['a1', 'a2', 'b1']) await client.ask('SET', key, 'v');
  const EMPTY = '*2\r\n$1\r\n0\r\n*0\r\n';
  await expect([
    ['SCAN 0', '*2\r\n$1\r\n0\r\n*3\r\n$2\r\na1\r\n$2\r\na2\r\n$2\r\nb1\r\n'],
    ['SCAN 0 match ?1', '*2\r\n$1\r\n0\r\n*2\r\n$2\r\na1\r\n$2\r\nb1\r\n'],
    ['SCAN 0 TYPE string MATCH b*', '*2\r\n$1\r\n0\r\n*1\r\n$2\r\nb1\r\n'],
    ['SCAN 0 TYPE list', EMPTY],
    ['SCAN 0 COUNT 0', '-ERR syntax error\r\n'],
    ['SCAN 0 COUNT x', '-ERR value is not an integer or out of range\r\n'],
    ['SCAN 0 COUNT', '-ERR syntax error\r\n'],
    ['SCAN 0 NOPE 1', '-ERR syntax error\r\n'],
    ['SCAN x', '-ERR invalid cursor\r\n'],
    ['SCAN 99', /^-ERR invalid cursor: it is too old/],
  ]);
  const [cursor = ''] = bulks(await client.ask('SCAN', '0', 'COUNT', '1'));
  await expect([
    [`SCAN ${cursor} COUNT 5`, '*2\r\n$1\r\n0\r\n*2\r\n$2\r\na2\r\n$2\r\nb1\r\n'],
    ['SELECT 1', '+OK\r\n'],
    [`SCAN ${cursor}`, /^-ERR invalid cursor/],
  ]);
});

t.test('KEYS and RANDOMKEY', async (t) => {
  const { client, expect } = await openRespSession(t);
  await expect([
    ['KEYS *', '*0\r\n'],
    ['RANDOMKEY', '$-1\r\n'],
  ]);
  for (const key of ['user:1', 'user:2', 'use', 'v*']) await client.ask('SET', key, 'v');
  await expect([
    ['KEYS user:*', '*2\r\n$6\r\nuser:1\r\n$6\r\nuser:2\r\n'],
    ['KEYS user:[^1]', '*1\r\n$6\r\nuser:2\r\n'],
    ['KEYS v\\*', '*1\r\n$2\r\nv*\r\n'],
    ['KEYS use', '*1\r\n$3\r\nuse\r\n'],
    ['RANDOMKEY', /^\$\d\r\n(user:1|user:2|use|v\*)\r\n$/],
    ['TOUCH use none use', ':2\r\n'],
  ]);
});
