import { InvariantViolation } from '../../../base/assert.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import { checkFailure } from '../raft/engines.js';

/** What the engine states about itself holds after every turn, and no assertion ever fails. */
export class EngineChecks implements Observer {
  onTurn(process: SimProcess): void {
    checkFailure(process);
    const core = process.semisync?.core ?? null;
    if (core === null) return;
    try {
      core.checkInvariants();
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error;
      throw new Violation('engine-invariants', `${process.id}: ${error.message}`);
    }
  }

  onCrashed(process: SimProcess): void {
    checkFailure(process);
  }
}
