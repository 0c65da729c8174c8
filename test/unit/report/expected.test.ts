import t from 'tap';
import { createPrng } from '../../../src/base/prng.js';
import { orderStatistic, type DelayRange } from '../../../src/report/expected.js';
import { deviationOf, spacingFor } from '../../../src/report/quorum.js';
import { figures } from './reports.js';

t.test('ap.md §1.3.8: uniform delays: a + (b - a) W / (F + 1)', async (t) => {
  for (const followers of [1, 2, 5, 9]) {
    for (const [a, b] of [
      [5, 50],
      [0, 10],
      [0, 1],
    ] as const) {
      const delays = Array.from({ length: followers }, (): DelayRange => [a, b]);
      for (let quorum = 1; quorum <= followers; quorum++) {
        const { meanMs } = orderStatistic(delays, quorum);
        const exact = a + ((b - a) * quorum) / (followers + 1);
        t.ok(Math.abs(meanMs - exact) < exact * 1e-3, `F=${followers} W=${quorum} [${a}, ${b}]: ${meanMs}, ${exact}`);
      }
    }
  }
});

t.test('the deviation of the W-th of F is that of a beta distribution, and so is the median', async (t) => {
  const delays = Array.from({ length: 5 }, (): DelayRange => [5, 50]);
  const { deviationMs, medianMs } = orderStatistic(delays, 1);
  t.ok(Math.abs(medianMs - (5 + 45 * (1 - 0.5 ** (1 / 5)))) < 0.05, `the median as well: ${medianMs}`);
  t.ok(Math.abs(deviationMs - 45 * Math.sqrt(5 / 252)) < 0.05, String(deviationMs));
});

t.test('followers with different delays: as many draws say', async (t) => {
  const delays: DelayRange[] = [
    [0, 0],
    [5, 20],
    [10, 12],
    [1, 40],
  ];
  const prng = createPrng(7);
  const draws = Array.from({ length: 40_000 }, () =>
    delays.map(([min, max]) => min + prng.float() * (max - min)).toSorted((x, y) => x - y),
  );
  for (let quorum = 1; quorum <= 4; quorum++) {
    const drawn = draws.reduce((sum, sorted) => sum + (sorted[quorum - 1] ?? 0), 0) / draws.length;
    const { meanMs } = orderStatistic(delays, quorum);
    t.ok(Math.abs(meanMs - drawn) < 0.15, `W=${quorum}: ${meanMs}, drawn ${drawn}`);
  }
  t.throws(() => orderStatistic(delays, 5), 'there are only four');
});

t.test('the deviation is stated less the overhead; within 5 % and the overhead is said', async (t) => {
  const expected = { meanMs: 20, medianMs: 18, deviationMs: 8 };
  const overhead = { ...figures(2), p50Ms: 1.5 };
  t.match(deviationOf({ ...figures(22.5), p50Ms: 19.5 + 0.9 }, expected, overhead), {
    differenceMs: 2.5,
    overheadMs: 2,
    percent: 2.5,
    p50Percent: 5,
    within5PercentAndOverhead: true,
  });
  t.match(deviationOf(figures(23.1), expected, overhead), { within5PercentAndOverhead: false });
  t.match(
    deviationOf(figures(18.9), expected, overhead),
    { percent: -15.5, within5PercentAndOverhead: false },
    'too fast',
  );
  t.match(deviationOf(figures(20.9), expected, null), { overheadMs: null, within5PercentAndOverhead: true });
  t.match(deviationOf({ ...figures(20), count: 400 }, expected, null), { standardErrorPercent: 2 });
  t.equal(deviationOf(figures(null), expected, overhead), null, 'nothing was measured');
});

t.test('ap.md §1.3.8: sequential writes are further apart than any two delays', async (t) => {
  t.ok(
    spacingFor([
      [5, 50],
      [5, 80],
    ]) > 160,
  );
  t.ok(spacingFor([]) > 0);
});
