import { InvariantViolation } from '../../../base/assert.js';
import type { ReplicaId } from '../../../base/brand.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import { ConvergenceChecks } from './convergence.js';
import { DeliveryChecks } from './delivery.js';
import { ClaimChecks } from './disks.js';
import { LeaderlessFacts, type LeaderlessCheckStats } from './facts.js';
import { PromiseChecks } from './promises.js';
import { StabilityChecks } from './stability.js';

export interface LeaderlessChecks {
  readonly facts: LeaderlessFacts;
  readonly promises: PromiseChecks;
  /** Their order matters: to be given to the world as it is. */
  readonly observers: readonly Observer[];
  readonly stats: LeaderlessCheckStats;
}

export interface LeaderlessCheckOptions {
  readonly engine: 'lww' | 'causal';
  readonly conflicts: 'lww' | 'siblings';
  readonly members: () => readonly ReplicaId[];
}

/**
 * The invariants of one group without a leader (reliability.md §3.3), checked at the moment when they could be broken, by
 * somebody who knows every disk, every message and every write.
 */
export function createLeaderlessChecks(options: LeaderlessCheckOptions): LeaderlessChecks {
  const facts = new LeaderlessFacts();
  const promises = new PromiseChecks(facts, options);
  const observers = [
    facts,
    new MemberChecks(),
    new ClaimChecks(facts),
    new StabilityChecks(facts),
    new DeliveryChecks(facts, options.engine),
    new ConvergenceChecks(facts),
  ];
  return { facts, promises, observers, stats: facts.stats };
}

/** What the engine states about itself (engines/leaderless/invariants.ts) holds after every turn, and no assertion ever fails. */
class MemberChecks implements Observer {
  onTurn(process: SimProcess): void {
    checkFailure(process);
    const { leaderless } = process;
    if (leaderless === null) return;
    try {
      leaderless.core.checkInvariants();
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error;
      throw new Violation('engine-invariants', `${process.id}: ${error.message}`);
    }
  }

  onCrashed(process: SimProcess): void {
    checkFailure(process);
  }
}

function checkFailure({ id, failure }: SimProcess): void {
  if (failure?.code !== 'internal') return;
  throw new Violation('no-assertion-fails', `${id} stopped: ${failure.detail}`);
}
