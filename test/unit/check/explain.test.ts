import t from 'tap';
import { createPrng } from '../../../src/base/prng.js';
import { checkLinearizable, createModel, type Model } from '../../../src/check/index.js';
import { explainViolation, type Explanation } from '../../../src/check/explain.js';
import { opened, standingOf, type Operation } from '../../../src/check/operation.js';
import { shrink } from '../../../src/check/shrink.js';
import { describeViolation } from '../../../src/check/text.js';
import { isLinearizable } from './brute-force.js';
import { fixtures, op } from './fixtures.js';
import { randomHistory } from './random-history.js';

const kv = createModel('kv');

function explain(operations: readonly Operation[], model: Model = kv): Explanation {
  const { violation } = checkLinearizable(operations, model);
  if (violation === null) throw new Error('the history is linearizable');
  return explainViolation(violation, model);
}

/** The shown operations as they count. */
function counted({ witnesses }: Explanation): Operation[] {
  return witnesses.map(({ operation, running }) => (running ? opened(operation) : operation));
}

t.test('a violation is shown with what it takes to see it, and no more', async (t) => {
  const noise = Array.from({ length: 300 }, (_, at): Operation[] => [
    op([at * 10, at * 10 + 4], { kind: 'put', client: 'noise', value: `n${at}` }),
    op([at * 10 + 5, at * 10 + 9], { kind: 'get', client: 'noise', value: `n${at}` }),
  ]).flat();
  const history = [
    ...noise,
    op([3000, 3001], { kind: 'put', client: 'w', value: 'new' }),
    op([3010, 3020], { kind: 'get', client: 'r', value: 'n299', line: 77 }),
    op([3015, 3030], { kind: 'get', client: 's', value: 'new' }),
    op([4000, 4001], { kind: 'get', client: 'r', value: 'new' }),
  ];
  const explanation = explain(history);
  t.equal(explanation.operations, 604);
  t.equal(
    explanation.prefix,
    602,
    'what was not called by then, and the read that had no answer yet, are not part of it',
  );
  t.match(explanation.culprit, { client: 'r', value: 'n299', line: 77 });
  t.same(explanation.possible, ['new']);
  t.same(
    explanation.witnesses.map(({ operation, place }) => [operation.value, place]),
    [
      ['n299', 1],
      ['new', 2],
      ['n299', null],
    ],
  );
  t.same(explanation.concurrent, [], 'reads that had not returned say nothing');
});

t.test('what is left out never makes a good history look bad', async (t) => {
  const prng = createPrng(99);
  let rounds = 0;
  for (let round = 0; round < 6000; round++) {
    const texts =
      [
        ['a', 'b'],
        ['a;', 'b;', 'c;', 'd;'],
        ['1', '12', '2'],
      ][prng.between(0, 2)] ?? [];
    const options = { clients: prng.between(2, 5), operations: prng.between(3, 7), texts, unknown: 0.2, lies: 0.1 };
    const history = randomHistory(prng, kv, options).filter((operation) => standingOf(operation) !== 'silent');
    const culprit = history.at(-1);
    if (culprit === undefined || !isLinearizable(history, kv)) continue;
    rounds++;
    const items = history.map((operation) => ({ original: operation, counted: operation }));
    const left = shrink(
      items,
      culprit,
      kv,
      (part) =>
        !isLinearizable(
          part.map((item) => item.counted),
          kv,
        ),
    );
    if (left.length !== items.length) t.same(left, items, `round ${round}`);
  }
  t.ok(rounds > 2000, `${rounds} good histories`);
});

t.test('what is shown is not linearizable itself, and without the culprit it is', async (t) => {
  const prng = createPrng(5);
  let shown = 0;
  for (let round = 0; round < 3000; round++) {
    const options = { clients: 4, operations: 7, texts: ['a', 'b', 'c'], unknown: 0.15, lies: 0.3 };
    const history = randomHistory(prng, kv, options);
    if (isLinearizable(history, kv)) continue;
    const explanation = explain(history);
    const operations = counted(explanation);
    const { culprit } = explanation;
    shown++;
    const others = operations.map((operation) => (operation === culprit ? opened(operation) : operation));
    if (isLinearizable(operations, kv)) t.fail(`round ${round}: what is shown is linearizable`);
    if (culprit.outcome !== 'mismatch' && !isLinearizable(others, kv)) t.fail(`round ${round}: more than one culprit`);
    const places = explanation.witnesses.flatMap(({ place }) => place ?? []).sort((a, b) => a - b);
    t.same(
      places,
      places.map((_, at) => at + 1),
      `round ${round}`,
    );
  }
  t.ok(shown > 200, `${shown} bad histories`);
});

t.test('a delete that is still running may have removed something, whatever it reports later', async (t) => {
  const { witnesses } = explain([
    op([0, 1], { kind: 'put', value: '1' }),
    op([3, 9], { kind: 'delete', existed: false }),
    op([4, 5], { kind: 'get', value: null }),
    op([6, 7], { kind: 'get', value: '1' }),
  ]);
  t.ok(witnesses.some(({ operation, running }) => operation.kind === 'delete' && running));
});

t.test('every bad history has a text', async (t) => {
  for (const { name, operations, verdict } of fixtures()) {
    if (verdict === 'ok') continue;
    const text = describeViolation(explain(operations));
    t.match(text, /^key "x" is not linearizable \(model kv\)\n/, name);
    t.match(text, /\|X /, 'the culprit is in the timeline');
    for (const line of text.split('\n')) t.ok(line.length <= 120, line);
  }
});

t.test('the timeline has a lane for each client and tells running from returned', async (t) => {
  const text = describeViolation(
    explain([
      op([0, 10], { kind: 'put', client: 'a', value: '1' }),
      op([20], { kind: 'put', client: 'b', value: '2' }),
      op([30, 40], { kind: 'get', client: 'c', value: '2', line: 3 }),
      op([50, 60], { kind: 'get', client: 'c', value: '1', line: 4 }),
    ]),
  );
  t.match(text, 'line 4, client c, 50 to 60: get "1" has no explanation.\nEverything that returned before it has one.');
  t.match(text, 'It could have read "2".');
  const lanes = text.split('\n').filter((line) => /^ {2}[abc] /.test(line));
  t.equal(lanes.length, 3);
  t.match(lanes[0], /^ {2}a {2}\|1 put "1"\|$/);
  t.match(lanes[1], /^ {2}b {2} +\|2 put "2" -*>$/);
  t.match(lanes[2], /^ {2}c {2} +\|3 get "2"\| +\|X get "1"\|$/);
});

t.test('hostile keys, values and clients do not reach the terminal as they are', async (t) => {
  const hostile = '\u001b[31m\u009b2J\n\u202egnp.exe\u0007';
  const text = describeViolation(
    explain([op([0, 1], { kind: 'get', client: hostile, key: hostile, value: `${hostile}${'x'.repeat(500)}` })]),
  );
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  t.notMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  t.match(text, '\\u001b[31m');
  for (const line of text.split('\n')) t.ok(line.length <= 200, line);
});

t.test('a wide timeline goes on below', async (t) => {
  const operations = Array.from({ length: 20 }, (_, at) =>
    op([at * 10, at * 10 + 5], { kind: 'append', client: 'a', value: `token ${at};` }),
  );
  const all = operations.map(({ value }) => value).join('');
  const text = describeViolation(explain([...operations, op([500, 501], { kind: 'get', value: `${all}token 3;` })]));
  t.match(text, '... later:');
  t.match(text, /^All 21 operations of the key are shown/m);
});
