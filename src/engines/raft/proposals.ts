import { assert } from '../../base/assert.js';
import type { LogIndex, Term } from '../../base/brand.js';
import { beginChange } from './change.js';
import { firstTimeSeen, forward } from './forwards.js';
import type { MembershipChange, MembershipRefusal } from './membership.js';
import type { ForwardProposal, ProposalRefusal } from './messages.js';
import { appendOwn } from './role.js';
import { send } from './send.js';
import type { RaftState } from './state.js';

/** A batch of our own driver: appended when we lead, forwarded when another does. */
export function propose(state: RaftState, id: number, payload: Uint8Array): void {
  if (state.role === 'leader') {
    const refused = refusal(state, payload);
    if (refused !== null) refuse(state, id, refused);
    else {
      appendOwn(state, 'commands', payload);
      state.outbox.proposals.push({
        id,
        accepted: { index: state.log.lastIndex, term: state.term },
        refused: null,
      });
    }
  } else if (state.leader === null) refuse(state, id, 'no_leader');
  else if (state.forwards.pending.size >= state.options.limits.forwardedProposals) refuse(state, id, 'busy');
  else forward(state, id, 'commands', payload, state.leader);
}

function refuse(state: RaftState, id: number, refused: ProposalRefusal): void {
  state.outbox.proposals.push({ id, accepted: null, refused });
}

/** Why the leader must not append now; null when it may. A single batch always passes when nothing else waits. */
function refusal(state: RaftState, payload: Uint8Array): ProposalRefusal | null {
  assert(state.role === 'leader', 'only a leader judges proposals');
  if (state.transfer !== null) return 'transferring';
  const { uncommittedBytes } = state;
  const over = uncommittedBytes + payload.length > state.options.limits.uncommittedBytes;
  return over && uncommittedBytes > 0 ? 'busy' : null;
}

/**
 * A follower's batch, or a change of membership that it was asked for. A copy of a message must neither be appended again
 * nor be refused when the first one was appended ("refused" promises that nothing was), so ids are remembered for as long
 * as the term lasts.
 */
export function onForwardProposal(state: RaftState, message: ForwardProposal): void {
  const change = message.kind === 'membership' ? readChange(state, message.payload) : null;
  if (change === null && message.kind === 'membership') return; // Not a change that anybody here would ask for.
  if (!firstTimeSeen(state, message)) return;
  const refused = state.role === 'leader' ? appendForwarded(state, message, change) : 'not_leader';
  send(state, {
    type: 'forwardProposalResponse',
    from: state.self,
    to: message.from,
    term: state.term,
    id: message.id,
    refused,
    index: refused === null ? state.log.lastIndex : (0 as LogIndex),
    entryTerm: refused === null ? state.term : (0 as Term),
  });
}

function readChange({ options }: RaftState, payload: Uint8Array): MembershipChange | null {
  try {
    return options.codec.decodeChange(payload);
  } catch {
    return null;
  }
}

/** Null when it was appended. */
function appendForwarded(
  state: RaftState,
  { from, payload }: ForwardProposal,
  change: MembershipChange | null,
): ProposalRefusal | MembershipRefusal | null {
  const refused = change === null ? refusal(state, payload) : beginChange(state, change);
  if (refused !== null) return refused;
  if (change === null) appendOwn(state, 'commands', payload);
  const progress = state.progress.get(from);
  if (progress !== undefined) progress.commitWanted = state.log.lastIndex; // Its client waits: tell it soon.
  return null;
}
