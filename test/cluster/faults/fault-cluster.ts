import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, assertDefined } from '../../../src/base/assert.js';
import { KvorumClient } from '../../../src/client/client.js';
import { HostProcess } from './host-process.js';
import type { FaultNetwork, Place } from './network.js';

/** A client's request is answered, or given up, within so long: shorter than a user would want, so that tests are. */
const REQUEST_TIMEOUT_MS = 1200;
/** Between two looks at a replica that is not where it should be yet. */
const POLL_MS = 20;

/** A replica as tests see it. */
export interface FaultReplica extends Place {
  readonly process: HostProcess;
  /** Base of its HTTP addresses. */
  readonly http: string;
}

export interface Link {
  readonly peer: string;
  readonly address: string;
  readonly connected: boolean;
  readonly reconnects: number;
  readonly closed_by: Readonly<Record<string, number>>;
}

interface MemberStatus {
  readonly keyspace: string;
  readonly role: string;
  readonly term: number;
  readonly leader: string | null;
  readonly commit_index: number;
}

/** The parts of GET /status that tests look at. */
export interface Status {
  readonly id: string;
  readonly keyspaces: readonly MemberStatus[];
  readonly links: readonly Link[];
}

/** A cluster with a host process for each replica, on a network with faults. */
export class FaultCluster {
  readonly network: FaultNetwork;
  readonly replicas: readonly FaultReplica[];

  private constructor(network: FaultNetwork, replicas: readonly FaultReplica[]) {
    this.network = network;
    this.replicas = replicas;
  }

  /** Writes a topology file for each replica, in which the others are where the network says. Starts nothing yet. */
  static create(folder: string, network: FaultNetwork): FaultCluster {
    mkdirSync(folder, { recursive: true });
    const replicas = network.places.map((place): FaultReplica => {
      const file = join(folder, `${place.id}.yaml`);
      writeFileSync(file, topologyText(folder, network, place));
      const process = new HostProcess(file, place.wrapper);
      return { ...place, process, http: `http://${place.host}:${place.httpPort}` };
    });
    return new FaultCluster(network, replicas);
  }

  get ids(): readonly string[] {
    return this.replicas.map(({ id }) => id);
  }

  replica(id: string): FaultReplica {
    return assertDefined(
      this.replicas.find((replica) => replica.id === id),
      `${id} is a replica`,
    );
  }

  /** Starts every process that does not run. Resolves when all of them listen and every one follows or leads. */
  async start(): Promise<void> {
    await this.restart();
    await this.settled();
    await this.#checkLinks();
  }

  /** A replica that dials another one elsewhere than it was told would be out of reach of every fault. */
  async #checkLinks(): Promise<void> {
    for (const { id } of this.replicas) {
      for (const { address, peer } of (await this.status(id)).links) {
        assert(address === this.network.dialled(id, peer), `${id} dials ${peer} at ${address}, past the faults`);
      }
    }
  }

  /** Starts every process that does not run. */
  async restart(): Promise<void> {
    await Promise.all(this.replicas.filter((it) => !it.process.running).map((it) => it.process.start()));
  }

  /** Ends all faults: the network is whole, every process runs. Resolves when all are ready. */
  async heal(): Promise<void> {
    await this.network.heal();
    for (const { process } of this.replicas) if (process.paused) process.resume();
    await this.restart();
    await this.settled();
  }

  /** Resolves when every replica says that it is ready (/readyz) and all name the same leader. */
  async settled(timeoutMs = 20_000): Promise<void> {
    await this.until('all replicas are ready', timeoutMs, async () => {
      const ready = await Promise.all(this.replicas.map(({ http }) => isReady(http)));
      if (ready.includes(false)) return undefined;
      const statuses = await Promise.all(this.replicas.map(({ id }) => this.status(id)));
      const leaders = statuses.map(({ keyspaces }) => keyspaces.map(({ leader }) => leader).join());
      return new Set(leaders).size === 1 || undefined;
    });
  }

  /** GET /status of one replica; rejects when it does not answer. */
  async status(id: string): Promise<Status> {
    using client = new KvorumClient({ node: this.replica(id).http, timeoutMs: 1000 });
    return (await client.status()) as unknown as Status;
  }

  /** The replica that leads `keyspace` in the highest term, among those that answer. */
  async leader(keyspace = 'default', except: ReadonlySet<string> = new Set()): Promise<FaultReplica> {
    return this.until(`a leader of ${keyspace}`, 15_000, () => this.findLeader(keyspace, except));
  }

  /** The leader, if one of the replicas that answer says that it is. */
  async findLeader(keyspace = 'default', except: ReadonlySet<string> = new Set()): Promise<FaultReplica | undefined> {
    const asked = this.replicas.filter(({ id, process }) => process.running && !process.paused && !except.has(id));
    const answers = await Promise.allSettled(asked.map(({ id }) => this.status(id)));
    let found: { readonly id: string; readonly term: number } | null = null;
    for (const answer of answers) {
      if (answer.status === 'rejected') continue;
      const { id, keyspaces } = answer.value;
      const member = keyspaces.find((it) => it.keyspace === keyspace);
      if (member?.role === 'leader' && member.term > (found?.term ?? -1)) found = { id, term: member.term };
    }
    return found === null ? undefined : this.replica(found.id);
  }

  /** Ends every process and the network. */
  async close(): Promise<void> {
    await Promise.all(this.replicas.map(({ process }) => process.kill()));
    await this.network.close();
  }

  /** What the processes said, for a test that failed. */
  get stderr(): string {
    return this.replicas.map(({ id, process }) => `--- ${id}\n${process.stderr.slice(-4000)}`).join('\n');
  }

  /** Asks until there is an answer other than undefined. Every attempt talks to real processes. */
  async until<T>(what: string, timeoutMs: number, attempt: () => Promise<T | undefined>): Promise<T> {
    const endMs = performance.now() + timeoutMs;
    while (performance.now() < endMs) {
      const result = await attempt();
      if (result !== undefined) return result;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw new Error(`not within ${timeoutMs} ms: ${what}\n${this.stderr}`);
  }
}

async function isReady(http: string): Promise<boolean> {
  try {
    const answer = await fetch(`${http}/readyz`, { signal: AbortSignal.timeout(1000) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

/** JSON is YAML. Small segments and checkpoints, so that a run of seconds has many. */
function topologyText(folder: string, network: FaultNetwork, own: Place): string {
  const replicas = network.places.map(({ host, httpPort, id, peerPort, redisPort }) => ({
    id,
    peer: id === own.id ? `${host}:${peerPort}` : network.dialled(own.id, id),
    http: `${host}:${httpPort}`,
    redis: `${host}:${redisPort}`,
  }));
  return JSON.stringify({
    cluster: 'faults',
    dataDir: join(folder, 'data'),
    insecureAllowRemote: network.places.some(({ host }) => !host.startsWith('127.')),
    local: [own.id],
    replicas,
    keyspaces: {
      default: { engine: 'raft', reads: 'linearizable' },
      loose: { engine: 'raft', reads: 'stale' },
    },
    timing: { requestTimeoutMs: REQUEST_TIMEOUT_MS },
    storage: { segmentBytes: 1024 * 1024, checkpointBytes: 2 * 1024 * 1024, retainBytes: 256 * 1024 },
    supervisor: { crashLoopCount: 1000 },
  });
}
