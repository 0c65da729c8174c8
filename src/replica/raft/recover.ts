import { logIndex, type GroupId } from '../../base/brand.js';
import type { HardState, RaftOptions } from '../../engines/raft/events.js';
import type { CheckpointMark, RecoveredGroup } from '../../storage/storage.js';
import { recoverLog } from '../ordered/recover.js';

type Recovered = RaftOptions['recovered'];

/** What the checkpoint and the log of one group say together (ordered/recover.ts). */
export function reconcile(group: GroupId, log: RecoveredGroup | undefined, mark: CheckpointMark | null): Recovered {
  const { restarted, ...recovered } = recoverLog(group, log, mark);
  return {
    ...recovered,
    hardState: raiseTerm(log?.hardState ?? null, mark),
    ...(mark === null ? {} : { membership: mark.membership }),
    // Where the log restarts, what it says of memberships is of entries that are gone.
    ...(log?.memberships && !restarted ? { memberships: log.memberships } : {}),
  };
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
