import t from 'tap';
import { checkLinearizable, createModel } from '../../../src/check/index.js';
import { explainViolation } from '../../../src/check/explain.js';
import { renderViolation } from '../../../src/check/html.js';
import type { Operation } from '../../../src/check/operation.js';
import { fixtures, op } from './fixtures.js';

const kv = createModel('kv');
const VOID = new Set(['meta', 'rect', 'line', 'br']);

function render(operations: readonly Operation[]): string {
  const { violation } = checkLinearizable(operations, kv);
  if (violation === null) throw new Error('the history is linearizable');
  return renderViolation(explainViolation(violation, kv));
}

interface Page {
  readonly tags: readonly string[];
  readonly attributes: readonly string[];
  readonly texts: readonly string[];
}

/** Reads the page as strictly as XML: every tag closed, every attribute quoted, no stray < or &. */
function parse(html: string): Page {
  const tags: string[] = [];
  const attributes: string[] = [];
  const texts: string[] = [];
  const stack: string[] = [];
  let rest = html.replace('<!DOCTYPE html>', '').replace(/<style>[^<]*<\/style>/, '');
  while (rest !== '') {
    const [tag = '', closing, name = '', written = '', selfClosing] =
      /^<(\/?)([a-z][a-z0-9]*)((?: [a-zA-Z0-9:-]+="[^"<>]*")*)(\/?)>/.exec(rest) ?? [];
    if (tag === '') {
      const [text = ''] = /^(?:[^<&]|&(?:amp|lt|gt|quot|#39);)+/.exec(rest) ?? [];
      if (text === '') throw new Error(`stray markup at ${rest.slice(0, 80)}`);
      texts.push(text);
      rest = rest.slice(text.length);
      continue;
    }
    rest = rest.slice(tag.length);
    if (closing === '/') {
      if (stack.pop() !== name) throw new Error(`</${name}> closes something else`);
      continue;
    }
    tags.push(name);
    attributes.push(...[...written.matchAll(/ ([a-zA-Z0-9:-]+)=/g)].map(([, attribute = '']) => attribute));
    if (selfClosing !== '/' && !VOID.has(name)) stack.push(name);
  }
  if (stack.length > 0) throw new Error(`not closed: ${stack.join(' ')}`);
  return { tags, attributes, texts };
}

t.test('every bad history has a page that is well-formed and needs no network', async (t) => {
  for (const { name, operations, verdict } of fixtures()) {
    if (verdict === 'ok') continue;
    const html = render(operations);
    const { attributes, tags } = parse(html);
    t.equal(tags.filter((tag) => tag === 'svg').length, 1, name);
    t.notOk(tags.some((tag) => ['script', 'link', 'img', 'iframe', 'a', 'use', 'image'].includes(tag)));
    t.notOk(attributes.some((attribute) => /^on|^href$|^src$|^style$/.test(attribute)));
    t.same(html.match(/https?:[^"' ]*/g), ['http://www.w3.org/2000/svg'], 'a name, not an address');
    t.match(html, /class="culprit"/);
  }
});

t.test('one bar for each operation, with its numbers, its title and its lane', async (t) => {
  const html = render([
    op([0, 10], { kind: 'put', client: 'a', value: '1' }),
    op([20], { kind: 'put', client: 'b', value: '2' }),
    op([30, 40], { kind: 'get', client: 'c', value: '2', line: 3 }),
    op([50, 60], { kind: 'get', client: 'c', value: '1', line: 4 }),
  ]);
  const { tags, texts } = parse(html);
  t.equal(tags.filter((tag) => tag === 'rect').length, 4);
  for (const label of ['1 put &quot;1&quot;', '2 put &quot;2&quot;', '3 get &quot;2&quot;', 'X get &quot;1&quot;']) {
    t.ok(texts.includes(label), label);
  }
  t.match(html, /<g class="open"><title>client b, 20 to never: put/);
  t.match(html, /<g class="culprit"><title>line 4, client c, 50 to 60: get &quot;1&quot;<\/title>/);
  const bars = [...html.matchAll(/<rect x="(\d+)" y="(\d+)" width="(\d+)"/g)].map(([, ...all]) => all.map(Number));
  t.same(
    bars.map(([, y]) => y),
    [7, 47, 87, 87],
  );
  const [, , seen = [], culprit = []] = bars;
  t.ok((seen[0] ?? 0) + (seen[2] ?? 0) < (culprit[0] ?? 0), 'what came first ends before the other begins');
});

t.test('hostile keys, values and clients are shown, not obeyed', async (t) => {
  const hostile = `"><script>alert('&amp;')</script><svg onload=x>\u0000\u001b\u202e\ud800]]>--><!--`;
  const html = render([
    op([0, 1], { kind: 'put', client: hostile, key: hostile, value: hostile }),
    op([2, 3], { kind: 'append', client: hostile, key: hostile, value: hostile }),
    op([4, 5], { kind: 'get', client: hostile, key: hostile, value: `${hostile}!` }),
  ]);
  const { tags } = parse(html);
  t.notOk(tags.includes('script'));
  t.equal(tags.filter((tag) => tag === 'svg').length, 1);
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  t.notMatch(html, /[\u0000-\u0009\u000b-\u001f\u202e\ud800]/);
  t.match(html, '&lt;script&gt;');
});
