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
  RequestOptions,
  SemisyncConsistency,
  SemisyncControl,
  WriteOptions,
  WriteWaiter,
} from '../router.js';
import { SessionWrites } from '../ordered/session-writes.js';
import { MemberControl } from './control.js';
import type { SemisyncMember } from './member.js';

export interface SemisyncKeyspaceOptions {
  readonly name: string;
  readonly self: ReplicaId;
  readonly member: SemisyncMember;
  readonly limits: { readonly keyBytes: number; readonly valueBytes: number };
  readonly consistency: Consistency;
  readonly replicas: readonly ReplicaInfo[];
  /** The cluster exists: whoever is no member now will never be one. Absent: that is not known. */
  formed?(): boolean;
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
  readonly #writes: SessionWrites;

  constructor(options: SemisyncKeyspaceOptions) {
    this.#options = options;
    this.#member = options.member;
    this.name = options.name;
    this.limits = options.limits;
    this.defaultConsistency = options.consistency;
    this.#writes = new SessionWrites({
      limits: options.limits,
      writes: options.member.writes,
      refusal: () => this.#refusal(),
      mustWait: (request) => hasSeen(request),
      whenSeen: (request, waiter, token, then) => this.#whenSeen(request, waiter, token, then),
    });
    this.semisync = new MemberControl(options.member, () => this.#refusal());
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
    else if (!isOffered(consistency)) waiter.onError(token, noSuchConsistency(consistency));
    else if (!hasSeen(options)) this.#readNow(consistency, waiter, token, options);
    else this.#whenSeen(options, waiter, token, () => this.#readNow(consistency, waiter, token, options));
  }

  #readNow(consistency: SemisyncConsistency, waiter: ReadWaiter, token: number, options?: ReadOptions): void {
    const { core, reads } = this.#member;
    // A cluster that is not formed yet holds nothing: that must not look like an absent key.
    if (core === null && (consistency === 'follower' || consistency === 'bounded')) {
      waiter.onError(token, new KvorumError('starting', 'The cluster forms'));
    } else if (consistency === 'follower') reads.follower(waiter, token);
    else if (consistency === 'bounded') reads.bounded(waiter, token, options?.maxStalenessMs ?? 0);
    else if (consistency === 'leader') reads.leader(waiter, token);
    else reads.strong(waiter, token);
  }

  /** Waits until what the session has seen is applied here. A history that was thrown away never is: 410. */
  #whenSeen(
    options: RequestOptions | undefined,
    waiter: WriteWaiter | ReadWaiter,
    token: number,
    then: () => void,
  ): void {
    const lost = this.#lost(options);
    if (lost !== null) return waiter.onError(token, lost);
    const { appliedTerm: epoch, revision, sessions } = this.#member;
    const serve = (): void => {
      const lostMeanwhile = this.#lost(options);
      if (lostMeanwhile === null) then();
      else waiter.onError(token, lostMeanwhile);
    };
    sessions.whenApplied(options, { revision, epoch }, serve, (error) =>
      waiter.onError(token, this.#lost(options) ?? error),
    );
  }

  /** What the session has seen is of before a promotion by force, which may have thrown it away. */
  #lost(options: RequestOptions | undefined): KvorumError | null {
    const epoch = options?.seen?.epoch;
    const { forcedTerm } = this.#member;
    if (epoch === undefined || epoch >= forcedTerm) return null;
    return new KvorumError(
      'causal_history_lost',
      `The session has seen epoch ${epoch}; epoch ${forcedTerm} began by force, and may lack what it has seen`,
      { extra: { seen_epoch: epoch, forced_epoch: forcedTerm } },
    );
  }

  #refusal(): KvorumError | null {
    const failure = this.#options.failure();
    if (failure !== null) return failure;
    if (this.#options.draining()) return new KvorumError('draining');
    const { core, standing } = this.#member;
    const { name, self } = this.#options;
    if (standing === 'removed') return new KvorumError('not_member', `${self} was removed from the cluster`);
    if (core !== null) return null;
    // The first replicas are about to agree, or the reason why not is known.
    if (this.#options.formed?.() !== true) return this.#options.unformed?.() ?? null;
    return new KvorumError('not_member', `${self} came after ${name} was formed: it holds nothing of it`);
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
    const detail = 'The members of a leader-follower keyspace are those that the cluster was formed with';
    return Promise.reject(new KvorumError('unsupported_by_engine', detail));
  }

  /** Nobody can be told to lead: whoever is to, is asked to promote itself. */
  transferLeader(target: ReplicaId | null): Promise<ReplicaId> {
    if (target === this.#options.self) return this.semisync.promote(false).then(({ leader }) => leader);
    const detail = `Ask the replica that is to lead: POST /admin/promote on ${target ?? 'a follower'}`;
    return Promise.reject(new KvorumError('unsupported_by_engine', detail));
  }
}

/** The session has seen something of this keyspace. */
function hasSeen(options: RequestOptions | undefined): boolean {
  return options?.seen?.revision !== undefined || options?.seen?.epoch !== undefined;
}

function isOffered(consistency: Consistency): consistency is SemisyncConsistency {
  return (
    consistency === 'leader' || consistency === 'strong' || consistency === 'follower' || consistency === 'bounded'
  );
}

function noSuchConsistency(consistency: Consistency): KvorumError {
  return new KvorumError(
    'unsupported_consistency',
    `semisync offers leader, strong, follower and bounded:<ms>, not ${consistency}`,
  );
}

/** Of a replica that is no member, or not yet. */
const NO_STATUS: SemisyncStatus = {
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
