import type { ReplicaId } from '../../base/brand.js';
import { KvorumError } from '../../base/errors/error.js';
import type { MembershipPair } from '../../engines/raft/membership.js';
import type { SemisyncStatus } from '../../engines/semisync/semisync.js';
import type { Command, ValueRef } from '../../kv/types.js';
import type {
  Consistency,
  Keyspace,
  KeyspaceStatus,
  MembershipResult,
  ReadOptions,
  ReadWaiter,
  ReplicaInfo,
  SemisyncControl,
  WriteOptions,
  WriteWaiter,
} from '../router.js';
import type { SemisyncMember } from './member.js';

export interface SemisyncKeyspaceOptions {
  readonly name: string;
  readonly self: ReplicaId;
  readonly member: SemisyncMember;
  readonly limits: { readonly keyBytes: number; readonly valueBytes: number };
  readonly consistency: Consistency;
  readonly replicas: readonly ReplicaInfo[];
  /** What the first replicas of the cluster wait for, when they have done so for a while. */
  unformed?(): KvorumError | null;
  /** True when the replica takes no new requests. */
  draining(): boolean;
  failure(): KvorumError | null;
}

/** A leader-follower keyspace of one partition: the whole keyspace is one group. */
export class SemisyncKeyspace implements Keyspace {
  readonly engine = 'semisync';
  readonly leaderless = null;
  readonly semisync: SemisyncControl;
  readonly name: string;
  readonly limits: { readonly keyBytes: number; readonly valueBytes: number };
  defaultConsistency: Consistency;
  readonly #options: SemisyncKeyspaceOptions;
  readonly #member: SemisyncMember;

  constructor(options: SemisyncKeyspaceOptions) {
    this.#options = options;
    this.#member = options.member;
    this.name = options.name;
    this.limits = options.limits;
    this.defaultConsistency = options.consistency;
    this.semisync = options.member.control;
  }

  put(_key: ValueRef, _value: ValueRef, waiter: WriteWaiter, token: number, _options?: WriteOptions): void {
    waiter.onError(token, new KvorumError('starting'));
  }

  submit(_command: Command, waiter: WriteWaiter, token: number, _options?: WriteOptions): void {
    waiter.onError(token, new KvorumError('starting'));
  }

  read(_consistency: Consistency, waiter: ReadWaiter, token: number, _options?: ReadOptions): void {
    waiter.onError(token, new KvorumError('starting'));
  }

  leader(): { readonly id: ReplicaId; readonly http: string | null; readonly isSelf: boolean } | null {
    const id = this.#member.core?.leader ?? null;
    if (id === null) return null;
    const http = this.#options.replicas.find((replica) => replica.id === id)?.http ?? null;
    return { id, http, isSelf: id === this.#options.self };
  }

  status(): KeyspaceStatus {
    return {
      keyspace: this.name,
      partition: 0,
      group: this.#member.group,
      engine: this.#member.core?.status() ?? NO_STATUS,
      revision: this.#member.revision,
      keys: this.#member.reader.size,
      checkpointIndex: this.#member.checkpointIndex,
    };
  }

  memberships(): MembershipPair {
    return this.#member.memberships;
  }

  changeMembership(): Promise<MembershipResult> {
    return Promise.reject(
      new KvorumError(
        'unsupported_by_engine',
        'The members of a leader-follower keyspace are those it was formed with',
      ),
    );
  }

  transferLeader(target: ReplicaId | null): Promise<ReplicaId> {
    if (target !== this.#options.self) {
      const detail = 'Promote the replica that is to lead: POST /admin/promote there';
      return Promise.reject(new KvorumError('unsupported_by_engine', detail));
    }
    return this.semisync.promote(false).then(({ leader }) => leader);
  }
}

/** Of a replica that is no member, or not yet. */
export const NO_STATUS: SemisyncStatus = {
  engine: 'semisync',
  role: 'follower',
  term: 0 as SemisyncStatus['term'],
  leader: null,
  commitIndex: 0 as SemisyncStatus['commitIndex'],
  appliedIndex: 0 as SemisyncStatus['commitIndex'],
  lastIndex: 0 as SemisyncStatus['commitIndex'],
  firstIndex: 0 as SemisyncStatus['commitIndex'],
  writeQuorum: 0,
  promises: 0,
  diverged: false,
  available: 0,
  followers: [],
};
