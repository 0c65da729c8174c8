import type { ReplicaId, Revision } from '../../base/brand.js';
import { KvorumError } from '../../base/errors/error.js';
import type { Scheduler } from '../../base/scheduler.js';
import type { MembershipPair } from '../../engines/raft/membership.js';
import type { Command, KvReader, ValueRef } from '../../kv/types.js';
import type { RaftMember } from './member.js';
import { standingOf } from './membership-effect.js';
import type {
  Consistency,
  Keyspace,
  KeyspaceStatus,
  MembershipRequest,
  MembershipResult,
  OrderedConsistency,
  ReadOptions,
  ReadWaiter,
  ReplicaInfo,
  RequestOptions,
  WriteOptions,
  WriteWaiter,
} from '../router.js';
import { notSeen } from '../ordered/revision-waits.js';
import { SessionWrites } from '../ordered/session-writes.js';

export interface KeyspaceOptions {
  readonly name: string;
  readonly self: ReplicaId;
  readonly member: RaftMember;
  readonly limits: { readonly keyBytes: number; readonly valueBytes: number };
  readonly consistency: Consistency;
  readonly replicas: readonly ReplicaInfo[];
  readonly scheduler: Scheduler;
  readonly transferTimeoutMs: number;
  /** True for a replica that came to an existing cluster; absent: it was among the first. */
  joining?(): boolean;
  /** What the first replicas of the cluster wait for, when they have done so for a while. */
  unformed?(): KvorumError | null;
  /** True when the replica takes no new requests. */
  draining(): boolean;
  failure(): KvorumError | null;
}

/** How often a leadership transfer is checked for its end. */
const TRANSFER_POLL_MS = 10;

const NOTHING_SEEN = 0 as Revision;

/** A raft keyspace of one partition: the whole keyspace is one group. */
export class RaftKeyspace implements Keyspace {
  readonly engine = 'raft';
  readonly leaderless = null;
  readonly semisync = null;
  readonly name: string;
  readonly limits: { readonly keyBytes: number; readonly valueBytes: number };
  defaultConsistency: Consistency;
  readonly #options: KeyspaceOptions;
  readonly #member: RaftMember;
  readonly #writes: SessionWrites;

  constructor(options: KeyspaceOptions) {
    this.#options = options;
    this.#member = options.member;
    this.name = options.name;
    this.limits = options.limits;
    this.defaultConsistency = options.consistency;
    this.#writes = new SessionWrites({
      limits: options.limits,
      writes: options.member.writes,
      refusal: () => this.#refusal(),
      mustWait: (request) => this.#lags(request),
      whenSeen: (request, waiter, token, then) => this.#whenSeen(request, waiter, token, then),
    });
  }

  put(key: ValueRef, value: ValueRef, waiter: WriteWaiter, token: number, options?: WriteOptions): void {
    this.#writes.put(key, value, waiter, token, options);
  }

  submit(command: Command, waiter: WriteWaiter, token: number, options?: WriteOptions): void {
    this.#writes.submit(command, waiter, token, options);
  }

  read(consistency: Consistency, waiter: ReadWaiter, token: number, options?: ReadOptions): void {
    const refusal = this.#refusal();
    if (refusal !== null) waiter.onError(token, refusal);
    else if (!isOrdered(consistency)) waiter.onError(token, noSuchConsistency(consistency));
    else if (!this.#lags(options)) this.#readNow(consistency, waiter, token);
    else if (consistency === 'stale') {
      this.#whenSeen(options, waiter, token, () => this.#readStale(waiter, token));
    } else this.#readNow(consistency, new SeenReading(waiter, options?.seen?.revision ?? NOTHING_SEEN), token);
  }

  #readNow(consistency: OrderedConsistency, waiter: ReadWaiter, token: number): void {
    if (consistency === 'stale') this.#readStale(waiter, token);
    else this.#member.reads.read(waiter, token, consistency === 'lease');
  }

  /** True when the session has seen more than is applied here. */
  #lags(options: RequestOptions | undefined): boolean {
    return (options?.seen?.revision ?? NOTHING_SEEN) > this.#member.revision;
  }

  #whenSeen(
    options: RequestOptions | undefined,
    waiter: WriteWaiter | ReadWaiter,
    token: number,
    then: () => void,
  ): void {
    const { sessions } = this.#member;
    sessions.whenApplied(options, this.#member, then, (error) => waiter.onError(token, error));
  }

  /** A cluster that is not formed yet holds nothing: that must not look like an absent key. */
  #readStale(waiter: ReadWaiter, token: number): void {
    if (this.#member.standing === 'unknown') waiter.onError(token, new KvorumError('starting', 'The cluster forms'));
    else waiter.onReadable(token, this.#member.reader);
  }

  #refusal(): KvorumError | null {
    const failure = this.#options.failure();
    if (failure !== null) return failure;
    if (this.#options.draining()) return new KvorumError('draining');
    const { standing } = this.#member;
    return standing === 'voter' || standing === 'learner' ? null : this.#notMember(standing);
  }

  #notMember(standing: 'unknown' | 'removed'): KvorumError | null {
    const { self } = this.#options;
    if (standing === 'removed') return new KvorumError('not_member', `${self} was removed from the cluster`);
    // The first replicas are about to agree, or the reason why not is known.
    if (this.#options.joining?.() !== true) return this.#options.unformed?.() ?? null;
    return new KvorumError('not_member', `${self} waits to be added: kvorum member add ${self} --peer <address>`);
  }

  leader(): { readonly id: ReplicaId; readonly http: string | null; readonly isSelf: boolean } | null {
    const id = this.#member.raft.leader;
    if (id === null) return null;
    return { id, http: this.#httpOf(id), isSelf: id === this.#options.self };
  }

  /** What a member was added with is newer than the topology, which may not even list it. */
  #httpOf(id: ReplicaId): string | null {
    const { members } = this.#member.memberships.latest.membership;
    const added = members.find((member) => member.id === id)?.http ?? null;
    if (added !== null) return `http://${added}`;
    return this.#options.replicas.find((replica) => replica.id === id)?.http ?? null;
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
    const { self } = this.#options;
    const refusal = this.#transferRefusal(target);
    if (refusal !== null) return Promise.reject(refusal);
    if (target === self) return Promise.resolve(self);
    this.#member.step({ type: 'transfer', target });
    return this.#transferred(target);
  }

  #transferRefusal(target: ReplicaId | null): KvorumError | null {
    const { self } = this.#options;
    const { membership } = this.#member.memberships.latest;
    const standing = target === null ? null : standingOf(target, membership);
    if (standing === 'unknown' || standing === 'removed') {
      return new KvorumError('unknown_replica', `There is no member ${target}`);
    }
    if (standing === 'learner') {
      return new KvorumError('transfer_failed', `${target} is a learner: promote it first`);
    }
    if (this.#member.raft.role !== 'leader') {
      return new KvorumError('not_leader', `The leader is ${this.#member.raft.leader ?? 'not known'}`);
    }
    const others = membership.voters.some((voter) => voter !== self);
    return others || target === self ? null : new KvorumError('transfer_failed', 'There is no other voter');
  }

  #transferred(target: ReplicaId | null): Promise<ReplicaId> {
    const { scheduler, self, transferTimeoutMs } = this.#options;
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

function isOrdered(consistency: Consistency): consistency is OrderedConsistency {
  return consistency === 'linearizable' || consistency === 'lease' || consistency === 'stale';
}

function noSuchConsistency(consistency: Consistency): KvorumError {
  return new KvorumError('unsupported_consistency', `raft offers linearizable, lease and stale, not ${consistency}`);
}

/**
 * A read in the order of all writes sees whatever was acknowledged before it. If that is less than the session has seen,
 * the session is of a history that was lost: there is nothing to wait for.
 */
class SeenReading implements ReadWaiter {
  readonly #waiter: ReadWaiter;
  readonly #seen: Revision;

  constructor(waiter: ReadWaiter, seen: Revision) {
    this.#waiter = waiter;
    this.#seen = seen;
  }

  onReadable(token: number, reader: KvReader): void {
    if (reader.revision >= this.#seen) this.#waiter.onReadable(token, reader);
    else this.#waiter.onError(token, notSeen(this.#seen, reader.revision));
  }

  onError(token: number, error: KvorumError): void {
    this.#waiter.onError(token, error);
  }
}
