import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../../src/host/cluster.js';

/** A running three-replica system, reached at the port of its leader. */
export interface RunningSystem {
  readonly port: number;
  readonly protocol: 'resp' | 'etcd';
  stop(): Promise<void>;
}

export interface SystemSpec {
  readonly name: string;
  /** What a write is safe against when it is answered. */
  readonly promise: string;
  readonly operation: 'set' | 'set-wait';
  /** Null when it is not installed. */
  version(): string | null;
  start(folder: string): Promise<RunningSystem>;
}

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
/** Of the same build as this file. */
const EXECUTABLE = fileURLToPath(new URL('../../../src/cli/kvorum.cjs', import.meta.url));

function versionOf(program: string, args: string[], pattern: RegExp): string | null {
  const { stdout, error } = spawnSync(program, args, { encoding: 'utf8' });
  return error === undefined ? (pattern.exec(stdout)?.[1] ?? null) : null;
}

async function reachable(port: number): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    const up = await new Promise<boolean>((resolve) => {
      const socket = connect({ port, host: '127.0.0.1' }, () => resolve(true));
      socket.on('error', () => resolve(false)).on('connect', () => socket.destroy());
    });
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`nothing listens on port ${port}`);
}

async function stopAll(children: readonly ChildProcess[]): Promise<void> {
  const running = children.filter((child) => child.exitCode === null && child.signalCode === null);
  for (const child of running) child.kill('SIGTERM');
  await Promise.all(running.map((child) => once(child, 'exit')));
}

/** Three Kvorum replicas, either as threads of one process (the default of `kvorum start`) or a process each. */
export function kvorum(processes: 1 | 3): SystemSpec {
  return {
    name: processes === 1 ? 'kvorum' : 'kvorum, 3 processes',
    promise: 'fsync on a majority',
    operation: 'set',
    version: () => versionOf('git', ['-C', ROOT, 'rev-parse', '--short', 'HEAD'], /(\w+)/) ?? 'unknown',
    start: async (folder) => {
      const ports = await freePorts(9);
      const replicas = [0, 1, 2].map((at) => {
        const [peer, http, redis] = ports.slice(at * 3, at * 3 + 3).map((port) => `127.0.0.1:${port}`);
        return { id: `n${at + 1}`, peer, http, redis };
      });
      const keyspaces = { default: { engine: 'raft' } };
      const file = join(folder, 'topology.yaml');
      writeFileSync(file, JSON.stringify({ cluster: 'bench', dataDir: join(folder, 'data'), replicas, keyspaces }));
      const which = processes === 1 ? [[]] : replicas.map(({ id }) => ['--replica', id]);
      const children = which.map((args) =>
        spawn(process.execPath, [EXECUTABLE, 'start', file, ...args], { stdio: ['ignore', 'ignore', 'inherit'] }),
      );
      const leader = await kvorumLeader(ports);
      return { port: ports[leader * 3 + 2] ?? 0, protocol: 'resp', stop: () => stopAll(children) };
    },
  };
}

async function kvorumLeader(ports: readonly number[]): Promise<number> {
  for (let attempt = 0; attempt < 400; attempt++) {
    for (let at = 0; at < 3; at++) {
      const status = (await fetch(`http://127.0.0.1:${ports[at * 3 + 1]}/status`)
        .then((response) => response.json())
        .catch(() => null)) as { keyspaces?: { role: string }[] } | null;
      if (status?.keyspaces?.some(({ role }) => role === 'leader') === true) return at;
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('kvorum has no leader');
}

/** Redis with fsync before each answer, and two replicas that do the same. */
export function redis(wait: boolean): SystemSpec {
  return {
    name: wait ? 'redis SET + WAIT 1' : 'redis SET',
    promise: wait ? 'fsync on the master, in memory of one replica' : 'fsync on the master',
    operation: wait ? 'set-wait' : 'set',
    version: () => versionOf('redis-server', ['--version'], /v=([\d.]+)/),
    start: async (folder) => {
      const ports = await freePorts(3);
      const children = ports.map((port, at) => {
        const dir = join(folder, `redis-${at}`);
        mkdirSync(dir, { recursive: true });
        const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', '', '--appendonly', 'yes'];
        args.push('--appendfsync', 'always', '--repl-diskless-sync-delay', '0');
        if (at > 0) args.push('--replicaof', '127.0.0.1', String(ports[0]));
        return spawn('redis-server', args, { stdio: 'ignore' });
      });
      const [port = 0] = ports;
      for (const each of ports) await reachable(each);
      await redisReplicated(port);
      return { port, protocol: 'resp', stop: () => stopAll(children) };
    },
  };
}

async function redisReplicated(port: number): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1' }, () => socket.write('INFO replication\r\n'));
      socket.on('data', (data) => {
        resolve(data.toString());
        socket.destroy();
      });
      socket.on('error', reject);
    });
    if ((answer.match(/state=online/g)?.length ?? 0) === 2) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the replicas of redis are not online');
}

export const etcd: SystemSpec = {
  name: 'etcd',
  promise: 'fsync on a majority',
  operation: 'set',
  version: () => versionOf('etcd', ['--version'], /etcd Version: ([\d.]+)/),
  start: async (folder) => {
    const ports = await freePorts(6);
    const peers = [0, 1, 2].map((at) => `e${at}=http://127.0.0.1:${ports[at * 2]}`).join(',');
    const children = [0, 1, 2].map((at) => {
      const peer = `http://127.0.0.1:${ports[at * 2]}`;
      const client = `http://127.0.0.1:${ports[at * 2 + 1]}`;
      const args = ['--name', `e${at}`, '--data-dir', join(folder, `etcd-${at}`), '--listen-peer-urls', peer];
      args.push(
        '--initial-advertise-peer-urls',
        peer,
        '--listen-client-urls',
        client,
        '--advertise-client-urls',
        client,
      );
      args.push('--initial-cluster', peers, '--initial-cluster-state', 'new', '--log-level', 'error');
      args.push('--quota-backend-bytes', String(8 * 1024 ** 3));
      return spawn('etcd', args, { stdio: 'ignore' });
    });
    for (let at = 0; at < 3; at++) await reachable(ports[at * 2 + 1] ?? 0);
    return { port: await etcdLeader(ports), protocol: 'etcd', stop: () => stopAll(children) };
  },
};

/** The client port of the leader, by etcd's JSON gateway. */
async function etcdLeader(ports: readonly number[]): Promise<number> {
  for (let attempt = 0; attempt < 400; attempt++) {
    for (let at = 0; at < 3; at++) {
      const port = ports[at * 2 + 1] ?? 0;
      const status = (await fetch(`http://127.0.0.1:${port}/v3/maintenance/status`, { method: 'POST', body: '{}' })
        .then((response) => response.json())
        .catch(() => null)) as { leader?: string; header?: { member_id: string } } | null;
      if (status?.leader !== undefined && status.leader === status.header?.member_id) return port;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('etcd has no leader');
}
