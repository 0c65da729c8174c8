import { assertDefined } from '../../src/base/assert.js';
import { isKvorumError } from '../../src/base/errors/error.js';
import { connect, type KvorumClient } from '../../src/client/client.js';

const RETRY_MS = 40;

/**
 * Clients that write without pause and remember what they were promised. Each has keys of its own and one request in
 * flight; a request without a clear answer is sent again with the same sequence number until it has one.
 */
export class Writer {
  /** Every key with the value that was acknowledged last. */
  readonly acknowledged = new Map<string, string>();
  unknown = 0;
  refused = 0;
  /** Requests that were acknowledged. */
  count = 0;
  readonly #id: string;
  readonly #clients: readonly KvorumClient[];
  #seq = 0;
  #running = false;
  #done: Promise<void> = Promise.resolve();

  constructor(id: string, nodes: readonly string[]) {
    this.#id = id;
    this.#clients = nodes.map((node) => connect({ node, timeoutMs: 8000 }));
  }

  start(): void {
    this.#running = true;
    this.#done = this.#run();
  }

  /** Resolves when the request in flight has its answer. */
  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (this.#running) {
      const seq = ++this.#seq;
      const key = `${this.#id}:${seq % 50}`;
      const value = `${this.#id}-${seq}`;
      if (await this.#putUntilAnswered(key, value, seq)) this.acknowledged.set(key, value);
    }
  }

  /** False when the writer was stopped before there was an answer. */
  async #putUntilAnswered(key: string, value: string, seq: number): Promise<boolean> {
    for (let attempt = 0; ; attempt++) {
      const client = this.#client(attempt);
      try {
        await client.put(key, value, { session: { clientId: this.#id, seq } });
        this.count++;
        return true;
      } catch (error) {
        if (!isKvorumError(error)) throw error;
        if (error.code === 'outcome_unknown') this.unknown++;
        else if (error.spec.retry === 'never') throw error;
        else this.refused++;
      }
      if (!this.#running) {
        // Whether the last one took effect is open: it is nobody's promise, so later checks leave the key out.
        this.acknowledged.delete(key);
        return false;
      }
      // Nobody listens while the process is down: trying without pause would only slow its restart.
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  #client(attempt: number): KvorumClient {
    return assertDefined(this.#clients[(this.#seq + attempt) % this.#clients.length], 'there are replicas');
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}
