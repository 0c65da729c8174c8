import type { LogIndex, Term } from '../../../../src/base/brand.js';
import type { HardState, RaftOptions } from '../../../../src/engines/raft/events.js';
import type { MembershipPair, PlacedMembership } from '../../../../src/engines/raft/membership.js';
import type { Entry } from '../../../../src/engines/raft/messages.js';

/** What survives a crash of one member: the log's records and the last checkpoint. */
export class FakeDisk {
  hardState: HardState | null = null;
  memberships: MembershipPair | null = null;
  baseIndex = 0 as LogIndex;
  baseTerm = 0 as Term;
  entries: Entry[] = [];
  checkpoint: { readonly index: LogIndex; readonly term: Term; readonly membership?: PlacedMembership } = {
    index: 0 as LogIndex,
    term: 0 as Term,
  };

  get lastIndex(): LogIndex {
    return (this.baseIndex + this.entries.length) as LogIndex;
  }

  get term(): number {
    return this.hardState?.term ?? 0;
  }

  termOf(index: LogIndex): Term | null {
    if (index === this.baseIndex) return this.baseTerm;
    return this.entries[index - this.baseIndex - 1]?.term ?? null;
  }

  /** True when the entry (index, term) would be there after a crash: in the log, or in a checkpoint that covers it. */
  holds(index: LogIndex, term: Term): boolean {
    return index <= this.checkpoint.index || this.termOf(index) === term;
  }

  writeEntries(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    if (first.index <= this.baseIndex || first.index > this.lastIndex + 1) {
      throw new Error(`entry ${first.index} leaves a hole after ${this.lastIndex}`);
    }
    this.entries.length = first.index - this.baseIndex - 1;
    this.entries.push(...entries);
  }

  /** The log's record of a checkpoint: what follows stays only where the log agrees with it (S5). */
  cut(index: LogIndex, term: Term): void {
    if (index <= this.baseIndex) return;
    if (this.termOf(index) === term) this.entries = this.entries.slice(index - this.baseIndex);
    else this.entries = [];
    this.baseIndex = index;
    this.baseTerm = term;
  }

  recovered(): RaftOptions['recovered'] {
    const { membership } = this.checkpoint;
    return {
      ...(membership === undefined ? {} : { membership }),
      ...(this.memberships === null ? {} : { memberships: this.memberships }),
      hardState: this.hardState,
      baseIndex: this.baseIndex,
      baseTerm: this.baseTerm,
      entries: [...this.entries],
      appliedIndex: this.checkpoint.index,
      appliedTerm: this.checkpoint.term,
    };
  }
}
