import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LoadOptions, LoadResult } from './generator.js';
import { etcd, kvorum, redis, type RunningSystem, type SystemSpec } from './systems.js';

/**
 * Kvorum beside etcd and Redis on the same machine in one run: 256-byte values, three replicas, fsync before the answer.
 * `node dist/bench/macro/peers/main.js [--seconds 5] [--only kvorum,etcd] [--json file]`
 */
const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const GENERATOR = fileURLToPath(new URL('./generator.js', import.meta.url));

const SHAPES = [
  { name: 'serial', connections: 1, pipeline: 1 },
  { name: '50 clients', connections: 50, pipeline: 1 },
  { name: '800 in flight', connections: 50, pipeline: 16 },
] as const;

interface Row extends LoadResult {
  readonly system: string;
  readonly shape: string;
  readonly operation: string;
}

function argument(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? undefined : process.argv[at + 1];
}

/** Runs the generator without blocking this process, so that it can go on reading what its children print. */
function generate(options: LoadOptions): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [GENERATOR, JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.on('exit', (code) => {
      if (code === 0) resolve(JSON.parse(text) as LoadResult);
      else reject(new Error(`the load generator ended with ${code}`));
    });
  });
}

async function measureSystem(spec: SystemSpec, running: RunningSystem, seconds: number): Promise<Row[]> {
  const rows: Row[] = [];
  const base = {
    protocol: running.protocol,
    port: running.port,
    valueBytes: 256,
    keys: 10_000,
    warmUpSeconds: 1,
    seconds,
  };
  for (const operation of [spec.operation, 'get'] as const) {
    if (operation === 'get' && spec.operation === 'set-wait') continue;
    for (const shape of SHAPES) {
      const result = await generate({ ...base, operation, connections: shape.connections, pipeline: shape.pipeline });
      rows.push({ system: spec.name, shape: shape.name, operation: operation === 'get' ? 'read' : 'write', ...result });
      process.stderr.write(
        `${spec.name} ${operation} ${shape.name}: ${result.operationsPerSecond}/s ${result.firstError ?? ''}\n`,
      );
    }
  }
  return rows;
}

function environment(systems: readonly SystemSpec[]): Record<string, unknown> {
  return {
    date: new Date().toISOString(),
    commit: execFileSync('git', ['-C', ROOT, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
    node: process.version,
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    system: `${platform()} ${release()} ${arch()}`,
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
