import type { GroupId } from '../../base/brand.js';
import { KvorumError } from '../../base/errors/error.js';
import type { Entry } from '../../engines/entry.js';
import type { HardState, SemisyncOptions } from '../../engines/semisync/events.js';
import type { SemisyncEntry } from '../../engines/semisync/messages.js';
import type { CheckpointMark, RecoveredGroup } from '../../storage/storage.js';
import { recoverLog } from '../ordered/recover.js';

/** What the checkpoint and the log of one group say together (ordered/recover.ts). The hard state stays as it is. */
export function reconcile(
  group: GroupId,
  log: RecoveredGroup | undefined,
  mark: CheckpointMark | null,
): SemisyncOptions['recovered'] {
  const hardState = log?.hardState ?? null;
  const { restarted: _, entries, ...recovered } = recoverLog(group, log, mark, isRebuilding(hardState));
  return {
    ...recovered,
    hardState,
    entries: entries.map((entry) => ownEntry(group, entry)),
    ...(mark === null ? {} : { appliedTerm: mark.term, quorum: quorumOf(group, mark) }),
  };
}

/** The member's state was about to be replaced by that of another history: see SemisyncPersist. */
function isRebuilding(hardState: HardState | null): boolean {
  return hardState !== null && hardState.term > 0 && hardState.vote === null;
}

function ownEntry(group: GroupId, { index, kind, payload, term }: Entry): SemisyncEntry {
  if (kind !== 'membership') return { index, kind, payload, term };
  throw new KvorumError('log_corrupt', `Group ${group}: the log was written by another engine`);
}

export function quorumOf(group: GroupId, { quorum }: CheckpointMark): NonNullable<CheckpointMark['quorum']> {
  if (quorum !== undefined) return quorum;
  throw new KvorumError('checkpoint_corrupt', `Group ${group}: the checkpoint was written by another engine`);
}
