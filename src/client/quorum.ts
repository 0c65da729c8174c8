/** What a keyspace with a write quorum of followers looks like to a client of one replica; see GET /admin/quorum. */
export interface QuorumView {
  readonly keyspace: string;
  /** In followers. */
  readonly write_quorum: number;
  readonly follower_count: number;
  /** Followers that could acknowledge a write now; null: known to the leader only. */
  readonly available: number | null;
  /** Members that it takes for a promotion without loss. */
  readonly promises: number;
  /** Of all members, how many may be gone for such a promotion. */
  readonly failover_tolerance: number;
  readonly leader: string | null;
  readonly leader_http: string | null;
}

export interface QuorumChanged {
  readonly keyspace: string;
  readonly old: number;
  readonly new: number;
  /** Entries of the log after this one take the new quorum. */
  readonly effective_offset: number;
  readonly failover_tolerance: number;
}

export interface PromoteOptions {
  /** With whoever answers, although acknowledged writes may be lost. */
  readonly force?: boolean;
  /** With force only: what the new epoch begins with. The leader itself may be asked for that. */
  readonly writeQuorum?: number;
  /** The default one, or else the first that has a write quorum. */
  readonly keyspace?: string;
}

export interface Promoted {
  readonly keyspace: string;
  readonly leader: string;
  readonly epoch: number;
  readonly promised: readonly string[];
  readonly required: number;
  readonly loss_possible: boolean;
  /** For the next write. */
  readonly write_quorum: number;
}

export interface FailoversView {
  readonly id: string;
  readonly keyspace: string;
  /** Acknowledged writes among what this replica threw away: so many for sure, and so many more perhaps. */
  readonly acknowledged_lost: number;
  readonly maybe_acknowledged_lost: number;
  readonly failovers: readonly {
    readonly epoch: number;
    readonly leader: string;
    readonly before: string | null;
    readonly start_offset: number;
    readonly forced: boolean;
    readonly discarded: {
      readonly file: string;
      readonly from_offset: number;
      readonly to_offset: number;
      readonly writes: number;
      readonly acknowledged: number;
      readonly maybe_acknowledged: number;
      readonly certain: boolean;
      readonly before_log: boolean;
    } | null;
  }[];
}
