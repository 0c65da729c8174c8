import type { LogIndex, Term } from '../base/brand.js';

/**
 * What an entry carries. `noop` opens a term (raft.md C1; of semisync also how it began); `commands` is one batch of client
 * commands, opaque here; `membership` (raft) is a Membership, in force from this entry on (raft.md M2); `quorum` (semisync)
 * is a write quorum, in force after it (ap.md §1.3.4).
 */
export type EntryKind = 'noop' | 'commands' | 'membership' | 'quorum';

/**
 * One entry of a group's log: a whole batch of commands that arrived in one turn. `payload` was encoded once on the
 * replica that accepted the commands; the same bytes go to every disk and every wire, and are never changed.
 */
export interface Entry {
  readonly index: LogIndex;
  readonly term: Term;
  readonly kind: EntryKind;
  readonly payload: Uint8Array;
}
