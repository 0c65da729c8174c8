import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { portsBelowEphemeral } from '../cluster/ports.js';

/** Timing with which nobody is elected anew because the machine is busy. */
export const CALM = 'timing: { electionTimeoutMs: [600, 1200] }';

const KVORUM = fileURLToPath(new URL('../../src/cli/kvorum.cjs', import.meta.url));

export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: number | null;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: Buffer;
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

function launch(args: readonly string[], env: Readonly<Record<string, string>> = {}): Child {
  return spawn(process.execPath, [KVORUM, ...args], { env: { PATH: process.env['PATH'], ...env } });
}

/** Runs `kvorum …` to its end, without what the environment of the test may say. stdout is decoded as latin1. */
export async function run(args: readonly string[], { env, input }: RunOptions = {}): Promise<Outcome> {
  const child = launch(args, env);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('latin1')));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.on('error', () => undefined);
  child.stdin.end(input ?? '');
  const [exit] = (await once(child, 'close')) as [number | null];
  return { stdout, stderr, exit };
}

/** A `kvorum start` that runs. */
export class Server {
  stdout = '';
  stderr = '';
  readonly #child: Child;
  readonly #ended: Promise<number | null>;
  #watchers: (() => void)[] = [];

  constructor(args: readonly string[], env?: Readonly<Record<string, string>>) {
    const child = launch(['start', ...args], env);
    this.#child = child;
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.#grow('stdout', text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.#grow('stderr', text));
    this.#ended = new Promise((resolve) => {
      child.on('close', (code) => {
        resolve(code);
        for (const watcher of this.#watchers) watcher();
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves when the output matches; rejects when the process ends before. */
  async until(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const check = (): void => {
        if (pattern.test(this[stream])) resolve();
        else if (this.#child.exitCode !== null) reject(new Error(`ended: ${this.stdout}${this.stderr}`));
      };
      this.#watchers.push(check);
      check();
    });
  }

  /** Resolves when the last line of the table's text is there. */
  async ready(): Promise<this> {
    await this.until('stdout', /stop {2}Ctrl-C\n/);
    return this;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves to the exit code; null when a signal ended the process. */
  ended(): Promise<number | null> {
    return this.#ended;
  }

  /** For teardowns. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  #grow(stream: 'stdout' | 'stderr', text: string): void {
    this[stream] += text;
    for (const watcher of this.#watchers) watcher();
  }
}

export interface TestTopology {
  readonly file: string;
  readonly dataDir: string;
  readonly http: readonly string[];
  readonly redisPorts: readonly number[];
}

/** A topology of three replicas on ports of their own. */
export async function writeTopology(folder: string, name = 'topology.yaml'): Promise<TestTopology> {
  const ports = await portsBelowEphemeral(9);
  const [peers, https, redis] = [ports.slice(0, 3), ports.slice(3, 6), ports.slice(6)];
  const replicas = peers.map(
    (peer, at) =>
      `  - { id: n${at + 1}, peer: '127.0.0.1:${peer}', http: '127.0.0.1:${https[at]}', redis: '127.0.0.1:${redis[at]}' }`,
  );
  const dataDir = join(folder, 'data');
  const file = join(folder, name);
  writeFileSync(file, ['cluster: test', `dataDir: ${dataDir}`, 'replicas:', ...replicas, CALM, ''].join('\n'));
  return { file, dataDir, http: https.map((port) => `http://127.0.0.1:${port}`), redisPorts: redis };
}
