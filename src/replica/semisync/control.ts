import type { LogIndex, Term } from '../../base/brand.js';
import type { KvorumError } from '../../base/errors/error.js';
import type { Failover, LostWrites, Promotion, QuorumChange, SemisyncControl, StateDigest } from '../router.js';
import type { SemisyncMember } from './member.js';

/** What operators see and ask of one member. `refusal`: why the replica takes no requests now. */
export class MemberControl implements SemisyncControl {
  readonly #member: SemisyncMember;
  readonly #refusal: () => KvorumError | null;

  constructor(member: SemisyncMember, refusal: () => KvorumError | null = () => null) {
    this.#member = member;
    this.#refusal = refusal;
  }

  get followers(): number {
    return Math.max(0, this.#member.memberships.latest.membership.voters.length - 1);
  }

  get tickMs(): number {
    return this.#member.tickMs;
  }

  get epoch(): Term {
    return this.#member.appliedTerm;
  }

  #asked<T>(ask: () => Promise<T>): Promise<T> {
    const refusal = this.#refusal();
    return refusal === null ? ask() : Promise.reject(refusal);
  }

  setWriteQuorum(writeQuorum: number): Promise<QuorumChange> {
    return this.#asked(() => this.#member.operators.setQuorum(writeQuorum));
  }

  promote(force: boolean, writeQuorum?: number): Promise<Promotion> {
    return this.#asked(() => this.#member.operators.promote(force, writeQuorum));
  }

  failovers(): Promise<readonly Failover[]> {
    return this.#asked(async () => this.#member.failovers());
  }

  lostWrites(file: string): Promise<LostWrites | null> {
    return this.#asked(async () => this.#member.lostWrites(file));
  }

  digestAt(index: LogIndex | null, timeoutMs: number): Promise<StateDigest | null> {
    return this.#asked(() => this.#member.digestAt(index, timeoutMs));
  }

  stalenessMs(): number {
    return this.#member.stalenessMs();
  }
}
