import { unreachable } from '../../base/assert.js';
import type { ReplicaId } from '../../base/brand.js';
import { KvorumError } from '../../base/errors/error.js';
import type { WriteRefusal } from '../../engines/semisync/events.js';

/** ap.md §1.3.2 step 0: nothing was appended. */
export function notEnoughReplicas(available: number, required: number): KvorumError {
  return new KvorumError('not_enough_replicas', `${available} of ${required} required followers are available`, {
    extra: { available, required },
  });
}

export function notLeader(leader: ReplicaId): KvorumError {
  return new KvorumError('not_leader', `The leader is ${leader}`, { extra: { leader } });
}

/** Of a write or a change that the leader did not append; `not_leader` is somebody else's business. */
export function refusalError(refused: WriteRefusal): KvorumError {
  switch (refused.reason) {
    case 'not_enough_replicas':
      return notEnoughReplicas(refused.available, refused.required);
    case 'busy':
      return new KvorumError('busy', 'Too much is waiting to be committed');
    case 'not_leader':
      return new KvorumError('no_leader');
    case 'invalid':
      return new KvorumError('bad_request', 'There is no such write quorum');
    default:
      return unreachable(refused);
  }
}
