import { assert } from '../../base/assert.js';
import type { WriteRefusal } from './events.js';
import { OPEN_CHANGES_MAX, quorumPayload } from './quorum-history.js';
import { appendOwn } from './role.js';
import { availableFollowers, isWriteQuorum, type SemisyncState } from './state.js';

/** A batch of our own driver. Nothing is appended that the write quorum could not acknowledge now. */
export function propose(state: SemisyncState, id: number, payload: Uint8Array): void {
  const refused = refusal(state, payload);
  if (refused === null) appendOwn(state, 'commands', payload);
  state.outbox.proposals.push({ id, accepted: refused === null ? appendedAt(state) : null, refused });
}

function appendedAt({ log }: SemisyncState): {
  readonly index: typeof log.lastIndex;
  readonly term: typeof log.lastTerm;
} {
  return { index: log.lastIndex, term: log.lastTerm };
}

/** Why the leader must not append now; null when it may. A single batch always passes when nothing else waits. */
function refusal(state: SemisyncState, payload: Uint8Array): WriteRefusal | null {
  if (state.role !== 'leader') return { reason: 'not_leader' };
  const required = state.quorums.latest.writeQuorum;
  const available = availableFollowers(state);
  if (available < required) return { reason: 'not_enough_replicas', available, required };
  const { options, uncommittedBytes } = state;
  const over = uncommittedBytes + payload.length > options.limits.uncommittedBytes;
  return over && uncommittedBytes > 0 ? { reason: 'busy' } : null;
}

/**
 * The change is an entry of the log: committed with the write quorum before it, in force behind it (ap.md §1.3.4). It
 * survives every promotion that a write in its place would survive.
 */
export function setQuorum(state: SemisyncState, id: number, writeQuorum: number): void {
  const { followers, options, quorums } = state;
  const before = quorums.latest.writeQuorum;
  const payload = quorumPayload(writeQuorum);
  let refused = refusal(state, payload);
  if (refused?.reason !== 'not_leader') {
    const open = quorums.later(state.commit).length;
    if (!isWriteQuorum(writeQuorum, followers, options.allowAsync)) refused = { reason: 'invalid' };
    else if (refused === null && open >= OPEN_CHANGES_MAX) refused = { reason: 'busy' };
  }
  if (refused === null) {
    appendOwn(state, 'quorum', payload);
    assert(quorums.latest.writeQuorum === writeQuorum, 'it is in force for what comes next');
  }
  state.outbox.quorumChanges.push({ id, accepted: refused === null ? appendedAt(state) : null, refused, before });
}
