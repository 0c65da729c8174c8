import { linearScale } from './scale.js';
import { COLOURS, document, element, FONT_PX_MIN, frame, line, text, type Svg } from './svg.js';

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Series {
  readonly name: string;
  readonly colour: string;
  /** Ascending x. */
  readonly points: readonly Point[];
  /** `solid` has markers; `dashed` and `dotted` have none. */
  readonly style: 'solid' | 'dashed' | 'dotted';
  readonly marker?: 'circle' | 'square';
}

/** An area between two lines, behind everything; a dotted line follows its upper end. */
export interface Band {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly { readonly x: number; readonly low: number; readonly high: number }[];
}

/** Figures below the axis, one under each tick. */
export interface TableRow {
  readonly name: string;
  readonly colour: string;
  readonly bold: boolean;
  readonly cells: readonly string[];
}

export interface LineChart {
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly subtitle: string;
  /** Paragraphs below the picture. */
  readonly caption: readonly string[];
  readonly xLabel: string;
  readonly yLabel: string;
  /** Whole numbers at which there are points. */
  readonly xTicks: readonly number[];
  readonly series: readonly Series[];
  readonly bands: readonly Band[];
  /** What the rows are measured in. */
  readonly tableUnit: string;
  readonly table: readonly TableRow[];
}

interface Place {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

const LEGEND_ROW = 22;
const TABLE_ROW = 18;
/** Room for the names of the rows, and for the axis above them. */
const LEFT = 230;
const MARGIN = 24;

export function drawLineChart(chart: LineChart): string {
  const { height, series, width, xTicks } = chart;
  const { bottom, parts, top } = frame({ width, height }, chart.title, chart.subtitle, chart.caption);
  const place: Place = {
    left: LEFT,
    right: width - 32,
    top: top + legendRows(chart) * LEGEND_ROW + 18,
    bottom: bottom - 62 - chart.table.length * TABLE_ROW,
  };
  const values = [...series.flatMap(({ points }) => points.map(({ y }) => y)), ...chart.bands.flatMap(highs)];
  const y = linearScale(Math.max(0, ...values), 9, place.bottom, place.top);
  const step = (place.right - place.left) / Math.max(1, xTicks.length);
  const x = (value: number): number => place.left + (xTicks.indexOf(value) + 0.5) * step;
  return document(width, height, [
    ...parts,
    ...y.ticks.flatMap((tick) => [
      line(place.left, y.at(tick), place.right, y.at(tick), COLOURS.grid),
      text(place.left - 10, y.at(tick) + 5, y.format(tick), { size: 14, anchor: 'end' }),
    ]),
    ...xTicks.flatMap((tick) => [
      line(x(tick), place.top, x(tick), place.bottom, COLOURS.grid),
      text(x(tick), place.bottom + 22, String(tick), { size: 14, anchor: 'middle' }),
    ]),
    line(place.left, place.bottom, place.right, place.bottom, COLOURS.ink),
    line(place.left, place.top, place.left, place.bottom, COLOURS.ink),
    text((place.left + place.right) / 2, place.bottom + 46, chart.xLabel, { size: 14, anchor: 'middle' }),
    text(place.left - 62, (place.top + place.bottom) / 2, chart.yLabel, { size: 14, anchor: 'middle', turned: -90 }),
    ...chart.bands.map((band) => area(band, x, y.at)),
    ...series.map((each) => curve(each, x, y.at)),
    ...legend(chart, place, top),
    ...table(chart, place, x),
  ]);
}

function highs({ points }: Band): number[] {
  return points.map(({ high }) => high);
}

type At = (value: number) => number;

function area({ colour, points }: Band, x: At, y: At): Svg {
  const there = points.map((point) => `${x(point.x).toFixed(1)},${y(point.high).toFixed(1)}`);
  const back = points.toReversed().map((point) => `${x(point.x).toFixed(1)},${y(point.low).toFixed(1)}`);
  return element('g', {}, [
    element('polygon', { points: [...there, ...back].join(' '), fill: colour, 'fill-opacity': 0.16 }),
    element('polyline', { points: there.join(' '), fill: 'none', stroke: colour, ...stroke('dotted') }),
  ]);
}

function curve({ colour, marker = 'circle', points, style }: Series, x: At, y: At): Svg {
  const path = points.map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`).join(' ');
  const markers = style === 'solid' ? points.map((point) => mark(marker, x(point.x), y(point.y), colour)) : [];
  return element('g', {}, [
    element('polyline', { points: path, fill: 'none', stroke: colour, ...stroke(style) }),
    ...markers,
  ]);
}

/** As wide as the plot: what stands below a tick belongs to it. */
function table({ table: rows, tableUnit, xTicks }: LineChart, { bottom, left, right }: Place, x: At): Svg[] {
  const top = bottom + 62;
  return rows.flatMap(({ bold, cells, colour, name }, at) => {
    const y = top + (at + 0.7) * TABLE_ROW;
    const rule = bold ? [line(MARGIN, y - 13, right, y - 13, COLOURS.grid)] : [];
    const unit = at === 0 ? [text(left - 14, y - TABLE_ROW, tableUnit, { anchor: 'end', colour: COLOURS.faint })] : [];
    return [
      ...rule,
      ...unit,
      text(left - 14, y, name, { anchor: 'end', bold, colour }),
      ...cells.map((cell, column) => text(x(xTicks[column] ?? 0), y, cell, { anchor: 'middle', bold, colour })),
    ];
  });
}

function stroke(style: Series['style']): { 'stroke-width': number; 'stroke-dasharray'?: string } {
  if (style === 'solid') return { 'stroke-width': 2.5 };
  return style === 'dashed'
    ? { 'stroke-width': 2, 'stroke-dasharray': '9 6' }
    : { 'stroke-width': 1.5, 'stroke-dasharray': '2 4' };
}

function mark(marker: 'circle' | 'square', x: number, y: number, colour: string): Svg {
  const outline = { fill: colour, stroke: '#ffffff', 'stroke-width': 1.5 };
  if (marker === 'circle') return element('circle', { cx: x, cy: y, r: 5.5, ...outline });
  return element('rect', { x: x - 5, y: y - 5, width: 10, height: 10, ...outline });
}

/** Above the plot, in two columns: within it, it would hide something sooner or later. */
function legend({ bands, series }: LineChart, place: Place, top: number): Svg[] {
  const rows: readonly { readonly name: string; readonly sample: (x: number, y: number) => Svg }[] = [
    ...series.map((each) => ({ name: each.name, sample: (x: number, y: number) => lineSample(each, x, y) })),
    ...bands.map((band) => ({ name: band.name, sample: (x: number, y: number) => areaSample(band, x, y) })),
  ];
  const perColumn = legendRows({ bands, series });
  return rows.flatMap(({ name, sample }, at) => {
    const left = place.left + (at < perColumn ? 0 : (place.right - place.left) / 2);
    const middle = top + ((at % perColumn) + 0.5) * LEGEND_ROW;
    return [sample(left, middle), text(left + 50, middle + 5, name, { size: FONT_PX_MIN + 1 })];
  });
}

function legendRows({ bands, series }: Pick<LineChart, 'bands' | 'series'>): number {
  return Math.ceil((bands.length + series.length) / 2);
}

function lineSample({ colour, marker = 'circle', style }: Series, x: number, y: number): Svg {
  const parts = [line(x, y, x + 38, y, colour, stroke(style))];
  if (style === 'solid') parts.push(mark(marker, x + 19, y, colour));
  return element('g', {}, parts);
}

function areaSample({ colour }: Band, x: number, y: number): Svg {
  return element('g', {}, [
    element('rect', { x, y: y - 7, width: 38, height: 14, fill: colour, 'fill-opacity': 0.16 }),
    line(x, y - 7, x + 38, y - 7, colour, stroke('dotted')),
  ]);
}
