import type { LogIndex, Term } from '../../../../src/base/brand.js';
import type { HardState, SemisyncOptions } from '../../../../src/engines/semisync/events.js';
import type { PlacedQuorum, SemisyncEntry } from '../../../../src/engines/semisync/messages.js';

/** The state machine of the tests: which entry was applied at each index. */
export type Applied = readonly string[];

export interface Checkpoint {
  readonly index: LogIndex;
  readonly term: Term;
  readonly quorum?: PlacedQuorum;
  readonly state: Applied;
}

export function keyOf({ index, term }: { readonly index: number; readonly term: number }): string {
  return `${index}@${term}`;
}

/** What survives a crash of one member. */
export class FakeDisk {
  hardState: HardState | null = null;
  baseIndex = 0 as LogIndex;
  baseTerm = 0 as Term;
  entries: SemisyncEntry[] = [];
  checkpoint: Checkpoint = { index: 0 as LogIndex, term: 0 as Term, state: [] };
  /** Files of discarded entries. */
  readonly lostWrites = new Set<string>();
  /** Before this index the last divergence that was found leaves everything as it is: the leader has it too. */
  commonBefore = 0;

  get lastIndex(): LogIndex {
    return (this.baseIndex + this.entries.length) as LogIndex;
  }

  termOf(index: LogIndex): Term | null {
    if (index === this.baseIndex) return this.baseTerm;
    return this.entries[index - this.baseIndex - 1]?.term ?? null;
  }

  /** True when this very entry would be there after a crash. */
  holds(entry: { readonly index: LogIndex; readonly term: Term }): boolean {
    return this.checkpoint.state[entry.index - 1] === keyOf(entry) || this.termOf(entry.index) === entry.term;
  }

  writeEntries(entries: readonly SemisyncEntry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    if (first.index <= this.baseIndex || first.index > this.lastIndex + 1) {
      throw new Error(`entry ${first.index} leaves a hole after ${this.lastIndex}`);
    }
    this.entries.length = first.index - this.baseIndex - 1;
    this.entries.push(...entries);
  }

  /** The log's record of a checkpoint: what follows stays only where the log agrees with it, and where it may (S5). */
  cut(index: LogIndex, term: Term, replaces = false): void {
    if (index <= this.baseIndex && !replaces) return;
    if (!replaces && this.termOf(index) === term) this.entries = this.entries.slice(index - this.baseIndex);
    else this.entries = [];
    this.baseIndex = index;
    this.baseTerm = term;
  }

  recovered(): SemisyncOptions['recovered'] {
    const { index, quorum, term } = this.checkpoint;
    return {
      hardState: this.hardState,
      baseIndex: this.baseIndex,
      baseTerm: this.baseTerm,
      entries: [...this.entries],
      appliedIndex: index,
      appliedTerm: term,
      ...(quorum === undefined ? {} : { quorum }),
    };
  }
}
