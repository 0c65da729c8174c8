import * as fc from 'fast-check';
import t from 'tap';
import { afterPrefix } from '../../../../../src/api/http/routes/scan.js';
import { createHttpApp } from '../../../../fixtures/http-app.js';

const app = await createHttpApp();
const { ask } = app;
t.teardown(() => app.close());

interface Page {
  readonly items: readonly { readonly key: string | null; readonly value: string }[];
  readonly next_cursor: string | null;
  readonly revision: number;
  readonly first_revision: number;
}

async function page(query: string): Promise<Page> {
  const answer = await ask('GET', `/kv${query}`);
  t.equal(answer.status, 200, query);
  return answer.json as unknown as Page;
}

async function keys(query: string): Promise<(string | null)[]> {
  return (await page(query)).items.map(({ key }) => key);
}

const names = ['a', 'a/1', 'a/2', 'b', 'c', 'é'];
await ask('POST', '/kv/mput', {
  body: { entries: [...names.map((key) => ({ key, value: key })), { key_base64: '/w==', value: 'last' }] },
});

t.test('in byte order, within bounds', async (t) => {
  t.same(await keys(''), [...names, null]);
  t.same(await keys('/'), [...names, null], 'with a final slash as well');
  t.same(await keys('?prefix=a%2f'), ['a/1', 'a/2']);
  t.same(await keys('?prefix=a/'), ['a/1', 'a/2']);
  t.same(await keys('?start=a/2&end=c'), ['a/2', 'b']);
  t.same(await keys('?prefix=a&start=a/2'), ['a/2']);
  t.same(await keys('?prefix=a&end=a/2'), ['a', 'a/1']);
  t.same(await keys('?start=z&end=a'), []);
  t.same(await keys('?prefix=%C3%A9'), ['é']);
  t.same(await keys('?prefix=%ff'), [null]);
});

t.test('pages join without gaps or repeats', async (t) => {
  const seen: (string | null)[] = [];
  let query = '?limit=2&prefix=a';
  for (;;) {
    const { items, next_cursor } = await page(query);
    t.ok(items.length <= 2);
    seen.push(...items.map(({ key }) => key));
    if (next_cursor === null) break;
    query = `?limit=2&prefix=a&cursor=${next_cursor}`;
  }
  t.same(seen, ['a', 'a/1', 'a/2']);
});

t.test('a page says when something changed since the first', async (t) => {
  const first = await page('?limit=1');
  t.equal(first.revision, first.first_revision);
  await ask('PUT', '/kv/b', { body: { value: 'changed' } });
  const second = await page(`?limit=1&cursor=${String(first.next_cursor)}`);
  t.equal(second.first_revision, first.revision);
  t.ok(second.revision > second.first_revision);
});

t.test('wrong parameters are refused', async (t) => {
  const other = (await page('?limit=1&prefix=a')).next_cursor;
  for (const query of [
    'limit=0',
    'limit=-1',
    'limit=x',
    'limit=1.5',
    'cursor=%%%',
    'cursor=AAAA',
    'cursor=',
    `cursor=${String(other)}&prefix=b`,
    'prefix=%zz',
    'prefix=a&prefix=b',
    'consistency=quorum',
  ]) {
    t.equal((await ask('GET', `/kv?${query}`)).status, 400, query);
  }
  t.same(await keys('?limit=999999999&unknown=1'), [...names, null], 'a limit above the highest means the highest');
});

t.test('afterPrefix is the first key beyond all keys with the prefix', async () => {
  const bytes = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)) });
  fc.assert(
    fc.property(bytes, bytes, (prefix, key) => {
      const end = afterPrefix(prefix);
      const within = key >= prefix && (end === null || key < end);
      return within === key.startsWith(prefix);
    }),
    { numRuns: 2000 },
  );
  fc.assert(fc.property(bytes, bytes, (prefix, rest) => (afterPrefix(prefix) ?? '\u0100') > prefix + rest));
});
