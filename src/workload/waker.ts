import { fileURLToPath } from 'node:url';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import { systemClock } from '../base/clock.js';

/** Wakes the open loop when the next operation is due; injected, so that tests can own time. */
export interface Waker {
  /** Runs `task` at `atMs` of the monotonic clock, or soon after. Replaces what was asked before. */
  wake(atMs: number, task: () => void): void;
  cancel(): void;
}

/** What the sleeping thread is given (sleeper.ts). */
export interface SleeperData {
  readonly port: MessagePort;
  readonly cells: SharedArrayBuffer;
}

/** `cells`: a counter that is notified, and from byte 8 the time to wake at, by `sharedNowMs`. */
const CELLS_BYTES = 16;

/** Two threads have clocks with different origins: this is the time that both know. */
export function sharedNowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** Wake-ups cost a message: more than this many a second are not worth it, operations that are due together go together. */
const PAUSE_MS_MIN = 0.1;

/**
 * Wakes within some 0.02 to 0.1 ms. Timers have steps of a millisecond, which is more than a fast store takes to answer; and
 * turning the loop until something is due would take a core from the store that is measured. So a thread of its own sleeps
 * until then and sends a message, while the generator waits for answers as usual.
 */
export class SleeperWaker implements Waker, Disposable {
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #turn: Int32Array;
  readonly #target: Float64Array;
  #task: (() => void) | null = null;
  #turns = 0;
  #lastMs = 0;

  constructor() {
    const cells = new SharedArrayBuffer(CELLS_BYTES);
    const { port1: here, port2: there } = new MessageChannel();
    this.#turn = new Int32Array(cells, 0, 1);
    this.#target = new Float64Array(cells, 8, 1);
    this.#port = here;
    const data: SleeperData = { port: there, cells };
    this.#worker = new Worker(fileURLToPath(new URL('./sleeper.js', import.meta.url)), {
      workerData: data,
      transferList: [there],
    });
    this.#worker.unref();
    here.on('message', (turn: number) => this.#awake(turn));
    here.unref();
  }

  wake(atMs: number, task: () => void): void {
    const at = Math.max(atMs, this.#lastMs + PAUSE_MS_MIN);
    this.#task = task;
    // 32 bits are enough: only the last one is compared.
    this.#turns = (this.#turns + 1) | 0;
    this.#target[0] = at + performance.timeOrigin;
    Atomics.store(this.#turn, 0, this.#turns);
    Atomics.notify(this.#turn, 0);
  }

  cancel(): void {
    this.#task = null;
  }

  [Symbol.dispose](): void {
    this.cancel();
    this.#port.close();
    void this.#worker.terminate();
  }

  #awake(turn: number): void {
    if (turn !== this.#turns || this.#task === null) return;
    const task = this.#task;
    this.#task = null;
    this.#lastMs = systemClock.monotonicMs();
    task();
  }
}
