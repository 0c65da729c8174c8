import type { ReplicaId } from '../../base/brand.js';
import type { ForwardProposal, ForwardProposalResponse, ProposalRefusal } from './messages.js';
import { send } from './send.js';
import type { RaftState } from './state.js';

/** A forwarded proposal that was not answered for this many election timeouts is forgotten: its outcome is unknown. */
const FORWARD_AGE_TIMEOUTS_MAX = 4;
/** Ids remembered per follower, as a multiple of what it may have under way. */
const SEEN_FACTOR = 4;

/** Asks the leader to append. `id` is the driver's, `kind` says where its outcome goes. */
export function forward(
  state: RaftState,
  id: number,
  kind: ForwardProposal['kind'],
  payload: Uint8Array,
  to: ReplicaId,
): void {
  const forwardId = state.forwards.nextId++;
  state.forwards.pending.set(forwardId, { id, kind, to, sentTick: state.tick });
  send(state, { type: 'forwardProposal', from: state.self, to, term: state.term, id: forwardId, kind, payload });
}

/** False for a copy. */
export function firstTimeSeen(state: RaftState, message: ForwardProposal): boolean {
  const { forwards, options } = state;
  if (forwards.seenTerm !== state.term) {
    forwards.seenTerm = state.term;
    forwards.seen.clear();
  }
  let ids = forwards.seen.get(message.from);
  if (ids === undefined) forwards.seen.set(message.from, (ids = new Set()));
  if (ids.has(message.id)) return false;
  ids.add(message.id);
  if (ids.size > SEEN_FACTOR * options.limits.forwardedProposals) {
    for (const oldest of ids) {
      ids.delete(oldest);
      break;
    }
  }
  return true;
}

/** Holds in any term: what was appended at (index, entryTerm), or refused, stays so. */
export function onForwardProposalResponse(state: RaftState, message: ForwardProposalResponse): void {
  const pending = state.forwards.pending.get(message.id);
  if (pending === undefined || pending.to !== message.from) return;
  state.forwards.pending.delete(message.id);
  const { refused } = message;
  const accepted = refused === null ? { index: message.index, term: message.entryTerm } : null;
  const { proposals, membershipOutcomes } = state.outbox;
  if (pending.kind === 'membership') membershipOutcomes.push({ id: pending.id, accepted, refused });
  // Only changes of membership are refused for other reasons than these.
  else proposals.push({ id: pending.id, accepted, refused: refused as ProposalRefusal | null });
}

/** Forgets what was never answered; the driver's own deadline has told its clients that the outcome is unknown. */
export function tickForwards(state: RaftState): void {
  const oldestTick = state.tick - FORWARD_AGE_TIMEOUTS_MAX * state.options.electionTicks[1];
  for (const [id, { sentTick }] of state.forwards.pending) {
    if (sentTick > oldestTick) return;
    state.forwards.pending.delete(id);
  }
}
