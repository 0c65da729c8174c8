import { assert, assertDefined } from '../../base/assert.js';
import type { LogIndex } from '../../base/brand.js';
import type { MembershipPair, PlacedMembership } from './membership.js';

/**
 * The memberships that the log brought, by the index of their entries (raft.md M2):
 *
 *   floor          commit
 *   ──┼──────────────┼────────────────► log
 *   base ... 17 ... 21 ......... 35
 *                    └ committed  └ latest, in force
 *
 * An entry is in force as soon as it is in the log, and no longer when it is truncated. Below the floor (what the last
 * checkpoint holds) only the one that was in force there is kept.
 */
export class MembershipHistory {
  /** Ascending. The first is in force at the floor, the others come after it. */
  readonly #placed: PlacedMembership[];
  #floor: LogIndex;
  /** {committed, latest}; a new object whenever either changes. */
  pair: MembershipPair;

  /** `base` is in force at `floor`. */
  constructor(base: PlacedMembership, floor: LogIndex) {
    assert(base.index <= floor, 'the base is in force at the floor');
    this.#placed = [base];
    this.#floor = floor;
    this.pair = { committed: base, latest: base };
  }

  /** In force. */
  get latest(): PlacedMembership {
    return this.pair.latest;
  }

  get committed(): PlacedMembership {
    return this.pair.committed;
  }

  /** Everything that is known, oldest first. */
  get placed(): readonly PlacedMembership[] {
    return this.#placed;
  }

  /** What is in force at `index`; nothing is known of what lies before the last checkpoint. */
  at(index: LogIndex): PlacedMembership {
    assert(index >= this.#floor, `the membership at ${index} is not known any more, only from ${this.#floor} on`);
    return assertDefined(
      this.#placed.findLast((placed) => placed.index <= index),
      'the base is in force at the floor',
    );
  }

  /** An entry was appended. */
  append(placed: PlacedMembership): void {
    assert(placed.index > this.latest.index && placed.index > this.#floor, 'memberships come in the order of the log');
    this.#placed.push(placed);
    this.pair = { committed: this.committed, latest: placed };
  }

  /** Entries at and after `index` are gone from the log. True when that took a membership back. */
  truncateFrom(index: LogIndex): boolean {
    if (this.latest.index < index) return false;
    assert(this.committed.index < index, 'a committed membership is never undone');
    while ((this.#placed.at(-1)?.index ?? 0) >= index) this.#placed.pop();
    this.#refresh(this.committed);
    return true;
  }

  /** Everything up to `index` is committed. True when that includes a membership that was not. */
  commitTo(index: LogIndex): boolean {
    const { committed, latest } = this.pair;
    if (committed === latest) return false;
    const found = this.#placed.findLast((placed) => placed.index <= index);
    if (found === undefined || found === committed) return false;
    this.#refresh(found);
    return true;
  }

  /**
   * A snapshot at `index`, where `known` is in force, took the place of the log up to there (M9). What comes after it
   * stays with `keepSuffix` and goes otherwise. A snapshot of one that joined late may not know what the group was formed
   * with; then we may.
   */
  install(index: LogIndex, known: PlacedMembership, keepSuffix: boolean): void {
    assert(known.index <= index, 'a snapshot knows no membership that comes after it');
    const { committed } = this;
    assert(known.index >= committed.index, 'a snapshot beyond our commit index knows what is committed');
    const keepOurs = known.index === committed.index && committed.membership.voters.length > 0;
    const base = keepOurs ? committed : known;
    const suffix = keepSuffix ? this.#placed.filter((placed) => placed.index > index) : [];
    this.#placed.splice(0, this.#placed.length, base, ...suffix);
    this.#floor = index;
    this.#refresh(base);
  }

  /** A checkpoint holds everything up to `index`: nobody asks for what was in force before. */
  prune(index: LogIndex): void {
    if (index <= this.#floor) return;
    this.#floor = index;
    while ((this.#placed[1]?.index ?? Number.POSITIVE_INFINITY) <= index) this.#placed.shift();
  }

  #refresh(committed: PlacedMembership): void {
    this.pair = { committed, latest: assertDefined(this.#placed.at(-1), 'the base is never undone') };
  }
}
