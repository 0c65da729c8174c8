import type { ReplicaId } from '../base/brand.js';
import type { ErrorCode } from '../base/errors/catalogue.js';
import type { Topology } from '../config/topology.js';

/**
 * Everything that the launcher's thread and the replicas' threads say to each other. No data path: clients and peers
 * talk to the replica's own sockets.
 */

/** Given to a thread at its birth. */
export interface ReplicaStart {
  readonly topology: Topology;
  readonly replica: ReplicaId;
  /** Tells two lives of one replica apart: grows with every start (reliability.md §2.2). */
  readonly incarnation: number;
  /** How often the supervisor has started this replica again after a crash. */
  readonly restarts: number;
}

/** Where a replica listens, as bound (a configured port 0 is decided here). */
export interface ReplicaEndpoints {
  readonly peer: string;
  readonly http: string | null;
  readonly redis: string | null;
}

/** What the launcher shows of one group of a replica. */
export interface GroupRole {
  readonly group: string;
  readonly role: string;
  readonly term: number;
  readonly leader: string | null;
}

export type HostToReplica =
  /** Readiness false, hand over leadership, finish requests, sync, then `stopped`. */
  | { readonly type: 'drain' }
  /** Stop now. */
  | { readonly type: 'stop' };

export type ReplicaToHost =
  /** Listening; the group may not have a leader yet. */
  | { readonly type: 'ready'; readonly endpoints: ReplicaEndpoints; readonly recovered: RecoverySummary | null }
  | { readonly type: 'role'; readonly role: GroupRole }
  /** Cannot go on, or could not start. The thread ends after this. `fatal`: starting again would not help. */
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly detail: string; readonly fatal: boolean }
  /** Drained and closed: the thread ends after this. */
  | { readonly type: 'stopped' };

export interface RecoverySummary {
  readonly records: number;
  readonly bytes: number;
  readonly tornBytes: number;
  readonly tookMs: number;
}

/** Errors that another attempt cannot cure: the operator must act. */
export const FATAL_CODES: readonly ErrorCode[] = [
  'log_corrupt',
  'checkpoint_corrupt',
  'data_dir_locked',
  'data_dir_mismatch',
  'data_dir_newer',
  'address_in_use',
  'config_invalid',
];
