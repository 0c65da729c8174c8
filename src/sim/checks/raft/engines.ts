import { InvariantViolation } from '../../../base/assert.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';

/** What the engine states about itself (engines/raft/invariants.ts) holds after every turn, and no assertion ever fails. */
export class EngineChecks implements Observer {
  onTurn(process: SimProcess): void {
    checkFailure(process);
    const { member } = process;
    if (member === null) return;
    try {
      member.raft.checkInvariants();
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error;
      throw new Violation('engine-invariants', `${process.id}: ${error.message}`);
    }
  }

  onCrashed(process: SimProcess): void {
    checkFailure(process);
  }
}

/** A replica stops by itself when its disk fails. `internal` is everything that nobody foresaw. */
export function checkFailure({ id, failure }: SimProcess): void {
  if (failure?.code !== 'internal') return;
  throw new Violation('no-assertion-fails', `${id} stopped: ${failure.detail}`);
}
