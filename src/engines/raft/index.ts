import type { RaftOptions } from './events.js';
import type { Raft } from './raft.js';

export type { Raft } from './raft.js';

/** A member of a Raft group, as the storage recovered it. Throws InvariantViolation for options that cannot be. */
export declare function createRaft(options: RaftOptions): Raft;
