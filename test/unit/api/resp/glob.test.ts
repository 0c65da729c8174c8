import t from 'tap';
import { globMatches } from '../../../../src/api/resp/glob.js';

const CASES: readonly (readonly [pattern: string, text: string, matches: boolean])[] = [
  ['*', '', true],
  ['', '', true],
  ['', 'a', false],
  ['a*c', 'abbc', true],
  ['a*c', 'abcd', false],
  ['*a*b*', 'xxaxxbxx', true],
  ['h?llo', 'hello', true],
  ['h?llo', 'hllo', false],
  ['h[ae]llo', 'hallo', true],
  ['h[^e]llo', 'hello', false],
  ['h[^e]llo', 'hbllo', true],
  ['h[a-c]llo', 'hbllo', true],
  ['h[c-a]llo', 'hbllo', true],
  ['\\*', '*', true],
  ['\\*', 'x', false],
  ['[\\]]', ']', true],
  ['[abc', 'b', true],
];

t.test('patterns match as in Redis', async (t) => {
  for (const [pattern, text, matches] of CASES) t.equal(globMatches(pattern, text), matches, `${pattern} ${text}`);
  t.ok(globMatches('SA*', 'save', true));
});

t.test('nested stars take no exponential time', async (t) => {
  t.notOk(globMatches(`${'a*'.repeat(30)}b`, 'a'.repeat(200)));
});
