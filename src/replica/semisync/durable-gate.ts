import { KvorumError } from '../../base/errors/error.js';

interface Wait {
  readonly batch: number;
  readonly resolve: () => void;
  readonly reject: (error: KvorumError) => void;
}

/** Knows which persists of the engine are durable, for what must not happen before. */
export class DurableGate {
  #taken = 0;
  #durable = 0;
  #waits: Wait[] = [];
  #cancelled: KvorumError | null = null;

  /** A drain handed over persist number `batch`. */
  taken(batch: number): void {
    this.#taken = batch;
  }

  durable(batch: number): void {
    this.#durable = Math.max(this.#durable, batch);
    const done = this.#waits.filter((wait) => wait.batch <= this.#durable);
    if (done.length === 0) return;
    this.#waits = this.#waits.filter((wait) => wait.batch > this.#durable);
    for (const { resolve } of done) resolve();
  }

  /** Resolves when everything that was handed over so far is durable. */
  reached(): Promise<void> {
    if (this.#cancelled !== null) return Promise.reject(this.#cancelled);
    if (this.#durable >= this.#taken) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waits.push({ batch: this.#taken, resolve, reject }));
  }

  /** Nothing becomes durable any more, or nobody will hear of it. */
  cancel(): void {
    this.#cancelled ??= new KvorumError('draining', 'The replica stops');
    const waits = this.#waits;
    this.#waits = [];
    for (const { reject } of waits) reject(this.#cancelled);
  }
}
