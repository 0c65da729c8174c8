import type { GroupId, LogIndex, ReplicaId, Term } from '../../../base/brand.js';
import type { RaftMessage } from '../../../engines/raft/messages.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import type { Facts, Sight } from './facts.js';
import { describeVoters, isQuorum } from './quorums.js';

/**
 * One leader per term, elected by a quorum of voters, whose log holds everything that is committed and only grows
 * (Raft paper, figure 3: election safety, leader append-only, leader completeness).
 */
export class ElectionChecks implements Observer {
  readonly #facts: Facts;
  readonly #leaders = new Map<Term, ReplicaId>();
  /** Who sent a vote for the term, and to whom. */
  readonly #granted = new Map<Term, Map<ReplicaId, ReplicaId>>();

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  onMessage(process: SimProcess, _group: GroupId, message: RaftMessage): void {
    if (message.type === 'appendRequest' || message.type === 'heartbeat') {
      this.#leads(process.id, message.term, `sends ${message.type}`);
    } else if (message.type === 'voteResponse' && message.granted && !message.preVote) {
      let votes = this.#granted.get(message.term);
      if (votes === undefined) this.#granted.set(message.term, (votes = new Map()));
      votes.set(process.id, message.to);
    }
  }

  onTurn(process: SimProcess): void {
    const { before, now } = this.#facts.of(process.id);
    if (now === null || now === before || now.role !== 'leader') return;
    const led = before?.role === 'leader' && before.term === now.term;
    if (led) {
      this.#checkAppendOnly(process.id, before, now);
      return;
    }
    this.#leads(process.id, now.term, 'became leader');
    this.#facts.stats.elections++;
    this.#checkElectorate(process.id, now);
    this.#checkCompleteness(process.id, now);
  }

  #leads(id: ReplicaId, term: Term, how: string): void {
    const other = this.#leaders.get(term);
    if (other === undefined) this.#leaders.set(term, id);
    else if (other !== id) throw new Violation('election-safety', `${id} ${how} in term ${term}, which ${other} leads`);
  }

  /** raft.md C5, E7: only voters count, in a joint membership the majorities of both sides. */
  #checkElectorate(id: ReplicaId, { term, membership: { membership } }: Sight): void {
    const votes = this.#granted.get(term);
    if (isQuorum(membership, (voter) => voter === id || votes?.get(voter) === id)) return;
    const from = [id, ...[...(votes ?? [])].filter(([, to]) => to === id).map(([voter]) => voter)].join(', ');
    throw new Violation(
      'elected-by-quorum',
      `${id} leads term ${term} with the votes of ${from}; the voters are ${describeVoters(membership)}`,
    );
  }

  #checkAppendOnly(id: ReplicaId, before: Sight, now: Sight): void {
    const { raft } = now.member;
    const term = before.last < raft.firstIndex ? null : raft.termOf(before.last);
    if (now.last >= before.last && (term === null || term === before.lastTerm)) return;
    throw new Violation(
      'leader-append-only',
      `${id} leads term ${now.term} and had entry ${before.last} of term ${before.lastTerm}; ` +
        `now that entry has term ${term ?? 'none'} and its log ends at ${now.last}`,
    );
  }

  /** What was committed in this term or later is no business of a leader of this term (Raft paper §5.4.3). */
  #checkCompleteness(id: ReplicaId, now: Sight): void {
    const { committed } = this.#facts;
    const { raft } = now.member;
    for (let at = committed.length - 1; at >= raft.firstIndex; at--) {
      const entry = committed[at];
      if (entry === undefined || entry.committedIn >= now.term) continue;
      const found = raft.termOf(at as LogIndex);
      if (found === entry.term) continue;
      throw new Violation(
        'leader-completeness',
        `${id} leads term ${now.term}, but at index ${at}, where an entry of term ${entry.term} was committed in term ` +
          `${entry.committedIn}, it has ${found === null ? 'nothing' : `one of term ${found}`}`,
      );
    }
  }
}
