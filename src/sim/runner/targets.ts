import { unreachable } from '../../base/assert.js';
import type { Prng } from '../../base/prng.js';
import { shuffled, type Target } from '../plan/nemesis/stage.js';
import type { SimProcess } from '../world/types.js';

/** Whom a target means among `members`. Where nobody leads, anybody is as good as a leader. */
export function pickTarget(
  prng: Prng,
  target: Target,
  members: readonly SimProcess[],
  leader: SimProcess | null,
): readonly SimProcess[] {
  const mixed = shuffled(prng, members);
  switch (target) {
    case 'leader':
      return leader === null ? mixed.slice(0, 1) : [leader];
    case 'follower':
      return mixed.filter((process) => process !== leader && process.state === 'running').slice(0, 1);
    case 'any':
      return mixed.slice(0, 1);
    case 'minority':
      return mixed.slice(0, prng.between(1, Math.max(1, Math.floor((mixed.length - 1) / 2))));
    case 'majority':
      return mixed.slice(0, Math.floor(mixed.length / 2) + 1);
    case 'all':
      return mixed;
    default:
      return unreachable(target);
  }
}
