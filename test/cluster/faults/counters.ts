import type { FaultCluster } from './fault-cluster.js';
import { RedisCaller } from './redis-caller.js';

/** One INCR: null where there was no answer, so that it may count or not. */
export interface Increment {
  readonly call: number;
  readonly return: number | null;
  readonly result: number | null;
}

const TIMEOUT_MS = 2000;
const BACKOFF_MS = 25;

/** Clients that increment one counter through the Redis protocol: an increment that counts twice is seen at once. */
export class Counters {
  readonly key: string;
  readonly increments: Increment[] = [];
  readonly #cluster: FaultCluster;
  readonly #restMs: number;
  #running = true;
  #done: Promise<unknown> = Promise.resolve();

  /** Each client rests for `restMs` after an increment: all increments are kept until the end. */
  constructor(key: string, cluster: FaultCluster, restMs = 0) {
    this.key = key;
    this.#cluster = cluster;
    this.#restMs = restMs;
  }

  /** One client for each replica that there is now; when a request fails it goes on to the next one. */
  start(): void {
    this.#done = Promise.all(this.#cluster.replicas.map((_, at) => this.#run(at)));
    this.#done.catch(() => undefined);
  }

  async stop(): Promise<readonly Increment[]> {
    this.#running = false;
    await this.#done;
    return this.increments;
  }

  async #run(home: number): Promise<void> {
    for (let failures = 0; this.#running && !this.#cluster.closed; failures++) {
      const { replicas } = this.#cluster;
      const replica = replicas[(home + failures) % replicas.length];
      if (replica === undefined) return;
      const caller = new RedisCaller(replica, 'default', TIMEOUT_MS);
      while (this.#running && (await this.#increment(caller)));
      caller.close();
      await new Promise((resolve) => setTimeout(resolve, BACKOFF_MS));
    }
  }

  /** False when it failed. */
  async #increment(caller: RedisCaller): Promise<boolean> {
    const call = performance.now();
    const answer = await caller.request('INCR', this.key);
    if (answer.kind === 'reply') {
      this.increments.push({ call, return: performance.now(), result: Number(answer.value) });
      if (this.#restMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#restMs));
      return true;
    }
    const mayCount = answer.kind === 'lost' ? answer.sent : answer.word === 'UNKNOWN';
    if (mayCount) this.increments.push({ call, return: null, result: null });
    return false;
  }
}
