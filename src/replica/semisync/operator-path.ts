import { unreachable } from '../../base/assert.js';
import type { GroupId, LogIndex, ReplicaId, Term } from '../../base/brand.js';
import type { Clock } from '../../base/clock.js';
import { KvorumError } from '../../base/errors/error.js';
import type { Logger } from '../../base/logger.js';
import type { PromotionOutcome, QuorumOutcome, SemisyncEvent } from '../../engines/semisync/events.js';
import type { Semisync } from '../../engines/semisync/semisync.js';
import type { Promotion, QuorumChange } from '../router.js';
import { notLeader, refusalError } from './refusals.js';
import type { SemisyncStats } from './stats.js';

/** Requests of operators that are under way, of each kind. */
const PENDING_MAX = 16;

export interface OperatorPathOptions {
  readonly group: GroupId;
  readonly self: ReplicaId;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  readonly allowAsync: boolean;
  readonly stats: SemisyncStats;
  /** Of the group: F + 1. */
  members(): number;
  core(): Omit<Semisync, 'step' | 'drain'> | null;
  step(event: SemisyncEvent): void;
  /** Leader: the first change is the one to what the topology says (establish.ts). */
  settle(): void;
}

interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: KvorumError) => void;
}

interface PendingChange extends Waiting<QuorumChange> {
  readonly writeQuorum: number;
  readonly deadlineMs: number;
  /** Set when appended. */
  readonly placed: { readonly index: LogIndex; readonly term: Term; readonly before: number } | null;
}

/** What operators ask of one member: other write quorums, and to lead. */
export class OperatorPath {
  readonly #options: OperatorPathOptions;
  readonly #changes = new Map<number, PendingChange>();
  readonly #promotions = new Map<number, Waiting<Promotion>>();
  #nextId = 1;
  #stopped: KvorumError | null = null;

  constructor(options: OperatorPathOptions) {
    this.#options = options;
  }

  setQuorum(writeQuorum: number): Promise<QuorumChange> {
    const refusal = this.#changeRefusal(writeQuorum);
    if (refusal !== null) return Promise.reject(refusal);
    const { clock, requestTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const deadlineMs = clock.monotonicMs() + requestTimeoutMs;
      this.#changes.set(id, { resolve, reject, writeQuorum, deadlineMs, placed: null });
      this.#options.settle();
      this.#options.step({ type: 'setQuorum', id, writeQuorum });
    });
  }

  #changeRefusal(writeQuorum: number): KvorumError | null {
    const { allowAsync, self } = this.#options;
    const core = this.#options.core();
    if (this.#stopped !== null) return this.#stopped;
    if (core === null || core.leader === null) return new KvorumError('no_leader');
    if (core.leader !== self) return notLeader(core.leader);
    const invalid = invalidQuorum(writeQuorum, core.status().followers.length, allowAsync);
    if (invalid !== null) return invalid;
    return this.#changes.size < PENDING_MAX ? null : new KvorumError('busy', 'Too many changes are under way');
  }

  onQuorumOutcomes(outcomes: readonly QuorumOutcome[]): void {
    for (const { accepted, before, id, refused } of outcomes) {
      const change = this.#changes.get(id);
      if (change === undefined) continue;
      if (accepted !== null) {
        this.#changes.set(id, { ...change, placed: { ...accepted, before } });
        continue;
      }
      this.#changes.delete(id);
      const { self } = this.#options;
      const leader = this.#options.core()?.leader ?? null;
      const elsewhere = refused?.reason === 'not_leader' && leader !== null && leader !== self;
      change.reject(elsewhere ? notLeader(leader) : refusalError(refused ?? { reason: 'not_leader' }));
    }
  }

  /** A change of the write quorum is committed. */
  onChanged(index: LogIndex): void {
    this.#options.stats.quorumChanges++;
    for (const [id, { placed, resolve, writeQuorum }] of this.#changes) {
      if (placed === null || placed.index !== index) continue;
      this.#changes.delete(id);
      const status = this.#options.core()?.status();
      const members = (status?.followers.length ?? 0) + 1;
      const failoverTolerance = members - (status?.promises ?? members);
      resolve({ before: placed.before, writeQuorum, effectiveIndex: index, failoverTolerance });
    }
  }

  promote(force: boolean, writeQuorum?: number): Promise<Promotion> {
    const refusal = this.#promotionRefusal(force, writeQuorum);
    if (refusal !== null) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#promotions.set(id, { resolve, reject });
      const request = { type: 'promote', id, force } as const;
      this.#options.step(writeQuorum === undefined ? request : { ...request, writeQuorum });
    });
  }

  #promotionRefusal(force: boolean, writeQuorum: number | undefined): KvorumError | null {
    if (this.#stopped !== null) return this.#stopped;
    if (this.#options.core() === null) return new KvorumError('starting', 'The cluster forms');
    if (writeQuorum !== undefined) {
      if (!force) return new KvorumError('bad_request', 'A promotion sets the write quorum by force only');
      const invalid = invalidQuorum(writeQuorum, this.#options.members() - 1, this.#options.allowAsync);
      if (invalid !== null) return invalid;
    }
    return this.#promotions.size < PENDING_MAX ? null : new KvorumError('busy');
  }

  onPromotions(outcomes: readonly PromotionOutcome[]): void {
    const { group, logger, self, stats } = this.#options;
    for (const { accepted, id, lossPossible, promised, refused, required } of outcomes) {
      const waiting = this.#promotions.get(id);
      this.#promotions.delete(id);
      const epoch = accepted?.term ?? this.#options.core()?.term;
      if (epoch !== undefined && (refused === null || refused === 'already_leader')) {
        const writeQuorum = this.#options.core()?.status().writeQuorum ?? 0;
        const promotion = { leader: self, epoch, promised, required, lossPossible, writeQuorum };
        if (refused === null) {
          stats.promotionsDone++;
          logger[lossPossible ? 'warn' : 'info']('promoted', { group, ...promotion });
        }
        waiting?.resolve(promotion);
      } else {
        stats.promotionsFailed++;
        waiting?.reject(promotionError(refused, promised, required));
      }
    }
  }

  /** What was appended may be thrown away by another epoch. */
  stopLeading(): void {
    this.#failChanges(
      ({ placed }) => placed !== null,
      new KvorumError('outcome_unknown', 'The replica stopped leading before the change was committed'),
    );
  }

  expire(nowMs: number): void {
    if (this.#changes.size === 0) return;
    const late = ({ deadlineMs }: PendingChange): boolean => deadlineMs <= nowMs;
    this.#failChanges(late, new KvorumError('outcome_unknown', 'Too few followers have confirmed the change in time'));
  }

  #failChanges(condition: (change: PendingChange) => boolean, error: KvorumError): void {
    for (const [id, change] of this.#changes) {
      if (!condition(change)) continue;
      this.#changes.delete(id);
      change.reject(error);
    }
  }

  failAll(unknown: KvorumError, certain: KvorumError): void {
    this.#stopped = certain;
    this.#failChanges(() => true, unknown);
    for (const { reject } of this.#promotions.values()) reject(unknown);
    this.#promotions.clear();
  }
}

function invalidQuorum(writeQuorum: number, followers: number, allowAsync: boolean): KvorumError | null {
  const min = allowAsync ? 0 : 1;
  if (Number.isInteger(writeQuorum) && writeQuorum >= min && writeQuorum <= followers) return null;
  const zero = writeQuorum === 0 && !allowAsync ? '; 0 takes allowAsync' : '';
  return new KvorumError('bad_request', `The write quorum is a whole number from ${min} to ${followers}${zero}`);
}

function promotionError(
  refused: PromotionOutcome['refused'],
  promised: readonly ReplicaId[],
  required: number,
): KvorumError {
  switch (refused) {
    case 'not_enough_promises':
      return new KvorumError('not_enough_promises', `${promised.length} of ${required} required members promise`, {
        extra: { promised, required },
      });
    case 'diverged':
      return new KvorumError('diverged');
    case 'replaced':
      return new KvorumError('transfer_failed', 'Another replica took the lead meanwhile');
    case 'invalid':
      return new KvorumError('bad_request', 'The keyspace cannot have such a write quorum');
    case 'busy':
    case 'already_leader':
    case null:
      return new KvorumError('busy', 'It cannot stand now: a full sync, its disk, or another promotion is in the way');
    default:
      return unreachable(refused);
  }
}
