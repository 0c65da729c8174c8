import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { assertDefined } from '../../../src/base/assert.js';
import { indexAfter, logIndex, type LogIndex, type ReplicaId } from '../../../src/base/brand.js';
import { LIMITS } from '../../../src/base/limits.js';
import { silentLogger } from '../../../src/base/logger.js';
import { createPrng } from '../../../src/base/prng.js';
import type { LogRecord } from '../../../src/storage/storage.js';
import { createTcpTransport, type TcpTransport } from '../../../src/transport/tcp/index.js';
import type { Envelope } from '../../../src/transport/transport.js';
import { appendRequest, entriesAfter, FOLLOWERS, GROUP, LEADER, TERM } from './entries.js';
import type { FollowerData, FollowerOrder, FollowerReport } from './replication-follower.js';
import { openTemporaryLog, type TemporaryLog } from './temporary-log.js';

/** One run: `batches` appends of `entries` entries each. */
export interface Shipment {
  readonly batches: number;
  readonly entries: number;
  readonly payload: Uint8Array;
}

/**
 * The data path of a leader without its engine: sends to both followers and appends to its own log, as many batches as
 * the windows of an engine allow. A batch counts once it is durable on all three.
 */
export class ReplicationLeader {
  readonly #own: TemporaryLog;
  readonly #workers: Map<ReplicaId, Worker>;
  readonly #transport: TcpTransport;
  readonly #durable = new Map<ReplicaId, number>();
  #last = logIndex(0);
  #onProgress: () => void = () => undefined;

  static async start(fsync: boolean): Promise<ReplicationLeader> {
    // Ports are known only once the followers listen; port 1 keeps them peers until then.
    const transport = createTcpTransport({
      self: LEADER,
      cluster: 'bench',
      incarnation: 1,
      listen: { host: '127.0.0.1', port: 0 },
      peers: FOLLOWERS.map((id) => ({ id, host: '127.0.0.1', port: 1 })),
      logger: silentLogger,
      prng: createPrng(1),
    });
    const leader = new ReplicationLeader(transport, openTemporaryLog(LEADER, fsync));
    const linked = new Promise<void>((resolve) => {
      let up = 0;
      void transport.start({
        onPeerUp: () => {
          up++;
          if (up === FOLLOWERS.length) resolve();
        },
        onPeerDown: () => undefined,
        onFormation: () => undefined,
        admits: () => null,
        onRefused: () => undefined,
        onMessages: (from, envelopes) => leader.#onAnswers(from, envelopes),
      });
    });
    while (transport.address === null) await new Promise(setImmediate);
    const leaderPort = transport.address.port;
    const peers = await Promise.all(FOLLOWERS.map((self) => leader.#startFollower({ self, leaderPort, fsync })));
    const followersLinked = [...leader.#workers.values()].map((worker) => reported(worker, 'linked'));
    transport.setPeers(peers);
    await Promise.all([linked, ...followersLinked]);
    return leader;
  }

  private constructor(transport: TcpTransport, own: TemporaryLog) {
    this.#transport = transport;
    this.#own = own;
    this.#workers = new Map();
  }

  async #startFollower(data: FollowerData): Promise<{ id: ReplicaId; host: string; port: number }> {
    const worker = new Worker(new URL('./replication-follower.js', import.meta.url), { workerData: data });
    this.#workers.set(data.self, worker);
    const { port } = await reported(worker, 'listening');
    return { id: data.self, host: '127.0.0.1', port };
  }

  /** Resolves to the number of entries that are durable on all three replicas when the last one of `shipment` is. */
  ship({ batches, entries, payload }: Shipment): Promise<number> {
    const end = this.#last + batches * entries;
    const windowBatches = Math.min(
      LIMITS.inflightMessages,
      Math.max(1, Math.floor(LIMITS.inflightBytes / (entries * payload.length))),
    );
    return new Promise((resolve) => {
      const pump = (): void => {
        const durable = this.#durableEverywhere();
        if (durable === end) return resolve(durable);
        const inFlight = Math.ceil((this.#last - durable) / entries);
        const left = (end - this.#last) / entries;
        this.#send(Math.min(windowBatches - inFlight, left), entries, payload);
      };
      this.#onProgress = pump;
      pump();
    });
  }

  /** Forgets all entries everywhere, as checkpoints let replicas do. */
  cut(): void {
    this.#own.log.cut(GROUP, this.#last, TERM);
    for (const worker of this.#workers.values()) order(worker, { type: 'cut', index: this.#last });
  }

  async close(): Promise<void> {
    await this.#transport.close();
    for (const worker of this.#workers.values()) {
      const closed = reported(worker, 'closed');
      order(worker, { type: 'close' });
      await closed;
    }
    await this.#own.close();
  }

  #send(batches: number, entries: number, payload: Uint8Array): void {
    if (batches <= 0) return;
    const records: LogRecord[] = [];
    const envelopes = new Map<ReplicaId, Envelope[]>(FOLLOWERS.map((id) => [id, []]));
    for (let batch = 0; batch < batches; batch++) {
      const previous = this.#last;
      const list = entriesAfter(previous, entries, payload);
      this.#last = indexAfter(previous, entries);
      for (const entry of list) records.push({ kind: 'entry', group: GROUP, entry });
      for (const [to, queue] of envelopes) queue.push({ group: GROUP, message: appendRequest(list, previous, to) });
    }
    // The leader sends before its own disk is done, but counts itself only after (raft.md R1, R2).
    for (const [to, queue] of envelopes) {
      if (!this.#transport.send(to, queue)) throw new Error(`the link to ${to} took no more`);
    }
    const upTo = this.#last;
    this.#own.log.append(records, true, () => this.#onDurable(LEADER, upTo));
  }

  #onAnswers(from: ReplicaId, envelopes: readonly Envelope[]): void {
    for (const { message } of envelopes) {
      if (message.type === 'appendResponse') this.#onDurable(from, message.index);
    }
  }

  #onDurable(replica: ReplicaId, index: LogIndex): void {
    this.#durable.set(replica, index);
    this.#onProgress();
  }

  #durableEverywhere(): number {
    let least: number = this.#last;
    for (const id of [LEADER, ...FOLLOWERS]) least = Math.min(least, this.#durable.get(id) ?? 0);
    return least;
  }
}

async function reported<T extends FollowerReport['type']>(
  worker: Worker,
  type: T,
): Promise<Extract<FollowerReport, { type: T }>> {
  for (;;) {
    const [message] = (await once(worker, 'message')) as [FollowerReport];
    if (message.type === type) return assertDefined(message as Extract<FollowerReport, { type: T }>, 'a report');
  }
}

function order(worker: Worker, message: FollowerOrder): void {
  worker.postMessage(message, []);
}
