import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { percentilesOf } from '../../src/workload/latency.js';
import { describeMachine } from '../../src/workload/machine.js';
import { LoadGenerator } from '../../src/workload/run.js';
import { mixOfReads, type WorkloadSettings } from '../../src/workload/settings.js';
import { kvorum } from './peers/systems.js';

/**
 * What each engine costs: keyspaces of one three-replica cluster, the same load on one after the other, fsync before the
 * answer everywhere. Clients are at the raft keyspace's leader, and at the same replica for the others.
 * `node dist/bench/macro/engines.js [--seconds 5] [--repeat 3] [--json file]`
 */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

const KEYSPACES = {
  default: { engine: 'raft' },
  causal: { engine: 'causal' },
  lww: { engine: 'lww' },
  'lww-quorum': { engine: 'lww', writes: 'quorum', reads: 'quorum' },
};
const PROMISES: Readonly<Record<keyof typeof KEYSPACES, string>> = {
  default: 'raft: fsync on a majority; linearizable reads',
  causal: 'causal: fsync here; reads here',
  lww: 'lww: fsync here; reads here',
  'lww-quorum': 'lww, W and R quorum: fsync on a majority; reads ask a majority',
};
const SHAPES = [
  { name: 'serial', clients: 1, pipeline: 1 },
  { name: '50 clients', clients: 50, pipeline: 1 },
  { name: '800 in flight', clients: 50, pipeline: 16 },
] as const;

interface Row {
  readonly keyspace: string;
  readonly promise: string;
  readonly shape: string;
  readonly operation: 'write' | 'read';
  readonly operationsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly errors: number;
  readonly firstError: string | null;
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

/** The run with the median throughput: what else the machine does comes and goes. */
function median(rows: readonly Row[]): Row {
  const sorted = rows.toSorted((a, b) => a.operationsPerSecond - b.operationsPerSecond);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined) throw new Error('there was a run');
  return { ...middle, errors: rows.reduce((sum, { errors }) => sum + errors, 0) };
}

async function measure(port: number, seconds: number, repeat: number): Promise<Row[]> {
  const generator = new LoadGenerator(1);
  const endpoints = [{ host: '127.0.0.1', port, name: 'kvorum' }];
  const rows: Row[] = [];
  for (const operation of ['write', 'read'] as const) {
    for (const shape of SHAPES) {
      const runs = new Map<string, Row[]>();
      // In turns, so that a slow minute of the machine hits all engines alike.
      for (let round = 0; round < repeat; round++) {
        for (const [keyspace, promise] of Object.entries(PROMISES)) {
          const settings = settingsOf(keyspace, shape, operation === 'read' ? 1 : 0, seconds);
          const result = await generator.run(settings, endpoints);
          const { p50Us, p99Us } = percentilesOf(result.latencies) ?? { p50Us: 0, p99Us: 0 };
          const row: Row = {
            keyspace,
            promise,
            shape: shape.name,
            operation,
            operationsPerSecond: Math.round(result.operationsPerSecond),
            p50Us,
            p99Us,
            errors: result.failed + result.unknown,
            firstError: result.errors[0]?.example ?? null,
          };
          process.stderr.write(
            `${operation} ${shape.name} ${keyspace}: ${row.operationsPerSecond}/s ${row.firstError ?? ''}\n`,
          );
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
    '| work | shape | engine | operations/s | p50 | p99 | errors |',
    '|---|---|---|--:|--:|--:|--:|',
    ...rows.map(
      (row) =>
        `| ${row.operation} | ${row.shape} | ${row.promise.split(':')[0] ?? ''} | ${row.operationsPerSecond} | ` +
        `${ms(row.p50Us)} | ${ms(row.p99Us)} | ${row.errors} |`,
    ),
  ].join('\n');
}

mkdirSync(join(ROOT, '.out'), { recursive: true });
const folder = mkdtempSync(join(ROOT, '.out/engines-'));
const spec = kvorum(1, KEYSPACES);
const running = await spec.start(folder);
try {
  const rows = await measure(running.port, Number(argument('seconds') ?? 5), Number(argument('repeat') ?? 3));
  const environment = { ...describeMachine(), commit: spec.version(), promises: PROMISES };
  process.stdout.write(`${table(rows)}\n\n${JSON.stringify(environment, null, 2)}\n`);
  const file = argument('json');
  if (file !== undefined) writeFileSync(file, `${JSON.stringify({ environment, rows }, null, 2)}\n`);
} finally {
  await running.stop();
  rmSync(folder, { recursive: true, force: true });
}
