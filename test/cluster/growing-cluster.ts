import { join } from 'node:path';
import { assert, assertDefined } from '../../src/base/assert.js';
import { replicaId } from '../../src/base/brand.js';
import { silentLogger } from '../../src/base/logger.js';
import { connect, type KvorumClient } from '../../src/client/client.js';
import { loadTopology } from '../../src/config/load.js';
import type { Topology } from '../../src/config/topology.js';
import { startNode, type ReplicaNode } from '../../src/host/node.js';
import { portsBelowEphemeral } from './ports.js';

interface Place {
  readonly id: string;
  readonly peer: string;
  readonly http: string;
}

/** Replicas of this thread, with sockets and folders, that come and go: each has a topology of its own. */
export class GrowingCluster {
  readonly #dataDir: string;
  readonly #electionTimeoutMs: readonly [min: number, max: number];
  readonly #places: readonly Place[];
  readonly #nodes = new Map<string, ReplicaNode>();
  readonly #clients = new Map<string, KvorumClient>();

  private constructor(
    dataDir: string,
    places: readonly Place[],
    electionTimeoutMs: readonly [min: number, max: number],
  ) {
    this.#dataDir = dataDir;
    this.#places = places;
    this.#electionTimeoutMs = electionTimeoutMs;
  }

  /**
   * With addresses for `replicas` of them: n1, n2, … None runs yet. With long timeouts nobody is elected because the
   * machine is busy.
   */
  static async create(
    folder: string,
    replicas: number,
    electionTimeoutMs: readonly [min: number, max: number] = [300, 600],
  ): Promise<GrowingCluster> {
    const ports = await portsBelowEphemeral(2 * replicas);
    const places = Array.from({ length: replicas }, (_, at) => ({
      id: `n${at + 1}`,
      peer: `127.0.0.1:${ports[2 * at]}`,
      http: `127.0.0.1:${ports[2 * at + 1]}`,
    }));
    return new GrowingCluster(join(folder, 'data'), places, electionTimeoutMs);
  }

  get running(): readonly ReplicaNode[] {
    return [...this.#nodes.values()];
  }

  place(id: string): Place {
    return assertDefined(
      this.#places.find((place) => place.id === id),
      `${id} has a place`,
    );
  }

  /** Starts a replica, or starts it again. Its topology names `others`; one that is `joining` waits to be added. */
  async start(id: string, others: readonly string[], joining: boolean): Promise<ReplicaNode> {
    assert(!this.#nodes.has(id), `${id} does not run`);
    const topology = this.#topology(id, others, joining);
    const node = await startNode({ topology, replica: replicaId(id), incarnation: Date.now(), logger: silentLogger });
    this.#nodes.set(id, node);
    return node;
  }

  #topology(id: string, others: readonly string[], joining: boolean): Topology {
    const text = JSON.stringify({
      cluster: 'growing',
      dataDir: this.#dataDir,
      local: [id],
      replicas: [...others, id].map((other) => ({ ...this.place(other), joining: joining && other === id })),
      keyspaces: { default: { engine: 'raft' } },
      timing: { tickMs: 5, heartbeatMs: 20, electionTimeoutMs: this.#electionTimeoutMs, requestTimeoutMs: 2500 },
      storage: { fsync: false },
    });
    return loadTopology({ text, env: {}, flags: {} }).topology;
  }

  node(id: string): ReplicaNode {
    return assertDefined(this.#nodes.get(id), `${id} runs`);
  }

  client(id: string): KvorumClient {
    const known = this.#clients.get(id) ?? connect({ node: `http://${this.place(id).http}` });
    this.#clients.set(id, known);
    return known;
  }

  /** Without ceremony: what it had not said by then, it never says. */
  async kill(id: string): Promise<void> {
    const node = this.node(id);
    this.#nodes.delete(id);
    await node.close();
  }

  async close(): Promise<void> {
    for (const client of this.#clients.values()) client.close();
    await Promise.all(this.running.map((node) => node.close().catch(() => undefined)));
  }
}
