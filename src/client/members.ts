/** What the members of a cluster look like to a client of one replica; see GET /admin/members. */
export interface MembersView {
  readonly members: readonly MemberView[];
  /** Those with a leader. */
  readonly keyspaces: readonly KeyspaceMembers[];
  /** Those without one: they follow the membership of the cluster. */
  readonly leaderless: readonly {
    readonly keyspace: string;
    readonly engine: string;
    readonly members: readonly string[];
  }[];
}

export type MemberRole = 'leader' | 'voter' | 'leaving' | 'learner' | 'member' | 'removed';

export interface MemberView {
  readonly id: string;
  /** In the keyspace where it is most. */
  readonly role: MemberRole;
  readonly region: string | null;
  readonly peer: string | null;
  readonly http: string | null;
  readonly redis: string | null;
  /** Whether the member is known by its data folder. */
  readonly folder_known: boolean;
  /** To the replica that answered. */
  readonly connected: boolean;
  readonly keyspaces: readonly {
    readonly keyspace: string;
    readonly role: MemberRole;
    /** These three are known to the leader only. */
    readonly match_index: number | null;
    readonly lag: number | null;
    readonly active: boolean | null;
  }[];
}

export interface KeyspaceMembers {
  readonly keyspace: string;
  readonly leader: string | null;
  readonly leader_http: string | null;
  readonly index: number;
  readonly committed_index: number;
  /** False: what is in force may still be undone. */
  readonly committed: boolean;
  /** A change is under way. */
  readonly joint: boolean;
  readonly voters: readonly string[];
  readonly outgoing: readonly string[];
  readonly learners: readonly string[];
  readonly removed: readonly string[];
}

export interface NewMember {
  /** One that no replica of the cluster ever had. */
  readonly id: string;
  /** `host:port`; may be left out when the asked replica's topology lists the replica, as the others may. */
  readonly peer?: string;
  readonly http?: string;
  readonly redis?: string;
  readonly region?: string;
}

export interface MemberChangeOptions {
  /** Only this keyspace; all of them when absent. */
  readonly keyspace?: string;
  /** For the whole change; when absent 8 seconds, and a minute where a learner is waited for. */
  readonly timeoutMs?: number;
}

/** What became of a change in one keyspace. */
export interface KeyspaceResult {
  readonly keyspace: string;
  readonly ok: boolean;
  /** What the request did; empty when it was done before. */
  readonly done: readonly ('added' | 'promoted' | 'removed')[];
  readonly code?: string;
  readonly detail?: string;
}

export interface MembersChanged extends MembersView {
  readonly id: string;
  readonly results: readonly KeyspaceResult[];
}
