import { unreachable } from '../../../base/assert.js';
import type { LogIndex, ReplicaId, Term } from '../../../base/brand.js';
import type { CheckpointMark, RecoveredGroup } from '../../../storage/storage.js';
import type { StoredRecord } from '../../../storage/wal/unit-encoder.js';

/** What a position of a log is called in maps: exact for terms below 2^21. */
export function keyOf(index: LogIndex, term: Term): number {
  return term * 2 ** 32 + index;
}

/**
 * What the disk of one process holds of the group, rebuilt from the records that became durable: its own reading of the
 * log, independent of the storage layer's.
 */
export class DurableImage {
  term = 0 as Term;
  vote: ReplicaId | null = null;
  /** The newest checkpoint: holds everything up to its index. */
  checkpoint = 0 as LogIndex;
  #base = 0;
  /** Null where it was never told. */
  #baseTerm: Term | null = 0 as Term;
  /** Terms of the entries after the base. */
  #terms: Term[] = [];
  /** Every (index, term) that was ever durable in this folder, also if it was overwritten since. */
  readonly #everHeld = new Set<number>();

  get lastIndex(): LogIndex {
    return (this.#base + this.#terms.length) as LogIndex;
  }

  get baseIndex(): LogIndex {
    return this.#base as LogIndex;
  }

  /** Null when it is not in the log: cut away, or not there. */
  termOf(index: LogIndex): Term | null {
    if (index === this.#base) return this.#baseTerm;
    return this.#terms[index - this.#base - 1] ?? null;
  }

  /** The entry would be there after a crash: in the log, or within a checkpoint (which holds nothing uncommitted). */
  holds(index: LogIndex, term: Term): boolean {
    return index <= this.checkpoint || this.termOf(index) === term;
  }

  everHeld(index: LogIndex, term: Term): boolean {
    return index <= this.checkpoint || this.#everHeld.has(keyOf(index, term));
  }

  apply(record: StoredRecord): void {
    switch (record.kind) {
      case 'hardState':
        this.term = record.hardState.term;
        this.vote = record.hardState.vote;
        return;
      case 'entry':
        return this.#append(record.entry.index, record.entry.term);
      case 'checkpoint':
        if (record.index > this.checkpoint) this.checkpoint = record.index;
        if (this.termOf(record.index) !== record.term && record.index > this.#base) this.#restart(record);
        return;
      case 'cut':
        return this.#cut(record);
      default:
        return unreachable(record);
    }
  }

  onCheckpoint(mark: CheckpointMark): void {
    if (mark.index > this.checkpoint) this.checkpoint = mark.index;
  }

  /** Takes over what recovery found: more than was known to be durable, where unsynced writes survived. */
  recover({ hardState, baseIndex, baseTerm, entries }: RecoveredGroup): void {
    this.term = hardState?.term ?? (0 as Term);
    this.vote = hardState?.vote ?? null;
    this.#restart({ index: baseIndex, term: baseTerm });
    for (const { index, term } of entries) this.#append(index, term);
  }

  #append(index: LogIndex, term: Term): void {
    if (index <= this.#base) this.#restart({ index: (index - 1) as LogIndex, term: null });
    this.#terms.length = Math.min(this.#terms.length, index - this.#base - 1);
    this.#terms.push(term);
    this.#everHeld.add(keyOf(index, term));
  }

  #cut(position: { readonly index: LogIndex; readonly term: Term }): void {
    if (position.index <= this.#base) return;
    if (position.index > this.lastIndex) return this.#restart(position);
    this.#terms = this.#terms.slice(position.index - this.#base);
    this.#base = position.index;
    this.#baseTerm = position.term;
  }

  #restart(position: { readonly index: LogIndex; readonly term: Term | null }): void {
    this.#base = position.index;
    this.#baseTerm = position.term;
    this.#terms = [];
  }
}
