import { assert } from '../../base/assert.js';
import type { LogIndex, ReplicaId, Term } from '../../base/brand.js';
import type { ForwardProposal, ForwardProposalResponse, ProposalRefusal } from './messages.js';
import { appendOwn } from './role.js';
import { send } from './send.js';
import type { RaftState } from './state.js';

/** A forwarded proposal that was not answered for this many election timeouts is forgotten: its outcome is unknown. */
const FORWARD_AGE_TIMEOUTS_MAX = 4;
/** Ids remembered per follower, as a multiple of what it may have under way. */
const SEEN_FACTOR = 4;

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
  else forward(state, id, payload, state.leader);
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

function forward(state: RaftState, proposal: number, payload: Uint8Array, to: ReplicaId): void {
  const id = state.forwards.nextId++;
  state.forwards.pending.set(id, { proposal, to, sentTick: state.tick });
  send(state, { type: 'forwardProposal', from: state.self, to, term: state.term, id, kind: 'commands', payload });
}

/**
 * A follower's batch. A copy of a message must neither be appended again nor be refused when the first one was appended
 * ("refused" promises that nothing was), so ids are remembered for as long as the term lasts.
 */
export function onForwardProposal(state: RaftState, message: ForwardProposal): void {
  if (!firstTimeSeen(state, message)) return;
  const refused = state.role === 'leader' ? refusal(state, message.payload) : 'not_leader';
  if (refused === null) {
    appendOwn(state, 'commands', message.payload);
    const progress = state.progress.get(message.from);
    if (progress !== undefined) progress.commitWanted = state.log.lastIndex; // Its client waits: tell it soon.
  }
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

function firstTimeSeen(state: RaftState, message: ForwardProposal): boolean {
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
  if (message.refused !== null) refuse(state, pending.proposal, message.refused as ProposalRefusal);
  else {
    const accepted = { index: message.index, term: message.entryTerm };
    state.outbox.proposals.push({ id: pending.proposal, accepted, refused: null });
  }
}

/** Forgets what was never answered; the driver's own deadline has told its clients that the outcome is unknown. */
export function tickForwards(state: RaftState): void {
  const oldestTick = state.tick - FORWARD_AGE_TIMEOUTS_MAX * state.options.electionTicks[1];
  for (const [id, { sentTick }] of state.forwards.pending) {
    if (sentTick > oldestTick) return;
    state.forwards.pending.delete(id);
  }
}
