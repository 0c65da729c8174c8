import { logIndex, term, type GroupId, type LogIndex, type Term } from '../../base/brand.js';
import { KvorumError } from '../../base/errors/error.js';
import type { Entry } from '../../engines/entry.js';
import type { CheckpointMark, RecoveredGroup } from '../../storage/storage.js';

const ZERO_INDEX = logIndex(0);
const ZERO_TERM = term(0);

/** The log of a group that goes with its checkpoint. */
export interface RecoveredLog {
  readonly baseIndex: LogIndex;
  readonly baseTerm: Term;
  /** They follow the base without a gap. */
  readonly entries: readonly Entry[];
  /** Index of the checkpoint. */
  readonly appliedIndex: LogIndex;
  /** At the checkpoint: nothing is left of what the log held. */
  readonly restarted: boolean;
}

/**
 * Puts the checkpoint and the log of one group together. The checkpoint may be ahead of the log, or at odds with it (a crash between
 * the install of a snapshot and its record in the log): the log then restarts there. `replaced`: a snapshot may have taken
 * the group back, so that this can be true of a log that begins after the checkpoint, too; otherwise it never does.
 */
export function recoverLog(
  group: GroupId,
  log: RecoveredGroup | undefined,
  mark: CheckpointMark | null,
  replaced = false,
): RecoveredLog {
  const baseIndex = log?.baseIndex ?? ZERO_INDEX;
  const markIndex = mark?.index ?? ZERO_INDEX;
  if (markIndex < baseIndex && !(replaced && mark !== null)) {
    throw new KvorumError(
      'checkpoint_corrupt',
      `Group ${group}: the log begins after index ${baseIndex}, but the checkpoint holds only ${markIndex}. ` +
        'Files of the checkpoint are missing: restore the folder, or remove the replica and add a new one',
    );
  }
  if (mark !== null && termAt(log, markIndex) !== mark.term) {
    return { baseIndex: markIndex, baseTerm: mark.term, entries: [], appliedIndex: markIndex, restarted: true };
  }
  const { baseTerm = ZERO_TERM, entries = [] } = log ?? {};
  return { baseIndex, baseTerm, entries, appliedIndex: markIndex, restarted: false };
}

function termAt(log: RecoveredGroup | undefined, index: LogIndex): Term | null {
  if (log === undefined) return index === ZERO_INDEX ? ZERO_TERM : null;
  if (index === log.baseIndex) return log.baseTerm;
  const entry: Entry | undefined = log.entries[index - log.baseIndex - 1];
  return entry?.term ?? null;
}
