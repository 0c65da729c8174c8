import { assertDefined } from '../../base/assert.js';
import { readMembership } from './membership-rules.js';
import type { Entry } from './messages.js';
import type { RaftState } from './state.js';

/**
 * An entry with a membership is in the log: it is in force from now on, on every member that has it (raft.md M2). Read
 * from its bytes everywhere, so that nobody holds more or less than the log says.
 */
export function placeMembership(state: RaftState, { index, payload }: Entry): void {
  const membership = assertDefined(readMembership(state.options.codec, payload), `entry ${index} holds a membership`);
  state.memberships.append({ index, membership });
  state.persistence.markMemberships();
}
