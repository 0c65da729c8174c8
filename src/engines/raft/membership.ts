import type { LogIndex, ReplicaId } from '../../base/brand.js';

/** What everybody must know of one member. The engine carries it and does not look into it. */
export interface MemberInfo {
  readonly id: ReplicaId;
  /**
   * Names the data folder that the member joined with (raft.md M4): a replica that comes with another one has lost its
   * disk, and with it its votes. Null while it is not known, and for members that keep nothing.
   */
  readonly folder: string | null;
  /** `host:port` for peers and clients. Null: as the topology says. */
  readonly peer: string | null;
  readonly http: string | null;
  readonly redis: string | null;
  readonly region: string | null;
}

/** Who belongs to a group, in force from the moment the entry that brings it is in the log (raft.md M2). */
export interface Membership {
  readonly voters: readonly ReplicaId[];
  /**
   * The voters of before, while a change is under way (joint consensus, Raft thesis §4.3): every decision needs a
   * majority of both. Empty otherwise.
   */
  readonly outgoing: readonly ReplicaId[];
  /** Receive everything, decide nothing. Never voters at the same time. */
  readonly learners: readonly ReplicaId[];
  /** Ids that were members once and must never be used again (raft.md M3). */
  readonly removed: readonly ReplicaId[];
  /** Of voters, outgoing voters and learners. */
  readonly members: readonly MemberInfo[];
}

/** A membership and the index of the entry that brought it; 0: the group was formed with it. */
export interface PlacedMembership {
  readonly index: LogIndex;
  readonly membership: Membership;
}

/** {committed, latest} (raft.md M2): what may not be undone, and what is in force. Equal while no change is under way. */
export interface MembershipPair {
  readonly committed: PlacedMembership;
  readonly latest: PlacedMembership;
}

export type MembershipChange =
  /** Brings in a learner. */
  | { readonly op: 'add'; readonly member: MemberInfo }
  /** Makes a learner that has caught up a voter. `folder`: the data folder that it came with (raft.md M4, M6). */
  | { readonly op: 'promote'; readonly replica: ReplicaId; readonly folder: string | null }
  /** Takes out a learner or a voter, for ever. */
  | { readonly op: 'remove'; readonly replica: ReplicaId };

/** Why a change was not begun: certain that nothing was appended. */
export type MembershipRefusal =
  /** Another change is under way, or the leader's first entry is not committed (raft.md M1). Try again soon. */
  | 'change_pending'
  | 'unknown_member'
  | 'already_member'
  /** raft.md M3. */
  | 'id_removed'
  /** raft.md M6. Try again later. */
  | 'not_caught_up'
  /** Fewer than a majority of the voters after the change are heard of (raft.md M8). */
  | 'would_lose_quorum'
  | 'last_voter';

/** How memberships travel in entries and messages; implemented by the wire layer. `decode…` throw for what makes no sense. */
export interface MembershipCodec {
  encode(membership: Membership): Uint8Array;
  decode(bytes: Uint8Array): Membership;
  encodeChange(change: MembershipChange): Uint8Array;
  decodeChange(bytes: Uint8Array): MembershipChange;
}

/** A group of voters that nothing more is known of. */
export function votersOnly(voters: readonly ReplicaId[]): Membership {
  const members = voters.map((id) => ({ id, folder: null, peer: null, http: null, redis: null, region: null }));
  return { voters, outgoing: [], learners: [], removed: [], members };
}

/** What a replica knows of a group that it was not formed with, until the leader tells it. */
export const UNKNOWN_MEMBERSHIP: Membership = votersOnly([]);
