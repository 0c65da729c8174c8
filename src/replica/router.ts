import type { GroupId, LogIndex, ReplicaId, Revision } from '../base/brand.js';
import type { KvorumError } from '../base/errors/error.js';
import type { EngineStatus } from '../engines/engine.js';
import type { MemberInfo, MembershipPair, PlacedMembership } from '../engines/raft/membership.js';
import type { Command, CommandResult, KvReader, ValueRef } from '../kv/types.js';
import type { PeerLinkStatus } from '../transport/transport.js';

/**
 * The contract between the client protocols (api/http, api/resp) and the replica. Both protocols call the same router;
 * neither knows engines, logs or peers. Everything happens on the replica's own event loop.
 *
 * Nothing here returns a promise: a waiter is told once, in the turn in which the answer is known. Writes of one
 * keyspace that are submitted one after another are applied in that order.
 */
export interface WriteWaiter {
  /** Single unconditional put, without an object (see ResultSink.onPut). */
  onPut(token: number, created: boolean, revision: Revision): void;
  onResult(token: number, result: CommandResult): void;
  /** Nothing happened, or `outcome_unknown` / `storage_failed`. */
  onError(token: number, error: KvorumError): void;
}

export interface ReadWaiter {
  /** Read now, synchronously; the reader is not valid afterwards. */
  onReadable(token: number, reader: KvReader): void;
  onError(token: number, error: KvorumError): void;
}

export type Consistency = 'linearizable' | 'lease' | 'stale';

export interface Keyspace {
  readonly name: string;
  readonly engine: 'raft';
  readonly limits: { readonly keyBytes: number; readonly valueBytes: number };
  /** Where reads without an explicit consistency go; changed at run time by /admin/read-policy. */
  defaultConsistency: Consistency;
  /**
   * The hot path: one unconditional put without a session. The bytes are copied before the call returns. Sizes were
   * checked by the caller against `limits`; a violation is an InvariantViolation.
   */
  put(key: ValueRef, value: ValueRef, waiter: WriteWaiter, token: number): void;
  /** Any command. Encoded before the call returns. */
  submit(command: Command, waiter: WriteWaiter, token: number): void;
  /** All linearizable reads of one turn share one read index round. */
  read(consistency: Consistency, waiter: ReadWaiter, token: number): void;
  /** Who leads this keyspace now, as far as known here. */
  leader(): { readonly id: ReplicaId; readonly http: string | null; readonly isSelf: boolean } | null;
  status(): KeyspaceStatus;
  /** Resolves when `target` (null: the most advanced follower) leads; rejects with transfer_failed, not_leader, … */
  transferLeader(target: ReplicaId | null): Promise<ReplicaId>;
  /** Who holds the keyspace, as far as known here: what is committed, and what is in force. */
  memberships(): MembershipPair;
  /**
   * Any replica takes a change: one that does not lead forwards it. Resolves when the change is committed and no longer
   * joint; rejects with a refusal (nothing happened) or `outcome_unknown`. A change that was done already is done.
   */
  changeMembership(request: MembershipRequest, timeoutMs?: number): Promise<MembershipResult>;
}

/** A change of who holds a keyspace, as an operator asks for it. */
export type MembershipRequest =
  /** Brings in a learner. */
  | { readonly op: 'add'; readonly member: MemberInfo }
  /** Makes a learner a voter; with `untilCaughtUp` it waits for that instead of being refused (raft.md M6). */
  | { readonly op: 'promote'; readonly replica: ReplicaId; readonly untilCaughtUp: boolean }
  /** Takes out a learner or a voter, for ever (raft.md M3). */
  | { readonly op: 'remove'; readonly replica: ReplicaId };

/** The membership that the change ended in. */
export interface MembershipResult extends PlacedMembership {
  /** False when there was nothing to do. */
  readonly changed: boolean;
}

export interface KeyspaceStatus {
  readonly keyspace: string;
  readonly partition: number;
  readonly group: GroupId;
  readonly engine: EngineStatus;
  readonly revision: Revision;
  readonly keys: number;
  readonly checkpointIndex: LogIndex;
}

export interface HealthCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface Router {
  readonly cluster: string;
  readonly self: ReplicaId;
  readonly region: string | null;
  /** In topology order; index 0 is the default keyspace when one is named `default`. */
  readonly keyspaces: readonly Keyspace[];
  keyspace(name: string): Keyspace | undefined;
  /** The keyspace that `/kv/…` and Redis database 0 use. */
  readonly defaultKeyspace: Keyspace;
  /** Every replica of the topology and every member that was added. */
  readonly replicas: readonly ReplicaInfo[];
  uptimeMs(): number;
  /** Local facts only: never depends on a quorum (api.md). */
  liveness(): readonly HealthCheck[];
  readiness(): readonly HealthCheck[];
  readonly draining: boolean;
  /**
   * Runs `flush` once at the end of the current turn of the replica's loop, after every waiter of the turn was told:
   * the place to write coalesced replies. Registering the same function twice in a turn runs it once.
   */
  atTurnEnd(flush: () => void): void;
  links(): readonly PeerLinkStatus[];
  /** Prometheus text of this replica. */
  metricsText(): Promise<string>;
  metricsJson(): Promise<unknown>;
  /** Counts something that was refused, by catalogue code and protocol. */
  countRefused(api: 'http' | 'resp', code: string): void;
  /** Counts requests and their latency. Outcome as in style-ux §10.1. */
  observeRequest(
    api: 'http' | 'resp',
    operation: string,
    outcome: 'ok' | 'rejected' | 'unknown',
    milliseconds: number,
  ): void;
}

export interface ReplicaInfo {
  readonly id: ReplicaId;
  readonly region: string | null;
  readonly peer: string;
  readonly http: string | null;
  readonly redis: string | null;
}
