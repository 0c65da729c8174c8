import type { GroupId, LogIndex, ReplicaId, Term } from '../../base/brand.js';
import type { Clock } from '../../base/clock.js';
import { KvorumError } from '../../base/errors/error.js';
import type { Logger } from '../../base/logger.js';
import type { RaftEffects, RaftEvent } from '../../engines/raft/events.js';
import type {
  MembershipChange,
  MembershipCodec,
  MembershipPair,
  PlacedMembership,
} from '../../engines/raft/membership.js';
import type { Raft } from '../../engines/raft/raft.js';
import { standingOf, type Refusal, type Standing } from './membership-effect.js';
import { MembershipPath } from './membership-path.js';
import type { MembershipRequest, MembershipResult } from '../router.js';
import type { MemberStats } from '../stats.js';

export interface MembershipDriverOptions {
  readonly group: GroupId;
  readonly self: ReplicaId;
  readonly codec: MembershipCodec;
  /** Members keep nothing: they have no data folders. */
  readonly volatile: boolean;
  readonly clock: Clock;
  readonly stats: MemberStats;
  readonly logger: Logger;
  /** The engine, to look at. */
  raft(): Omit<Raft, 'step' | 'drain'>;
  step(event: RaftEvent): void;
  folderOf(peer: ReplicaId): string | null;
  onMembership(placed: PlacedMembership): void;
  /** This replica was removed: nobody will lead it again. */
  onRemoved(error: KvorumError): void;
}

/** What one member knows of who belongs to its group, and the changes that were asked of it. */
export class MembershipDriver {
  readonly #options: MembershipDriverOptions;
  readonly #changes: MembershipPath;
  #standing: Standing = 'unknown';
  #committedAt = 0 as LogIndex;
  /** Others say that this replica was removed: what they decided then does not reach it any more. */
  #toldRemoved = false;

  constructor(options: MembershipDriverOptions) {
    this.#options = options;
    this.#changes = new MembershipPath({ ...options, complete: (change) => this.complete(change) });
    this.refresh();
  }

  get memberships(): MembershipPair {
    const raft = this.#options.raft();
    return { committed: raft.committedMembership, latest: raft.membership };
  }

  get standing(): Standing {
    return this.#standing;
  }

  change(request: MembershipRequest, timeoutMs: number): Promise<MembershipResult> {
    return this.#changes.change(request, timeoutMs);
  }

  /** A change that came from another replica; null when it makes no sense. */
  decode(payload: Uint8Array): MembershipChange | null {
    try {
      return this.#options.codec.decodeChange(payload);
    } catch {
      return null;
    }
  }

  encode(change: MembershipChange): Uint8Array {
    return this.#options.codec.encodeChange(change);
  }

  /**
   * A voter is known by its data folder from the promotion on (raft.md M4), and only the leader, to which the learner is
   * connected, knows it: whoever was asked, the leader's driver fills it in.
   */
  complete(change: MembershipChange): MembershipChange | Refusal {
    const { membership, role } = this.#options.raft();
    if (change.op !== 'promote' || role !== 'leader') return change;
    const folder = this.#options.folderOf(change.replica);
    const learner = membership.membership.learners.includes(change.replica);
    return learner && folder === null && !this.#options.volatile ? 'not_caught_up' : { ...change, folder };
  }

  /** What one drain of the engine told. In nearly all of them nothing has changed. */
  take({ membership, membershipOutcomes }: RaftEffects): void {
    const committedAt = this.#options.raft().committedMembership.index;
    if (membership !== null || committedAt !== this.#committedAt) {
      this.refresh();
      this.#options.onMembership(this.memberships.latest);
    }
    if (membershipOutcomes.length > 0) this.#changes.onOutcomes(membershipOutcomes);
    this.check();
  }

  check(): void {
    if (this.#changes.pending > 0) this.#changes.check(this.#options.clock.monotonicMs());
  }

  /** Peers refuse this replica because it was removed. */
  toldRemoved(): void {
    this.#toldRemoved = true;
    this.refresh();
    this.#changes.onRemoved(this.#options.self);
  }

  /** By what is in force for a replica that comes in, by what is committed for one that leaves. */
  refresh(): void {
    const { group, logger, self } = this.#options;
    const { committed, latest } = this.memberships;
    this.#committedAt = committed.index;
    const inForce = standingOf(self, latest.membership);
    const known = inForce === 'removed' ? standingOf(self, committed.membership) : inForce;
    const standing = this.#toldRemoved ? 'removed' : known;
    if (standing === this.#standing) return;
    this.#standing = standing;
    if (standing !== 'removed') return;
    logger.warn('removed_from_group', { group });
    this.#options.onRemoved(new KvorumError('not_member', `${self} was removed from the cluster`));
  }

  onPeerDown(peer: ReplicaId): void {
    this.#changes.onPeerDown(peer);
  }

  onTerm(term: Term): void {
    this.#changes.onTerm(term);
  }

  failAll(unknown: KvorumError, certain: KvorumError): void {
    this.#changes.failAll(unknown, certain);
  }
}
