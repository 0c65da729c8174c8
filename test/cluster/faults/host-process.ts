import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { assert, assertDefined } from '../../../src/base/assert.js';

const EXECUTABLE = fileURLToPath(new URL('../../../src/cli/kvorum.cjs', import.meta.url));
/** Between two attempts to reach a process that starts, and how long an attempt may take. */
const POLL_MS = 30;
const ASK_MS = 5000;
/** What a host process has said last; enough to see why it ended. */
const STDERR_CHARS_MAX = 20_000;

/** Every process that lives: ended with this one, whatever ends it. A stopped process ends by SIGKILL too. */
const LIVING = new Set<ChildProcess>();

function endAll(): void {
  for (const child of LIVING) child.kill('SIGKILL');
}

process.on('exit', endAll);
for (const [signal, number] of [
  ['SIGTERM', 15],
  ['SIGINT', 2],
  ['SIGHUP', 1],
] as const) {
  process.once(signal, () => process.exit(128 + number));
}

/** One `kvorum start`, with one replica of the cluster. */
export class HostProcess {
  readonly #topologyFile: string;
  /** Base of the replica's HTTP addresses. */
  readonly #http: string;
  /** What the command line stands behind: nothing, or `ip netns exec …`. */
  readonly #wrapper: readonly string[];
  #child: ChildProcess | null = null;
  #paused = false;
  stderr = '';

  constructor(topologyFile: string, http: string, wrapper: readonly string[]) {
    this.#http = http;
    this.#topologyFile = topologyFile;
    this.#wrapper = wrapper;
  }

  get running(): boolean {
    const child = this.#child;
    return child !== null && child.exitCode === null && child.signalCode === null;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /**
   * Resolves when the replica listens; it prints its endpoints when it has a leader, and a removed one never has.
   * Rejects when the process ends before.
   */
  async start(): Promise<void> {
    assert(!this.running, 'a process is started when the one before has ended');
    const words = [...this.#wrapper, process.execPath, EXECUTABLE, 'start', this.#topologyFile];
    const child = spawn(assertDefined(words[0], 'a command'), words.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    this.#paused = false;
    LIVING.add(child);
    child.once('exit', () => LIVING.delete(child));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-STDERR_CHARS_MAX);
    });
    const ended = new Promise<never>((_, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => reject(new Error(`ended with ${code ?? signal}: ${this.stderr}`)));
    });
    await Promise.race([this.#listening(child), ended]);
  }

  async #listening(child: ChildProcess): Promise<void> {
    while (this.#child === child && this.running) {
      try {
        const answer = await fetch(`${this.#http}/livez`, { signal: AbortSignal.timeout(ASK_MS) });
        await answer.arrayBuffer();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    }
  }

  /** SIGKILL, also when it is stopped. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null || !this.running) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** SIGSTOP: connections live, nobody answers. */
  pause(): void {
    if (!this.running) return;
    this.#child?.kill('SIGSTOP');
    this.#paused = true;
  }

  resume(): void {
    if (this.running) this.#child?.kill('SIGCONT');
    this.#paused = false;
  }

  /** SIGTERM; resolves to the exit code. */
  async drain(): Promise<number | null> {
    const child = this.#child;
    if (child === null || !this.running) return child?.exitCode ?? null;
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number | null];
    return code;
  }
}
