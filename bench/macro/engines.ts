import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawnCluster } from '../../src/report/cluster.js';
import { percentilesOf } from '../../src/workload/latency.js';
import { describeMachine } from '../../src/workload/machine.js';
import { LoadGenerator } from '../../src/workload/run.js';
import { mixOfReads, type Endpoint, type WorkloadSettings } from '../../src/workload/settings.js';
import { hasLeaders, keyspaceOf, resolveTarget } from '../../src/workload/targets.js';

/**
 * What each engine costs: keyspaces of one three-replica cluster, the same load on one after the other, fsync before the
 * answer everywhere. Clients are at the keyspace's leader, and where there is none at the first replica.
 * `node dist/bench/macro/engines.js [--seconds 5] [--repeat 3] [--json file]`
 */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

interface Candidate {
  readonly keyspace: string;
  readonly name: string;
  readonly options: object;
  /** Of how many of the three replicas the disk has a write that is answered. */
  readonly disks: 1 | 2;
  readonly promise: string;
}

/** Default acknowledgements, and what makes those of other engines equal: semisync's one follower is a majority with its leader. */
const CANDIDATES: readonly Candidate[] = [
  {
    keyspace: 'default',
    name: 'raft',
    options: { engine: 'raft' },
    disks: 2,
    promise: 'fsync on a majority; linearizable reads',
  },
  {
    keyspace: 'semisync',
    name: 'semisync, W = 1',
    options: { engine: 'semisync', leader: 'n1', writeQuorum: 1 },
    disks: 2,
    promise: 'fsync at the leader and one of two followers; reads at the leader',
  },
  {
    keyspace: 'causal',
    name: 'causal',
    options: { engine: 'causal' },
    disks: 1,
    promise: 'fsync here; reads here',
  },
  { keyspace: 'lww', name: 'lww', options: { engine: 'lww' }, disks: 1, promise: 'fsync here; reads here' },
  {
    keyspace: 'lww-quorum',
    name: 'lww, W and R quorum',
    options: { engine: 'lww', writes: 'quorum', reads: 'quorum' },
    disks: 2,
    promise: 'fsync on a majority; reads ask a majority',
  },
];
const SHAPES = [
  { name: 'serial', clients: 1, pipeline: 1 },
  { name: '50 clients', clients: 50, pipeline: 1 },
  { name: '800 in flight', clients: 50, pipeline: 16 },
] as const;

interface Row {
  readonly keyspace: string;
  readonly engine: string;
  readonly disks: number;
  readonly promise: string;
  readonly shape: string;
  readonly operation: 'write' | 'read';
  readonly operationsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly errors: number;
  readonly firstError: string | null;
  /** Why the generator, and not the store, was measured. */
  readonly invalid: readonly string[];
}

function argument(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? undefined : process.argv[at + 1];
}

function settingsOf(
  keyspace: string,
  shape: (typeof SHAPES)[number],
  reads: number,
  seconds: number,
): WorkloadSettings {
  return {
    driver: 'resp',
    keyspace,
    clients: shape.clients,
    pipeline: shape.pipeline,
    threads: 1,
    rate: null,
    mix: mixOfReads(reads),
    distribution: 'uniform',
    keys: 10_000,
    valueBytes: { min: 256, max: 256 },
    seed: 1,
    warmUpSeconds: 1,
    seconds,
    operations: null,
    timeoutMs: 10_000,
    waitReplicas: 0,
  };
}

/** The run with the median throughput: what else the machine does comes and goes. Valid ones before others. */
function median(rows: readonly Row[]): Row {
  const valid = rows.filter(({ invalid }) => invalid.length === 0);
  const sorted = (valid.length > 0 ? valid : rows).toSorted((a, b) => a.operationsPerSecond - b.operationsPerSecond);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined) throw new Error('there was a run');
  return { ...middle, errors: rows.reduce((sum, { errors }) => sum + errors, 0) };
}

async function endpointsOf(nodes: readonly string[], keyspace: string): Promise<readonly Endpoint[]> {
  const request = { nodes, topology: null, protocol: 'resp', keyspace } as const;
  const { endpoints, keyspaces } = await resolveTarget({ ...request, leaderOnly: false });
  if (!hasLeaders(keyspaceOf(keyspaces, keyspace))) return endpoints.slice(0, 1);
  return (await resolveTarget({ ...request, leaderOnly: true })).endpoints;
}

async function measureOnce(
  generator: LoadGenerator,
  { disks, keyspace, name, promise }: Candidate,
  settings: WorkloadSettings,
  endpoints: readonly Endpoint[],
): Promise<Omit<Row, 'shape' | 'operation'>> {
  const result = await generator.run(settings, endpoints);
  const { p50Us, p99Us } = percentilesOf(result.latencies) ?? { p50Us: 0, p99Us: 0 };
  return {
    keyspace,
    engine: name,
    disks,
    promise,
    operationsPerSecond: Math.round(result.operationsPerSecond),
    p50Us,
    p99Us,
    errors: result.failed + result.unknown,
    firstError: result.errors[0]?.example ?? null,
    invalid: result.invalid.map(({ reason }) => reason),
  };
}

async function measure(nodes: readonly string[], seconds: number, repeat: number): Promise<Row[]> {
  const generator = new LoadGenerator(1);
  const rows: Row[] = [];
  for (const operation of ['write', 'read'] as const) {
    for (const shape of SHAPES) {
      const runs = new Map<string, Row[]>();
      // In turns, so that a slow minute of the machine hits all engines alike.
      for (let round = 0; round < repeat; round++) {
        for (const candidate of CANDIDATES) {
          const { keyspace, name } = candidate;
          const settings = settingsOf(keyspace, shape, operation === 'read' ? 1 : 0, seconds);
          const figures = await measureOnce(generator, candidate, settings, await endpointsOf(nodes, keyspace));
          const row: Row = { ...figures, shape: shape.name, operation };
          const remark = [row.firstError, ...row.invalid].filter((each) => each !== null).join(' ');
          process.stderr.write(`${operation} ${shape.name} ${name}: ${row.operationsPerSecond}/s ${remark}\n`);
          runs.set(keyspace, [...(runs.get(keyspace) ?? []), row]);
        }
      }
      for (const each of runs.values()) rows.push(median(each));
    }
  }
  await generator.close();
  return rows;
}

function table(rows: readonly Row[]): string {
  const ms = (us: number): string => `${(us / 1000).toFixed(2)} ms`;
  return [
    '| work | shape | engine | disks | operations/s | p50 | p99 | errors |',
    '|---|---|---|--:|--:|--:|--:|--:|',
    ...rows.map(
      (row) =>
        `| ${row.operation} | ${row.shape} | ${row.engine} | ${row.operation === 'write' ? row.disks : ''} | ` +
        `${row.operationsPerSecond} | ${ms(row.p50Us)} | ${ms(row.p99Us)} | ${row.errors} |`,
    ),
  ].join('\n');
}

/** Addresses are those that spawnCluster finds free. */
function topologyOf(): string {
  const replicas = ['n1', 'n2', 'n3'].map((id) => ({ id }));
  const keyspaces = Object.fromEntries(CANDIDATES.map(({ keyspace, options }) => [keyspace, options]));
  return JSON.stringify({ cluster: 'engines', replicas, keyspaces });
}

mkdirSync(join(ROOT, '.out'), { recursive: true });
const folder = mkdtempSync(join(ROOT, '.out/engines-'));
try {
  const topology = join(folder, 'topology.yaml');
  writeFileSync(topology, topologyOf());
  await using cluster = await spawnCluster(topology, { delays: false, parent: folder });
  const rows = await measure(cluster.nodes, Number(argument('seconds') ?? 5), Number(argument('repeat') ?? 3));
  const promises = Object.fromEntries(CANDIDATES.map(({ name, promise }) => [name, promise]));
  const environment = { ...describeMachine(), promises };
  process.stdout.write(`${table(rows)}\n\n${JSON.stringify(environment, null, 2)}\n`);
  const file = argument('json');
  if (file !== undefined) writeFileSync(file, `${JSON.stringify({ environment, rows }, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
