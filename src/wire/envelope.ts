import type { GroupId } from '../base/brand.js';
import type { MembershipRefusal } from '../engines/raft/membership.js';
import type { LeaderlessMessage } from '../engines/leaderless/messages.js';
import type { EngineMessage } from '../engines/messages.js';
import type { Entry, EntryKind, ProposalRefusal, RaftMessageType } from '../engines/raft/messages.js';
import type { SemisyncMessage } from '../engines/semisync/messages.js';
import { LEADERLESS_VERSION, SEMISYNC_VERSION } from './protocol.js';

/** The same shape as the transport's Envelope (this layer lies below it). */
export interface WireEnvelope {
  readonly group: GroupId;
  readonly message: EngineMessage;
}

/** Field numbers of Envelope.message in peer.proto. */
export const MESSAGE_FIELDS = {
  appendRequest: 2,
  appendResponse: 3,
  heartbeat: 4,
  heartbeatResponse: 5,
  voteRequest: 6,
  voteResponse: 7,
  timeoutNow: 8,
  readIndexRequest: 9,
  readIndexResponse: 10,
  forwardProposal: 11,
  forwardProposalResponse: 12,
  snapshotChunk: 13,
  snapshotChunkResponse: 14,
  gossipDelta: 15,
  gossipAck: 16,
  gossipDigest: 17,
  needFullSync: 18,
  fullSyncRequest: 19,
  fullSyncItems: 20,
  fullSyncEnd: 21,
  fullSyncAck: 22,
  versionProbe: 23,
  versionAnswer: 24,
  scrubLeaves: 25,
  scrubItems: 26,
  epochHeartbeat: 27,
  epochHeartbeatResponse: 28,
  promiseRequest: 29,
  promiseResponse: 30,
  fetchRequest: 31,
  fetchResponse: 32,
  fenced: 33,
} as const satisfies Record<EngineMessage['type'], number>;

export const MESSAGE_FIELD_FIRST = 2;
export const LEADERLESS_FIELD_FIRST = 15;
export const SEMISYNC_FIELD_FIRST = 27;
export const MESSAGE_FIELD_LAST = 33;

/** Messages of semisync that raft does not have. */
export type OwnSemisyncMessage = Exclude<SemisyncMessage, { readonly type: RaftMessageType }>;
/** Messages of raft, of which semisync uses some. */
export type LogMessage = Exclude<EngineMessage, LeaderlessMessage | OwnSemisyncMessage>;

export function isLeaderless(message: EngineMessage): message is LeaderlessMessage {
  const field = MESSAGE_FIELDS[message.type];
  return field >= LEADERLESS_FIELD_FIRST && field < SEMISYNC_FIELD_FIRST;
}

export function isOwnSemisync(message: EngineMessage): message is OwnSemisyncMessage {
  return MESSAGE_FIELDS[message.type] >= SEMISYNC_FIELD_FIRST;
}

/** True when a peer that speaks `version` understands the message: an unknown one would cost the connection. */
export function isSpokenIn(version: number, { message }: WireEnvelope): boolean {
  if (version >= SEMISYNC_VERSION) return true;
  if (isLeaderless(message)) return version >= LEADERLESS_VERSION;
  return !isOwnSemisync(message) && !(message.type === 'appendRequest' && message.entries.some(isQuorum));
}

/** An entry of a kind that versions 1 and 2 do not know. */
function isQuorum({ kind }: Entry): boolean {
  return kind === 'quorum';
}

/** Enum values of peer.proto by position; `null` is the value that is never sent. */
export const ENTRY_KINDS: readonly (EntryKind | null)[] = [null, 'noop', 'commands', 'membership', 'quorum'];
export const ENTRY_KIND_VALUES: Readonly<Record<EntryKind, number>> = {
  noop: 1,
  commands: 2,
  membership: 3,
  quorum: 4,
};
export const REFUSAL_VALUES: Readonly<Record<ProposalRefusal | MembershipRefusal, number>> = {
  not_leader: 1,
  no_leader: 2,
  busy: 3,
  transferring: 4,
  change_pending: 5,
  unknown_member: 6,
  already_member: 7,
  id_removed: 8,
  not_caught_up: 9,
  would_lose_quorum: 10,
  last_voter: 11,
};
export const REFUSALS: readonly (ProposalRefusal | MembershipRefusal | null)[] = [
  null,
  ...(Object.keys(REFUSAL_VALUES) as (keyof typeof REFUSAL_VALUES)[]),
];

/** More than the largest number of a scalar field in these messages, and so the length of the arrays that hold them. */
export const SCALAR_FIELDS = 10;
