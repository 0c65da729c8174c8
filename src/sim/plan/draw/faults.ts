import type { Prng } from '../../../base/prng.js';
import { chance, pick } from '../dice.js';
import { FAULT_CLASSES, type FaultClass } from '../faults.js';

export interface Swarm {
  /** Classes that mean nothing to the engine, or that are drawn apart. */
  readonly without: readonly FaultClass[];
  /** By how much a class is rarer than the others. */
  readonly rarity?: Readonly<Partial<Record<FaultClass, number>>>;
}

/**
 * The classes of one world: most worlds know some of them; few know all of them, and few know none. Dice are thrown for
 * each class, allowed or not, so that what somebody does not allow changes nothing about the others.
 */
export function drawFaults(prng: Prng, allowed: readonly FaultClass[], { rarity = {}, without }: Swarm): FaultClass[] {
  const share = pick(prng, [0.25, 0.4, 0.4, 0.6, 0.8, 1]);
  const possible = FAULT_CLASSES.filter((each) => !without.includes(each));
  return possible.filter((each) => chance(prng, share * (rarity[each] ?? 1)) && allowed.includes(each));
}
