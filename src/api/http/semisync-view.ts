import { assert } from '../../base/assert.js';
import type { ReplicaId } from '../../base/brand.js';
import { KvorumError } from '../../base/errors/error.js';
import type { FollowerStatus, SemisyncStatus } from '../../engines/semisync/semisync.js';
import type { Keyspace, Router, SemisyncControl } from '../../replica/router.js';
import type { Exchange } from './exchange.js';
import { leaderUrl } from './leader.js';

/** A keyspace with a write quorum, and what only such have. */
export interface SemisyncView {
  readonly keyspace: Keyspace;
  readonly control: SemisyncControl;
  readonly engine: SemisyncStatus;
  /** Leader and followers: those that the cluster was formed with. */
  readonly members: readonly ReplicaId[];
}

/** Null for other keyspaces. */
export function semisyncView(keyspace: Keyspace): SemisyncView | null {
  const control = keyspace.semisync;
  if (control === null) return null;
  const { engine } = keyspace.status();
  assert(engine.engine === 'semisync', 'only this engine has a write quorum');
  return { keyspace, control, engine, members: keyspace.memberships().latest.membership.voters };
}

/** The keyspace that is named; else the default one if it has a write quorum, else the first that has. */
export function semisyncNamed(exchange: Exchange, name: string | undefined): SemisyncView {
  const { defaultKeyspace, keyspaces } = exchange.router;
  const wanted = name === undefined ? [defaultKeyspace, ...keyspaces] : [exchange.keyspaceNamed(name)];
  const keyspace = wanted.find(({ semisync }) => semisync !== null);
  const view = keyspace === undefined ? null : semisyncView(keyspace);
  if (view !== null) return view;
  const which = name === undefined ? 'No keyspace of this cluster has' : `The keyspace ${name} does not have`;
  throw new KvorumError(
    'unsupported_operation',
    `${which} a write quorum of followers: that takes the engine semisync`,
  );
}

export function followerLag({ durableIndex }: FollowerStatus, { lastIndex }: SemisyncStatus): number {
  return Math.max(0, lastIndex - durableIndex);
}

/** Null: nobody knows, or for ever. */
export function milliseconds(value: number): number | null {
  return Number.isFinite(value) ? Math.round(value) : null;
}

/** The part of /status that tells of one keyspace with a write quorum. */
export function semisyncStatus(
  { control, engine, keyspace, members }: SemisyncView,
  self: ReplicaId,
): Record<string, unknown> {
  const { partition, group, revision, keys, checkpointIndex } = keyspace.status();
  return {
    keyspace: keyspace.name,
    partition,
    group,
    engine: engine.engine,
    role: engine.role,
    epoch: engine.term,
    term: engine.term,
    leader: engine.leader,
    commit_index: engine.commitIndex,
    applied_index: engine.appliedIndex,
    last_index: engine.lastIndex,
    first_index: engine.firstIndex,
    checkpoint_index: checkpointIndex,
    lag: Math.max(0, engine.commitIndex - engine.appliedIndex),
    staleness_ms: milliseconds(control.stalenessMs()),
    revision,
    keys,
    reads: keyspace.defaultConsistency,
    ...quorumMembers(control, engine),
    diverged: engine.diverged,
    member: members.includes(self) ? (engine.role === 'leader' ? 'leader' : 'follower') : null,
    members,
    followers: engine.followers.map((follower) => followerDocument(follower, engine, control)),
  };
}

export function followerDocument(
  follower: FollowerStatus,
  engine: SemisyncStatus,
  { tickMs }: SemisyncControl,
): Record<string, unknown> {
  return {
    id: follower.peer,
    state: follower.state,
    sent: follower.sentIndex,
    durable: follower.durableIndex,
    lag: followerLag(follower, engine),
    silent_ms: milliseconds(follower.silentTicks * tickMs),
  };
}

/** A replica that is no member knows nothing of it. */
const OUTSIDE = {
  write_quorum: null,
  follower_count: null,
  available: null,
  promises: null,
  failover_tolerance: null,
} as const;

/**
 * What a write takes, and a promotion: `promises` of all members, so that `failover_tolerance` of them may be gone. As far
 * as this member knows.
 */
export function quorumMembers({ followers }: SemisyncControl, engine: SemisyncStatus): Record<string, unknown> {
  if (followers === 0 && engine.promises === 0) return OUTSIDE;
  const leads = engine.role === 'leader';
  return {
    write_quorum: engine.writeQuorum,
    follower_count: followers,
    available: leads ? engine.available : null,
    promises: engine.promises,
    failover_tolerance: followers + 1 - engine.promises,
  };
}

/** Who leads, for those who are told to ask there: members of a problem document. */
export function leaderMembers(router: Router, keyspace: Keyspace): Record<string, unknown> {
  const leader = keyspace.leader();
  const redis = router.replicas.find(({ id }) => id === leader?.id)?.redis ?? null;
  return { leader: leader?.id ?? null, leader_http: leaderUrl(leader?.http ?? null), leader_redis: redis };
}

/** What only the leader can do. */
export function notLeader(router: Router, keyspace: Keyspace): KvorumError {
  const leader = keyspace.leader();
  if (leader === null) return new KvorumError('no_leader', `No leader of ${keyspace.name} is known here`);
  const url = leaderUrl(leader.http);
  const detail = `The leader is ${leader.id}: ask it${url === null ? '' : ` at ${url}`}`;
  return new KvorumError('not_leader', detail, { extra: leaderMembers(router, keyspace) });
}
