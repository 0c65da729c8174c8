import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { formatOperation } from '../../src/check/history.js';
import type { Operation } from '../../src/check/index.js';
import type { CheckAnswer, CheckRequest } from './check-worker.js';

/** Epochs that wait for their verdict; then the run waits, so that memory stays bounded. */
const WAITING_MAX = 4;

/** Checks epochs while the run goes on, and keeps the history of one that is not linearizable, or undecided. */
export class EpochChecker {
  checked = 0;
  operations = 0;
  violations = 0;
  undecided = 0;
  slowestMs = 0;
  readonly files: string[] = [];
  readonly #worker = new Worker(new URL('./check-worker.js', import.meta.url));
  readonly #outDir: string;
  readonly #waiting = new Map<number, readonly Operation[]>();
  #epochs = 0;
  #failure: Error | null = null;
  #wake: (() => void) | null = null;

  constructor(outDir: string) {
    this.#outDir = outDir;
    this.#worker.on('message', (answer: CheckAnswer) => this.#onAnswer(answer));
    this.#worker.on('error', (error: Error) => {
      this.#failure = error;
      this.#wake?.();
    });
  }

  /** Resolves when there is room for another epoch. */
  async submit(operations: readonly Operation[]): Promise<void> {
    const epoch = this.#epochs++;
    this.#waiting.set(epoch, operations);
    const request: CheckRequest = { epoch, operations };
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker.postMessage(request);
    await this.#until(WAITING_MAX - 1);
  }

  /** Resolves when every epoch has its verdict. */
  async finish(): Promise<void> {
    await this.#until(0);
    await this.#worker.terminate();
  }

  async #until(waitingMax: number): Promise<void> {
    while (this.#waiting.size > waitingMax && this.#failure === null) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    if (this.#failure !== null) throw this.#failure;
  }

  #onAnswer({ epoch, operations, tookMs, verdict, violation }: CheckAnswer): void {
    const history = this.#waiting.get(epoch) ?? [];
    this.#waiting.delete(epoch);
    this.checked++;
    this.operations += operations;
    this.slowestMs = Math.max(this.slowestMs, tookMs);
    if (verdict === 'violation') this.violations++;
    if (verdict === 'unknown') this.undecided++;
    if (verdict !== 'ok') {
      this.#save(`epoch-${epoch}.ndjson`, history);
      if (violation.length > 0) this.#save(`epoch-${epoch}-violation.ndjson`, violation);
    }
    this.#wake?.();
  }

  #save(name: string, operations: readonly Operation[]): void {
    mkdirSync(this.#outDir, { recursive: true });
    const file = join(this.#outDir, name);
    writeFileSync(file, operations.map((operation) => `${formatOperation(operation)}\n`).join(''));
    this.files.push(file);
  }
}
