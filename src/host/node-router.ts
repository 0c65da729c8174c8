import type { ReplicaId } from '../base/brand.js';
import { assertDefined } from '../base/assert.js';
import { systemScheduler, type Scheduler } from '../base/scheduler.js';
import { groupsOf } from '../cluster/placement.js';
import type { HostPort, Topology } from '../config/topology.js';
import type { Metrics } from '../observe/metrics.js';
import { RaftKeyspace } from '../replica/raft/keyspace.js';
import type { RaftMember } from '../replica/raft/member.js';
import { knownReplicas } from '../replica/raft/membership-replicas.js';
import type { Replica } from '../replica/replica.js';
import type { HealthCheck, Keyspace, ReplicaInfo, Router } from '../replica/router.js';
import type { Storage } from '../storage/storage.js';
import type { PeerLinkStatus, Transport } from '../transport/transport.js';

/** A log sync that hangs longer than this makes the replica not alive: restart it. */
const STALL_MS_MAX = 10_000;

export interface NodeRouterOptions {
  readonly topology: Topology;
  readonly replica: Replica;
  readonly storage: Storage;
  readonly transport: Transport;
  readonly metrics: Metrics;
  readonly scheduler?: Scheduler;
}

export function formatAddress({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The replica as the client protocols see it. */
export class NodeRouter implements Router {
  readonly cluster: string;
  readonly self: ReplicaId;
  readonly region: string | null;
  readonly keyspaces: readonly Keyspace[];
  readonly defaultKeyspace: Keyspace;
  /** Readiness is false: a load balancer sends no new work, while requests are still served. */
  leaving = false;
  /** New requests are refused. */
  draining = false;
  readonly #options: NodeRouterOptions;
  readonly #topologyReplicas: readonly ReplicaInfo[];

  constructor(options: NodeRouterOptions) {
    this.#options = options;
    const { topology, replica } = options;
    this.cluster = topology.cluster;
    this.self = replica.self;
    this.#topologyReplicas = topology.replicas.map(({ id, region, peer, http, redis }) => ({
      id,
      region,
      peer: formatAddress(peer.advertise),
      http: http === null ? null : `http://${formatAddress(http.advertise)}`,
      redis: redis === null ? null : formatAddress(redis.advertise),
    }));
    this.region = this.#topologyReplicas.find(({ id }) => id === replica.self)?.region ?? null;
    this.keyspaces = this.#createKeyspaces();
    this.defaultKeyspace = assertDefined(
      this.keyspace(topology.defaultKeyspace),
      'the topology names a default keyspace',
    );
  }

  #createKeyspaces(): Keyspace[] {
    const { topology, replica, scheduler } = this.#options;
    const placed = groupsOf(topology);
    return topology.keyspaces.map((config) => {
      const group = assertDefined(
        placed.find(({ keyspace }) => keyspace === config.name),
        `keyspace ${config.name} has a group`,
      ).group;
      return new RaftKeyspace({
        name: config.name,
        self: replica.self,
        member: replica.raftMember(group),
        limits: topology.limits,
        consistency: config.reads,
        replicas: this.#topologyReplicas,
        scheduler: scheduler ?? systemScheduler,
        transferTimeoutMs: 2 * topology.timing.electionTimeoutMs[1],
        joining: () => this.#joining,
        unformed: () => replica.gate.unformed,
        draining: () => this.draining,
        failure: () => replica.failure,
      });
    });
  }

  /** Came to an existing cluster, or waits to be taken in. */
  get #joining(): boolean {
    return this.#options.storage.formation?.joining === true;
  }

  get replicas(): readonly ReplicaInfo[] {
    const memberships = this.keyspaces.map((keyspace) => keyspace.memberships().latest.membership);
    return knownReplicas(this.#topologyReplicas, memberships);
  }

  keyspace(name: string): Keyspace | undefined {
    return this.keyspaces.find((keyspace) => keyspace.name === name);
  }

  uptimeMs(): number {
    return this.#options.replica.uptimeMs();
  }

  liveness(): readonly HealthCheck[] {
    const { replica, storage } = this.#options;
    const stalledMs = storage.log.stalledMs();
    const { failure } = replica;
    return [
      { name: 'replica', ok: failure === null, detail: failure?.message ?? 'running' },
      { name: 'disk', ok: stalledMs < STALL_MS_MAX, detail: `oldest log sync runs for ${Math.round(stalledMs)} ms` },
    ];
  }

  readiness(): readonly HealthCheck[] {
    const groups = this.#options.replica.raftMembers.map((member) => ({
      name: `group ${member.group}`,
      ok: takesPart(member) && member.caughtUp,
      detail: this.#groupDetail(member),
    }));
    return [
      ...this.liveness(),
      { name: 'draining', ok: !this.leaving, detail: this.leaving ? 'shutting down' : 'taking requests' },
      ...this.#options.replica.gate.checks(),
      ...groups,
    ];
  }

  #groupDetail(member: RaftMember): string {
    const { appliedIndex, raft, standing } = member;
    if (standing === 'removed') return 'removed from the cluster';
    if (standing === 'unknown') return this.#joining ? 'waits to be added' : 'the cluster is not formed yet';
    if (raft.leader === null) return 'no leader is known';
    return `leader ${raft.leader}, applied ${appliedIndex} of ${raft.commitIndex}`;
  }

  atTurnEnd(flush: () => void): void {
    this.#options.replica.atTurnEnd(flush);
  }

  links(): readonly PeerLinkStatus[] {
    return this.#options.transport.status();
  }

  metricsText(): Promise<string> {
    return this.#options.metrics.text();
  }

  metricsJson(): Promise<unknown> {
    return this.#options.metrics.json();
  }

  countRefused(api: 'http' | 'resp', code: string): void {
    this.#options.metrics.countRefused(api, code);
  }

  observeRequest(
    api: 'http' | 'resp',
    operation: string,
    outcome: 'ok' | 'rejected' | 'unknown',
    milliseconds: number,
  ): void {
    this.#options.metrics.observeRequest(api, operation, outcome, milliseconds);
  }
}

function takesPart({ standing }: RaftMember): boolean {
  return standing === 'voter' || standing === 'learner';
}
