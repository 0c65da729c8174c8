import { linearScale, threeDigits } from './scale.js';
import { COLOURS, document, element, FONT_PX_MIN, frame, line, text, widthOf, type Svg } from './svg.js';

/** One bar; several of one category stand side by side. */
export interface Bar {
  readonly value: number;
  readonly colour: string;
  /** Lowest and highest of several measurements; a line with caps. */
  readonly spread: readonly [low: number, high: number] | null;
  /** Lighter: the second figure of a pair. */
  readonly faint: boolean;
}

export interface Category {
  readonly name: string;
  /** Below the name, for example why the figure may not be relied on. */
  readonly remark: string;
  readonly bars: readonly Bar[];
}

export interface Panel {
  readonly title: string;
  readonly yLabel: string;
  readonly categories: readonly Category[];
}

export interface BarPanels {
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly subtitle: string;
  readonly caption: readonly string[];
  /** Rows of the same number of panels, each with an axis of its own. */
  readonly rows: readonly (readonly Panel[])[];
  /** What the first and the second bar of a pair are. */
  readonly pair: readonly [string, string];
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

const GAP = 26;

export function drawBarPanels(chart: BarPanels): string {
  const { height, rows, width } = chart;
  const { bottom, parts, top } = frame({ width, height }, chart.title, chart.subtitle, chart.caption);
  const rowHeight = (bottom - top) / rows.length;
  const panels = rows.flatMap((row, rowAt) => {
    const each = (width - 48) / Math.max(1, row.length);
    return row.map((panel, at) => {
      const box = { left: 24 + at * each, top: top + rowAt * rowHeight, width: each - GAP / 2, height: rowHeight };
      return drawPanel(panel, box, chart.pair);
    });
  });
  return document(width, height, [...parts, ...panels]);
}

function drawPanel(panel: Panel, box: Box, pair: BarPanels['pair']): Svg {
  const { categories } = panel;
  const paired = categories.some(({ bars }) => bars.length > 1);
  const left = box.left + 78;
  const right = box.left + box.width;
  const [top, bottom] = [box.top + (paired ? 68 : 46), box.top + box.height - 54];
  const values = categories.flatMap(({ bars }) => bars.map(highest));
  // Room for the figure above the highest bar.
  const y = linearScale(Math.max(0, ...values) * 1.06, 6, bottom, top);
  const step = (right - left) / Math.max(1, categories.length);
  return element('g', {}, [
    text(left, box.top + 24, panel.title, { size: 14, bold: true }),
    ...(paired ? pairLegend(left, box.top + 46, pair) : []),
    ...y.ticks.flatMap((tick) => [
      line(left, y.at(tick), right, y.at(tick), COLOURS.grid),
      text(left - 8, y.at(tick) + 4, y.format(tick), { anchor: 'end' }),
    ]),
    text(box.left + 14, (top + bottom) / 2, panel.yLabel, { size: 13, anchor: 'middle', turned: -90 }),
    ...categories.flatMap((category, at) => drawCategory(category, left + (at + 0.5) * step, step, bottom, y.at)),
    line(left, bottom, right, bottom, COLOURS.ink),
  ]);
}

function drawCategory(
  { bars, name, remark }: Category,
  middle: number,
  step: number,
  bottom: number,
  y: (value: number) => number,
): Svg[] {
  const width = Math.min(52, (step * 0.82) / Math.max(1, bars.length));
  const first = middle - (width * bars.length) / 2;
  return [
    ...bars.map(({ colour, faint, value }, at) => {
      const shape = { x: first + at * width + 1.5, y: y(value), width: width - 3, height: bottom - y(value) };
      return element('rect', { ...shape, fill: colour, 'fill-opacity': faint ? 0.45 : 1 });
    }),
    ...bars.flatMap(({ spread }, at) => whisker(spread, first + (at + 0.5) * width, y)),
    ...bars.map((bar, at) => {
      // Of a pair, the first figure ends where the second bar begins, which is the higher one.
      const pair = bars.length > 1 && at === 0;
      const x = first + at * width + (pair ? width - 2 : width / 2);
      return text(x, y(highest(bar)) - 6, threeDigits(bar.value), { anchor: pair ? 'end' : 'middle', halo: true });
    }),
    text(middle, bottom + 20, name, { size: 13, anchor: 'middle' }),
    ...(remark === '' ? [] : [text(middle, bottom + 38, remark, { anchor: 'middle', colour: COLOURS.orange })]),
  ];
}

function highest({ spread, value }: Bar): number {
  return spread === null ? value : Math.max(value, spread[1]);
}

function whisker(spread: Bar['spread'], x: number, y: (value: number) => number): Svg[] {
  if (spread === null) return [];
  const [low, high] = [y(spread[0]), y(spread[1])];
  const cap = (at: number): Svg => line(x - 6, at, x + 6, at, COLOURS.ink);
  return [line(x, low, x, high, COLOURS.ink), cap(low), cap(high)];
}

function pairLegend(left: number, y: number, [first, second]: BarPanels['pair']): Svg[] {
  const sample = (x: number, opacity: number): Svg =>
    element('rect', { x, y: y - 10, width: 14, height: 12, fill: COLOURS.faint, 'fill-opacity': opacity });
  const next = left + 20 + widthOf(first, FONT_PX_MIN) + 20;
  return [sample(left, 1), text(left + 20, y, first), sample(next, 0.45), text(next + 20, y, second)];
}
