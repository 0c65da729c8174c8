import { logIndex, term, type GroupId, type LogIndex, type Term } from '../../base/brand.js';
import { KvorumError } from '../../base/errors/error.js';
import type { HardState, RaftOptions } from '../../engines/raft/events.js';
import type { Entry } from '../../engines/raft/messages.js';
import type { CheckpointMark, RecoveredGroup } from '../../storage/storage.js';

type Recovered = RaftOptions['recovered'];

const ZERO_INDEX = logIndex(0);
const ZERO_TERM = term(0);

/**
 * Puts the checkpoint and the log of one group together. The checkpoint may be ahead of the log (a crash between the
 * install of a snapshot and its record in the log); the log may never begin after the checkpoint.
 */
export function reconcile(group: GroupId, log: RecoveredGroup | undefined, mark: CheckpointMark | null): Recovered {
  const baseIndex = log?.baseIndex ?? ZERO_INDEX;
  const markIndex = mark?.index ?? ZERO_INDEX;
  if (markIndex < baseIndex) {
    throw new KvorumError(
      'checkpoint_corrupt',
      `Group ${group}: the log begins after index ${baseIndex}, but the checkpoint holds only ${markIndex}. ` +
        'Files of the checkpoint are missing: restore the folder, or remove the replica and add a new one',
    );
  }
  const hardState = raiseTerm(log?.hardState ?? null, mark);
  if (mark !== null && termAt(log, markIndex) !== mark.term) {
    const { membership } = mark;
    return { hardState, baseIndex: markIndex, baseTerm: mark.term, entries: [], appliedIndex: markIndex, membership };
  }
  return {
    hardState,
    baseIndex,
    baseTerm: log?.baseTerm ?? ZERO_TERM,
    entries: log?.entries ?? [],
    appliedIndex: markIndex,
    ...(mark === null ? {} : { membership: mark.membership }),
    ...(log?.memberships ? { memberships: log.memberships } : {}),
  };
}

function termAt(log: RecoveredGroup | undefined, index: LogIndex): Term | null {
  if (log === undefined) return null;
  if (index === log.baseIndex) return log.baseTerm;
  const entry: Entry | undefined = log.entries[index - log.baseIndex - 1];
  return entry?.term ?? null;
}

/**
 * A checkpoint of term T proves that T has begun. When our hard state is older we cannot have voted in T: a vote is
 * durable before it is told (raft.md R3).
 */
function raiseTerm(hardState: HardState | null, mark: CheckpointMark | null): HardState | null {
  if (mark === null) return hardState;
  const commit = logIndex(Math.max(hardState?.commit ?? 0, mark.index));
  if (hardState === null || hardState.term < mark.term) return { term: mark.term, vote: null, commit };
  return { ...hardState, commit };
}
