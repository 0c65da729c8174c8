import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../src/host/cluster.js';

/**
 * Fills a cluster with keys of 256-byte values, kills it, and measures the restart: time until every replica listens and
 * a leader serves a linearizable read, and resident memory. `node dist/bench/macro/restart.js [keys]`
 */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const EXECUTABLE = join(ROOT, 'dist/src/cli/kvorum.cjs');
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

function request(...parts: string[]): string {
  return `*${parts.length}\r\n${parts.map((part) => `$${part.length}\r\n${part}\r\n`).join('')}`;
}

/** Sends requests and waits until as many reply lines have come. */
async function exchange(port: number, batches: () => string | null): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  let last = '';
  for (let batch = batches(); batch !== null; batch = batches()) {
    const expected = batch.split('*').length - 1;
    socket.write(batch);
    let replies = 0;
    last = '';
    while (replies < expected) {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      last += chunk.toString('latin1');
      replies = last.split('\r\n').length - 1;
    }
    if (last.includes('-')) throw new Error(last.slice(0, 200));
  }
  socket.destroy();
  return last;
}

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
const [, , redisPort = 0] = ports;
let next = 0;
const fillMs = performance.now();
await exchange(redisPort, () => {
  if (next >= KEYS) return null;
  let batch = '';
  for (let at = 0; at < PIPELINE && next < KEYS; at++, next++) {
    batch += request('SET', `key:${String(next).padStart(12, '0')}`, 'x'.repeat(256));
  }
  return batch;
});
const filledSeconds = (performance.now() - fillMs) / 1000;
const memoryBefore = residentMiB(child);
child.kill('SIGKILL');
await once(child, 'exit');
const restartMs = performance.now();
child = await start(topology);
const readyMs = performance.now() - restartMs;
let asked = false;
const answer = await exchange(redisPort, () => {
  if (asked) return null;
  asked = true;
  return request('DBSIZE');
});
const servedMs = performance.now() - restartMs;
process.stdout.write(
  `${KEYS} keys of 256 bytes in ${filledSeconds.toFixed(1)} s (one connection, pipeline ${PIPELINE}); ` +
    `memory of the process ${memoryBefore} MiB\nafter kill -9: ready in ${Math.round(readyMs)} ms, ` +
    `first linearizable answer (${answer.trim()} keys) after ${Math.round(servedMs)} ms, memory ${residentMiB(child)} MiB\n`,
);
child.kill('SIGKILL');
await once(child, 'exit');
rmSync(folder, { recursive: true, force: true });
