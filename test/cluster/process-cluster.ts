import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { portsBelowEphemeral } from './ports.js';

const EXECUTABLE = fileURLToPath(new URL('../../src/cli/kvorum.cjs', import.meta.url));

export interface ClusterReplica {
  readonly id: string;
  readonly http: string;
  readonly redisPort: number;
}

/** A cluster of three replicas in one host process of its own, started by the real command line. */
export class ProcessCluster {
  readonly topology: string;
  readonly replicas: readonly ClusterReplica[];
  readonly dataDir: string;
  #child: ChildProcess | null = null;
  stderr = '';

  private constructor(topology: string, replicas: readonly ClusterReplica[], dataDir: string) {
    this.topology = topology;
    this.replicas = replicas;
    this.dataDir = dataDir;
  }

  static async create(folder: string, extra = ''): Promise<ProcessCluster> {
    const ports = await portsBelowEphemeral(9);
    const ids = ['n1', 'n2', 'n3'];
    const lines = ids.map((id, at) => {
      const [peer, http, redis] = ports.slice(at * 3, at * 3 + 3);
      return `  - { id: ${id}, peer: '127.0.0.1:${peer}', http: '127.0.0.1:${http}', redis: '127.0.0.1:${redis}' }`;
    });
    const dataDir = join(folder, 'data');
    const topology = join(folder, 'topology.yaml');
    const text = [
      'cluster: test',
      `dataDir: ${dataDir}`,
      'replicas:',
      ...lines,
      'keyspaces:',
      '  default: { engine: raft }',
      extra,
    ];
    writeFileSync(topology, `${text.join('\n')}\n`);
    const replicas = ids.map((id, at) => ({
      id,
      http: `http://127.0.0.1:${ports[at * 3 + 1]}`,
      redisPort: ports[at * 3 + 2] ?? 0,
    }));
    return new ProcessCluster(topology, replicas, dataDir);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when the endpoints were printed: every replica listens. Rejects when the process ends before. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [EXECUTABLE, 'start', this.topology], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    const lines = createInterface({ input: child.stdout });
    await new Promise<void>((resolve, reject) => {
      lines.on('line', (line) => {
        if (line.startsWith('ready in')) resolve();
      });
      child.on('exit', (code, signal) => reject(new Error(`ended with ${code ?? signal}: ${this.stderr}`)));
    });
  }

  /** Ends the process as a power cut would, as far as the process is concerned. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** SIGTERM; resolves to the exit code. */
  async drain(): Promise<number | null> {
    const child = this.#child;
    if (child === null) return null;
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number | null];
    return code;
  }
}

/** What comes at once comes later on a machine with too much to do: only what never comes is a failure. */
export const PATIENCE_MS = 30_000;

/** Repeats `attempt` until it returns something, or fails after `timeoutMs`. Every attempt talks to a real server. */
export async function eventually<T>(
  what: string,
  timeoutMs: number,
  attempt: () => Promise<T | undefined>,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  let last: unknown;
  while (performance.now() < end) {
    try {
      const result = await attempt();
      if (result !== undefined) return result;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error(`${what} did not happen within ${timeoutMs} ms: ${String(last)}`);
}
