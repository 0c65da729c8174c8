import type { ReplicaId } from '../../base/brand.js';
import { unreachable } from '../../base/assert.js';
import { KvorumError } from '../../base/errors/error.js';
import type { RaftStatus } from '../../engines/engine.js';
import type { MemberInfo, Membership, MembershipRefusal } from '../../engines/raft/membership.js';
import type { ProposalRefusal } from '../../engines/raft/messages.js';
import type { MembershipRequest } from '../router.js';

/** What a membership says of a replica. Only ever moves from left to right (raft.md M3). */
export type Standing = 'unknown' | 'learner' | 'voter' | 'removed';
export type Refusal = MembershipRefusal | ProposalRefusal;

export function standingOf(id: ReplicaId, { learners, outgoing, removed, voters }: Membership): Standing {
  if (voters.includes(id) || outgoing.includes(id)) return 'voter';
  if (learners.includes(id)) return 'learner';
  return removed.includes(id) ? 'removed' : 'unknown';
}

export function targetOf(request: MembershipRequest): ReplicaId {
  return request.op === 'add' ? request.member.id : request.replica;
}

/**
 * Whether a (not joint) membership shows that a change took effect. `undone`: the replica is removed, so that an
 * addition or a promotion is over, if it ever was.
 */
export function effectOf(request: MembershipRequest, membership: Membership): 'none' | 'done' | 'undone' {
  const standing = standingOf(targetOf(request), membership);
  if (request.op === 'remove') return standing === 'removed' ? 'done' : 'none';
  if (standing === 'removed') return 'undone';
  if (standing === 'voter') return 'done';
  return request.op === 'add' && standing === 'learner' ? 'done' : 'none';
}

/** Whether the member is in the group with the addresses of `info`. What is not given is not compared. */
export function sameAddresses(info: MemberInfo, membership: Membership): boolean {
  const there = membership.members.find(({ id }) => id === info.id);
  const same = (given: string | null, present: string | null): boolean => given === null || given === present;
  return (
    there !== undefined &&
    same(info.peer, there.peer) &&
    same(info.http, there.http) &&
    same(info.redis, there.redis) &&
    same(info.region, there.region)
  );
}

/** What an operator is told. `status` is of this member, which knows most when it leads. */
export function refusalError(refusal: Refusal, request: MembershipRequest, status: RaftStatus): KvorumError {
  const id = targetOf(request);
  switch (refusal) {
    case 'not_leader':
    case 'no_leader':
      return new KvorumError('no_leader');
    case 'transferring':
      return new KvorumError('no_leader', 'Leadership is being handed over');
    case 'busy':
      return new KvorumError('busy', 'Too much is waiting to be committed');
    case 'change_pending':
      return new KvorumError('change_pending');
    case 'unknown_member':
      return new KvorumError('unknown_member', `There is no member ${id}`);
    case 'already_member':
      return alreadyMember(id, status.membership.membership);
    case 'id_removed':
      return new KvorumError(
        'id_removed',
        `${id} was removed from the cluster: ids are never used again, choose another`,
      );
    case 'not_caught_up':
      return notCaughtUp(id, status);
    case 'would_lose_quorum':
      return wouldLoseQuorum(id, status);
    case 'last_voter':
      return new KvorumError('last_voter', `${id} is the only voter: add and promote another replica first`);
    default:
      return unreachable(refusal);
  }
}

function alreadyMember(id: ReplicaId, { members }: Membership): KvorumError {
  const info = members.find((member) => member.id === id);
  const { http = null, peer = null, redis = null, region = null } = info ?? {};
  return new KvorumError(
    'already_member',
    `${id} is a member already, with other addresses (peer ${peer ?? 'as in the topology'}): to move it, remove it ` +
      'and add it under a new id',
    { extra: { member: { id, peer, http, redis, region } } },
  );
}

/** The figures are known to the leader only. */
function notCaughtUp(id: ReplicaId, { lastIndex, progress }: RaftStatus): KvorumError {
  const peer = progress.find((candidate) => candidate.peer === id);
  if (peer === undefined) return new KvorumError('not_caught_up', `${id} has not caught up with the leader yet`);
  const lag = Math.max(0, lastIndex - peer.matchIndex);
  const heard = peer.recentlyActive ? '' : ', and was not heard of recently';
  return new KvorumError(
    'not_caught_up',
    `${id} has ${peer.matchIndex} of ${lastIndex} log entries (lag ${lag})${heard}`,
    { extra: { match_index: peer.matchIndex, last_index: lastIndex, lag, active: peer.recentlyActive } },
  );
}

function wouldLoseQuorum(id: ReplicaId, { membership, progress }: RaftStatus): KvorumError {
  const { voters } = membership.membership;
  const silent = progress
    .filter(({ peer, recentlyActive }) => !recentlyActive && voters.includes(peer))
    .map(({ peer }) => peer);
  const who = silent.length === 0 ? '' : ` (not heard of: ${silent.join(', ')})`;
  return new KvorumError(
    'would_lose_quorum',
    `Without ${id} fewer than a majority of the voters would be reachable${who}`,
    silent.length === 0 ? undefined : { extra: { silent } },
  );
}
