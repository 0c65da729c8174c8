import type { Machine } from '../workload/machine.js';
import { drawBarPanels, type Bar, type Category, type Panel } from './plot/bar-panels.js';
import { drawLineChart, type Band, type Series, type TableRow } from './plot/line-chart.js';
import { groupThousands } from './plot/scale.js';
import { COLOURS } from './plot/svg.js';
import type { Figures } from './figures.js';
import type { EngineRow, EnginesReport, QuorumReport, QuorumRow } from './summary.js';

/** Of both pictures; what fits on any screen at its own size. */
export const PICTURE = { width: 1100, height: 900 } as const;

/** Of the cores: with more at work before a measurement, its figures are not those of a machine of one's own. */
const BUSY_SHARE = 0.5;

const ENGINE_COLOURS: Readonly<Record<string, string>> = {
  raft: COLOURS.blue,
  semisync: COLOURS.orange,
  causal: COLOURS.green,
  lww: COLOURS.pink,
};

/** reports/quorum_vs_latency.png as SVG. */
export function quorumPicture(report: QuorumReport): string {
  const { cluster, quorums, settings } = report;
  const { concurrentWrites, rounds, sequentialWrites, spacingMs, valueBytes } = settings;
  const burst = `${concurrentWrites} writes at once`;
  return drawLineChart({
    ...PICTURE,
    title: 'Write latency against write quorum',
    subtitle: `One leader, ${cluster.followers} followers; a write is answered when W followers have it on their disks`,
    xLabel: `write quorum W (followers, of ${cluster.followers})`,
    yLabel: 'latency of a write (ms)',
    xTicks: quorums.map(({ writeQuorum }) => writeQuorum),
    series: [
      ...curves(quorums, 'concurrent', burst, COLOURS.orange, 'square'),
      ...curves(quorums, 'sequential', 'one write at a time', COLOURS.blue, 'circle'),
      ...expectedSeries(quorums),
    ],
    bands: [
      band(quorums, 'concurrent', `${burst}: p50 to p99 (dotted)`, COLOURS.orange),
      band(quorums, 'sequential', 'one write at a time: p50 to p99 (dotted)', COLOURS.blue),
    ],
    tableUnit: 'milliseconds',
    table: [...sequentialRows(quorums), ...concurrentRows(quorums, burst)],
    caption: [
      `At once: ${rounds} times ${concurrentWrites} writes. One at a time: ${sequentialWrites} writes, one every ${spacingMs} ms; only this curve must follow the expected line. ${deviationText(quorums)}`,
      `Delays of followers: ${delaysText(report)}. Values of ${valueBytes} bytes over HTTP, fsync before every acknowledgement, keyspace ${cluster.keyspace}. ${parityText(quorums)}`,
      machineText(report.machine, report.loadBefore),
    ],
  });
}

type Mode = 'concurrent' | 'sequential';

function curves(
  quorums: readonly QuorumRow[],
  mode: Mode,
  name: string,
  colour: string,
  marker: 'circle' | 'square',
): Series[] {
  const points = (of: (figures: Figures) => number | null): { x: number; y: number }[] =>
    quorums.flatMap(({ [mode]: figures, writeQuorum }) => {
      const y = of(figures);
      return y === null ? [] : [{ x: writeQuorum, y }];
    });
  return [{ name: `${name}: mean`, colour, style: 'solid', marker, points: points(({ meanMs }) => meanMs) }];
}

function band(quorums: readonly QuorumRow[], mode: Mode, name: string, colour: string): Band {
  const points = quorums.flatMap(({ [mode]: { p50Ms, p99Ms }, writeQuorum }) =>
    p50Ms === null || p99Ms === null ? [] : [{ x: writeQuorum, low: p50Ms, high: p99Ms }],
  );
  return { name, colour, points };
}

function expectedSeries(quorums: readonly QuorumRow[]): Series[] {
  const points = quorums.flatMap(({ expectedMs, writeQuorum }) =>
    expectedMs === null ? [] : [{ x: writeQuorum, y: expectedMs }],
  );
  if (points.length === 0) return [];
  return [{ name: 'expected of one write at a time, without overhead', colour: COLOURS.ink, style: 'dashed', points }];
}

/** What is measured of both ways to write, as figures: nobody reads milliseconds off an axis. */
function sequentialRows(quorums: readonly QuorumRow[]): TableRow[] {
  const above = quorums.map(({ deviation }) => inMs(deviation?.differenceMs ?? null));
  const more: TableRow[] = [
    row(
      'expected mean, no overhead',
      quorums.map(({ expectedMs }) => inMs(expectedMs)),
    ),
    row('mean above the expected', above),
    row('chance alone, 95 %', quorums.map(chanceOf)),
    row(
      'mean without any delays',
      quorums.map(({ undelayed }) => inMs(undelayed?.meanMs ?? null)),
    ),
  ];
  return [
    ...rowsOf(quorums, 'sequential', 'one write at a time: mean', COLOURS.blue),
    ...more.filter(({ cells }) => cells.some((cell) => cell !== '-')),
  ];
}

function concurrentRows(quorums: readonly QuorumRow[], burst: string): TableRow[] {
  return rowsOf(quorums, 'concurrent', `${burst}: mean`, COLOURS.orange);
}

function rowsOf(quorums: readonly QuorumRow[], mode: Mode, name: string, colour: string): TableRow[] {
  const cells = (of: (figures: Figures) => number | null): string[] => quorums.map((each) => inMs(of(each[mode])));
  return [
    { name, colour, bold: true, cells: cells(({ meanMs }) => meanMs) },
    { name: 'p50', colour, bold: false, cells: cells(({ p50Ms }) => p50Ms) },
    { name: 'p95', colour, bold: false, cells: cells(({ p95Ms }) => p95Ms) },
    { name: 'p99', colour, bold: false, cells: cells(({ p99Ms }) => p99Ms) },
  ];
}

function row(name: string, cells: readonly string[]): TableRow {
  return { name, colour: COLOURS.ink, bold: false, cells };
}

function inMs(value: number | null): string {
  return value === null ? '-' : value.toFixed(1);
}

/** By how much the mean of so many draws is off in 19 of 20 runs: twice its standard error. */
function chanceOf({ deviation, expectedMs }: QuorumRow): string {
  if (deviation === null || expectedMs === null) return '-';
  return `± ${inMs((expectedMs * 2 * deviation.standardErrorPercent) / 100)}`;
}

function deviationText(quorums: readonly QuorumRow[]): string {
  const found = quorums.filter(({ deviation }) => deviation !== null);
  if (found.length === 0) return '';
  const far = found.filter(({ deviation }) => deviation?.within5PercentAndOverhead === false);
  const overhead = found.some(({ undelayed }) => undelayed !== null) ? ' and what they take without delays' : '';
  return far.length === 0
    ? `Its means are within 5 %${overhead} of it at every W.`
    : `Its means are NOT within 5 %${overhead} of it at W = ${far.map(({ writeQuorum }) => writeQuorum).join(', ')}.`;
}

function delaysText({ cluster: { delaysMs } }: QuorumReport): string {
  if (delaysMs === null) return 'not known';
  const ranges = [
    ...new Set(delaysMs.map(([min, max]) => (min === max ? `${min} ms` : `uniform from ${min} to ${max} ms`))),
  ];
  return ranges.join(', ');
}

function parityText(quorums: readonly QuorumRow[]): string {
  const broken = quorums.filter(({ parity }) => !parity.inSync).map(({ writeQuorum }) => writeQuorum);
  const failed = quorums.reduce((sum, { concurrent, sequential }) => sum + lost(concurrent) + lost(sequential), 0);
  const errors = failed === 0 ? 'No write failed' : `${failed} writes failed or have an unknown outcome`;
  const parity =
    broken.length === 0
      ? 'every follower had what the leader had'
      : `followers DIFFERED after W = ${broken.join(', ')}`;
  const invalid = quorums.filter(
    ({ concurrent, sequential, undelayed }) =>
      concurrent.invalid.length + sequential.invalid.length + (undelayed?.invalid.length ?? 0) > 0,
  );
  const mark =
    invalid.length === 0
      ? ''
      : ` NOT VALID at W = ${invalid.map(({ writeQuorum }) => writeQuorum).join(', ')}: the machine was too busy.`;
  return `${errors}; ${parity}.${mark}`;
}

function lost({ failed, unknown }: Figures): number {
  return failed + unknown;
}

function machineText({ commit, cores, cpu, date, memoryGiB, node, system, version }: Machine, load: number): string {
  const others = load < BUSY_SHARE * cores ? '' : `; BUSY with other work before (load average ${load.toFixed(1)})`;
  const made = commit === null ? `Kvorum ${version}` : `Kvorum ${version} at ${commit}`;
  return `${made}, ${date.slice(0, 10)}. ${cpu}, ${cores} cores shared with the load, ${memoryGiB} GiB, ${system}, Node ${node.replace(/^v/, '')}${others}.`;
}

/** reports/engines.png as SVG. */
export function enginesPicture(report: EnginesReport): string {
  const { replicas, rows, settings } = report;
  const shapes = [...new Set(rows.map(({ shape }) => shape))];
  const of = (shape: string): EngineRow[] => rows.filter((row) => row.shape === shape);
  const { repeat, seconds, valueBytes, warmUpSeconds } = settings;
  const failed = rows.reduce((sum, { figures }) => sum + lost(figures), 0);
  const quorum = report.writeQuorum === null ? 'W' : `W = ${report.writeQuorum}`;
  return drawBarPanels({
    ...PICTURE,
    title: 'Writes: the engines beside each other',
    subtitle: `${replicas} replicas on one machine, the same load on one keyspace after the other, no delays`,
    pair: ['p50', 'p99'],
    rows: [
      shapes.map((shape) => throughputPanel(shape, of(shape))),
      shapes.map((shape) => latencyPanel(shape, of(shape))),
    ],
    caption: [
      `An answered write is on a majority of disks (raft), on those of the leader and of ${quorum} of its followers (semisync), on that of the replica that took it (causal, lww). All replicas store it in the end; every one syncs before it answers.`,
      `Median of ${repeat} runs of ${seconds} s after ${warmUpSeconds} s of warm-up, in turns; lines from the slowest run to the fastest. Uniform over ${groupThousands(String(settings.keys))} keys, values of ${valueBytes} bytes, over the Redis protocol, clients at one replica (the leader). ${failed === 0 ? 'No write failed.' : `${failed} writes failed.`}`,
      machineText(report.machine, report.loadBefore),
    ],
  });
}

function throughputPanel(shape: string, rows: readonly EngineRow[]): Panel {
  return {
    title: `${shape}: throughput`,
    yLabel: 'writes per second',
    categories: rows.map((row) => {
      const all = row.operationsPerSecondAll;
      return category(row, [row.figures.operationsPerSecond], [Math.min(...all), Math.max(...all)]);
    }),
  };
}

function latencyPanel(shape: string, rows: readonly EngineRow[]): Panel {
  return {
    title: `${shape}: latency`,
    yLabel: 'latency (ms)',
    categories: rows.map((row) => category(row, [row.figures.p50Ms ?? 0, row.figures.p99Ms ?? 0], null)),
  };
}

function category({ engine, figures }: EngineRow, values: readonly number[], spread: Bar['spread']): Category {
  const colour = ENGINE_COLOURS[engine] ?? COLOURS.faint;
  return {
    name: engine,
    remark: figures.invalid.length === 0 ? '' : 'not valid',
    bars: values.map((value, at) => ({ value, colour, spread, faint: at > 0 })),
  };
}
