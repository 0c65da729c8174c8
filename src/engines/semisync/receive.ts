import { unreachable } from '../../base/assert.js';
import { ownerOf } from './ballot.js';
import { onFetchResponse, onPromiseResponse } from './candidacy.js';
import { onAppendRequest, onHeartbeat } from './follower.js';
import type { SemisyncMessage } from './messages.js';
import { onFetchRequest, onPromiseRequest } from './promise.js';
import { onHeartbeatResponse } from './reads.js';
import { onAppendResponse } from './replication.js';
import { becomeFollower } from './role.js';
import { send } from './send.js';
import { onSnapshotChunk } from './snapshot.js';
import type { SemisyncState } from './state.js';

/**
 * A message from a member. Epochs are compared first: whoever speaks in a lower one is told the higher, and whoever hears of
 * a higher one has promised it from then on, before anything else is said (ap.md §1.3.5).
 */
export function receive(state: SemisyncState, message: SemisyncMessage): void {
  if (message.to !== state.self || message.from === state.self) return;
  if (!state.members.includes(message.from) || !mayClaim(state, message)) return;
  if (message.term < state.term) return onLowerEpoch(state, message);
  // A question, and a favourable answer to one, speak of a ballot that nobody has promised yet.
  const asks = message.type === 'promiseRequest' || (message.type === 'promiseResponse' && message.granted);
  if (message.term > state.term && !asks) {
    becomeFollower(state, message.term, leads(message) ? message.from : null);
  }
  dispatch(state, message);
}

/** True for what only the leader of its epoch says. */
function leads({ type }: SemisyncMessage): boolean {
  return type === 'appendRequest' || type === 'epochHeartbeat' || type === 'snapshotChunk';
}

/** A ballot belongs to one member: nobody else leads with it or asks for it. */
function mayClaim(state: SemisyncState, message: SemisyncMessage): boolean {
  const { from, term, type } = message;
  switch (type) {
    case 'appendRequest':
    case 'epochHeartbeat':
    case 'promiseRequest':
    case 'fetchRequest':
      return ownerOf(state.members, term) === from;
    case 'snapshotChunk':
      // Of the leader, or of the member whose log we adopt with a ballot of our own.
      if (ownerOf(state.members, term) === from) return true;
      return state.role === 'candidate' && term === state.term && state.candidacy?.donor?.from === from;
    case 'appendResponse':
    case 'epochHeartbeatResponse':
    case 'promiseResponse':
    case 'fetchResponse':
    case 'fenced':
    case 'snapshotChunkResponse':
      return true;
    default:
      return unreachable(type);
  }
}

function onLowerEpoch(state: SemisyncState, message: SemisyncMessage): void {
  switch (message.type) {
    case 'appendRequest':
    case 'epochHeartbeat':
    case 'promiseRequest':
    case 'fetchRequest':
    case 'snapshotChunk':
      send(state, { type: 'fenced', from: state.self, to: message.from, term: state.term });
      return;
    case 'appendResponse':
    case 'epochHeartbeatResponse':
    case 'promiseResponse':
    case 'fetchResponse':
    case 'fenced':
    case 'snapshotChunkResponse':
      return; // Late: it speaks of a time that is over.
  }
}

function dispatch(state: SemisyncState, message: SemisyncMessage): void {
  switch (message.type) {
    case 'appendRequest':
      return onAppendRequest(state, message);
    case 'appendResponse':
      return onAppendResponse(state, message);
    case 'epochHeartbeat':
      return onHeartbeat(state, message);
    case 'epochHeartbeatResponse':
      return onHeartbeatResponse(state, message);
    case 'promiseRequest':
      return onPromiseRequest(state, message);
    case 'promiseResponse':
      return onPromiseResponse(state, message);
    case 'fetchRequest':
      return onFetchRequest(state, message);
    case 'fetchResponse':
      return onFetchResponse(state, message);
    case 'snapshotChunk':
      return onSnapshotChunk(state, message);
    case 'snapshotChunkResponse': {
      // The stream itself is the driver's; that the peer lives is our business.
      const progress = state.progress.get(message.from);
      if (progress !== undefined) progress.heardTick = state.tick;
      return;
    }
    case 'fenced':
      return; // Its epoch was all that it had to say.
  }
}
