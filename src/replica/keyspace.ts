import type { ReplicaId } from '../base/brand.js';
import { assert } from '../base/assert.js';
import { KvorumError } from '../base/errors/error.js';
import type { Scheduler } from '../base/scheduler.js';
import type { MembershipPair } from '../engines/raft/membership.js';
import type { Command, ValueRef } from '../kv/types.js';
import type { Member } from './member.js';
import type {
  Consistency,
  Keyspace,
  KeyspaceStatus,
  MembershipRequest,
  MembershipResult,
  ReadWaiter,
  ReplicaInfo,
  WriteWaiter,
} from './router.js';

export interface KeyspaceOptions {
  readonly name: string;
  readonly self: ReplicaId;
  readonly member: Member;
  readonly limits: { readonly keyBytes: number; readonly valueBytes: number };
  readonly consistency: Consistency;
  readonly replicas: readonly ReplicaInfo[];
  readonly scheduler: Scheduler;
  readonly transferTimeoutMs: number;
  /** True when the replica takes no new requests. */
  draining(): boolean;
  failure(): KvorumError | null;
}

/** How often a leadership transfer is checked for its end. */
const TRANSFER_POLL_MS = 10;

/** A raft keyspace of one partition: the whole keyspace is one group. */
export class RaftKeyspace implements Keyspace {
  readonly engine = 'raft';
  readonly name: string;
  readonly limits: { readonly keyBytes: number; readonly valueBytes: number };
  defaultConsistency: Consistency;
  readonly #options: KeyspaceOptions;
  readonly #member: Member;

  constructor(options: KeyspaceOptions) {
    this.#options = options;
    this.#member = options.member;
    this.name = options.name;
    this.limits = options.limits;
    this.defaultConsistency = options.consistency;
  }

  put(key: ValueRef, value: ValueRef, waiter: WriteWaiter, token: number): void {
    const keyBytes = key.end - key.start;
    assert(keyBytes > 0 && keyBytes <= this.limits.keyBytes, 'the caller has checked the length of the key');
    assert(value.end - value.start <= this.limits.valueBytes, 'the caller has checked the length of the value');
    const refusal = this.#refusal();
    if (refusal !== null) waiter.onError(token, refusal);
    else this.#member.writes.put(key, value, waiter, token);
  }

  submit(command: Command, waiter: WriteWaiter, token: number): void {
    const refusal = this.#refusal();
    if (refusal !== null) waiter.onError(token, refusal);
    else this.#member.writes.submit(command, waiter, token);
  }

  read(consistency: Consistency, waiter: ReadWaiter, token: number): void {
    const refusal = this.#refusal();
    if (refusal !== null) waiter.onError(token, refusal);
    else if (consistency === 'stale') waiter.onReadable(token, this.#member.reader);
    else this.#member.reads.read(waiter, token, consistency === 'lease');
  }

  #refusal(): KvorumError | null {
    const failure = this.#options.failure();
    if (failure !== null) return failure;
    return this.#options.draining() ? new KvorumError('draining') : null;
  }

  leader(): { readonly id: ReplicaId; readonly http: string | null; readonly isSelf: boolean } | null {
    const id = this.#member.raft.leader;
    if (id === null) return null;
    const http = this.#options.replicas.find((replica) => replica.id === id)?.http ?? null;
    return { id, http, isSelf: id === this.#options.self };
  }

  status(): KeyspaceStatus {
    return {
      keyspace: this.name,
      partition: 0,
      group: this.#member.group,
      engine: this.#member.raft.status(),
      revision: this.#member.revision,
      keys: this.#member.reader.size,
      checkpointIndex: this.#member.checkpointIndex,
    };
  }

  memberships(): MembershipPair {
    return this.#member.memberships;
  }

  changeMembership(request: MembershipRequest, timeoutMs?: number): Promise<MembershipResult> {
    const refusal = this.#refusal();
    return refusal === null ? this.#member.changeMembership(request, timeoutMs) : Promise.reject(refusal);
  }

  transferLeader(target: ReplicaId | null): Promise<ReplicaId> {
    const { self, replicas, scheduler, transferTimeoutMs } = this.#options;
    if (target !== null && !replicas.some((replica) => replica.id === target)) {
      return Promise.reject(new KvorumError('unknown_replica', `There is no replica ${target}`));
    }
    if (this.#member.raft.role !== 'leader') {
      return Promise.reject(new KvorumError('not_leader', `The leader is ${this.#member.raft.leader ?? 'not known'}`));
    }
    if (target === self) return Promise.resolve(self);
    if (replicas.length === 1) return Promise.reject(new KvorumError('transfer_failed', 'There is no other replica'));
    this.#member.step({ type: 'transfer', target });
    return new Promise((resolve, reject) => {
      let waitedMs = 0;
      const stop = scheduler.every(TRANSFER_POLL_MS, () => {
        waitedMs += TRANSFER_POLL_MS;
        const leader = this.#member.raft.leader;
        if (leader !== null && leader !== self) {
          stop();
          if (target === null || leader === target) resolve(leader);
          else reject(new KvorumError('transfer_failed', `${leader} was elected instead`));
        } else if (waitedMs >= transferTimeoutMs) {
          stop();
          reject(new KvorumError('transfer_failed'));
        }
      });
    });
  }
}
