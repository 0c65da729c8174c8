import type { DiskFaults, LinkFaults } from '../world/types.js';
import type { ClientLinks } from './plan.js';

/** What a world is like when faults have ended; what is drawn for one without a class of faults starts from it. */
export const HEALED_LINKS: LinkFaults = {
  loss: 0,
  duplicate: 0,
  corrupt: 0,
  reorder: 0,
  delayMinMs: 0.2,
  delayMeanMs: 1,
  slowTail: 0,
  capacityBytes: 4_194_304,
};

export const HEALED_DISK: DiskFaults = { syncMeanMs: 1, slowTail: 0 };

export const HEALED_CLIENT_LINKS: ClientLinks = { requestLoss: 0, replyLoss: 0, delayMinMs: 0.2, delayMeanMs: 1 };
