import t from 'tap';
import { createPrng } from '../../../src/base/prng.js';
import { checkLinearizable, createModel } from '../../../src/check/index.js';
import type { Operation } from '../../../src/check/operation.js';
import { isLinearizable } from './brute-force.js';
import { fixtures, op, undecidable } from './fixtures.js';
import { randomHistory } from './random-history.js';

const kv = createModel('kv');

t.test('histories with a known verdict (reliability.md §4.1, §4.2)', async (t) => {
  for (const { name, operations, verdict } of fixtures()) {
    t.equal(checkLinearizable(operations, kv).verdict, verdict, name);
    t.equal(isLinearizable(operations, kv) ? 'ok' : 'violation', verdict, `${name}: by definition`);
  }
});

t.test('no order of the input and no key changes the verdict', async (t) => {
  for (const { name, operations, verdict } of fixtures()) {
    t.equal(checkLinearizable(operations.toReversed(), kv).verdict, verdict, `${name}, backwards`);
    const elsewhere = operations.map((operation) => ({ ...operation, key: 'y' }));
    const good = [op([0, 1], { kind: 'put', value: 'good' }), op([2, 3], { kind: 'get', value: 'good' })];
    const { keys, violation, verdict: both } = checkLinearizable([...good, ...elsewhere], kv);
    t.equal(both, verdict, `${name}, beside a good key`);
    t.equal(keys, 2);
    t.equal(violation?.key, verdict === 'ok' ? undefined : 'y');
  }
});

t.test('keys are judged one by one: what is wrong across keys is not seen (reliability.md §4.1)', async (t) => {
  const put = op([0, 1], { kind: 'put', key: 'a', value: '1' });
  t.equal(checkLinearizable([put, op([2, 3], { kind: 'get', key: 'b', value: '1' })], kv).verdict, 'violation');
  t.equal(checkLinearizable([put, op([2, 3], { kind: 'get', key: 'b', value: null })], kv).verdict, 'ok');
});

t.test('what keys start with: --init, and whether "" is absent', async (t) => {
  const reads = (value: string | null): Operation[] => [op([0, 1], { kind: 'get', value })];
  t.equal(checkLinearizable(reads(null), 'register').verdict, 'ok');
  t.equal(checkLinearizable(reads(''), 'register').verdict, 'violation');
  t.equal(checkLinearizable(reads(''), 'register', { init: '' }).verdict, 'ok');
  t.equal(checkLinearizable(reads(null), 'register', { init: '' }).verdict, 'violation');
  t.equal(checkLinearizable(reads('0'), 'register', { init: '0' }).verdict, 'ok');
  t.equal(checkLinearizable(reads(''), 'register', { absentEmpty: true }).verdict, 'ok');
  t.equal(checkLinearizable(reads(null), 'register', { absentEmpty: true, init: '' }).verdict, 'ok');
  const appended = [op([0, 1], { kind: 'append', value: 'b' }), op([2, 3], { kind: 'get', value: 'ab' })];
  t.equal(checkLinearizable(appended, 'kv', { init: 'a' }).verdict, 'ok');
  t.equal(checkLinearizable(appended, 'kv').verdict, 'violation');
});

t.test('operations that the model does not have, and times that run backwards, are errors', async (t) => {
  t.throws(() => checkLinearizable([op([0, 1], { kind: 'append', value: 'a' })], 'register'), {
    code: 'history_invalid',
    message: /the model register has no operation append; it has put, get/,
  });
  t.throws(() => checkLinearizable([op([5, 1], { kind: 'get' })], kv), { code: 'history_invalid' });
});

t.test('an empty history, and one in which nothing is known, are linearizable', async (t) => {
  t.match(checkLinearizable([], kv), { verdict: 'ok', operations: 0, keys: 0 });
  const silent = [op([0], { kind: 'get' }), op([0, 1], { kind: 'put', value: 'a', outcome: 'failed' })];
  t.match(checkLinearizable(silent, kv), { verdict: 'ok', operations: 0, keys: 0 });
  t.match(checkLinearizable([op([0], { kind: 'put', value: 'a' })], kv), { verdict: 'ok', operations: 1 });
});

t.test('a search that runs out of budget is undecided, which is no pass (reliability.md §4.1)', async (t) => {
  const { steps, undecided, verdict } = checkLinearizable(undecidable('slow'), kv, { budget: 50_000 });
  t.equal(verdict, 'unknown');
  t.same(undecided, ['slow']);
  t.ok(steps >= 50_000 && steps < 60_000, `${steps} steps`);
});

t.test('a hard key does not keep a bad one waiting (reliability.md §4.1: partitions take turns)', async (t) => {
  const slow = Array.from({ length: 6 }, (_, at) => undecidable(`slow${at}`)).flat();
  const prng = createPrng(3);
  const busy = randomHistory(prng, kv, { clients: 8, operations: 2000 }).map((each) => ({ ...each, key: 'bad' }));
  const last = Math.max(...busy.map((each) => each.return ?? 0));
  const wrong = op([last + 1, last + 2], { kind: 'get', key: 'bad', value: 'never written' });
  const { steps, verdict, violation } = checkLinearizable([...slow, ...busy, wrong], kv);
  t.equal(verdict, 'violation');
  t.equal(violation?.key, 'bad');
  t.ok(steps < 1_000_000, `${steps} steps`);
});

t.test('of several violations the smallest is reported', async (t) => {
  const bad = (key: string, reads: number): Operation[] =>
    Array.from({ length: reads }, (_, at) => op([2 * at, 2 * at + 1], { kind: 'get', key, value: 'x' }));
  const { violation } = checkLinearizable([...bad('a', 3), ...bad('b', 1), ...bad('c', 2)], kv);
  t.equal(violation?.key, 'b');
});

t.test('long histories of many clients are checked within about a second', async (t) => {
  const cases = [
    ['register', { clients: 50, operations: 30_000, keys: 1 }],
    ['register', { clients: 50, operations: 30_000, keys: 1, unknown: 0.05 }],
    ['cas-register', { clients: 30, operations: 20_000, keys: 3, unknown: 0.02 }],
    ['kv', { clients: 50, operations: 30_000, keys: 20, unknown: 0.01 }],
    ['kv', { clients: 20, operations: 10_000, keys: 5, kinds: ['put', 'get', 'append'], unknown: 0.05 }],
    ['kv', { clients: 20, operations: 3000, keys: 3, kinds: ['append', 'get'], unknown: 0.05 }],
  ] as const;
  for (const [name, options] of cases) {
    const model = createModel(name);
    const history = randomHistory(createPrng(17), model, options);
    const startedMs = performance.now();
    const { steps, verdict } = checkLinearizable(history, model);
    const tookMs = Math.round(performance.now() - startedMs);
    t.equal(verdict, 'ok', `${name} ${JSON.stringify(options)}: ${steps} steps, ${tookMs} ms`);
    t.ok(steps < 150 * options.operations, 'the search hardly ever goes astray');
    const wrong = { ...op([1e6, 1e6 + 1], { kind: 'get', value: 'stale' }), key: 'k1' };
    t.equal(checkLinearizable([...history, wrong], model).verdict, 'violation');
  }
});

t.test(
  'writes of the same few values cost little: those that do the same go in the order of their returns',
  async (t) => {
    const options = { clients: 30, operations: 10_000, texts: ['a', 'b', 'c', 'd', 'e'] };
    const history = randomHistory(createPrng(5), createModel('register'), options);
    const { steps, verdict } = checkLinearizable(history, 'register');
    t.equal(verdict, 'ok');
    t.ok(steps < 5_000_000, `${steps} steps`);
  },
);

t.test('a thousand unknown writes that nobody saw cost nothing (reliability.md §4.3)', async (t) => {
  const lost = Array.from({ length: 1000 }, (_, at) =>
    op([at], { kind: 'put', client: `u${at}`, value: `lost ${at}` }),
  );
  const deletes = Array.from({ length: 300 }, (_, at) => op([at], { kind: 'delete', client: `d${at}` }));
  const reads = [
    op([0, 1], { kind: 'put', value: 'kept' }),
    op([5000, 5001], { kind: 'get', value: 'kept' }),
    op([5002, 5003], { kind: 'get', value: null }),
  ];
  const good = checkLinearizable([...reads, ...lost, ...deletes], kv);
  t.equal(good.verdict, 'ok');
  t.ok(good.steps < 1000, `${good.steps} steps`);
  const back = op([5004, 5005], { kind: 'get', value: 'kept' });
  const bad = checkLinearizable([...reads, back, ...lost, ...deletes], kv);
  t.equal(bad.verdict, 'violation');
  t.ok(bad.steps < 10_000, `${bad.steps} steps`);
});
