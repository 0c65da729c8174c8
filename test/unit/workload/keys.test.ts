import t from 'tap';
import { createPrng } from '../../../src/base/prng.js';
import { createKeyChooser } from '../../../src/workload/keys/chooser.js';
import { hashModulo, ScrambledZipfian, THETA, zeta, Zipfian } from '../../../src/workload/keys/zipfian.js';

function counts(draws: number, keys: number, draw: () => number): number[] {
  const found = Array.from({ length: keys }, () => 0);
  for (let at = 0; at < draws; at++) {
    const key = draw();
    if (!Number.isInteger(key) || key < 0 || key >= keys) throw new Error(`key ${key} is none of ${keys}`);
    found[key] = (found[key] ?? 0) + 1;
  }
  return found;
}

/** Sum of (seen - wanted)^2 / wanted; about as large as the degrees of freedom when the shape is right. */
function chiSquare(seen: readonly number[], share: (rank: number) => number): number {
  const draws = seen.reduce((sum, count) => sum + count, 0);
  return seen.reduce((sum, count, rank) => sum + (count - draws * share(rank)) ** 2 / (draws * share(rank)), 0);
}

t.test('zeta: the sum, whether added or integrated, and the constant of YCSB', async (t) => {
  t.equal(zeta(1, THETA), 1);
  let sum = 0;
  for (let k = 1; k <= 200_000; k++) sum += k ** -THETA;
  t.ok(Math.abs(zeta(200_000, THETA) - sum) < 1e-8);
  t.ok(Math.abs(zeta(10_000_000_000, THETA) - 26.46902820178302) < 1e-6, 'ZETAN of ScrambledZipfianGenerator');
});

t.test('uniform: every key as often as the others', async (t) => {
  const prng = createPrng(3);
  const choose = createKeyChooser('uniform', 1000, 0);
  const seen = counts(1_000_000, 1000, () => choose(prng, 1000));
  // 999 degrees of freedom: standard deviation 45; seeded, so that it holds always or never.
  t.ok(Math.abs(chiSquare(seen, () => 1 / 1000) - 999) < 180);
});

t.test('zipfian ranks have the shape of 1/k^0.99', async (t) => {
  for (const items of [2, 3, 10, 1000]) {
    const prng = createPrng(items);
    const zipfian = new Zipfian(items);
    const seen = counts(200_000, items, () => zipfian.next(prng));
    const share = (rank: number): number => (rank + 1) ** -THETA / zeta(items, THETA);
    // The method of Gray et al. is exact for the first two ranks and close behind them.
    for (const rank of [0, 1]) {
      const wanted = 200_000 * share(rank);
      t.ok(Math.abs((seen[rank] ?? 0) - wanted) < 5 * Math.sqrt(wanted) + 1, `rank ${rank} of ${items}`);
    }
    const firstTenth = Math.max(2, Math.ceil(items / 10));
    const head = (of: (rank: number) => number): number =>
      Array.from({ length: firstTenth }, (_, rank) => of(rank)).reduce((sum, each) => sum + each, 0);
    t.ok(Math.abs(head((rank) => (seen[rank] ?? 0) / 200_000) - head(share)) < 0.03, `first tenth of ${items}`);
  }
  t.equal(new Zipfian(1).next(createPrng(1)), 0);
});

t.test('a zipfian that has grown is one that was made so large', async (t) => {
  const grown = new Zipfian(10);
  for (let items = 11; items <= 500; items++) grown.grow(items);
  grown.grow(5);
  const made = new Zipfian(500);
  const [one, other] = [createPrng(9), createPrng(9)];
  for (let at = 0; at < 1000; at++) t.equal(grown.next(one), made.next(other));
});

t.test('scrambled: the hot keys are hot and lie anywhere', async (t) => {
  const prng = createPrng(5);
  const zipfian = new ScrambledZipfian();
  const seen = counts(300_000, 10_000, () => zipfian.next(prng, 10_000));
  const hottest = Math.max(...seen) / 300_000;
  t.ok(Math.abs(hottest - 1 / 26.469) < 0.003, 'the first rank has 3.8 % of the draws');
  const order = seen.map((count, key) => [count, key] as const).sort(([a], [b]) => b - a);
  const places = order.slice(0, 20).map(([, key]) => key);
  t.ok(places.filter((key) => key < 5000).length > 3 && places.filter((key) => key >= 5000).length > 3);
  t.ok(seen.filter((count) => count > 0).length > 9000, 'and hardly a key is never drawn');
});

t.test('the hash is FNV-1a of 64 bits, as BigInt says', async (t) => {
  const reference = (value: number, modulus: number): number => {
    let hash = 0xcbf29ce484222325n;
    for (let octet = 0n; octet < 8n; octet++) {
      hash = BigInt.asUintN(64, (hash ^ ((BigInt(value) >> (octet * 8n)) & 0xffn)) * 1099511628211n);
    }
    const signed = BigInt.asIntN(64, hash);
    return Number((signed < 0n ? -signed : signed) % BigInt(modulus));
  };
  const prng = createPrng(11);
  const values = [0, 1, 2, 255, 256, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 9_999_999_999];
  for (let at = 0; at < 500; at++) values.push(Math.floor(prng.float() * 1e10));
  for (const value of values) {
    for (const modulus of [1, 7, 100_000, 1_000_000_000]) {
      t.equal(hashModulo(value, modulus), reference(value, modulus), `${value} mod ${modulus}`);
    }
  }
});

t.test('latest: the newest key is drawn most, also when keys are added', async (t) => {
  const prng = createPrng(2);
  const choose = createKeyChooser('latest', 1000, 0);
  const before = counts(50_000, 1000, () => choose(prng, 1000));
  t.equal(before.indexOf(Math.max(...before)), 999);
  const after = counts(50_000, 1200, () => choose(prng, 1200));
  t.equal(after.indexOf(Math.max(...after)), 1199);
});

t.test('sequential: one after the other, from its own place, round and round', async (t) => {
  const choose = createKeyChooser('sequential', 5, 3);
  const prng = createPrng(1);
  t.same(
    Array.from({ length: 7 }, () => choose(prng, 5)),
    [3, 4, 0, 1, 2, 3, 4],
  );
});
