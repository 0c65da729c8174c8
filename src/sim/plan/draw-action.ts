import type { Prng } from '../../base/prng.js';
import { pick } from './dice.js';
import type { Nemesis } from './nemesis/index.js';
import type { NemesisAction, Scalar } from './plan.js';

/** One action, with options drawn from what the nemesis offers. */
export function drawAction(prng: Prng, { choices, name }: Nemesis, atMs: number): NemesisAction {
  const options: Record<string, Scalar> = {};
  for (const [option, possible] of Object.entries(choices)) options[option] = pick(prng, possible);
  return { atMs, nemesis: name, seed: prng.uint32(), options };
}
