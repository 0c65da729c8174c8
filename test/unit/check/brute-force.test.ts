import t from 'tap';
import { createPrng, type Prng } from '../../../src/base/prng.js';
import { checkLinearizable } from '../../../src/check/index.js';
import { createModel, MODEL_NAMES, type Model, type ModelOptions } from '../../../src/check/model.js';
import type { Operation, OperationKind } from '../../../src/check/operation.js';
import { isLinearizable } from './brute-force.js';
import { randomHistory, withoutReports, type HistoryOptions } from './random-history.js';

const MODEL_OPTIONS: readonly ModelOptions[] = [{}, { init: '' }, { init: 'a' }, { absentEmpty: true }];

/** Texts that collide, run into one another when appended, or can be told apart. */
const TEXTS: readonly (readonly string[] | undefined)[] = [
  undefined,
  ['a', 'b'],
  ['a', 'b', 'ab', ''],
  ['1', '12', '2', '21'],
  ['a;', 'b;', 'c;', 'd;', 'e;', 'f;', 'g;'],
  [',a', ',b', ',c', ',d', ',e'],
];

const KV_KINDS: readonly (readonly OperationKind[])[] = [
  ['put', 'get', 'append', 'delete', 'cas'],
  ['append', 'get'],
  ['append', 'get', 'put', 'get'],
  ['append', 'cas', 'get'],
  ['delete', 'put', 'cas'],
];

function pick<T>(prng: Prng, from: readonly T[]): T {
  return from[prng.between(0, from.length - 1)] as T;
}

function drawOptions(prng: Prng, model: Model): HistoryOptions {
  const texts = pick(prng, TEXTS);
  return {
    clients: prng.between(1, 5),
    operations: prng.between(1, 7),
    unknown: pick(prng, [0, 0.2, 0.5]),
    lies: pick(prng, [0, 0.15, 0.4]),
    ...(texts === undefined ? {} : { texts }),
    ...(model.name === 'kv' ? { kinds: pick(prng, KV_KINDS) } : {}),
  };
}

function show(operations: readonly Operation[]): string {
  return operations.map((operation) => JSON.stringify(operation)).join('\n');
}

for (const name of MODEL_NAMES) {
  t.test(`the search agrees with the definition on random histories: ${name} (reliability.md §4.1-4.3)`, async (t) => {
    const prng = createPrng(0xc0ffee + name.length);
    const seen = { good: 0, bad: 0 };
    for (let round = 0; round < 12_000; round++) {
      const model = createModel(name, pick(prng, MODEL_OPTIONS));
      const history = randomHistory(prng, model, drawOptions(prng, model));
      const operations = prng.float() < 0.5 ? history : withoutReports(history);
      const expected = isLinearizable(operations, model) ? 'ok' : 'violation';
      seen[expected === 'ok' ? 'good' : 'bad']++;
      const { verdict } = checkLinearizable(operations, model);
      if (verdict !== expected) {
        t.equal(verdict, expected, `round ${round} ${JSON.stringify(model.options)}\n${show(operations)}`);
        return;
      }
    }
    t.ok(seen.good > 2000 && seen.bad > 1500, `${seen.good} good and ${seen.bad} bad ones`);
  });
}

t.test('the search agrees with the definition on longer histories, where sets of operations span words', async (t) => {
  const prng = createPrng(0xbeef);
  const seen = { good: 0, bad: 0 };
  for (let round = 0; round < 1200; round++) {
    const model = createModel(pick(prng, MODEL_NAMES), pick(prng, MODEL_OPTIONS));
    const options = {
      ...drawOptions(prng, model),
      clients: prng.between(3, 5),
      operations: prng.between(30, 110),
      unknown: 0.02,
      lies: pick(prng, [0, 0.02, 0.06]),
    };
    const history = randomHistory(prng, model, options);
    const expected = isLinearizable(history, model) ? 'ok' : 'violation';
    seen[expected === 'ok' ? 'good' : 'bad']++;
    const { verdict } = checkLinearizable(history, model);
    if (verdict !== expected) {
      t.equal(verdict, expected, `round ${round} ${model.name} ${JSON.stringify(model.options)}\n${show(history)}`);
      return;
    }
  }
  t.ok(seen.good > 300 && seen.bad > 300, `${seen.good} good and ${seen.bad} bad ones`);
});
