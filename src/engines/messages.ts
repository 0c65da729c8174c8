import type { LeaderlessMessage } from './leaderless/messages.js';
import type { RaftMessage } from './raft/messages.js';

/** Whatever two members of one group say to each other; which of them depends on the group's engine. */
export type EngineMessage = RaftMessage | LeaderlessMessage;
