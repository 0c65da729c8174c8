import { FAULT_CLASSES } from '../faults.js';
import type { Plan, SimulatedEngine } from '../plan.js';
import { drawLeaderlessPlan } from './leaderless.js';
import type { DrawOptions } from './options.js';
import { drawRaftPlan } from './raft.js';
import { drawSemisyncPlan } from './semisync.js';

export type { DrawOptions } from './options.js';

export const DEFAULT_DRAW: DrawOptions = { faults: FAULT_CLASSES };

/** Each engine has dice of its own: what is drawn for one more leaves the plans of the others what they were. */
const DRAWS: Readonly<Record<SimulatedEngine, (seed: number, options: DrawOptions) => Plan>> = {
  raft: drawRaftPlan,
  semisync: drawSemisyncPlan,
  lww: (seed, options) => drawLeaderlessPlan('lww', seed, options),
  causal: (seed, options) => drawLeaderlessPlan('causal', seed, options),
};

/** What each seed's world is like. Pure: the same seed and options give the same plan. */
export function drawPlan(seed: number, options: DrawOptions = DEFAULT_DRAW): Plan {
  return DRAWS[options.engine ?? 'raft'](seed, options);
}
