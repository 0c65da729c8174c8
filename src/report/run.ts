import { existsSync, mkdirSync, readFileSync, renameSync, statfsSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { KvorumError } from '../base/errors/error.js';
import { loadTopology } from '../config/load.js';
import type { SemisyncKeyspaceConfig, Topology } from '../config/topology.js';
import { spawnCluster } from './cluster.js';
import { compareEngines } from './engines.js';
import type { DelayRange } from './expected.js';
import { rounded } from './figures.js';
import { enginesPicture, quorumPicture } from './pictures.js';
import { renderPng } from './plot/png.js';
import { QuorumSweep, spacingFor, VALUE_BYTES, type QuorumRequest } from './quorum.js';
import type { EnginesReport, EnginesSettings, QuorumReport, QuorumSettings, Summary } from './summary.js';

export interface ReportRequest {
  /** Parts to measure; what is not among them is taken from the summary that is there. */
  readonly parts: readonly ('quorum' | 'engines')[];
  readonly outDir: string;
  /** One leader and its followers. */
  readonly topology: string;
  /** A keyspace of each engine. */
  readonly enginesTopology: string;
  /** Of a cluster that runs already (no cluster is started, then); null: start them. */
  readonly running: readonly string[] | null;
  /** Whether a running cluster is that of `topology`, and has its delays. */
  readonly runningIsTopology: boolean;
  readonly writeQuorums: readonly number[];
  readonly load: Pick<QuorumSettings, 'concurrentWrites' | 'rounds' | 'sequentialWrites'>;
  readonly engines: Pick<EnginesSettings, 'seconds' | 'repeat' | 'warmUpSeconds'>;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

export const SUMMARY_FILE = 'perf_summary.json';
export const QUORUM_FILE = 'quorum_vs_latency.png';
export const ENGINES_FILE = 'engines.png';

/** Measures, and writes the summary and a picture of each part. Returns what is in the summary, then. */
export async function makeReport(request: ReportRequest): Promise<Summary> {
  const { outDir, parts, say } = request;
  mkdirSync(outDir, { recursive: true });
  if (request.running === null && isInMemory(outDir)) {
    say(`warning: ${outDir} is in memory, where fsync costs nothing: give --out a folder on a disk`);
  }
  let summary: Summary = { ...(readSummary(outDir) ?? { quorum: null, engines: null }), schemaVersion: 1 };
  if (parts.includes('quorum')) {
    summary = { ...summary, quorum: await measureQuorums(request) };
    writeFile(join(outDir, SUMMARY_FILE), json(summary)); // Not lost when the second part fails.
  }
  if (parts.includes('engines')) summary = { ...summary, engines: await measureEngines(request) };
  writeFile(join(outDir, SUMMARY_FILE), json(summary));
  for (const file of drawPictures(outDir, summary)) say(`wrote ${file}`);
  say(`wrote ${join(outDir, SUMMARY_FILE)}`);
  return summary;
}

/** The pictures of what is in a summary; returns the files. */
export function drawPictures(outDir: string, { engines, quorum }: Summary): string[] {
  const drawn: string[] = [];
  const draw = (file: string, svg: string): void => {
    writeFile(join(outDir, file), renderPng(svg));
    drawn.push(join(outDir, file));
  };
  if (quorum !== null) draw(QUORUM_FILE, quorumPicture(quorum));
  if (engines !== null) draw(ENGINES_FILE, enginesPicture(engines));
  return drawn;
}

/** Null: there is none. */
export function readSummary(outDir: string): Summary | null {
  const file = join(outDir, SUMMARY_FILE);
  if (!existsSync(file)) return null;
  try {
    const found = JSON.parse(readFileSync(file, 'utf8')) as Summary;
    if ((found.schemaVersion as number) === 1) return found;
  } catch {
    // The same as one of another version.
  }
  throw new KvorumError('usage', `${file} is no summary of this version: move it away`);
}

async function measureQuorums(request: ReportRequest): Promise<QuorumReport> {
  const { load, outDir: parent, running, runningIsTopology, say, signal, topology: file, writeQuorums } = request;
  const { topology } = loadTopology({ file, env: {} });
  const keyspace = topology.keyspaces.find((each) => each.engine === 'semisync');
  if (keyspace === undefined) throw new KvorumError('usage', `${file} has no keyspace with a write quorum`);
  const delaysMs = running === null || runningIsTopology ? delaysOf(topology, keyspace) : null;
  const most = Math.max(0, ...writeQuorums);
  if (delaysMs !== null && most > delaysMs.length) {
    throw new KvorumError('usage', `A write quorum of ${most}: ${file} has ${delaysMs.length} followers`);
  }
  const spacingMs = spacingFor(delaysMs ?? [[0, SLOWEST_ASSUMED_MS]]);
  const fixed = { warmUpSeconds: 1, valueBytes: VALUE_BYTES, protocol: 'http' } as const;
  const settings: QuorumSettings = { ...load, ...fixed, spacingMs };
  const common = { keyspace: null, delaysMs, writeQuorums, settings, loadBefore: loadNow(), signal, say };
  if (running !== null) {
    const described = { spawned: false, topology: runningIsTopology ? file : null };
    return sweep({ ...common, nodes: running }, (quorums) => quorums.run(described, null));
  }
  say(`starting ${file} twice: with its delays, and without, to see what the program itself takes`);
  await using undelayed = await spawnCluster(file, { delays: false, parent });
  await using delayed = await spawnCluster(file, { delays: true, parent });
  const described = { spawned: true, topology: file };
  return await sweep({ ...common, nodes: undelayed.nodes }, (plain) =>
    sweep({ ...common, nodes: delayed.nodes }, async (quorums) => {
      await plain.warmUp();
      await quorums.warmUp();
      return quorums.run(described, (each) => plain.sequentialAt(each));
    }),
  );
}

/** Of a cluster whose delays nobody knows. */
const SLOWEST_ASSUMED_MS = 100;

async function sweep<T>(request: QuorumRequest, use: (quorums: QuorumSweep) => Promise<T>): Promise<T> {
  const quorums = await QuorumSweep.open(request);
  try {
    return await use(quorums);
  } finally {
    await quorums.close();
  }
}

/** What is sent to each follower of the keyspace comes so late. */
export function delaysOf({ replicas }: Topology, { leader }: SemisyncKeyspaceConfig): DelayRange[] {
  return replicas.filter(({ id }) => id !== leader).map(({ delayMs }) => delayMs ?? [0, 0]);
}

async function measureEngines(request: ReportRequest): Promise<EnginesReport> {
  const { engines, enginesTopology, outDir, running, say, signal } = request;
  const settings: EnginesSettings = { ...engines, valueBytes: 256, keys: 10_000, protocol: 'resp' };
  const common = { settings, loadBefore: loadNow(), signal, say };
  if (running !== null) return compareEngines({ ...common, nodes: running, topology: null });
  say(`starting ${enginesTopology}`);
  await using cluster = await spawnCluster(enginesTopology, { delays: false, parent: outDir });
  return await compareEngines({ ...common, nodes: cluster.nodes, topology: enginesTopology });
}

/** Linux's tmpfs and ramfs. */
const IN_MEMORY: readonly number[] = [0x01021994, 0x858458f6];

/** Clusters keep their data there while they are measured. */
export function isInMemory(folder: string): boolean {
  return process.platform === 'linux' && IN_MEMORY.includes(statfsSync(folder).type);
}

function loadNow(): number {
  return rounded(loadavg()[0] ?? 0, 2);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Whole or not at all: somebody may be looking. */
function writeFile(path: string, content: string | Uint8Array): void {
  try {
    writeFileSync(`${path}.new`, content);
    renameSync(`${path}.new`, path);
  } catch (error) {
    throw new KvorumError('usage', `${path} cannot be written: ${(error as Error).message}`, { cause: error });
  }
}
