import t from 'tap';
import { groupThousands, linearScale, roundStep, threeDigits } from '../../../src/report/plot/scale.js';
import { wrap } from '../../../src/report/plot/svg.js';

t.test('ticks stand at round numbers, and the last one is not below the highest value', async (t) => {
  for (const [max, ticks] of [
    [93.2, [0, 20, 40, 60, 80, 100]],
    [100, [0, 20, 40, 60, 80, 100]],
    [0.42, [0, 0.1, 0.2, 0.3, 0.4, 0.5]],
    [0.3, [0, 0.1, 0.2, 0.3]],
    [136_277, [0, 50_000, 100_000, 150_000]],
    [11, [0, 2.5, 5, 7.5, 10, 12.5]],
    [1, [0, 0.2, 0.4, 0.6, 0.8, 1]],
    [0, [0, 0.2, 0.4, 0.6, 0.8, 1]],
  ] as const) {
    t.same(linearScale(max, 6, 0, 1).ticks, ticks, String(max));
  }
  for (let max = 0.001; max < 1e7; max *= 1.37) {
    const { ticks } = linearScale(max, 9, 0, 1);
    t.ok(ticks.length >= 4 && ticks.length <= 10, `${max}: ${ticks.length} ticks`);
    t.ok((ticks.at(-1) ?? 0) >= max * (1 - 1e-9), `${max} is within ${ticks.at(-1)}`);
  }
});

t.test('an axis may run upwards: from and to are the places of 0 and of the last tick', async (t) => {
  const scale = linearScale(100, 6, 500, 100);
  t.equal(scale.at(0), 500);
  t.equal(scale.at(100), 100);
  t.equal(scale.at(50), 300);
});

t.test('ticks show the digits that their steps need, and thousands', async (t) => {
  const shown = (max: number): string[] => {
    const { format, ticks } = linearScale(max, 6, 0, 1);
    return ticks.map((tick) => format(tick));
  };
  t.same(shown(11), ['0.0', '2.5', '5.0', '7.5', '10.0', '12.5']);
  t.same(shown(0.9), ['0.0', '0.2', '0.4', '0.6', '0.8', '1.0']);
  t.same(shown(3000), ['0', '1,000', '2,000', '3,000']);
  t.equal(roundStep(0.009, 6), 0.002);
  t.equal(groupThousands('1234567.25'), '1,234,567.25');
  t.same([0.444, 6.716, 23.77, 999.4, 136_277.4].map(threeDigits), ['0.44', '6.72', '23.8', '999', '136,277']);
});

t.test('captions are broken between words', async (t) => {
  t.same(wrap('one two three', 12, 60), ['one two', 'three']);
  t.same(wrap('incomprehensibilities of it', 12, 60), ['incomprehensibilities', 'of it'], 'a long word stands alone');
});
