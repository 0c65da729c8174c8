import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import type { ReplicaId } from '../base/brand.js';
import { assertDefined } from '../base/assert.js';
import type { KvorumError } from '../base/errors/error.js';
import type { Logger } from '../base/logger.js';
import { createPrng } from '../base/prng.js';
import { createHttpServer, handOverQuorum, type HttpServer } from '../api/http/index.js';
import { createRespServer, type RespServer } from '../api/resp/index.js';
import type { ReplicaConfig, Topology } from '../config/topology.js';
import { createMetrics } from '../observe/metrics.js';
import { Replica } from '../replica/replica.js';
import { openMemoryStorage, openStorage } from '../storage/index.js';
import type { Storage } from '../storage/storage.js';
import { createDelayedTransport } from '../transport/delayed.js';
import { createTcpTransport } from '../transport/tcp/index.js';
import type { Transport } from '../transport/transport.js';
import type { GroupRole, RecoverySummary, ReplicaEndpoints } from './messages.js';
import { collectReplicaMetrics } from './collect-metrics.js';
import { NodeRouter, formatAddress } from './node-router.js';

export interface NodeOptions {
  readonly topology: Topology;
  readonly replica: ReplicaId;
  /** Grows with every start of this replica. */
  readonly incarnation: number;
  /** Starts after a crash, for the metric. */
  readonly restarts?: number;
  readonly logger: Logger;
  onRole?(role: GroupRole): void;
  /** Called once when the replica cannot go on; the node must be closed. */
  onFailed?(error: KvorumError): void;
}

/** A running replica with its client protocols, in this thread. */
export interface ReplicaNode {
  readonly id: ReplicaId;
  readonly endpoints: ReplicaEndpoints;
  readonly recovered: RecoverySummary | null;
  readonly router: NodeRouter;
  readonly replica: Replica;
  /** Readiness false, hand over leadership, finish requests, sync, close. */
  drain(): Promise<void>;
  /** Closes at once; requests in progress are answered `outcome_unknown`. */
  close(): Promise<void>;
}

/** Starts one replica. Rejects with a KvorumError, and leaves nothing open then. */
export async function startNode(options: NodeOptions): Promise<ReplicaNode> {
  const closers: (() => Promise<void>)[] = [];
  try {
    return await start(options, closers);
  } catch (error) {
    for (const close of closers.reverse()) await close().catch(() => undefined);
    throw error;
  }
}

async function start(options: NodeOptions, closers: (() => Promise<void>)[]): Promise<ReplicaNode> {
  const { topology, logger } = options;
  const config = assertDefined(
    topology.replicas.find(({ id }) => id === options.replica),
    `the topology lists ${options.replica}`,
  );
  const startMs = performance.now();
  const storage = await openReplicaStorage(options);
  closers.push(() => storage.close());
  const recovered = summarise(storage, performance.now() - startMs);
  if (storage.log.report.tornTail !== null) logger.warn('torn_tail_cut', { ...storage.log.report.tornTail });

  const prng = createPrng(randomBytes(4).readUInt32LE(0));
  const transport = createTransport(options, config, storage.folder, prng.fork('transport'));
  const replica = new Replica({
    topology,
    self: config.id,
    storage,
    transport,
    prng: prng.fork('replica'),
    logger,
    onFailed: (error) => options.onFailed?.(error),
    onChanged: (group, status) => {
      if (status.engine !== 'raft' && status.engine !== 'semisync') return;
      const { role, term, leader } = status;
      logger.info('role_changed', { group, role, term, leader });
      options.onRole?.({ group, role, term, leader });
    },
  });
  closers.push(() => replica.close());
  const metrics = createMetrics({ replica: config.id });
  closers.push(async () => metrics.close());
  const router = new NodeRouter({ topology, replica, storage, transport, metrics });
  collectReplicaMetrics(metrics, {
    replica,
    storage,
    transport,
    restarts: options.restarts ?? 0,
    liveness: () => router.liveness(),
    readiness: () => router.readiness(),
  });
  await replica.start();
  const http = await startHttp(router, config, topology, logger);
  if (http !== null) closers.push(() => http.close());
  const resp = await startResp(router, config, topology, logger);
  if (resp !== null) closers.push(() => resp.close());
  return new RunningNode({
    config,
    router,
    replica,
    http,
    resp,
    recovered,
    topology,
    metricsClose: () => metrics.close(),
  });
}

function openReplicaStorage({ topology, replica, logger }: NodeOptions): Promise<Storage> {
  const identity = { cluster: topology.cluster, replica };
  if (topology.memory) return openMemoryStorage({ identity });
  return openStorage({
    dir: join(topology.dataDir, replica),
    identity,
    segmentBytes: topology.storage.segmentBytes,
    fsync: topology.storage.fsync,
    logger: (event, fields) => logger.info(event, fields),
  });
}

function summarise(storage: Storage, tookMs: number): RecoverySummary {
  const { records, bytes, tornTail } = storage.log.report;
  return { records, bytes, tornBytes: tornTail?.bytes ?? 0, tookMs: Math.round(tookMs) };
}

function createTransport(
  { topology, incarnation, logger }: NodeOptions,
  config: ReplicaConfig,
  folder: string | null,
  prng: ReturnType<typeof createPrng>,
): Transport {
  const transport = createTcpTransport({
    self: config.id,
    cluster: topology.cluster,
    incarnation,
    folder,
    listen: config.peer.listen,
    peers: topology.replicas
      .filter(({ id }) => id !== config.id)
      .map(({ id, peer }) => ({ id, host: peer.advertise.host, port: peer.advertise.port })),
    logger,
    prng,
  });
  if (config.delayMs === null) return transport;
  const { delaySeed: seed } = topology.network;
  return createDelayedTransport(transport, { self: config.id, rangeMs: config.delayMs, seed });
}

async function startHttp(
  router: NodeRouter,
  config: ReplicaConfig,
  topology: Topology,
  logger: Logger,
): Promise<HttpServer | null> {
  if (config.http === null) return null;
  const { host, port } = config.http.listen;
  return createHttpServer(router, { host, port, logger, connectionsMax: topology.api.connectionsMax });
}

async function startResp(
  router: NodeRouter,
  config: ReplicaConfig,
  topology: Topology,
  logger: Logger,
): Promise<RespServer | null> {
  if (config.redis === null) return null;
  const { host, port } = config.redis.listen;
  return createRespServer(router, { host, port, logger, connectionsMax: topology.api.connectionsMax });
}

interface Parts {
  readonly config: ReplicaConfig;
  readonly router: NodeRouter;
  readonly replica: Replica;
  readonly http: HttpServer | null;
  readonly resp: RespServer | null;
  readonly recovered: RecoverySummary | null;
  readonly topology: Topology;
  metricsClose(): void;
}

class RunningNode implements ReplicaNode {
  readonly id: ReplicaId;
  readonly endpoints: ReplicaEndpoints;
  readonly recovered: RecoverySummary | null;
  readonly router: NodeRouter;
  readonly replica: Replica;
  readonly #parts: Parts;
  #closing: Promise<void> | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.id = parts.config.id;
    this.router = parts.router;
    this.replica = parts.replica;
    this.recovered = parts.recovered;
    this.endpoints = {
      peer: formatAddress(parts.config.peer.listen),
      http: parts.http === null ? null : `http://${formatAddress(parts.http.address)}`,
      redis: parts.resp === null ? null : formatAddress(parts.resp.address),
    };
  }

  async drain(): Promise<void> {
    const { http, resp, router, topology } = this.#parts;
    router.leaving = true;
    // Leadership goes first, while requests are still taken: clients of this replica are forwarded to the new leader.
    await Promise.all(router.keyspaces.map((keyspace) => handOver(topology, router, keyspace)));
    router.draining = true;
    const finished = Promise.all([http?.drain(), resp?.drain()]);
    await Promise.race([finished, sleep(topology.timing.drainTimeoutMs)]);
    await this.close();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { http, resp, replica } = this.#parts;
    this.router.leaving = true;
    this.router.draining = true;
    this.#parts.metricsClose();
    try {
      await replica.close(); // First: whatever waits is answered while its connection still lives.
    } finally {
      await Promise.all([http?.close(), resp?.close()]);
    }
  }
}

async function handOver(
  { keyspaces, timing }: Topology,
  router: NodeRouter,
  keyspace: NodeRouter['keyspaces'][number],
): Promise<void> {
  if (keyspace.leader()?.isSelf !== true) return;
  const config = keyspaces.find(({ name }) => name === keyspace.name);
  // Where an operator chooses who leads, the leader that comes back takes its place again.
  if (config?.engine === 'semisync' && config.promotion === 'manual') return;
  const handed =
    keyspace.semisync === null
      ? keyspace.transferLeader(null)
      : handOverQuorum(router, keyspace, 2 * timing.electionTimeoutMs[1]);
  await handed.then(undefined, () => undefined); // Nobody to hand it to: an election will follow.
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });
}
