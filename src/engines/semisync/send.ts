import { unreachable } from '../../base/assert.js';
import type { SemisyncMessage } from './messages.js';
import type { SemisyncState } from './state.js';

/**
 * Puts a message into the outbox that it may leave by (raft.md R1).
 *
 * Waits for the disk, always:
 *   appendResponse: it vouches for entries;
 *   promiseResponse to a request that is no mere question: a promise that a crash takes back is none;
 *   promiseRequest of that kind: a candidate that forgets its ballot could use it twice, for two logs.
 * Waits only while the term that it carries is not durable: everything else.
 */
export function send(state: SemisyncState, message: SemisyncMessage): void {
  if (mustWait(state, message)) state.outbox.afterPersist.push(message);
  else state.outbox.messages.push(message);
}

function mustWait(state: SemisyncState, message: SemisyncMessage): boolean {
  switch (message.type) {
    case 'appendResponse':
      return true;
    case 'promiseRequest':
    case 'promiseResponse':
      return !message.ask;
    case 'appendRequest':
    case 'epochHeartbeat':
    case 'epochHeartbeatResponse':
    case 'fetchRequest':
    case 'fetchResponse':
    case 'fenced':
    case 'snapshotChunk':
    case 'snapshotChunkResponse':
      return message.term > state.persistence.durableTerm;
    default:
      return unreachable(message);
  }
}
