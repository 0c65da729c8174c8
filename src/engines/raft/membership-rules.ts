import type { ReplicaId } from '../../base/brand.js';
import { assert, unreachable } from '../../base/assert.js';
import type { MemberInfo, Membership, MembershipChange, MembershipCodec, MembershipRefusal } from './membership.js';
import { allVoters, isJoint, isListed, isVoter } from './quorum.js';

/**
 * Which membership follows from which. Pure functions; who may begin a change, and when, is in change.ts.
 *
 *   add, remove a learner    one step: the voters stay the same, so the majorities do
 *   promote, remove a voter  two steps, joint consensus (Raft thesis §4.3): old and new set together, then the new one
 */

/** What is in force next when `change` is made to `before`, or why it cannot be made. `before` is not joint. */
export function changed(before: Membership, change: MembershipChange): Membership | MembershipRefusal {
  assert(!isJoint(before), 'M1: one change at a time');
  switch (change.op) {
    case 'add':
      return withLearner(before, change.member);
    case 'promote':
      return withVoter(before, change.replica, change.folder);
    case 'remove':
      return before.voters.includes(change.replica)
        ? withoutVoter(before, change.replica)
        : withoutLearner(before, change.replica);
    default:
      return unreachable(change);
  }
}

function withLearner(before: Membership, member: MemberInfo): Membership | MembershipRefusal {
  if (before.removed.includes(member.id)) return 'id_removed'; // M3
  if (isListed(before, member.id)) return 'already_member';
  return { ...before, learners: [...before.learners, member.id], members: [...before.members, member] };
}

function withVoter(before: Membership, id: ReplicaId, folder: string | null): Membership | MembershipRefusal {
  if (before.voters.includes(id)) return 'already_member';
  if (!before.learners.includes(id)) return 'unknown_member';
  return {
    voters: [...before.voters, id],
    outgoing: before.voters,
    learners: without(before.learners, id),
    removed: before.removed,
    members: before.members.map((info) => (info.id === id ? { ...info, folder: folder ?? info.folder } : info)), // M4
  };
}

function withoutVoter(before: Membership, id: ReplicaId): Membership | MembershipRefusal {
  if (before.voters.length === 1) return 'last_voter';
  return { ...before, voters: without(before.voters, id), outgoing: before.voters };
}

function withoutLearner(before: Membership, id: ReplicaId): Membership | MembershipRefusal {
  if (!before.learners.includes(id)) return 'unknown_member';
  return {
    ...before,
    learners: without(before.learners, id),
    removed: [...before.removed, id],
    members: before.members.filter((info) => info.id !== id),
  };
}

function without(ids: readonly ReplicaId[], id: ReplicaId): ReplicaId[] {
  return ids.filter((other) => other !== id);
}

/**
 * The end of a change: the new voters alone. Only here is the id of a removed voter used up (M3): a change whose first
 * step is undone leaves no trace.
 */
export function finalOf(joint: Membership): Membership {
  assert(isJoint(joint), 'only a joint membership has an end');
  const { voters, outgoing, learners, members } = joint;
  const gone = outgoing.filter((id) => !voters.includes(id));
  return {
    voters,
    outgoing: [],
    learners,
    removed: [...joint.removed, ...gone],
    members: members.filter(({ id }) => !gone.includes(id)),
  };
}

/** What is wrong with a membership; null when it may stand in a log or a checkpoint. */
export function faultOf(membership: Membership): string | null {
  const { voters, outgoing, learners, removed, members } = membership;
  for (const ids of [voters, outgoing, learners, removed, members.map(({ id }) => id)]) {
    if (new Set(ids).size !== ids.length) return 'an id is there twice';
  }
  if (learners.some((id) => isVoter(membership, id))) return 'a learner is a voter';
  if (removed.some((id) => isListed(membership, id))) return 'a removed id is a member (M3)';
  if (voters.length === 0 && (outgoing.length > 0 || learners.length > 0)) return 'there are members but no voters';
  const listed = allVoters(membership).length + learners.length;
  if (members.length !== listed || members.some(({ id }) => !isListed(membership, id))) {
    return 'members are not those of the voters and learners';
  }
  return null;
}

/** The membership that an entry carries; null when it does not decode, or makes no sense. Never throws. */
export function readMembership(codec: MembershipCodec, payload: Uint8Array): Membership | null {
  let membership: Membership;
  try {
    membership = codec.decode(payload);
  } catch {
    return null;
  }
  return membership.voters.length > 0 && faultOf(membership) === null ? membership : null;
}

/**
 * M1: true when `after` may come next after `before` in a log. Majorities of neighbours then always overlap, and removed
 * ids stay removed (M3).
 */
export function mayFollow(before: Membership, after: Membership): boolean {
  if (!before.removed.every((id) => after.removed.includes(id))) return false;
  if (isJoint(before)) return !isJoint(after) && sameIds(before.voters, after.voters);
  if (!isJoint(after)) return sameIds(before.voters, after.voters);
  return sameIds(before.voters, after.outgoing) && differByOne(before.voters, after.voters);
}

/** One of them is the other and one more. */
function differByOne(a: readonly ReplicaId[], b: readonly ReplicaId[]): boolean {
  const [less, more] = a.length < b.length ? [a, b] : [b, a];
  return more.length === less.length + 1 && less.every((id) => more.includes(id));
}

/** Equal voters, learners and removed ids: what decides. Addresses may differ. */
export function sameRoles(a: Membership, b: Membership): boolean {
  return (
    sameIds(a.voters, b.voters) &&
    sameIds(a.outgoing, b.outgoing) &&
    sameIds(a.learners, b.learners) &&
    sameIds(a.removed, b.removed)
  );
}

function sameIds(a: readonly ReplicaId[], b: readonly ReplicaId[]): boolean {
  return a.length === b.length && a.every((id) => b.includes(id));
}
