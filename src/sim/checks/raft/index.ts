import type { Observer, World } from '../../world/types.js';
import { ApplyChecks } from './applying.js';
import { CommitChecks } from './commits.js';
import { checkConvergence } from './convergence.js';
import { DiskChecks } from './disks.js';
import { ElectionChecks } from './elections.js';
import { EngineChecks } from './engines.js';
import { Facts, type CheckStats } from './facts.js';
import { LogChecks } from './logs.js';
import { MembershipChecks } from './memberships.js';
import { ReadChecks } from './reads.js';

export type { CheckStats } from './facts.js';

export interface RaftChecks {
  /** Their order matters: to be given to the world as it is. */
  readonly observers: readonly Observer[];
  /** After all faults have ended and the group had time to agree. Throws Violation. */
  atEnd(world: World): void;
  readonly stats: CheckStats;
}

/**
 * The invariants of one Raft group (reliability.md §3.3), checked at the moment when they could be broken. Everything is
 * incremental: the work of an event is that of what is new in it.
 */
export function createRaftChecks(): RaftChecks {
  const facts = new Facts();
  const commits = new CommitChecks(facts);
  const observers = [
    new DiskChecks(facts), // Compares the images with what is new, so it comes before the facts.
    facts,
    new EngineChecks(),
    commits,
    new ElectionChecks(facts),
    new LogChecks(facts),
    new ApplyChecks(facts),
    new ReadChecks(facts),
    new MembershipChecks(facts),
  ];
  return {
    observers,
    atEnd: (world) => checkConvergence(world, commits.acknowledgedRevision),
    stats: facts.stats,
  };
}
