import type { ReplicaId } from '../../../base/brand.js';
import { raftStatus, type RaftStatus } from '../../../engines/engine.js';
import type { Keyspace, Router } from '../../../replica/router.js';
import { VERSION } from '../../../version.js';
import { allOk } from '../../../observe/health.js';
import { leaderlessStatus, leaderlessView } from '../leaderless-view.js';
import { keyspaceMembership, lagOf, roleIn } from '../members-view.js';
import type { RouteSpec } from '../route.js';
import { semisyncStatus, semisyncView } from '../semisync-view.js';
import * as schemas from '../schemas.js';

function memberStatus(keyspace: Keyspace, self: ReplicaId): Record<string, unknown> {
  const leaderless = leaderlessView(keyspace);
  if (leaderless !== null) return leaderlessStatus(leaderless, self);
  const semisync = semisyncView(keyspace);
  return semisync === null ? leaderStatus(keyspace, self) : semisyncStatus(semisync, self);
}

function leaderStatus(keyspace: Keyspace, self: ReplicaId): Record<string, unknown> {
  const { partition, group, engine: status, revision, keys, checkpointIndex } = keyspace.status();
  const engine = raftStatus(status);
  return {
    keyspace: keyspace.name,
    partition,
    group,
    engine: engine.engine,
    role: engine.role,
    term: engine.term,
    leader: engine.leader,
    commit_index: engine.commitIndex,
    applied_index: engine.appliedIndex,
    last_index: engine.lastIndex,
    first_index: engine.firstIndex,
    checkpoint_index: checkpointIndex,
    lag: Math.max(0, engine.commitIndex - engine.appliedIndex),
    revision,
    keys,
    reads: keyspace.defaultConsistency,
    member: roleIn(keyspace, self),
    membership: keyspaceMembership(keyspace),
    progress: engine.progress.map((peer) => progress(peer, engine)),
  };
}

function progress(peer: RaftStatus['progress'][number], engine: RaftStatus): Record<string, unknown> {
  return {
    peer: peer.peer,
    voter: engine.membership.membership.voters.includes(peer.peer),
    state: peer.state,
    match_index: peer.matchIndex,
    next_index: peer.nextIndex,
    lag: lagOf(peer, engine),
    inflight: peer.inflightMessages,
    active: peer.recentlyActive,
  };
}

/** What /status shows: this replica, its members, the topology and its links. */
function statusDocument(router: Router): Record<string, unknown> {
  return {
    id: router.self,
    cluster: router.cluster,
    region: router.region,
    version: VERSION,
    uptime_ms: Math.round(router.uptimeMs()),
    ready: allOk(router.readiness()),
    draining: router.draining,
    keyspaces: router.keyspaces.map((keyspace) => memberStatus(keyspace, router.self)),
    replicas: router.replicas.map(({ id, region, peer, http, redis }) => ({ id, region, peer, http, redis })),
    links: router.links().map((link) => ({
      peer: link.peer,
      address: link.address,
      connected: link.connected,
      queued_bytes: link.queuedBytes,
      sent_frames: link.sentFrames,
      sent_bytes: link.sentBytes,
      received_frames: link.receivedFrames,
      received_bytes: link.receivedBytes,
      reconnects: link.reconnects,
      closed_by: link.closedBy,
      last_error: link.lastError,
    })),
  };
}

export const STATUS_ROUTES: readonly RouteSpec[] = [
  {
    method: 'GET',
    path: '/status',
    operation: 'status',
    schema: schemas.STATUS,
    handle: (exchange) => exchange.json(200, JSON.stringify(statusDocument(exchange.router))),
  },
];
