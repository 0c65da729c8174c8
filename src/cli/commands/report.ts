import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { KvorumError } from '../../base/errors/error.js';
import { drawPictures, makeReport, readSummary, SUMMARY_FILE } from '../../report/run.js';
import type { Summary } from '../../report/summary.js';
import { parseSweep } from '../../workload/sweep.js';
import { loadTopology } from '../../config/load.js';
import { printJson } from '../output/json.js';
import { formatTable } from '../output/table.js';
import { between } from './bench-flags.js';

const EXAMPLES = `
Examples:
  $ kvorum report                                      # starts the clusters it needs; about eight minutes
  $ kvorum report --only quorum --quorums 1,3,5
  $ SPAWN_CLUSTER=0 kvorum report                      # configs/semisync.yaml is running already
  $ SPAWN_CLUSTER=0 KVORUM_URL=http://db1:8200 kvorum report
  $ kvorum report --redraw                             # the pictures again, from the summary

A running cluster gets writes to keys key:000000000000 and up, and its write quorum is put back at the end. Only
the quorum part is measured there, unless --only engines asks for the other. See docs/benchmarking.md.`;

interface ReportFlags {
  readonly only?: 'quorum' | 'engines';
  readonly out: string;
  readonly topology: string;
  readonly enginesTopology: string;
  readonly quorums?: readonly number[];
  readonly writes: number;
  readonly rounds: number;
  readonly sequential: number;
  readonly seconds: number;
  readonly repeat: number;
  readonly redraw?: true;
}

/** `kvorum report`: write quorum against latency, and the engines beside each other, as pictures and one summary. */
export function reportCommand(): Command {
  return new Command('report')
    .description('Measure write quorums and engines; write reports/*.png and reports/perf_summary.json')
    .addOption(new Option('--only <part>', 'one part; the other stays as it is').choices(['quorum', 'engines']))
    .option('--out <folder>', 'where the files go', 'reports')
    .option('--topology <file>', 'one leader and its followers', shipped('semisync.yaml'))
    .option('--engines-topology <file>', 'a keyspace of each engine', shipped('local.yaml'))
    .option('--quorums <n,n|a..b>', 'write quorums (default: 1 to the number of followers)', parseQuorums)
    .addOption(whole('--writes <n>', 'sent at once', 1, 10_000, 100))
    .addOption(whole('--rounds <n>', 'how often, each time from rest', 1, 1000, 10))
    .addOption(whole('--sequential <n>', 'sent one after the other', 1, 100_000, 200))
    .addOption(new Option('--seconds <s>', 'engines: of one run').argParser(between(0.1, 3600, false)).default(1))
    .addOption(whole('--repeat <n>', 'engines: runs of each', 1, 100, 7))
    .option('--redraw', 'measure nothing: draw the pictures from the summary')
    .addHelpText('after', EXAMPLES)
    .action((flags: ReportFlags, self: Command) => report(flags, self.optsWithGlobals<{ output: string }>().output));
}

function whole(flags: string, description: string, low: number, high: number, value: number): Option {
  return new Option(flags, description).argParser(between(low, high)).default(value);
}

/** A file of `configs/`, which lies beside the folder that this program was built to, or above that. */
function shipped(name: string): string {
  const places = ['..', '../..', '../../..', '../../../..'].map((up) => `${up}/../configs/${name}`);
  const paths = places.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const path = paths.find((each) => existsSync(each)) ?? name;
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}

function parseQuorums(text: string): readonly number[] {
  try {
    return parseSweep(`write-quorum=${text}`).values.map(Number);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

async function report(flags: ReportFlags, output: string): Promise<void> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const summary = flags.redraw === true ? redrawn(flags.out, say) : await measured(flags, say);
  if (summary === null) {
    say('interrupted: nothing more is measured, and files that were there stay');
    process.exitCode = 130;
    return;
  }
  if (output === 'json') printJson(summary);
  else process.stdout.write(formatReport(summary));
  failWhenDifferent(summary);
}

/** How fast a machine is, is nobody's fault; replicas that differ are. */
function failWhenDifferent({ quorum }: Summary): void {
  const different = (quorum?.quorums ?? []).filter(({ parity }) => !parity.inSync);
  if (different.length === 0) return;
  const found = different.map(({ parity, writeQuorum }) => {
    const followers = parity.followers.filter(({ inSync }) => !inSync);
    return `W=${writeQuorum}: ${followers.map(({ error, id }) => (error === null ? id : `${id} (${error})`)).join(', ')}`;
  });
  throw new KvorumError('check_failed', `Followers do not have what the leader has: ${found.join('; ')}`);
}

function redrawn(outDir: string, say: (line: string) => void): Summary {
  const summary = readSummary(outDir);
  if (summary === null) throw new KvorumError('usage', `There is no ${SUMMARY_FILE} in ${outDir}: measure first`);
  for (const file of drawPictures(outDir, summary)) say(`wrote ${file}`);
  return summary;
}

/** Null: interrupted. */
async function measured(flags: ReportFlags, say: (line: string) => void): Promise<Summary | null> {
  const { KVORUM_URL: url, SPAWN_CLUSTER: spawns } = process.env;
  const running = spawns === '0' ? runningNodes(url, flags.topology) : null;
  // A cluster of one leader and its followers has no other engines to compare.
  const parts =
    flags.only !== undefined
      ? [flags.only]
      : running === null
        ? (['quorum', 'engines'] as const)
        : (['quorum'] as const);
  const abort = new AbortController();
  const onSignal = (): void => abort.abort();
  process.once('SIGINT', onSignal); // A second one ends the process.
  try {
    return await makeReport({
      parts,
      outDir: flags.out,
      topology: flags.topology,
      enginesTopology: flags.enginesTopology,
      running,
      runningIsTopology: url === undefined || url === '',
      writeQuorums: flags.quorums ?? [],
      load: { concurrentWrites: flags.writes, rounds: flags.rounds, sequentialWrites: flags.sequential },
      engines: { seconds: flags.seconds, repeat: flags.repeat, warmUpSeconds: Math.min(1, flags.seconds / 2) },
      signal: abort.signal,
      say,
    });
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    return null; // Clusters that are interrupted as well answer with errors.
  } finally {
    process.off('SIGINT', onSignal);
  }
}

/** KVORUM_URL, or the replicas of the topology file at their own addresses. */
function runningNodes(url: string | undefined, file: string): readonly string[] {
  if (url !== undefined && url !== '') return url.split(',').map((each) => each.trim());
  const { topology } = loadTopology({ file, env: {} });
  return topology.replicas.flatMap(({ http }) => {
    if (http === null) return [];
    const { host, port } = http.advertise;
    return [`http://${host.includes(':') ? `[${host}]` : host}:${port}`];
  });
}

function formatReport({ engines, quorum }: Summary): string {
  const parts: string[] = [];
  const ms = (value: number | null): string => (value === null ? '-' : value.toFixed(2));
  if (quorum !== null) {
    const headings = ['W', 'expected ms', 'one by one ms', 'not delayed ms', 'within 5 %', 'of medians %'];
    headings.push('at once ms', 'p99 ms', 'failed', 'valid', 'in sync');
    const rows = quorum.quorums.map(
      ({ concurrent, deviation, expectedMs, parity, sequential, undelayed, writeQuorum }) => [
        String(writeQuorum),
        ms(expectedMs),
        ms(sequential.meanMs),
        ms(undelayed?.meanMs ?? null),
        deviation === null ? '-' : deviation.within5PercentAndOverhead ? 'yes' : 'no',
        deviation === null ? '-' : deviation.p50Percent.toFixed(1),
        ms(concurrent.meanMs),
        ms(concurrent.p99Ms),
        String(concurrent.failed + concurrent.unknown + sequential.failed + sequential.unknown),
        [concurrent, sequential, undelayed].every((each) => (each?.invalid.length ?? 0) === 0) ? 'yes' : 'NO',
        parity.inSync ? 'yes' : 'NO',
      ],
    );
    parts.push(formatTable(headings, rows));
  }
  if (engines !== null) {
    const headings = ['engine', 'load', 'ops/s', 'p50 ms', 'p99 ms', 'failed', 'valid'];
    const rows = engines.rows.map(({ engine, figures, shape }) => [
      engine,
      shape,
      String(Math.round(figures.operationsPerSecond)),
      ms(figures.p50Ms),
      ms(figures.p99Ms),
      String(figures.failed + figures.unknown),
      figures.invalid.length === 0 ? 'yes' : 'NO',
    ]);
    parts.push(formatTable(headings, rows));
  }
  return `${parts.join('\n\n')}\n`;
}
