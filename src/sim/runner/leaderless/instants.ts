import type { Observer } from '../../world/types.js';
import type { Statistics } from '../statistics.js';
import type { Triggers } from '../triggers.js';

/** The same instants where nobody leads: somebody has begun, has a write of its own on disk, is passing one on. */
export function leaderlessInstants(triggers: Triggers, statistics: Statistics): Observer {
  return {
    onStarted: (process) => triggers.fire('elected', process),
    onDelivered: (process, _group, { origin }) => {
      if (origin === process.leaderless?.core.origin) triggers.fire('committed', process);
    },
    onMessage: (process, _group, message) => {
      statistics.messages++;
      if (message.type === 'gossipDelta' && message.batches.length > 0) triggers.fire('appending', process);
      if (message.type === 'fullSyncEnd') triggers.fire('installed', process);
    },
    onCheckpoint: () => {
      statistics.checkpoints++;
    },
  };
}
