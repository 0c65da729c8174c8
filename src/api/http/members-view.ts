import type { ReplicaId } from '../../base/brand.js';
import { raftStatus, type RaftStatus } from '../../engines/engine.js';
import type { MemberInfo } from '../../engines/raft/membership.js';
import { standingOf } from '../../replica/raft/membership-effect.js';
import { leaderlessView, leaderlessViews, type LeaderlessView } from './leaderless-view.js';
import type { Keyspace, Router } from '../../replica/router.js';
import { followerLag, semisyncView, type SemisyncView } from './semisync-view.js';

export type MemberRole = 'leader' | 'voter' | 'leaving' | 'learner' | 'member' | 'removed';

/** From most to least: what a replica counts as when it is not the same in every keyspace. */
const ROLES: readonly MemberRole[] = ['leader', 'voter', 'leaving', 'learner', 'member', 'removed'];

interface MemberInKeyspace {
  readonly keyspace: string;
  readonly role: MemberRole;
  /** Known to the leader only. */
  readonly match_index: number | null;
  readonly lag: number | null;
  readonly active: boolean | null;
}

/** Who belongs to what, as far as this replica knows: by replica, and by keyspace. */
export function membersDocument(router: Router): Record<string, unknown> {
  return {
    id: router.self,
    cluster: router.cluster,
    members: memberIds(router).map((id) => memberDocument(router, id)),
    keyspaces: withLeader(router).map(keyspaceMembership),
    leaderless: leaderlessViews(router).map(({ engine, keyspace, members }) => ({
      keyspace: keyspace.name,
      engine: engine.engine,
      members,
    })),
  };
}

/** Leaderless keyspaces have no membership of their own: they follow that of the cluster. */
function withLeader({ keyspaces }: Router): readonly Keyspace[] {
  return keyspaces.filter(({ leaderless }) => leaderless === null);
}

/** In the order of the first keyspace that names them; removed ones last. */
function memberIds(router: Router): ReplicaId[] {
  const all = withLeader(router).map((keyspace) => keyspace.memberships().latest.membership);
  const present = all.flatMap(({ learners, outgoing, voters }) => [...voters, ...outgoing, ...learners]);
  const equals = leaderlessViews(router).flatMap(({ members }) => members);
  return [...new Set([...present, ...equals, ...all.flatMap(({ removed }) => removed)])];
}

function memberDocument(router: Router, id: ReplicaId): Record<string, unknown> {
  const keyspaces = router.keyspaces.flatMap((keyspace) => memberInKeyspace(keyspace, id, router.self) ?? []);
  const infos = withLeader(router).flatMap((keyspace) => infoIn(keyspace, id) ?? []);
  const replica = router.replicas.find((candidate) => candidate.id === id);
  const link = router.links().find(({ peer }) => peer === id);
  return {
    id,
    role: ROLES.find((role) => keyspaces.some((there) => there.role === role)) ?? 'removed',
    region: replica?.region ?? null,
    peer: replica?.peer ?? null,
    http: replica?.http ?? null,
    redis: replica?.redis ?? null,
    folder_known: infos.some(({ folder }) => folder !== null),
    connected: id === router.self ? true : (link?.connected ?? false),
    keyspaces,
  };
}

function infoIn(keyspace: Keyspace, id: ReplicaId): MemberInfo | undefined {
  return keyspace.memberships().latest.membership.members.find((info) => info.id === id);
}

function memberInKeyspace(keyspace: Keyspace, id: ReplicaId, self: ReplicaId): MemberInKeyspace | null {
  const leaderless = leaderlessView(keyspace);
  if (leaderless !== null) return memberWithoutLeader(leaderless, id, self);
  const role = roleIn(keyspace, id);
  if (role === null) return null;
  const semisync = semisyncView(keyspace);
  if (semisync !== null) return memberWithQuorum(semisync, id, self, role);
  const engine = raftStatus(keyspace.status().engine);
  const progress = engine.progress.find(({ peer }) => peer === id);
  if (progress === undefined) {
    const leads = id === self && engine.role === 'leader';
    const known = leads ? { match_index: engine.lastIndex, lag: 0, active: true } : null;
    return { keyspace: keyspace.name, role, ...(known ?? { match_index: null, lag: null, active: null }) };
  }
  return {
    keyspace: keyspace.name,
    role,
    match_index: progress.matchIndex,
    lag: lagOf(progress, engine),
    active: progress.recentlyActive,
  };
}

function memberWithQuorum(
  { engine, keyspace }: SemisyncView,
  id: ReplicaId,
  self: ReplicaId,
  role: MemberRole,
): MemberInKeyspace {
  const follower = engine.followers.find(({ peer }) => peer === id);
  const leads = id === self && engine.role === 'leader';
  return {
    keyspace: keyspace.name,
    role,
    match_index: follower?.durableIndex ?? (leads ? engine.lastIndex : null),
    lag: follower === undefined ? (leads ? 0 : null) : followerLag(follower, engine),
    active: follower === undefined ? (leads ? true : null) : follower.state === 'online',
  };
}

/** Here everybody knows: how much of its own writes the other lacks. */
function memberWithoutLeader(
  { engine, keyspace, members }: LeaderlessView,
  id: ReplicaId,
  self: ReplicaId,
): MemberInKeyspace | null {
  if (!members.includes(id)) return null;
  const peer = engine.members.find((candidate) => candidate.id === id);
  const known = id === self ? { lag: 0, active: true } : { lag: peer?.lag ?? null, active: peer?.alive ?? null };
  return { keyspace: keyspace.name, role: 'member', match_index: null, ...known };
}

export function lagOf({ matchIndex }: RaftStatus['progress'][number], { lastIndex }: RaftStatus): number {
  return Math.max(0, lastIndex - matchIndex);
}

/** What the replica is to the keyspace, by the membership in force; null: nothing. */
export function roleIn(keyspace: Keyspace, id: ReplicaId): MemberRole | null {
  const { membership } = keyspace.memberships().latest;
  const standing = standingOf(id, membership);
  if (standing === 'unknown') return null;
  if (standing !== 'voter') return standing;
  if (keyspace.leader()?.id === id) return 'leader';
  return membership.voters.includes(id) ? 'voter' : 'leaving';
}

/** `joint`: a change is under way, and every decision needs a majority of the voters and of the outgoing ones. */
export function keyspaceMembership(keyspace: Keyspace): Record<string, unknown> {
  const { committed, latest } = keyspace.memberships();
  const { learners, outgoing, removed, voters } = latest.membership;
  const leader = keyspace.leader();
  return {
    keyspace: keyspace.name,
    leader: leader?.id ?? null,
    leader_http: leader?.http ?? null,
    index: latest.index,
    committed_index: committed.index,
    committed: committed.index === latest.index,
    joint: outgoing.length > 0,
    voters,
    outgoing,
    learners,
    removed,
  };
}
