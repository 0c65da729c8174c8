import * as fc from 'fast-check';
import t from 'tap';
import type { OriginId } from '../../../../src/base/brand.js';
import { causalPolicy } from '../../../../src/engines/causal/index.js';
import type { OriginBatch } from '../../../../src/engines/leaderless/types.js';
import { risenSince } from '../../../../src/engines/leaderless/vector.js';
import { incarnationOf, Network } from '../leaderless/network.js';

const origin = fc.constantFrom('a~1', 'b~1', 'c~1').map((text) => text as OriginId);
const vector = fc.array(fc.tuple(origin, fc.integer({ min: 1, max: 9 }))).map((entries) => new Map(entries));

t.test('ap.md §1.2.1: the difference to what was stated before says all', (t) => {
  fc.assert(
    fc.property(vector, vector, (stated, risen) => {
      const applied = new Map(stated);
      for (const [each, seq] of risen) applied.set(each, Math.max(seq, applied.get(each) ?? 0));
      const sum = new Map(stated);
      for (const dot of risenSince(applied, stated)) {
        if (dot.seq <= (sum.get(dot.origin) ?? 0)) return false; // Nothing is said twice.
        sum.set(dot.origin, dot.seq);
      }
      return [...applied].every(([each, seq]) => sum.get(each) === seq);
    }),
  );
  t.end();
});

t.test('ap.md §1.2.1: a batch is delivered when all it depends on is', (t) => {
  fc.assert(
    fc.property(vector, vector, (here, needs) => {
      const dependencies = [...needs].map(([each, seq]) => ({ origin: each, seq }));
      const missing = causalPolicy.waitsFor({ dependencies } as unknown as OriginBatch, (each) => here.get(each) ?? 0);
      const expected = dependencies.filter((dot) => (here.get(dot.origin) ?? 0) < dot.seq);
      return missing === null ? expected.length === 0 : expected.includes(missing);
    }),
  );
  t.end();
});

t.test('the first batch of a start states everything, the next ones only what is new', (t) => {
  const net = new Network(['a', 'b', 'c'], 1, { engine: 'causal' });
  const [a, b, c] = [incarnationOf('a', 1), incarnationOf('b', 2), incarnationOf('c', 3)];
  net.write('b', 'k=1');
  net.run(2);
  net.write('a', 'k=2');
  net.write('a', 'k=3');
  net.settle();
  net.write('c', 'k=4');
  net.run(2);
  net.write('a', 'k=5');
  net.settle();
  net.crash('a');
  net.restart('a');
  net.run(5);
  net.write('a', 'k=6');
  net.settle();
  t.same(
    net.checker.issued.get(a)?.map(({ batch }) => batch.dependencies.map((dot) => `${dot.origin[0]}${dot.seq}`)),
    [['b1'], [], ['c1'], ['b1', 'c1']],
  );
  t.ok([a, b, c].every((each) => net.engine('c').vector.has(each)));
  t.end();
});
