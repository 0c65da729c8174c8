import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { connect } from '../../src/client/client.js';
import { freePorts } from '../../src/host/cluster.js';
import { LoadGenerator } from '../../src/workload/run.js';
import { mixOfReads, type WorkloadSettings } from '../../src/workload/settings.js';

/**
 * Fills a cluster with keys of 256-byte values, kills it, and measures the restart: time until every replica listens and
 * a leader serves a linearizable read, and resident memory. `node dist/bench/macro/restart.js [keys]`
 */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const EXECUTABLE = fileURLToPath(new URL('../../src/cli/kvorum.cjs', import.meta.url));
const KEYS = Number(process.argv[2] ?? 1_000_000);
const PIPELINE = 2000;

async function start(topology: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [EXECUTABLE, 'start', topology], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('ready in')) resolve();
    });
    child.on('exit', (code) => reject(new Error(`ended with ${code}`)));
  });
  return child;
}

function residentMiB(child: ChildProcess): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
}

const FILL: WorkloadSettings = {
  driver: 'resp',
  keyspace: null,
  clients: 1,
  pipeline: PIPELINE,
  threads: 1,
  rate: null,
  mix: mixOfReads(0),
  distribution: 'sequential',
  keys: KEYS,
  valueBytes: { min: 256, max: 256 },
  seed: 1,
  warmUpSeconds: 0,
  seconds: null,
  operations: null,
  timeoutMs: 60_000,
  waitReplicas: 0,
};

const ports = await freePorts(9);
mkdirSync(join(ROOT, '.out'), { recursive: true });
const folder = mkdtempSync(join(ROOT, '.out/restart-'));
const topology = join(folder, 'topology.yaml');
const replicas = [0, 1, 2].map((at) => ({
  id: `n${at + 1}`,
  peer: `127.0.0.1:${ports[at * 3]}`,
  http: `127.0.0.1:${ports[at * 3 + 1]}`,
  redis: `127.0.0.1:${ports[at * 3 + 2]}`,
}));
const keyspaces = { default: { engine: 'raft' } };
writeFileSync(topology, JSON.stringify({ cluster: 'restart', dataDir: `${folder}/data`, replicas, keyspaces }));
let child = await start(topology);
const [, httpPort = 0, redisPort = 0] = ports;
const generator = new LoadGenerator(1);
const { elapsedMs, errors } = await generator.load(FILL, [{ host: '127.0.0.1', port: redisPort, name: 'n1' }]);
if (errors[0] !== undefined) throw new Error(errors[0].example);
await generator.close();
const filledSeconds = elapsedMs / 1000;
const memoryBefore = residentMiB(child);
child.kill('SIGKILL');
await once(child, 'exit');
const restartMs = performance.now();
child = await start(topology);
const readyMs = performance.now() - restartMs;
const client = connect({ node: `http://127.0.0.1:${httpPort}` });
const last = await client.get(`key:${String(KEYS - 1).padStart(12, '0')}`);
const servedMs = performance.now() - restartMs;
process.stdout.write(
  `${KEYS} keys of 256 bytes in ${filledSeconds.toFixed(1)} s (one connection, pipeline ${PIPELINE}); ` +
    `memory of the process ${memoryBefore} MiB\nafter kill -9: ready in ${Math.round(readyMs)} ms, ` +
    `first linearizable answer (the last key is ${last === null ? 'LOST' : 'there'}) after ${Math.round(servedMs)} ms, memory ${residentMiB(child)} MiB\n`,
);
child.kill('SIGKILL');
await once(child, 'exit');
rmSync(folder, { recursive: true, force: true });
