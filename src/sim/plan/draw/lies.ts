import { assertDefined } from '../../../base/assert.js';
import { createPrng } from '../../../base/prng.js';
import { chance } from '../dice.js';
import { FAULT_CLASSES, type FaultClass } from '../faults.js';
import { NEMESES } from '../nemesis/index.js';
import type { NemesisAction, Plan } from '../plan.js';
import { drawAction } from './nemeses.js';

export const LIES = 'lost-sync';

/** Few worlds know disks that lie; more do where fewer classes may exist, for whoever looks for them. */
const SHARE = 0.05;
const SHARE_OF_FEW = 0.5;
const ACTIONS_MAX = 4;

/**
 * The plan of `seed`, now and then with disks that lie in it beside everything else. From dice of its own, so that all
 * else in the plan is what it was before there was this class.
 */
export function withLies(plan: Plan, seed: number, allowed: readonly FaultClass[]): Plan {
  const prng = createPrng(seed).fork('lies');
  const share = allowed.length === FAULT_CLASSES.length ? SHARE : SHARE_OF_FEW;
  if (!chance(prng, share) || !allowed.includes(LIES)) return plan;
  const nemesis = assertDefined(NEMESES.get(LIES), 'the nemesis has the name of its class');
  const actions = Array.from({ length: prng.between(1, ACTIONS_MAX) }, (): NemesisAction => {
    return drawAction(prng, nemesis, prng.between(0, plan.safetyMs - 1));
  });
  const nemeses = [...plan.nemeses, ...actions].toSorted((a, b) => a.atMs - b.atMs);
  return { ...plan, faults: [...plan.faults, LIES], nemeses };
}
