import type { LogIndex, ReplicaId, Term } from '../../../base/brand.js';
import type { PlacedMembership } from '../../../engines/raft/membership.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import type { Facts, Sight } from './facts.js';
import { describeVoters, isQuorum } from './quorums.js';

/**
 * What is committed, by whom, and whether it may be: on a quorum of disks, of the leader's own term (raft.md C1), the
 * same for everybody, never taken back. Clients are told only what is committed so.
 */
export class CommitChecks implements Observer {
  readonly #facts: Facts;
  #acknowledgedRevision = 0;

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  /** The highest revision that any client was told. */
  get acknowledgedRevision(): number {
    return this.#acknowledgedRevision;
  }

  onTurn(process: SimProcess): void {
    const { before, now } = this.#facts.of(process.id);
    if (now === null || now === before) return;
    this.#checkBounds(process.id, before, now);
    const from = before?.commit ?? 0;
    if (now.commit === from) return;
    const leads = before?.role === 'leader' && now.role === 'leader' && before.term === now.term;
    if (leads) this.#checkLeadersCommit(process.id, before, now);
    this.#note(process.id, now, Math.max(from + 1, now.member.raft.firstIndex));
    this.#facts.stats.commits++;
  }

  #checkBounds(id: ReplicaId, before: Sight | null, now: Sight): void {
    const { raft } = now.member;
    if (before !== null && now.commit < before.commit) {
      throw new Violation(
        'commit-bounds',
        `the commit index of ${id} goes back from ${before.commit} to ${now.commit}`,
      );
    }
    if (raft.appliedIndex <= now.commit && now.commit <= now.last) return;
    throw new Violation(
      'commit-bounds',
      `${id} has applied ${raft.appliedIndex}, knows ${now.commit} to be committed and has entries up to ${now.last}`,
    );
  }

  #checkLeadersCommit(id: ReplicaId, before: Sight, now: Sight): void {
    const term = now.member.raft.termOf(now.commit);
    if (term !== null && term !== now.term) {
      throw new Violation(
        'commit-own-term',
        `${id} leads term ${now.term} and commits entry ${now.commit} of term ${term} by counting`,
      );
    }
    const entryTerm = term ?? now.term;
    const changed = before.membership.index !== now.membership.index;
    const candidates = changed ? [before.membership, now.membership] : [now.membership];
    if (!candidates.some((membership) => this.#isOnQuorum(membership, now.commit, entryTerm))) {
      throw this.#notOnQuorum(id, now.membership, now.commit, entryTerm, now.term);
    }
    // A joint membership is left only when both sides have it on disk (raft.md C5).
    const { membership, index } = before.membership;
    if (!changed || membership.outgoing.length === 0 || now.membership.membership.outgoing.length > 0) return;
    const jointTerm = now.member.raft.termOf(index);
    if (jointTerm === null || this.#isOnQuorum(before.membership, index, jointTerm)) return;
    throw this.#notOnQuorum(id, before.membership, index, jointTerm, now.term);
  }

  #isOnQuorum({ membership }: Pick<PlacedMembership, 'membership'>, index: LogIndex, term: Term): boolean {
    return isQuorum(membership, (voter) => this.#facts.isDurable(voter, index, term));
  }

  #notOnQuorum(id: ReplicaId, placed: PlacedMembership, index: LogIndex, entryTerm: Term, term: Term): Violation {
    const holding = [...this.#facts.processes.keys()].filter((other) => this.#facts.isDurable(other, index, entryTerm));
    return new Violation(
      'quorum-before-commit',
      `${id} leads term ${term} and commits entry ${index} of term ${entryTerm}, which is on the disks of ` +
        `${holding.join(', ') || 'nobody'}; the voters are ${describeVoters(placed.membership)}`,
    );
  }

  /** Everybody's commits must name the same entries; the first one to commit says which. */
  #note(id: ReplicaId, now: Sight, from: number): void {
    const { committed } = this.#facts;
    for (let at = from; at <= now.commit; at++) {
      const term = now.member.raft.termOf(at as LogIndex);
      if (term === null) continue;
      const known = committed[at];
      if (known === undefined) committed[at] = { term, committedIn: now.term };
      else if (known.term !== term) {
        throw new Violation(
          'state-machine-safety',
          `${id} takes entry ${at} of term ${term} for committed; one of term ${known.term} was committed there in term ` +
            `${known.committedIn}`,
        );
      } else if (now.term < known.committedIn) committed[at] = { term, committedIn: now.term };
    }
  }

  /** Called while the entry is being applied, or after it. */
  onAcknowledged(process: SimProcess, revision: number): void {
    const { member } = process;
    this.#facts.stats.acknowledged++;
    if (revision > this.#acknowledgedRevision) this.#acknowledgedRevision = revision;
    if (member === null) throw new Violation('acknowledged-applied', `${process.id} answers while it does not run`);
    if (revision > member.revision) {
      throw new Violation(
        'acknowledged-applied',
        `${process.id} tells a client revision ${revision} and has applied only ${member.revision}`,
      );
    }
    const { raft } = member;
    const { membership } = raft.membership;
    // A follower may not know yet that the leader has left a joint membership: then the new voters decide.
    const decisive = [raft.membership, raft.committedMembership, { membership: { ...membership, outgoing: [] } }];
    const index = Math.min(member.appliedIndex + 1, raft.commitIndex) as LogIndex;
    const term = raft.termOf(index);
    if (term === null || index === 0) return;
    if (decisive.some((placed) => this.#isOnQuorum(placed, index, term))) return;
    throw new Violation(
      'acknowledged-durable',
      `${process.id} tells a client revision ${revision}: entry ${index} of term ${term} is not on the disks of a ` +
        `quorum of ${describeVoters(raft.membership.membership)}`,
    );
  }
}
