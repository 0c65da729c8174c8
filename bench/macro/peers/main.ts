import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { percentilesOf } from '../../../src/workload/latency.js';
import { describeMachine } from '../../../src/workload/machine.js';
import { LoadGenerator } from '../../../src/workload/run.js';
import { mixOfReads, type WorkloadSettings } from '../../../src/workload/settings.js';
import { etcd, kvorum, redis, type RunningSystem, type SystemSpec } from './systems.js';

/**
 * Kvorum beside etcd and Redis on the same machine in one run: 256-byte values, three replicas, fsync before the answer.
 * `node dist/bench/macro/peers/main.js [--seconds 5] [--only kvorum,etcd] [--json file]`
 */
const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const ETCD_DRIVER = new URL('./etcd-driver.js', import.meta.url).href;

const SHAPES = [
  { name: 'serial', connections: 1, pipeline: 1 },
  { name: '50 clients', connections: 50, pipeline: 1 },
  { name: '800 in flight', connections: 50, pipeline: 16 },
] as const;

interface Row {
  readonly system: string;
  readonly shape: string;
  readonly operation: string;
  readonly operationsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly errors: number;
  readonly firstError: string | null;
  /** Share of the time that the generator's thread had work: near 1, it was the bottleneck. */
  readonly generatorCpu: number;
}

function argument(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? undefined : process.argv[at + 1];
}

function settingsOf(running: RunningSystem, spec: SystemSpec, shape: (typeof SHAPES)[number]): WorkloadSettings {
  return {
    driver: running.protocol === 'resp' ? 'resp' : ETCD_DRIVER,
    keyspace: null,
    clients: shape.connections,
    pipeline: shape.pipeline,
    threads: 1,
    rate: null,
    mix: mixOfReads(0),
    distribution: 'uniform',
    keys: 10_000,
    valueBytes: { min: 256, max: 256 },
    seed: 1,
    warmUpSeconds: 1,
    seconds: null,
    operations: null,
    timeoutMs: 10_000,
    waitReplicas: spec.operation === 'set-wait' ? 1 : 0,
  };
}

async function measureSystem(spec: SystemSpec, running: RunningSystem, seconds: number): Promise<Row[]> {
  const rows: Row[] = [];
  const generator = new LoadGenerator(1);
  const endpoints = [{ host: '127.0.0.1', port: running.port, name: spec.name }];
  for (const operation of ['write', 'read'] as const) {
    if (operation === 'read' && spec.operation === 'set-wait') continue;
    for (const shape of SHAPES) {
      const settings = { ...settingsOf(running, spec, shape), mix: mixOfReads(operation === 'read' ? 1 : 0), seconds };
      const { errors, failed, latencies, operationsPerSecond, threads, unknown } = await generator.run(
        settings,
        endpoints,
      );
      const { p50Us, p99Us } = percentilesOf(latencies) ?? { p50Us: 0, p99Us: 0 };
      rows.push({
        system: spec.name,
        shape: shape.name,
        operation,
        operationsPerSecond: Math.round(operationsPerSecond),
        p50Us,
        p99Us,
        errors: failed + unknown,
        firstError: errors[0]?.example ?? null,
        generatorCpu: Number((threads[0]?.busy ?? 0).toFixed(2)),
      });
      process.stderr.write(
        `${spec.name} ${operation} ${shape.name}: ${Math.round(operationsPerSecond)}/s ${errors[0]?.example ?? ''}\n`,
      );
    }
  }
  await generator.close();
  return rows;
}

function environment(systems: readonly SystemSpec[]): Record<string, unknown> {
  return {
    ...describeMachine(),
    versions: Object.fromEntries(systems.map((spec) => [spec.name, spec.version()])),
    settings:
      '256-byte values, 10,000 keys, 3 replicas on loopback, clients at the leader, load generator on the same cores',
  };
}

function table(rows: readonly Row[]): string {
  const lines = [
    '| work | shape | system | operations/s | kvorum is | p50 | p99 | errors | generator CPU |',
    '|---|---|---|--:|--:|--:|--:|--:|--:|',
  ];
  for (const operation of ['write', 'read']) {
    for (const shape of SHAPES) {
      const group = rows.filter((row) => row.operation === operation && row.shape === shape.name);
      const ours = group.find(({ system }) => system === 'kvorum')?.operationsPerSecond;
      for (const row of group) {
        const ratio =
          ours === undefined || row.system === 'kvorum' ? '' : `${(ours / row.operationsPerSecond).toFixed(2)}x`;
        const ms = (us: number): string => `${(us / 1000).toFixed(2)} ms`;
        lines.push(
          `| ${operation} | ${shape.name} | ${row.system} | ${row.operationsPerSecond} | ${ratio} | ${ms(row.p50Us)} | ${ms(row.p99Us)} | ${row.errors} | ${row.generatorCpu} |`,
        );
      }
    }
  }
  return lines.join('\n');
}

async function main(): Promise<void> {
  const only = argument('only')?.split(',');
  const seconds = Number(argument('seconds') ?? 5);
  const all = [kvorum(1), kvorum(3), etcd, redis(false), redis(true)];
  const systems = all.filter((spec) => only === undefined || only.includes(spec.name));
  const rows: Row[] = [];
  for (const spec of systems) {
    if (spec.version() === null) {
      process.stderr.write(`${spec.name} is not installed: left out\n`);
      continue;
    }
    mkdirSync(join(ROOT, '.out'), { recursive: true });
    const folder = mkdtempSync(join(ROOT, '.out/peers-'));
    const running = await spec.start(folder);
    try {
      rows.push(...(await measureSystem(spec, running, seconds)));
    } finally {
      await running.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  }
  const about = environment(systems);
  process.stdout.write(`${table(rows)}\n\n${JSON.stringify(about, null, 2)}\n`);
  const file = argument('json');
  if (file !== undefined) writeFileSync(file, `${JSON.stringify({ environment: about, rows }, null, 2)}\n`);
}

await main();
