import type { ReplicaId } from '../../../../src/base/brand.js';
import { replicaId } from '../../../../src/base/brand.js';
import { createPrng } from '../../../../src/base/prng.js';
import type { Command, KvReader } from '../../../../src/kv/types.js';
import type { Keyspace, ReadWaiter, WriteWaiter } from '../../../../src/replica/router.js';
import { History } from '../../../../src/sim/clients/history.js';
import { ClientWire } from '../../../../src/sim/clients/wire.js';
import { createClientStats } from '../../../../src/sim/clients/workload.js';
import type { ClientContext } from '../../../../src/sim/clients/client.js';
import type { ClientPlan } from '../../../../src/sim/plan/plan.js';
import type { Observer, SimProcess, VirtualTime, World } from '../../../../src/sim/world/types.js';

/** Virtual time without a world around it. */
export class FakeTime implements VirtualTime {
  nowMs = 0;
  events = 0;
  hash = 0;
  #tasks: { readonly atMs: number; readonly order: number; readonly task: () => void }[] = [];
  #order = 0;

  after(delayMs: number, task: () => void): () => void {
    const entry = { atMs: this.nowMs + delayMs, order: this.#order++, task };
    this.#tasks.push(entry);
    return () => {
      this.#tasks = this.#tasks.filter((each) => each !== entry);
    };
  }

  async run(untilMs: number, stop?: () => boolean): Promise<void> {
    for (;;) {
      if (stop?.() === true) return;
      this.#tasks.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
      const next = this.#tasks[0];
      if (next === undefined || next.atMs > untilMs) return;
      this.#tasks.shift();
      this.nowMs = next.atMs;
      this.events++;
      next.task();
    }
  }

  fold(): void {
    this.hash = 0;
  }
}

export interface Received {
  readonly replica: ReplicaId;
  readonly command: Command | null;
  readonly write: WriteWaiter | null;
  readonly read: ReadWaiter | null;
}

/** Replicas that do with requests what the test says. */
export class FakeCluster {
  readonly time = new FakeTime();
  readonly history = new History();
  readonly received: Received[] = [];
  readonly wire: ClientWire;
  readonly context: ClientContext;
  readonly down = new Set<ReplicaId>();
  readonly processes: readonly SimProcess[];
  readonly #onRequest: (received: Received, number: number) => void;

  constructor(
    replicas: number,
    onRequest: (received: Received, number: number) => void,
    observers: readonly Observer[] = [],
  ) {
    this.#onRequest = onRequest;
    this.processes = Array.from({ length: replicas }, (_, at) => this.#process(replicaId(`n${at + 1}`)));
    this.wire = new ClientWire({
      world: { time: this.time } as unknown as World,
      links: { requestLoss: 0, replyLoss: 0, delayMinMs: 1, delayMeanMs: 0 },
      prng: createPrng(1),
      history: this.history,
      observers,
    });
    this.context = {
      time: this.time,
      wire: this.wire,
      history: this.history,
      stats: createClientStats(),
      replicas: () => this.processes,
    };
  }

  #process(id: ReplicaId): SimProcess {
    const take = (received: Received): void => {
      this.received.push(received);
      this.#onRequest(received, this.received.length);
    };
    const keyspace = {
      submit: (command: Command, write: WriteWaiter) => take({ replica: id, command, write, read: null }),
      read: (_consistency: string, read: ReadWaiter) => take({ replica: id, command: null, write: null, read }),
    } as unknown as Keyspace;
    return {
      id,
      request: (call: (keyspace: Keyspace) => void) => {
        if (this.down.has(id)) return false;
        call(keyspace);
        return true;
      },
    } as unknown as SimProcess;
  }
}

export function readerOf(values: Readonly<Record<string, string>>, revision: number): KvReader {
  return {
    revision,
    get: (key: string) => {
      const value = values[key];
      if (value === undefined) return undefined;
      const source = Buffer.from(value);
      return { source, start: 0, end: source.length, modRevision: revision, createRevision: revision, version: 1 };
    },
  } as unknown as KvReader;
}

/** A client that only appends, with a session, and always retries. */
export const APPENDER: ClientPlan = {
  id: 'c0',
  seed: 5,
  operations: 1,
  keys: 1,
  mix: { put: 0, get: 0, append: 1, cas: 0, delete: 0, increment: 0 },
  reads: { linearizable: 1, lease: 0, stale: 0 },
  session: true,
  retry: 1,
  hedge: 0,
  thinkMeanMs: 0,
  timeoutMs: 100,
  loyalty: 0,
  paddingBytes: 0,
};
