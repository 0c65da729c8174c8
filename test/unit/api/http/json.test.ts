import * as fc from 'fast-check';
import t from 'tap';
import { isKvorumError } from '../../../../src/base/errors/error.js';
import { findJsonError } from '../../../../src/api/http/json-position.js';
import { member, parseJsonObject } from '../../../../src/api/http/json.js';
import { busyMs } from '../../../fixtures/work.js';

function refusal(body: string | Buffer): string {
  try {
    parseJsonObject(Buffer.from(body));
    return 'none';
  } catch (error) {
    return isKvorumError(error) ? `${error.code}: ${error.message}` : String(error);
  }
}

t.test('errors name line and column', async (t) => {
  for (const [text, found] of [
    ['{"a" 1}', "Unexpected '1' at line 1, column 6"],
    ['{"a":1,}', "Unexpected '}' at line 1, column 8"],
    ['{\n  "a": tru\n}', "Unexpected 't' at line 2, column 8"],
    ['{"a":01}', "Unexpected '1' at line 1, column 7"],
    ['{"a":"x', 'Unexpected the end at line 1, column 8'],
    ['{"a":"\\x"}', "Unexpected 'x' at line 1, column 8"],
    ['{"a":"\\u12g4"}', "Unexpected 'u' at line 1, column 8"],
    ['{"a":"\t"}', 'Unexpected character 9 at line 1, column 7'],
    ['{"a":1}}', "Unexpected '}' at line 1, column 8"],
    ['{"a":[1,2}', "Unexpected '}' at line 1, column 10"],
    ["{'a':1}", "Unexpected ''' at line 1, column 2"],
    ['{"a":-}', "Unexpected '-' at line 1, column 6"],
  ] as const) {
    t.equal(refusal(text), `malformed_json: ${found}`, text);
  }
  t.match(refusal(''), /malformed_json: The body is empty/);
  t.match(refusal(Buffer.from([0x22, 0xff, 0x22])), /not valid UTF-8/);
  t.match(refusal('[1]'), /bad_request/);
  t.match(refusal('null'), /bad_request/);
});

t.test('the position is found wherever JSON.parse fails, and only there', async () => {
  const pieces = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"',
    '\\',
    '1',
    '-0.5e3',
    'true',
    'nul',
    ' ',
    '\n',
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
      const text = parts.join('');
      const { line, column } = findJsonError(text);
      const offset =
        text
          .split('\n')
          .slice(0, line - 1)
          .join('\n').length +
        (line > 1 ? 1 : 0) +
        column -
        1;
      try {
        JSON.parse(text);
        return offset === text.length;
      } catch {
        // What comes before the position may still become valid JSON: it lacks nothing but its end.
        return findJsonError(text.slice(0, offset)).found === 'the end';
      }
    }),
    { numRuns: 3000 },
  );
});

t.test('whatever JSON.parse accepts has no error', async () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), (text) => {
      const { line, column, found } = findJsonError(text);
      return found === 'the end' && line === text.split('\n').length && column > 0;
    }),
    { numRuns: 1000 },
  );
});

t.test('deep nesting is refused before it is parsed', async (t) => {
  const bomb = `{"a":${'['.repeat(8_000_000)}`;
  const tookMs = busyMs(() => t.match(refusal(bomb), /nested deeper than 32/));
  t.ok(tookMs < 1000, `${tookMs} ms`);
  t.equal(refusal(`{"a":"${'['.repeat(1000)}","b":"\\"${'{'.repeat(1000)}"}`), 'none', 'brackets in strings are text');
  t.equal(refusal(`{"a":${'[[],'.repeat(20)}1${']'.repeat(20)}}`), 'none', 'wide is not deep');
  t.match(findJsonError('['.repeat(100_000)).found, 'the end');
});

t.test('half a surrogate pair has no UTF-8 form', async (t) => {
  t.match(refusal('{"value":"\\ud800"}'), /surrogate/);
  t.match(refusal('{"\\udc00":1}'), /surrogate/);
  t.match(refusal('{"a":[{"b":"\\ud800x"}]}'), /surrogate/);
  t.equal(refusal('{"value":"\\ud83d\\ude00"}'), 'none');
});

t.test('members are own members', async (t) => {
  const object = parseJsonObject(Buffer.from('{"__proto__":{"a":1},"b":2}'));
  t.equal(member(object, 'a'), undefined);
  t.equal(member(object, 'toString'), undefined);
  t.equal(member(object, 'b'), 2);
  t.equal(({} as Record<string, unknown>)['a'], undefined);
});
