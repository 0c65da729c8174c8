import type { Observer, World } from '../../world/types.js';
import type { History } from '../../clients/history.js';
import { ApplyChecks } from './applying.js';
import { Branches } from './branches.js';
import { CommitChecks } from './commits.js';
import { checkConvergence, finalState } from './convergence.js';
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
  /** What clients saw. Throws Violation; returns how many keys were not decided within `budgetSteps`. */
  judge(world: World, history: History, budgetSteps: number): number;
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
      discards.checkLost(finalState(world, facts), (id) => world.processes.get(id)?.state === 'running');
    },
    judge: (world, history, budgetSteps) => {
      const state = finalState(world, facts);
      if (!facts.lossy || state === null) return history.check(new Map(), budgetSteps).undecided;
      return new Branches(facts, history).check(state, budgetSteps);
    },
  };
}
