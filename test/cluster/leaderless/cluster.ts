import type { Test } from 'tap';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { assert, assertDefined } from '../../../src/base/assert.js';
import { replicaId } from '../../../src/base/brand.js';
import { silentLogger } from '../../../src/base/logger.js';
import { createPrng } from '../../../src/base/prng.js';
import { KvorumClient, type ConnectOptions } from '../../../src/client/client.js';
import { loadTopology } from '../../../src/config/load.js';
import { startNode, type ReplicaNode } from '../../../src/host/node.js';
import { ProxyNetwork } from '../faults/network.js';
import { PATIENCE_MS } from '../process-cluster.js';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Empty when the body is no JSON. */
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Request {
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

const KEYSPACES = {
  default: { engine: 'causal' },
  likes: { engine: 'lww' },
  orders: { engine: 'raft', reads: 'stale' },
};

/** How long a replica waits for what a session has seen, and for a level, before it says that it is not there. */
export interface Waits {
  readonly sessionMs: number;
  readonly levelMs: number;
}

/** So long that whatever is on its way arrives, however busy the machine is. */
const LONG: Waits = { sessionMs: 15_000, levelMs: 20_000 };
/** For tests of what cannot arrive. */
export const SHORT: Waits = { sessionMs: 400, levelMs: 1500 };

/** Replicas of this process behind proxies, one for each direction of each pair: links can be cut and healed. */
export class LeaderlessCluster {
  readonly network: ProxyNetwork;
  readonly #folder: string;
  readonly #keyspaces: object;
  readonly #waits: Waits;
  readonly #nodes = new Map<string, ReplicaNode>();
  readonly #clients: KvorumClient[] = [];

  private constructor(folder: string, network: ProxyNetwork, keyspaces: object, waits: Waits) {
    this.#folder = folder;
    this.network = network;
    this.#keyspaces = keyspaces;
    this.#waits = waits;
  }

  /** Three replicas, n1 to n3, ready; ended with the test. */
  static async start(t: Test, keyspaces: object = KEYSPACES, waits: Waits = LONG): Promise<LeaderlessCluster> {
    const network = await ProxyNetwork.create(3, createPrng(7));
    const cluster = new LeaderlessCluster(t.testdir({}), network, keyspaces, waits);
    t.teardown(() => cluster.#close());
    await Promise.all(cluster.ids.map((id) => cluster.startReplica(id)));
    await cluster.until('all are ready', async () => {
      const answers = await Promise.all(cluster.ids.map((id) => cluster.ask(id, 'GET', '/readyz')));
      return answers.every(({ status }) => status === 200);
    });
    return cluster;
  }

  get ids(): readonly string[] {
    return this.network.places.map(({ id }) => id);
  }

  async startReplica(id: string): Promise<void> {
    const replicas = this.network.places.map((place) => ({
      id: place.id,
      peer: `127.0.0.1:${place.id === id ? place.peerPort : 0}`,
      http: `127.0.0.1:${place.httpPort}`,
    }));
    const dialled = replicas.map((replica) =>
      replica.id === id ? replica : { ...replica, peer: this.network.dialled(id, replica.id) },
    );
    const text = JSON.stringify({
      cluster: 'leaderless',
      dataDir: join(this.#folder, 'data'),
      local: [id],
      replicas: dialled,
      keyspaces: this.#keyspaces,
      timing: { gossipMs: 50, requestTimeoutMs: this.#waits.levelMs },
      session: { waitMs: this.#waits.sessionMs },
    });
    const { topology } = loadTopology({ text });
    const node = await startNode({ topology, replica: replicaId(id), incarnation: 1, logger: silentLogger });
    this.#nodes.set(id, node);
  }

  async stopReplica(id: string): Promise<void> {
    const node = assertDefined(this.#nodes.get(id), `${id} runs`);
    this.#nodes.delete(id);
    await node.close();
  }

  /** Takes away what a replica that is stopped has on disk. */
  wipe(id: string): void {
    assert(!this.#nodes.has(id), 'a disk is wiped while nobody uses it');
    rmSync(join(this.#folder, 'data', id), { recursive: true });
  }

  /** Nothing gets from or to `id`. */
  isolate(id: string): void {
    for (const other of this.ids) {
      if (other === id) continue;
      this.network.cut(id, other);
      this.network.cut(other, id);
    }
  }

  url(id: string): string {
    return `http://127.0.0.1:${
      assertDefined(
        this.network.places.find((place) => place.id === id),
        `${id} has a place`,
      ).httpPort
    }`;
  }

  client(id: string, options: Omit<ConnectOptions, 'node'> = {}): KvorumClient {
    const client = new KvorumClient({ node: this.url(id), ...options });
    this.#clients.push(client);
    return client;
  }

  async ask(id: string, method: string, path: string, { body, headers }: Request = {}): Promise<Answer> {
    const json = body === undefined ? {} : { 'Content-Type': 'application/json' };
    const response = await fetch(`${this.url(id)}${path}`, {
      method,
      headers: { ...json, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    const parsed = isJson ? (JSON.parse(text) as Answer['body']) : {};
    return { status: response.status, headers: response.headers, text, body: parsed };
  }

  /** Resolves when `attempt` says so; every attempt talks to real sockets. */
  async until(what: string, attempt: () => Promise<boolean>, timeoutMs = PATIENCE_MS): Promise<void> {
    const endMs = performance.now() + timeoutMs;
    while (!(await attempt().catch(() => false))) {
      if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Resolves when all that run hold `value` under `key`. */
  async untilEverywhere(keyspace: string, key: string, value: string | null): Promise<void> {
    await this.until(`${key} is ${value} everywhere`, async () => {
      const running = [...this.#nodes.keys()];
      const answers = await Promise.all(
        running.map((id) => this.ask(id, 'GET', `/keyspaces/${keyspace}/kv/${key}?consistency=one`)),
      );
      return answers.every(({ body, status }) => (value === null ? status === 404 : body['value'] === value));
    });
  }

  async #close(): Promise<void> {
    for (const client of this.#clients) client.close();
    await Promise.all([...this.#nodes.values()].map((node) => node.close()));
    await this.network.close();
  }
}
