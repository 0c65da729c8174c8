import { unreachable } from '../../base/assert.js';
import {
  campaign,
  ignoresVoteRequest,
  mayCampaign,
  onVoteRequest,
  onVoteResponse,
  rejectStaleVote,
} from './election.js';
import { followLeader, onAppendRequest, onHeartbeat, rejectStaleLeader } from './follower.js';
import { onForwardProposalResponse } from './forwards.js';
import type { RaftMessage } from './messages.js';
import { onForwardProposal } from './proposals.js';
import { isListed } from './quorum.js';
import { onHeartbeatResponse, onReadIndexRequest, onReadIndexResponse } from './read-index.js';
import { onAppendResponse } from './replication.js';
import { becomeFollower } from './role.js';
import { onSnapshotChunk } from './snapshot.js';
import { membershipOf, type RaftState } from './state.js';

/**
 * A message from a peer. Terms are compared first (Raft paper §5.1). A sender that we do not know as a member is heard: it may
 * lead, or stand for election, by a membership that is newer than ours (E5). Votes and acknowledgements of those who are
 * none are never counted, and transports keep out who does not belong to the cluster (M5).
 */
export function receive(state: RaftState, message: RaftMessage): void {
  if (message.to !== state.self || message.from === state.self) return;
  if (isStrangersRequest(state, message)) return;
  if (message.term > state.term && !acceptsNewerTerm(state, message)) return;
  if (message.term < state.term) onOlderTerm(state, message);
  else dispatch(state, message);
}

/** A leader knows the newest membership: who is not in it was removed, and is not served. */
function isStrangersRequest(state: RaftState, { type, from }: RaftMessage): boolean {
  if (type !== 'forwardProposal' && type !== 'readIndexRequest') return false;
  return state.role === 'leader' && !isListed(membershipOf(state), from);
}

/** Moves to the newer term, if this message is a reason to. False when the message must be dropped. */
function acceptsNewerTerm(state: RaftState, message: RaftMessage): boolean {
  switch (message.type) {
    case 'voteRequest':
      if (ignoresVoteRequest(state, message)) return false;
      // E1: a pre-vote changes nothing. E8: a real one does not restart our own wait.
      if (!message.preVote) becomeFollower(state, message.term, null, true);
      return true;
    case 'voteResponse':
      // E2: a granted pre-vote carries the term that we asked about, and nobody is in it yet.
      if (!message.preVote || !message.granted) becomeFollower(state, message.term, null);
      return true;
    case 'appendRequest':
    case 'heartbeat':
    case 'snapshotChunk':
    case 'timeoutNow':
      becomeFollower(state, message.term, message.from);
      return true;
    case 'appendResponse':
    case 'heartbeatResponse':
    case 'readIndexRequest':
    case 'readIndexResponse':
    case 'forwardProposal':
    case 'forwardProposalResponse':
    case 'snapshotChunkResponse':
      becomeFollower(state, message.term, null);
      return true;
    default:
      return unreachable(message);
  }
}

function onOlderTerm(state: RaftState, message: RaftMessage): void {
  switch (message.type) {
    case 'appendRequest':
    case 'heartbeat':
    case 'snapshotChunk':
      rejectStaleLeader(state, message.from); // E3
      return;
    case 'voteRequest':
      rejectStaleVote(state, message); // E3
      return;
    case 'voteResponse':
      // E2: a rejected pre-vote carries the voter's own term, which may be older than ours.
      if (message.preVote && !message.granted) onVoteResponse(state, message);
      return;
    case 'forwardProposalResponse':
      onForwardProposalResponse(state, message);
      return;
    case 'appendResponse':
    case 'heartbeatResponse':
    case 'timeoutNow':
    case 'readIndexRequest':
    case 'readIndexResponse':
    case 'forwardProposal':
    case 'snapshotChunkResponse':
      return; // Late: it speaks of a time that is over.
  }
}

function dispatch(state: RaftState, message: RaftMessage): void {
  switch (message.type) {
    case 'appendRequest':
      return onAppendRequest(state, message);
    case 'appendResponse':
      return onAppendResponse(state, message);
    case 'heartbeat':
      return onHeartbeat(state, message);
    case 'heartbeatResponse':
      return onHeartbeatResponse(state, message);
    case 'voteRequest':
      return onVoteRequest(state, message);
    case 'voteResponse':
      return onVoteResponse(state, message);
    case 'timeoutNow':
      followLeader(state, message.from); // Only a voter stands for election: others hear a sign of life.
      if (mayCampaign(state)) campaign(state, true);
      return;
    case 'readIndexRequest':
      return onReadIndexRequest(state, message);
    case 'readIndexResponse':
      return onReadIndexResponse(state, message);
    case 'forwardProposal':
      return onForwardProposal(state, message);
    case 'forwardProposalResponse':
      return onForwardProposalResponse(state, message);
    case 'snapshotChunk':
      return onSnapshotChunk(state, message);
    case 'snapshotChunkResponse':
      return markActive(state, message.from);
  }
}

/** The stream itself is the driver's; that the peer lives is our business (check-quorum). */
function markActive(state: RaftState, from: RaftMessage['from']): void {
  state.progress.get(from)?.heardAt(state.tick);
}
