import t from 'tap';
import { createPrng } from '../../../src/base/prng.js';
import { formatOperation, parseHistory } from '../../../src/check/history.js';
import { createModel } from '../../../src/check/model.js';
import type { Operation } from '../../../src/check/operation.js';
import { randomHistory } from './random-history.js';

const GOOD = { client: 1, op: 'put', key: 'k', value: 'v', call: 1, return: 2, ok: true };

/** The operation of one line: the good one with changes; undefined leaves a member out. */
function read(changes: Readonly<Record<string, unknown>>): unknown {
  const [operation] = parseHistory(JSON.stringify({ ...GOOD, ...changes }), 'h');
  return operation;
}

t.test('what a line means', async (t) => {
  t.same(read({}), {
    client: 1,
    kind: 'put',
    key: 'k',
    value: 'v',
    call: 1,
    return: 2,
    outcome: 'ok',
    line: 1,
  });
  t.match(read({ ok: null }), { outcome: 'unknown', return: 2 });
  t.match(read({ return: null }), { outcome: 'unknown', return: null });
  t.match(read({ ok: false }), { outcome: 'failed' });
  t.match(read({ op: 'cas', expected: 'e' }), { expected: 'e', outcome: 'ok' });
  t.match(read({ op: 'cas', expected: null, ok: false }), { expected: null, outcome: 'mismatch' });
  t.match(read({ op: 'cas', expected: 'e', ok: false, refused: true }), { outcome: 'failed' });
  t.match(read({ op: 'get', value: null }), { value: null, outcome: 'ok' });
  t.match(read({ op: 'get', value: undefined, ok: null }), { value: null, outcome: 'unknown' });
  t.match(read({ op: 'delete', value: undefined, existed: true }), { existed: true, value: null });
  t.match(read({ client: 'c1', node: 'n2', extra: [1] }), { client: 'c1' });
});

t.test('what cannot be read names the line, what was read and what is allowed', async (t) => {
  const refused = (text: string, message: RegExp): void => {
    t.throws(() => parseHistory(`${JSON.stringify(GOOD)}\n\n${text}`, 'h'), { code: 'history_invalid', message }, text);
  };
  const changed = (changes: Readonly<Record<string, unknown>>): string =>
    JSON.stringify({ ...GOOD, client: 2, ...changes });
  refused('{"client":1', /^h:3: \{"client":1 is not JSON/);
  refused('[]', /^h:3: \[\] is not an object; a line is one like \{"client":1/);
  refused('null', /not an object/);
  refused(changed({ op: 'pot' }), /^h:3: "op" is "pot"; allowed: put, get, append, delete, cas$/);
  refused(changed({ op: undefined }), /"op" is missing; it is put, get/);
  refused(changed({ client: null }), /"client" is null; allowed: a string or a number/);
  refused(changed({ key: 5 }), /"key" is 5; allowed: a string/);
  refused(changed({ value: 5 }), /"value" is 5; allowed: a string/);
  refused(changed({ value: null }), /"value" is null; allowed: a string/);
  refused(changed({ op: 'get', value: undefined }), /"value" is missing; it is a string, or null for an absent key/);
  refused(changed({ op: 'cas' }), /"expected" is missing/);
  refused(changed({ op: 'delete', existed: 1 }), /"existed" is 1; allowed: true, false or null/);
  refused(changed({ call: '1' }), /"call" is "1"; allowed: a number/);
  refused(changed({ return: undefined }), /"return" is missing; it is a number, or null when it never returned/);
  refused(changed({ return: 0 }), /"return" 0 lies before "call" 1/);
  refused(changed({ ok: 'yes' }), /"ok" is "yes"; allowed: true, false, or null/);
  refused(changed({ ok: undefined }), /"ok" is missing/);
  refused(changed({ refused: true }), /"refused": true needs "ok": false/);
  refused(`"${'x'.repeat(1000)}"`, /^.{0,200}$/);
  refused('{"\u001b[2J', /\{"\\u001b\[2J is not JSON/);
});

t.test('a client does one thing at a time', async (t) => {
  const lines = (...all: readonly object[]): string =>
    all.map((each) => JSON.stringify({ ...GOOD, ...each })).join('\n');
  t.throws(() => parseHistory(lines({ call: 1, return: 10 }, { client: 2 }, { call: 9, return: 12 }), 'h'), {
    code: 'history_invalid',
    message: /^h:3: client 1 calls at 9, before its operation of line 1 returned at 10/,
  });
  t.throws(() => parseHistory(lines({ call: 9, return: 12 }, { call: 1, return: 10 }), 'h'), {
    message: /^h:1: client 1 calls at 9, before its operation of line 2/,
  });
  t.equal(parseHistory(lines({ call: 1, return: 10 }, { call: 10, return: 12 })).length, 2, 'they may touch');
  t.equal(parseHistory(lines({ call: 1, return: null }, { call: 5, return: 12 })).length, 2, 'it gave up waiting');
  t.equal(parseHistory(lines({ client: 1 }, { client: '1' })).length, 2, '1 and "1" are two clients');
});

t.test('what is written is read back (api.md §5)', async (t) => {
  const prng = createPrng(2);
  for (let round = 0; round < 50; round++) {
    const options = { clients: 4, operations: 30, unknown: 0.2, texts: ['', 'ä\u0000"\n', '\u{1f600}', 'x'] };
    const history = randomHistory(prng, createModel('kv'), options);
    const text = history.map((operation) => `${formatOperation(operation)}\n`).join('');
    const again = parseHistory(text).map(({ line: _line, ...operation }) => operation);
    t.same(again.map(formatOperation), history.map(formatOperation));
  }
});

t.test('sessions and versions are read for the models that use them, and passed over otherwise', async (t) => {
  const record = {
    client: 1,
    session: 2,
    op: 'get',
    key: 'x',
    value: 'a',
    version: [7, 'n1'],
    call: 1,
    return: 2,
    ok: true,
  };
  const parse = (change: object = {}, readsVersions = true): Operation | undefined =>
    parseHistory(JSON.stringify({ ...record, ...change }), 'history', readsVersions)[0];
  const operation = parse();
  t.match(operation, { session: 2, version: [7, 'n1'] });
  t.same(JSON.parse(formatOperation(operation as Operation)), record);
  t.notMatch(parse({ version: 'mine', session: {} }, false), { version: 'mine' });
  t.equal(parse({ version: null, session: null })?.version, undefined);
  t.equal(parse({ ok: null, version: 'of a read without an answer' })?.version, undefined);
  for (const version of [7, [7], ['7', 'n1'], [7, null], [7, 'n1', 2]]) {
    t.throws(() => parse({ version }), { code: 'history_invalid', message: /"version" is .*; allowed: a counter and/ });
  }
  t.throws(() => parse({ session: [] }), { message: /"session" is \[\]; allowed: a string or a number/ });
});
