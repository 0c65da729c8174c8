import t from 'tap';
import { createPrng } from '../../../src/base/prng.js';
import { createLatencies, formatHgrm, mergeLatencies, percentilesOf, recordMs } from '../../../src/workload/latency.js';

t.test('merging histograms is the same as recording into one', async (t) => {
  const prng = createPrng(7);
  const whole = createLatencies();
  const parts = [createLatencies(), createLatencies(), createLatencies()];
  for (let at = 0; at < 30_000; at++) {
    const milliseconds = 0.02 * 10 ** (prng.float() * 5);
    recordMs(whole, milliseconds);
    const part = parts[at % parts.length];
    if (part !== undefined) recordMs(part, milliseconds);
  }
  const merged = mergeLatencies([...parts, createLatencies()]);
  t.same(percentilesOf(merged), percentilesOf(whole));
  t.equal(merged.count, 30_000);
  t.not(merged, parts[0], 'the parts stay as they are');
  t.equal(parts[0]?.count, 10_000);
});

t.test('percentiles are those of the values, to a thousandth', async (t) => {
  const latencies = createLatencies();
  for (let microseconds = 1; microseconds <= 100_000; microseconds++) recordMs(latencies, microseconds / 1000);
  const found = percentilesOf(latencies);
  const near = (actual: number | undefined, wanted: number): void => {
    t.ok(Math.abs((actual ?? 0) / wanted - 1) < 0.001, `${actual} is about ${wanted}`);
  };
  near(found?.p50Us, 50_000);
  near(found?.p90Us, 90_000);
  near(found?.p99Us, 99_000);
  near(found?.p999Us, 99_900);
  near(found?.p9999Us, 99_990);
  t.ok((found?.p9999Us ?? 0) <= (found?.maxUs ?? 0), 'no percentile is above the maximum');
  near(found?.meanUs, 50_000);
  t.equal(percentilesOf(createLatencies()), null);
});

t.test('what is out of range is recorded at its ends', async (t) => {
  const latencies = createLatencies();
  recordMs(latencies, -1);
  recordMs(latencies, 0);
  recordMs(latencies, 1e12);
  t.equal(latencies.count, 3);
  t.equal(latencies.min, 1);
  t.ok(latencies.max >= 3_599_000_000_000);
});

t.test('the percentile distribution in the format of HdrHistogram', async (t) => {
  const latencies = createLatencies();
  for (let at = 1; at <= 1000; at++) recordMs(latencies, at / 1000);
  const lines = formatHgrm(latencies).split('\n');
  t.equal(lines[0], '       Value     Percentile TotalCount 1/(1-Percentile)');
  const rows = lines.filter((line) => /^ *\d/.test(line)).map((line) => line.trim().split(/ +/));
  t.same(rows[0], ['1.000', '0.000000000000', '1', '1.00']);
  t.same(rows.at(-1)?.slice(1), ['1.000000000000', '1000', 'inf']);
  const shares = rows.map(([, share]) => Number(share));
  t.same(
    shares,
    shares.toSorted((a, b) => a - b),
  );
  t.match(shares, [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.55]);
  const median = rows.find(([, share]) => share === '0.500000000000');
  t.ok(Math.abs(Number(median?.[0]) - 500) < 1, 'microseconds');
  t.equal(median?.[2], '500');
  t.match(
    lines.slice(-4).join('\n'),
    /^#\[Mean {4}= +500\.\d+, .*\n#\[Max {5}= +\d+\.\d+, Total count {4}= +1000\]\n#\[B/,
  );
  t.match(formatHgrm(createLatencies()), /Total count {4}= +0\]/);
});
