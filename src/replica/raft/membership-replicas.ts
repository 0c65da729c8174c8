import type { MemberInfo, Membership } from '../../engines/raft/membership.js';
import type { ReplicaInfo } from '../router.js';

/**
 * Every replica that is known: those of the topology, with the addresses that they were added with where they were, and
 * members that the topology does not list. Without those that were removed everywhere.
 */
export function knownReplicas(
  topology: readonly ReplicaInfo[],
  memberships: readonly Membership[],
): readonly ReplicaInfo[] {
  const added = new Map<string, MemberInfo>();
  for (const { members } of memberships) for (const info of members) if (!added.has(info.id)) added.set(info.id, info);
  const gone = (id: string): boolean =>
    memberships.length > 0 && memberships.every(({ removed }) => removed.some((other) => other === id));
  const listed = topology.filter(({ id }) => !gone(id)).map((replica) => withAddresses(replica, added.get(replica.id)));
  const others = [...added.values()].filter(({ id }) => !topology.some((replica) => replica.id === id));
  return [...listed, ...others.map((info) => withAddresses(nowhere(info), info))];
}

function nowhere({ id }: MemberInfo): ReplicaInfo {
  return { id, region: null, peer: '', http: null, redis: null };
}

function withAddresses(replica: ReplicaInfo, info: MemberInfo | undefined): ReplicaInfo {
  if (info === undefined) return replica;
  return {
    id: replica.id,
    region: info.region ?? replica.region,
    peer: info.peer ?? replica.peer,
    http: info.http === null ? replica.http : `http://${info.http}`,
    redis: info.redis ?? replica.redis,
  };
}
