import { unreachable } from '../../base/assert.js';
import type { RaftMessage } from './messages.js';
import type { RaftState } from './state.js';

/**
 * Puts a message into the outbox that it may leave by (raft.md R1).
 *
 * Waits for the disk, always:
 *   appendResponse, voteResponse (positive and negative): they vouch for entries, a vote, or at least a term;
 *   voteRequest that is not a pre-vote: it tells our last entry and our candidacy. If it left before they are durable, a
 *     crash could bring us back with a shorter log, or campaigning in the same term again, while votes for the first
 *     candidacy are still on their way: they would elect a log that the voters never judged. It follows that whoever
 *     leads has its term on disk.
 * Waits only while the term that it carries is not durable: everything else. A heartbeat response or a read answer
 * vouches for nothing but that term, and must not show one that a crash could take back.
 */
export function send(state: RaftState, message: RaftMessage): void {
  if (mustWait(state, message)) state.outbox.afterPersist.push(message);
  else state.outbox.messages.push(message);
}

function mustWait(state: RaftState, message: RaftMessage): boolean {
  switch (message.type) {
    case 'appendResponse':
    case 'voteResponse':
      return true;
    case 'voteRequest':
      return !message.preVote;
    case 'appendRequest':
    case 'heartbeat':
    case 'heartbeatResponse':
    case 'timeoutNow':
    case 'readIndexRequest':
    case 'readIndexResponse':
    case 'forwardProposal':
    case 'forwardProposalResponse':
    case 'snapshotChunk':
    case 'snapshotChunkResponse':
      return message.term > state.persistence.durableTerm;
    default:
      return unreachable(message);
  }
}
