import type { Prng } from '../../../base/prng.js';
import type { DiskFaults, LinkFaults } from '../../world/types.js';
import { pick } from '../dice.js';
import { HEALED_LINKS } from '../healed.js';

export function drawLinks(prng: Prng, faults: boolean): LinkFaults {
  const delayMeanMs = pick(prng, [0.5, 1, 3, 10]);
  const links = { ...HEALED_LINKS, delayMinMs: delayMeanMs / 5, delayMeanMs };
  if (!faults) return links;
  return {
    ...links,
    loss: pick(prng, [0, 0.01, 0.05, 0.15]),
    duplicate: pick(prng, [0, 0.05, 0.2, 0.5]),
    corrupt: pick(prng, [0, 0, 0.001, 0.01]),
    reorder: pick(prng, [0, 0.05, 0.3]),
    // A tail is up to a hundred means long, and what comes later on the same connection waits for it.
    slowTail: delayMeanMs > 3 ? 0 : pick(prng, [0, 0.005, 0.03]),
    capacityBytes: pick(prng, [16_384, 262_144, 4_194_304]),
  };
}

/** Even a healthy disk takes long enough for a crash to come in between. */
export function drawDisk(prng: Prng, faults: boolean): DiskFaults {
  if (!faults) return { syncMeanMs: pick(prng, [0.5, 1, 3]), slowTail: 0 };
  // A tail is up to a hundred means long: longer ones would outlast the run.
  const [syncMeanMs, slowTail] = pick(prng, [
    [1, 0.05],
    [5, 0],
    [5, 0.02],
    [15, 0],
    [15, 0.004],
    [40, 0],
  ] as const);
  return { syncMeanMs, slowTail };
}
