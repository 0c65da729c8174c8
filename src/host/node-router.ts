import { createHash } from 'node:crypto';
import type { GroupId, ReplicaId } from '../base/brand.js';
import { assertDefined } from '../base/assert.js';
import { KvorumError } from '../base/errors/error.js';
import { systemScheduler, type Scheduler } from '../base/scheduler.js';
import { groupsOf } from '../cluster/placement.js';
import type {
  HostPort,
  LeaderlessKeyspaceConfig,
  OrderedKeyspaceConfig,
  SemisyncKeyspaceConfig,
  Topology,
} from '../config/topology.js';
import type { Metrics } from '../observe/metrics.js';
import { LeaderlessKeyspace } from '../replica/leaderless/keyspace.js';
import type { LeaderlessMember } from '../replica/leaderless/member.js';
import { RaftKeyspace } from '../replica/raft/keyspace.js';
import type { RaftMember } from '../replica/raft/member.js';
import { knownReplicas } from '../replica/raft/membership-replicas.js';
import type { Replica } from '../replica/replica.js';
import type { HealthCheck, Keyspace, ReplicaInfo, Router } from '../replica/router.js';
import { SemisyncKeyspace } from '../replica/semisync/keyspace.js';
import type { SemisyncMember } from '../replica/semisync/member.js';
import { createSessionTokens } from '../replica/session/token.js';
import type { SessionTokens } from '../replica/session/types.js';
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
  readonly sessions: SessionTokens;
  /** Readiness is false: a load balancer sends no new work, while requests are still served. */
  leaving = false;
  /** New requests are refused. */
  draining = false;
  readonly #options: NodeRouterOptions;
  readonly #topologyReplicas: readonly ReplicaInfo[];
  #sessionsDropped = 0;

  constructor(options: NodeRouterOptions) {
    this.#options = options;
    options.metrics.onScrape((sink) => sink.set('kvorum_sessions_dropped_total', this.#sessionsDropped));
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
    this.sessions = this.#createSessions();
    this.defaultKeyspace = assertDefined(
      this.keyspace(topology.defaultKeyspace),
      'the topology names a default keyspace',
    );
  }

  #createKeyspaces(): Keyspace[] {
    const { topology } = this.#options;
    const placed = groupsOf(topology);
    return topology.keyspaces.map((config) => {
      const group = assertDefined(
        placed.find(({ keyspace }) => keyspace === config.name),
        `keyspace ${config.name} has a group`,
      ).group;
      if (config.engine === 'raft') return this.#createRaft(config, group);
      if (config.engine === 'semisync') return this.#createSemisync(config, group);
      return this.#createLeaderless(config, group);
    });
  }

  #createRaft(config: OrderedKeyspaceConfig, group: GroupId): Keyspace {
    const { topology, replica, scheduler } = this.#options;
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
  }

  #createSemisync(config: SemisyncKeyspaceConfig, group: GroupId): Keyspace {
    const { topology, replica } = this.#options;
    return new SemisyncKeyspace({
      name: config.name,
      self: replica.self,
      member: replica.semisyncMember(group),
      limits: topology.limits,
      consistency: config.reads,
      replicas: this.#topologyReplicas,
      formed: () => replica.gate.open,
      unformed: () => replica.gate.unformed,
      draining: () => this.draining,
      failure: () => replica.failure,
    });
  }

  #createLeaderless(config: LeaderlessKeyspaceConfig, group: GroupId): Keyspace {
    const { topology, replica } = this.#options;
    return new LeaderlessKeyspace({
      name: config.name,
      member: replica.leaderlessMember(group),
      limits: topology.limits,
      consistency: config.reads,
      writes: config.writes,
      conflicts: config.conflicts,
      ordered: topology.keyspaces.filter(({ engine }) => engine === 'raft').map(({ name }) => name),
      forwardTo: config.forwardTo,
      draining: () => this.draining,
      failure: () => replica.failure,
      refusal: () => this.#outsider(),
    });
  }

  /** Where there are votes, this replica takes part in nothing before the cluster has taken it in, nor afterwards. */
  #outsider(): KvorumError | null {
    const { replica } = this.#options;
    const standing = (replica.raftMembers[0] ?? replica.semisyncMembers[0])?.standing ?? 'voter';
    if (standing === 'voter' || standing === 'learner') return null;
    if (standing === 'removed') return new KvorumError('not_member', `${this.self} was removed from the cluster`);
    if (this.#joining) return new KvorumError('not_member', `${this.self} waits to be added to the cluster`);
    return replica.gate.unformed ?? new KvorumError('starting', 'The cluster forms');
  }

  #createSessions(): SessionTokens {
    const { cluster, session } = this.#options.topology;
    // Without a key of the operator's it protects against accidents only, not against forgery: see session.key.
    const secret = createHash('sha256')
      .update(session.key ?? `kvorum ${cluster}`)
      .digest();
    const members = new Map(this.#options.replica.leaderlessMembers.map((member) => [keyspaceOf(member), member]));
    return createSessionTokens({
      cluster,
      keys: [{ id: session.key === null ? 0 : 1, secret }],
      everywhere: (keyspace, dot) => members.get(keyspace)?.everywhere(dot) ?? false,
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
    const { leaderlessMembers, raftMembers, semisyncMembers } = this.#options.replica;
    const groups = [
      ...raftMembers.map((member) => ({
        name: `group ${member.group}`,
        ok: takesPart(member) && member.caughtUp,
        detail: this.#groupDetail(member),
      })),
      ...semisyncMembers.map((member) => ({
        name: `group ${member.group}`,
        ok: member.core === null ? this.#isOutside(member) : member.caughtUp,
        detail: this.#semisyncDetail(member),
      })),
      ...leaderlessMembers.map((member) => ({
        name: `group ${member.group}`,
        ok: member.caughtUp && this.#outsider() === null,
        detail: this.#outsider()?.message ?? leaderlessDetail(member),
      })),
    ];
    return [
      ...this.liveness(),
      { name: 'draining', ok: !this.leaving, detail: this.leaving ? 'shutting down' : 'taking requests' },
      ...this.#options.replica.gate.checks(),
      ...groups,
    ];
  }

  /** It came after the group was formed: it will never hold anything of it, and is ready all the same. */
  #isOutside({ core }: SemisyncMember): boolean {
    return core === null && this.#options.replica.gate.open;
  }

  #semisyncDetail(member: SemisyncMember): string {
    const { appliedIndex, core } = member;
    if (core === null) return this.#isOutside(member) ? 'not one of its members' : 'the cluster is not formed yet';
    if (core.status().diverged) return 'waits for a full sync: a promotion by force discarded what it had applied';
    if (core.leader === null) return 'no leader is known';
    return `leader ${core.leader}, applied ${appliedIndex} of ${core.commitIndex}`;
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

  countSessionDropped(): void {
    this.#sessionsDropped++;
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

function keyspaceOf({ group }: { readonly group: GroupId }): string {
  return group.slice(0, group.lastIndexOf('/'));
}

function takesPart({ standing }: RaftMember): boolean {
  return standing === 'voter' || standing === 'learner';
}

function leaderlessDetail(member: LeaderlessMember): string {
  const { behind, state, stable } = member.status();
  if (member.removed) return 'removed from the cluster';
  if (state === 'starting') return 'has not met another member yet';
  if (state === 'syncing') return 'installs the state of another member';
  const lacks = behind.map(({ origin, seq }) => `${seq} of ${origin}`).join(', ');
  return state === 'behind' ? `lacks batches that others have: ${lacks}` : `stable up to ${stable}`;
}
