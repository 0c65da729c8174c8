import t from 'tap';
import { createPrng } from '../../../src/base/prng.js';
import { KeyCounter } from '../../../src/workload/keys/counter.js';
import { KIND_NAMES } from '../../../src/workload/kinds.js';
import { mixOfReads, shareOf, YCSB_MIXES, type Mix, type MixName } from '../../../src/workload/settings.js';
import { LoadSource, MixSource } from '../../../src/workload/source.js';
import { settings } from './settings.js';

function drawn(mix: Mix, seed = 1, draws = 20_000): { shares: Record<string, number>; keys: number[] } {
  const source = new MixSource(settings({ mix, keys: 1000 }), createPrng(seed), KeyCounter.of(1000), 0);
  const shares: Record<string, number> = {};
  const keys: number[] = [];
  for (let at = 0; at < draws; at++) {
    source.draw();
    const name = KIND_NAMES[source.kind];
    shares[name] = (shares[name] ?? 0) + 1 / draws;
    keys.push(source.key);
  }
  return { shares, keys };
}

t.test('the mixes of YCSB', async (t) => {
  const wanted: Record<MixName, Record<string, number>> = {
    a: { read: 0.5, update: 0.5 },
    b: { read: 0.95, update: 0.05 },
    c: { read: 1 },
    d: { read: 0.95, insert: 0.05 },
    e: { scan: 0.95, insert: 0.05 },
    f: { read: 0.5, rmw: 0.5 },
  };
  for (const [name, { mix }] of Object.entries(YCSB_MIXES)) {
    const { shares } = drawn(mix);
    const expected = wanted[name as MixName];
    t.same(Object.keys(shares).sort(), Object.keys(expected).sort(), name);
    for (const [kind, share] of Object.entries(expected)) {
      t.ok(Math.abs((shares[kind] ?? 0) - share) < 0.01, `${name}: ${kind} ${shares[kind]}`);
    }
  }
  t.equal(YCSB_MIXES.d.distribution, 'latest');
  t.same(drawn(mixOfReads(0)).shares['update']?.toFixed(6), '1.000000');
});

t.test('the same seed gives the same operations; another one others', async (t) => {
  const { mix } = YCSB_MIXES.a;
  t.same(drawn(mix, 7, 500), drawn(mix, 7, 500));
  t.not(drawn(mix, 8, 500).keys.join(), drawn(mix, 7, 500).keys.join());
});

t.test('inserts take new keys, which are read from then on, by all threads', async (t) => {
  const counter = KeyCounter.of(10);
  const other = new KeyCounter(counter.shared);
  const source = new MixSource(settings({ mix: YCSB_MIXES.d.mix, keys: 10 }), createPrng(1), counter, 0);
  const inserted: number[] = [];
  for (let at = 0; at < 400; at++) {
    source.draw();
    if (KIND_NAMES[source.kind] === 'insert') inserted.push(source.key);
    else t.ok(source.key < other.keys);
  }
  t.same(
    inserted,
    inserted.map((_, at) => 10 + at),
  );
  t.equal(other.keys, 10 + inserted.length);
});

t.test('a load gives every key to one thread', async (t) => {
  for (const [keys, threads] of [
    [10, 3],
    [1, 4],
    [1000, 7],
  ] as const) {
    const found: number[] = [];
    for (let thread = 0; thread < threads; thread++) {
      const source = new LoadSource(keys, thread, threads);
      while (source.left > 0) {
        source.draw();
        found.push(source.key);
      }
    }
    t.same(
      found,
      Array.from({ length: keys }, (_, key) => key),
    );
  }
  t.equal(shareOf(10, 0, 3) + shareOf(10, 1, 3) + shareOf(10, 2, 3), 10);
});
