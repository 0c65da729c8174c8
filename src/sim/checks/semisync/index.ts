import type { Observer, World } from '../../world/types.js';
import { ApplyChecks } from './applying.js';
import { CommitChecks } from './commits.js';
import { checkConvergence } from './convergence.js';
import { DiscardChecks } from './discards.js';
import { DiskChecks } from './disks.js';
import { EngineChecks } from './engines.js';
import { Facts, type FactsOptions } from './facts.js';
import { PromotionChecks } from './promotions.js';
import { ReadChecks, type ReadOptions } from './reads.js';

export type { CheckStats } from './facts.js';

export interface SemisyncChecks {
  /** Their order matters: to be given to the world as it is. */
  readonly observers: readonly Observer[];
  readonly facts: Facts;
  readonly promotions: PromotionChecks;
  readonly discards: DiscardChecks;
  readonly reads: ReadChecks;
  /** After all faults have ended and the group had time to agree. Throws Violation. */
  atEnd(world: World): void;
}

/**
 * The promises of one leader-follower group (ap.md §1.3), checked at the moment when they could be broken, by somebody who sees
 * all disks, messages and states, and counts copies himself.
 */
export function createSemisyncChecks(options: FactsOptions & ReadOptions): SemisyncChecks {
  const facts = new Facts(options);
  const commits = new CommitChecks(facts);
  const promotions = new PromotionChecks(facts);
  const discards = new DiscardChecks(facts);
  const reads = new ReadChecks(facts, options);
  return {
    observers: [
      new DiskChecks(facts), // Compares the images with what is new, so it comes before the facts.
      facts,
      new EngineChecks(),
      promotions,
      commits,
      new ApplyChecks(facts),
      discards,
      reads,
    ],
    facts,
    promotions,
    discards,
    reads,
    atEnd: (world) => {
      checkConvergence(world, facts, commits.acknowledgedRevision);
      discards.checkLost((id) => world.processes.get(id)?.state === 'running');
    },
  };
}
