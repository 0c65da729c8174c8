import type { LogIndex, ReplicaId, Term } from '../../../../src/base/brand.js';
import type { Raft } from '../../../../src/engines/raft/index.js';
import type { Membership } from '../../../../src/engines/raft/membership.js';
import type { Entry, RaftMessage } from '../../../../src/engines/raft/messages.js';
import { membershipCodec } from '../../../../src/wire/membership-codec.js';
import type { FakeDisk } from './disk.js';

function expect(condition: boolean, property: string): void {
  if (!condition) throw new Error(`violated: ${property}`);
}

interface Written {
  readonly prevTerm: Term | null;
  readonly payload: Uint8Array;
}

interface WrittenMembership {
  readonly index: LogIndex;
  readonly term: Term;
  readonly membership: Membership;
}

/** Brute force, and on purpose not the engine's arithmetic: more than half of each set. */
export function isQuorum({ voters, outgoing }: Membership, ids: ReadonlySet<ReplicaId>): boolean {
  return [voters, outgoing].every((set) => set.length === 0 || 2 * set.filter((id) => ids.has(id)).length > set.length);
}

/** True when no decision of one can be made without somebody who decides in the other. */
export function quorumsOverlap(a: Membership, b: Membership): boolean {
  const all = [...new Set([...a.voters, ...a.outgoing, ...b.voters, ...b.outgoing])];
  for (let bits = 0; bits < 1 << all.length; bits++) {
    const inside = new Set(all.filter((_, at) => (bits & (1 << at)) !== 0));
    const outside = new Set(all.filter((id) => !inside.has(id)));
    if (isQuorum(a, inside) && isQuorum(b, outside)) return false;
  }
  return true;
}

/** Watches a whole group with full knowledge (reliability.md §3.3; names of the Raft paper's figure 3). */
export class Checker {
  readonly disks: Map<ReplicaId, FakeDisk>;
  readonly #formed: Membership;
  readonly #leaders = new Map<Term, ReplicaId>();
  readonly #written = new Map<string, Written>();
  /** Every membership that anybody ever wrote, by index, then term. */
  readonly #memberships: WrittenMembership[] = [];
  /** What was in force on each member after its last drain, in which its next commits are decided. */
  readonly #inForce = new Map<ReplicaId, Membership>();
  /** The one order that all members must follow; index i at position i - 1. */
  readonly committed: Entry[] = [];
  /** What it has brought. */
  readonly memberships: Membership[] = [];
  readonly #votes = new Map<string, ReplicaId>();

  constructor(disks: Map<ReplicaId, FakeDisk>, formed: Membership) {
    this.disks = disks;
    this.#formed = formed;
  }

  onPersist(raft: Raft, entries: readonly Entry[]): void {
    for (const entry of entries) {
      const key = `${entry.index}@${entry.term}`;
      const prevTerm = raft.termOf((entry.index - 1) as LogIndex);
      const before = this.#written.get(key);
      if (before === undefined) {
        this.#written.set(key, { prevTerm, payload: entry.payload });
        if (entry.kind === 'membership') this.#onMembership(raft, entry);
      } else {
        expect(before.payload === entry.payload, `log matching: two entries ${key}`);
        expect(before.prevTerm === prevTerm || prevTerm === null, `log matching: two histories before ${key}`);
      }
    }
  }

  /** The first time that anybody writes it: the leader that made it. */
  #onMembership(raft: Raft, { index, term, payload }: Entry): void {
    const membership = membershipCodec.decode(payload);
    const before = this.#lastIn(raft, index - 1);
    expect(quorumsOverlap(before, membership), `M1: the quorums of neighbours overlap at ${index}@${term}`);
    const { voters, outgoing, learners } = membership;
    const listed = [...voters, ...outgoing, ...learners];
    expect(
      before.removed.every((id) => membership.removed.includes(id)),
      'M3: removed ids stay removed',
    );
    expect(!listed.some((id) => before.removed.includes(id)), 'M3: no id comes back');
    const open = this.#memberships.filter((other) => other.index > this.committed.length && this.#has(raft, other));
    expect(open.length === 0, `M1: ${index}@${term} is written while ${open.length} others are not committed`);
    const ownTerm = this.committed.findLast((entry) => entry.term <= term)?.term; // It may be deposed and not know.
    expect(ownTerm === term, `M1: ${index}@${term} is written before an entry of its term is committed`);
    this.#memberships.push({ index, term, membership });
    this.#memberships.sort((a, b) => a.index - b.index || a.term - b.term);
  }

  /** True when the log of `raft` holds it, or a snapshot in its place. */
  #has(raft: Raft, { index, term }: WrittenMembership): boolean {
    if (index < raft.firstIndex) return this.committed[index - 1]?.term === term;
    return raft.termOf(index) === term;
  }

  /** The last membership in the log of `raft` up to `index`: what must be in force there. */
  #lastIn(raft: Raft, index: number): Membership {
    const found = this.#memberships.findLast((written) => written.index <= index && this.#has(raft, written));
    return found?.membership ?? this.#formed;
  }

  /** M2: in force is the last one of the log, whatever is committed. */
  onDrained(id: ReplicaId, raft: Raft): void {
    const last = this.#memberships.findLast((written) => this.#has(raft, written));
    expect(raft.membership.index === (last?.index ?? 0), `M2: ${id} has ${raft.membership.index} in force`);
    this.#inForce.set(id, last?.membership ?? this.#formed);
  }

  onCommitted(id: ReplicaId, entries: readonly Entry[]): void {
    for (const entry of entries) {
      const known = this.committed[entry.index - 1];
      if (known !== undefined) {
        expect(
          known.term === entry.term && known.payload === entry.payload,
          `state machine safety: ${id} at ${entry.index}`,
        );
        continue;
      }
      expect(entry.index === this.committed.length + 1, 'committed entries come without a gap');
      this.committed.push(entry);
      if (entry.kind === 'membership') this.memberships.push(membershipCodec.decode(entry.payload));
      this.#expectQuorum(id, entry);
    }
  }

  /** C5, R2. Whoever hands it out first is the leader that committed it. */
  #expectQuorum(id: ReplicaId, { index, term }: Entry): void {
    const membership = this.#inForce.get(id) ?? this.#formed;
    const holding = [...this.disks].filter(([, disk]) => disk.holds(index, term)).map(([holder]) => holder);
    const sets = [holding, membership.voters, membership.outgoing].map((ids) => ids.join(' ')).join(', voters ');
    expect(isQuorum(membership, new Set(holding)), `durable before ack: ${index} is on ${sets}`);
  }

  onRole(id: ReplicaId, raft: Raft): void {
    if (raft.role !== 'leader') return;
    const other = this.#leaders.get(raft.term);
    expect(other === undefined || other === id, `election safety: ${other} and ${id} lead term ${raft.term}`);
    if (other === id) return;
    this.#leaders.set(raft.term, id);
    for (const entry of this.committed) {
      if (entry.index < raft.firstIndex) continue;
      expect(raft.termOf(entry.index) === entry.term, `leader completeness: ${id} lacks ${entry.index}@${entry.term}`);
    }
  }

  /** Called when a message really leaves (raft.md R1). */
  onSent(message: RaftMessage): void {
    const disk = this.disks.get(message.from);
    if (disk === undefined) throw new Error(`unknown sender ${message.from}`);
    const preVote =
      (message.type === 'voteRequest' && message.preVote) ||
      (message.type === 'voteResponse' && message.preVote && message.granted);
    if (!preVote)
      expect(message.term <= disk.term, `${message.type} shows term ${message.term}, disk has ${disk.term}`);
    if (message.type === 'appendResponse' && !message.rejected) {
      const durable = Math.max(disk.lastIndex, disk.checkpoint.index);
      expect(message.index <= durable, `${message.from} acknowledges ${message.index}, disk has ${durable}`);
    }
    if (message.type === 'voteResponse' && message.granted && !message.preVote) {
      if (disk.term === message.term)
        expect(disk.hardState?.vote === message.to, 'a vote is durable before it is told');
      const key = `${message.term}/${message.from}`;
      const before = this.#votes.get(key);
      expect(before === undefined || before === message.to, `${message.from} votes twice in term ${message.term}`);
      this.#votes.set(key, message.to);
    }
  }

  onReadAnswered(index: LogIndex, committedAtCall: number): void {
    expect(index >= committedAtCall, `stale read: at ${index}, but ${committedAtCall} was committed before it began`);
  }
}
