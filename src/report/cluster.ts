import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { KvorumError } from '../base/errors/error.js';
import { systemScheduler } from '../base/scheduler.js';
import { freePorts } from '../host/cluster.js';
import { hasLeaders, resolveTarget } from '../workload/targets.js';

const EXECUTABLE = fileURLToPath(new URL('../cli/kvorum.cjs', import.meta.url));
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;
const LEADER_TIMEOUT_MS = 30_000;
const LEADER_POLL_MS = 50;
/** Between the choice of ports and their use somebody may take one: then others are chosen. */
const PORT_TRIES = 3;

/** A cluster that was started for a report, with its own ports and a folder that goes with it. */
export interface SpawnedCluster extends AsyncDisposable {
  /** HTTP addresses, in the order of the file. */
  readonly nodes: readonly string[];
}

interface TopologyFile {
  readonly replicas: readonly Readonly<Record<string, unknown>>[];
  readonly [option: string]: unknown;
}

/** The topology as it is in the file, at other addresses; `delays: false` leaves its slow network out. */
export function movedTopology(
  yaml: string,
  folder: string,
  ports: readonly number[],
  { delays }: { readonly delays: boolean },
): TopologyFile {
  const file = parse(yaml) as TopologyFile;
  const replicas = file.replicas.map(({ delayMs, id, region }, at) => {
    const [peer, http, redis] = ports.slice(at * 3, at * 3 + 3).map((port) => `127.0.0.1:${port}`);
    const kept = {
      ...(region === undefined ? {} : { region }),
      ...(delayMs === undefined || !delays ? {} : { delayMs }),
    };
    return { id, peer, http, redis, ...kept };
  });
  return { ...file, dataDir: join(folder, 'data'), replicas };
}

export interface SpawnOptions {
  readonly delays: boolean;
  /** Where its own folder goes. Not the system's: that is often in memory, where fsync costs nothing. */
  readonly parent: string;
  /** Ports that nobody uses right now. */
  readonly choosePorts?: (count: number) => Promise<readonly number[]>;
}

/** Starts the topology in a process of its own, as `kvorum start` does; resolves when all replicas listen and all leaders lead. */
export async function spawnCluster(file: string, options: SpawnOptions): Promise<SpawnedCluster> {
  const yaml = readTopology(file);
  for (let attempt = 1; ; attempt++) {
    try {
      return await spawnOnce(yaml, options);
    } catch (error) {
      if (attempt === PORT_TRIES || !(error as Error).message.includes('address_in_use')) throw error;
    }
  }
}

async function spawnOnce(yaml: string, options: SpawnOptions): Promise<SpawnedCluster> {
  const folder = mkdtempSync(resolve(options.parent, '.cluster-'));
  const { replicas } = parse(yaml) as TopologyFile;
  const ports = await (options.choosePorts ?? freePorts)(replicas.length * 3);
  const moved = join(folder, 'topology.json');
  writeFileSync(moved, JSON.stringify(movedTopology(yaml, folder, ports, options)));
  const args = [EXECUTABLE, 'start', moved, '-o', 'json'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  // Nothing is left behind when this process ends before its time.
  const kill = (): void => {
    child.kill('SIGKILL');
    remove();
  };
  process.once('exit', kill);
  const stop = async (): Promise<void> => {
    await ended(child);
    process.off('exit', kill);
    remove();
  };
  const nodes = replicas.map((_, at) => `http://127.0.0.1:${ports[at * 3 + 1]}`);
  try {
    await listening(child);
    await led(nodes);
  } catch (error) {
    await stop();
    throw error;
  }
  return { nodes, [Symbol.asyncDispose]: stop };
}

function readTopology(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new KvorumError('usage', `${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** The endpoints are printed, as one document, once everything listens. */
async function listening(child: ChildProcess): Promise<void> {
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4000)));
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string): void =>
      reject(new KvorumError('internal', `The cluster did not start: ${why}\n${stderr}`));
    const cancel = systemScheduler.after(START_TIMEOUT_MS, () => fail(`nothing within ${START_TIMEOUT_MS} ms`));
    // Not `exit`: what it has written may come later.
    child.once('close', (code, signal) => {
      cancel();
      fail(`it ended with ${code ?? signal}`);
    });
    child.stdout?.once('data', () => {
      cancel();
      resolve();
    });
  });
}

/** Every keyspace that has leaders has one: a first epoch takes longer where the network is slow. */
async function led(nodes: readonly string[]): Promise<void> {
  const request = { nodes, topology: null, protocol: 'http', keyspace: null, leaderOnly: false } as const;
  for (let waitedMs = 0; waitedMs < LEADER_TIMEOUT_MS; waitedMs += LEADER_POLL_MS) {
    const { keyspaces } = await resolveTarget(request);
    if (keyspaces.every((keyspace) => keyspace.leader !== null || !hasLeaders(keyspace))) return;
    await new Promise<void>((resolve) => void systemScheduler.after(LEADER_POLL_MS, resolve));
  }
  throw new KvorumError('no_leader', `The cluster that was started has no leader after ${LEADER_TIMEOUT_MS} ms`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const cancel = systemScheduler.after(STOP_TIMEOUT_MS, () => child.kill('SIGKILL'));
  await exit;
  cancel();
}
