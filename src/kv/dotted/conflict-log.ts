import { LIMITS } from '../../base/limits.js';
import type { KeyString } from '../types.js';
import { DELETED, type Version } from './item.js';
import type { SeenMatrix } from './seen-rows.js';
import type { Overwritten } from './types.js';

/**
 * The last values that a concurrent write replaced (ap.md §1.1): last-writer-wins loses acknowledged writes by design, and
 * here is where it says which.
 *
 * The rule: an overwrite is recorded unless it is *proven* that the winner's origin had the loser when it wrote. Proof is
 * the same origin, or what the winner's batch and those before it say that they had. So nothing that was lost concurrently is
 * missed. A loser that comes after its winner is always recorded: a causal group delivers no write after one that has seen
 * it; in an lww group that is rare, and then something is recorded that was no conflict.
 */
export class ConflictLog {
  readonly #capacity: number;
  readonly #entries: Overwritten[] = [];
  /** Where the next entry goes once the ring is full. */
  #at = 0;
  #total = 0;
  readonly #seen: SeenMatrix;

  constructor(capacity: number, seen: SeenMatrix) {
    this.#capacity = capacity;
    this.#seen = seen;
  }

  /** Since the state was opened. */
  get total(): number {
    return this.#total;
  }

  /** `winner`, of the last applied batch of its origin, takes the place of `loser`. */
  replaced(key: KeyString, winner: Version, loser: Version): void {
    if (!this.#seen.had(winner.write.origin, loser.write)) this.record(key, winner, loser);
  }

  /** `loser` came when `winner` was there already. */
  lost(key: KeyString, winner: Version, loser: Version): void {
    if (winner.write.origin !== loser.write.origin) this.record(key, winner, loser);
  }

  record(key: KeyString, winner: Version, loser: Version): void {
    this.#total++;
    if (this.#capacity === 0) return;
    const valueBytes = loser.end - loser.start;
    const kept = Math.min(valueBytes, LIMITS.conflictValueBytes);
    const isDelete = loser.source === DELETED;
    this.#entries[this.#at] = {
      key,
      winner: plain(winner),
      loser: plain(loser),
      // A copy: a view would keep the whole batch in memory.
      value: isDelete ? null : loser.source.slice(loser.start, loser.start + kept),
      valueBytes,
    };
    this.#at = (this.#at + 1) % this.#capacity;
  }

  /** The newest first. */
  last(limit: number): readonly Overwritten[] {
    const { length } = this.#entries;
    const entries: Overwritten[] = [];
    for (let back = 1; back <= Math.min(limit, length); back++) {
      entries.push(this.#entries[(this.#at - back + length) % length] as Overwritten);
    }
    return entries;
  }
}

function plain({ write, counter }: Version): Overwritten['winner'] {
  const { origin, seq, wallMs } = write;
  return { origin, seq, counter, wallMs };
}
