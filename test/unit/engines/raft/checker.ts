import type { LogIndex, ReplicaId, Term } from '../../../../src/base/brand.js';
import type { Entry, RaftMessage } from '../../../../src/engines/raft/messages.js';
import type { Raft } from '../../../../src/engines/raft/index.js';
import type { FakeDisk } from './disk.js';

function expect(condition: boolean, property: string): void {
  if (!condition) throw new Error(`violated: ${property}`);
}

/** Watches a whole group with full knowledge (reliability.md §3.3; names of the Raft paper's figure 3). */
export class Checker {
  readonly #disks: ReadonlyMap<ReplicaId, FakeDisk>;
  readonly #leaders = new Map<Term, ReplicaId>();
  readonly #written = new Map<string, { readonly prevTerm: Term | null; readonly payload: Uint8Array }>();
  /** The one order that all members must follow; index i at position i - 1. */
  readonly committed: Entry[] = [];
  readonly #votes = new Map<string, ReplicaId>();

  constructor(disks: ReadonlyMap<ReplicaId, FakeDisk>) {
    this.#disks = disks;
  }

  onPersist(raft: Raft, entries: readonly Entry[]): void {
    for (const entry of entries) {
      const key = `${entry.index}@${entry.term}`;
      const prevTerm = raft.termOf((entry.index - 1) as LogIndex);
      const before = this.#written.get(key);
      if (before === undefined) this.#written.set(key, { prevTerm, payload: entry.payload });
      else {
        expect(before.payload === entry.payload, `log matching: two entries ${key}`);
        expect(before.prevTerm === prevTerm || prevTerm === null, `log matching: two histories before ${key}`);
      }
    }
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
      const voters = [...this.#disks.values()];
      const holding = voters.filter((disk) => disk.holds(entry.index, entry.term)).length;
      expect(
        holding > voters.length / 2,
        `durable before ack: ${entry.index} is on ${holding} of ${voters.length} disks`,
      );
    }
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
    const disk = this.#disks.get(message.from);
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
