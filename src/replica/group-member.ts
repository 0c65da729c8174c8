import type { GroupId, ReplicaId } from '../base/brand.js';
import type { KvorumError } from '../base/errors/error.js';
import type { EngineMessage } from '../engines/messages.js';
import type { KvReader } from '../kv/types.js';
import type { LogRecord } from '../storage/storage.js';
import type { LeaderlessMember } from './leaderless/member.js';
import type { RaftMember } from './raft/member.js';
import type { SemisyncMember } from './semisync/member.js';

/** What one drain of a member asks of the replica's shared log and links. */
export interface MemberOutput {
  /** Leave at once. */
  readonly messages: readonly EngineMessage[];
  /** Leave when everything appended so far, this drain's records included, is durable. */
  readonly afterPersist: readonly EngineMessage[];
  readonly persist: MemberRecords | null;
}

export interface MemberRecords {
  /** `onPersisted` names it. */
  readonly batch: number;
  readonly records: readonly LogRecord[];
  readonly mustSync: boolean;
}

/** One replica's instance in one group, whatever its engine, as the loop in replica.ts drives it. */
export interface GroupMember {
  readonly group: GroupId;
  /** What is applied, live keys only. Valid in the turn it was asked for. */
  readonly reader: KvReader;
  /** True when this member has everything that it knows to exist. */
  readonly caughtUp: boolean;
  onMessage(message: EngineMessage): void;
  onPeerUp(peer: ReplicaId): void;
  onPeerDown(peer: ReplicaId): void;
  /** The link to its receiver did not take it. */
  onDropped(message: EngineMessage): void;
  /** Peers refuse this replica because it was removed from the cluster. */
  onRemoved(): void;
  /** The loop stood still: what was promised for a time is void. */
  onStalled(): void;
  /** `ticks` passed (0: only clients' deadlines pass). */
  tick(ticks: number, nowMs: number): void;
  /** Closes the open batches and takes what the engine wants done; null: nothing. */
  drain(): MemberOutput | null;
  onPersisted(batch: number): void;
  /** Applies what may be applied, and answers who waits for it. */
  apply(): void;
  /** The log has failed: maintenance that waits for it will never be done. */
  cancelMaintenance(): void;
  /** Answers everything that waits: `unknown` to what may have taken effect, `certain` to what has not. */
  stop(unknown: KvorumError, certain: KvorumError): void;
  close(): Promise<void>;
}

/** Told apart by `engine`. */
export type AnyMember = RaftMember | SemisyncMember | LeaderlessMember;

export function isLeaderless(member: AnyMember): member is LeaderlessMember {
  return member.engine === 'lww' || member.engine === 'causal';
}
