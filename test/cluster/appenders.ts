import { Buffer } from 'node:buffer';
import { LIMITS } from '../../src/base/limits.js';
import type { ReplicaNode } from '../../src/host/node.js';
import { Caller } from '../fixtures/replica/caller.js';

/** Keeps keys small: an append copies the value. */
const WORDS_PER_KEY = 500;
/** Answers after which the same request is sent again: each says that it did not happen, or that nobody knows. */
const RETRIED: readonly string[] = [
  'busy',
  'draining',
  'lost_leadership',
  'no_leader',
  'not_member',
  'outcome_unknown',
  'starting',
];

/**
 * Clients that append unique words to keys of their own, one request at a time, at whatever replica runs, and repeat a
 * request until it has a clear answer. A word that is there twice, or that was promised and is missing, shows.
 */
export class Appenders {
  readonly caller = new Caller();
  readonly expected = new Map<string, string>();
  retries = 0;
  acknowledged = 0;
  readonly #nodes: () => readonly ReplicaNode[];
  #running = true;
  readonly #done: Promise<unknown>;

  constructor(count: number, nodes: () => readonly ReplicaNode[]) {
    this.#nodes = nodes;
    this.#done = Promise.all(Array.from({ length: count }, (_, at) => this.#run(`w${at + 1}`)));
  }

  async #run(clientId: string): Promise<void> {
    let seq = 0;
    while (this.#running) {
      seq++;
      const word = `${seq};`;
      const key = `${clientId}:${Math.floor(seq / WORDS_PER_KEY)}`;
      await this.#append(clientId, key, word, seq);
      this.expected.set(key, (this.expected.get(key) ?? '') + word);
      this.acknowledged++;
    }
  }

  /** Also when it was told to stop: whether the last one is there must be known. */
  async #append(clientId: string, key: string, word: string, seq: number): Promise<void> {
    for (let attempt = seq; ; attempt++) {
      const nodes = this.#nodes();
      const node = nodes[attempt % nodes.length];
      if (node !== undefined) {
        const operation = { op: 'append', key, value: Buffer.from(word), maxBytes: LIMITS.valueBytes } as const;
        const outcome = await this.caller.submit(node.router.defaultKeyspace, operation, { clientId, seq });
        if (outcome.ok) return;
        if (!RETRIED.includes(outcome.code)) throw new Error(`append ${word} to ${key}: ${outcome.code}`);
        this.retries++;
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Resolves when every request has its answer; rejects when one had an answer that none may have. */
  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }
}
