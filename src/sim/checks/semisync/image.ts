import { unreachable } from '../../../base/assert.js';
import type { LogIndex, ReplicaId, Term } from '../../../base/brand.js';
import type { RecoveredGroup } from '../../../storage/storage.js';
import type { StoredRecord } from '../../../storage/wal/unit-encoder.js';
import { keyOf } from './histories.js';

export interface Position {
  readonly index: LogIndex;
  readonly term: Term;
}

/**
 * What the disk of one member holds of the group, rebuilt from the records that became durable. Unlike raft's its log may be
 * taken back, even behind what was committed: by a full sync that replaces it after a promotion by force.
 */
export class SemisyncImage {
  term = 0 as Term;
  /** Null with a term: it is rebuilding, and its promises do not count. */
  vote: ReplicaId | null = null;
  /** The checkpoint holds everything up to there. */
  checkpoint: Position = { index: 0 as LogIndex, term: 0 as Term };
  #base: Position = { index: 0 as LogIndex, term: 0 as Term };
  /** Epochs of the entries after the base. */
  #terms: Term[] = [];
  readonly #everHeld = new Set<number>();
  /** The highest index that was ever durable. */
  everLast = 0 as LogIndex;

  get lastIndex(): LogIndex {
    return (this.#base.index + this.#terms.length) as LogIndex;
  }

  get baseIndex(): LogIndex {
    return this.#base.index;
  }

  get rebuilding(): boolean {
    return this.term > 0 && this.vote === null;
  }

  /** Null when it is not in the log: cut away, or not there. */
  termOf(index: LogIndex): Term | null {
    if (index === this.#base.index) return this.#base.term;
    return this.#terms[index - this.#base.index - 1] ?? null;
  }

  everHeld(at: Position): boolean {
    return this.#everHeld.has(keyOf(at));
  }

  /** Returns what has left the log because of it, and is not merely cut behind a checkpoint. */
  apply(record: StoredRecord): readonly Position[] {
    switch (record.kind) {
      case 'hardState':
        this.term = record.hardState.term;
        this.vote = record.hardState.vote;
        return [];
      case 'entry':
        return this.#append(record.entry);
      case 'checkpoint':
        return record.replaces === true ? this.#restart(record) : this.#checkpoint(record);
      case 'cut':
        return this.#cut(record);
      default:
        return unreachable(record);
    }
  }

  /** Takes over what recovery found: more than was known to be durable, where unsynced writes survived. */
  recover({ hardState, baseIndex, baseTerm, entries }: RecoveredGroup): readonly Position[] {
    this.term = hardState?.term ?? (0 as Term);
    this.vote = hardState?.vote ?? null;
    const before = this.#positions();
    this.#base = { index: baseIndex, term: baseTerm };
    this.#terms = [];
    for (const entry of entries) this.#append(entry);
    return before.filter(({ index, term }) => index > baseIndex && this.termOf(index) !== term);
  }

  #positions(from: number = this.#base.index + 1): Position[] {
    return this.#terms
      .map((term, at) => ({ index: (this.#base.index + at + 1) as LogIndex, term }))
      .filter(({ index }) => index >= from);
  }

  #append({ index, term }: Position): readonly Position[] {
    if (this.termOf(index) === term && index > this.#base.index) return [];
    const gone = this.#positions(index);
    this.#terms.length = Math.max(0, Math.min(this.#terms.length, index - this.#base.index - 1));
    this.#terms.push(term);
    this.#everHeld.add(keyOf({ index, term }));
    if (index > this.everLast) this.everLast = index;
    return gone;
  }

  /** Only one that lies beyond the log or contradicts it voids it (raft.md S5), as recovery reads it. */
  #checkpoint(position: Position): readonly Position[] {
    const known = this.termOf(position.index);
    const agrees = position.index <= this.lastIndex && (known === null || known === position.term);
    return agrees || position.index < this.#base.index ? [] : this.#restart(position);
  }

  #cut(position: Position): readonly Position[] {
    if (position.index <= this.#base.index) return [];
    if (this.termOf(position.index) !== position.term) return this.#restart(position);
    this.#terms = this.#terms.slice(position.index - this.#base.index);
    this.#base = { index: position.index, term: position.term };
    return [];
  }

  #restart({ index, term }: Position): readonly Position[] {
    const gone = this.#positions();
    this.#base = { index, term };
    this.#terms = [];
    return gone;
  }
}
