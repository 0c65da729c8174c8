import { assert, unreachable } from '../../base/assert.js';
import { indexAfter, logIndex, term, type GroupId, type LogIndex } from '../../base/brand.js';
import type { HardState } from '../../engines/raft/events.js';
import type { MembershipPair } from '../../engines/raft/membership.js';
import type { Entry } from '../../engines/raft/messages.js';
import type { RecoveredGroup } from '../storage.js';
import type { GroupHead, Position } from './unit-decoder.js';
import type { StoredRecord } from './unit-encoder.js';

const ZERO: Position = { index: logIndex(0), term: term(0) };

/**
 * Replays the records of one group. The first segment that is left may begin anywhere in the group's log (older ones
 * were removed), so `entries` may begin after `base + 1` for a while: the cut that allowed the removal was durable
 * before it and follows in a later record or segment header. `finish` checks that it did.
 */
export class GroupReplay {
  readonly #group: GroupId;
  #hardState: HardState | null = null;
  #memberships: MembershipPair | null = null;
  #base: Position = ZERO;
  /** Index of `entries[0]`, or of the next entry when there is none. */
  #start = 1;
  readonly #entries: Entry[] = [];

  constructor(group: GroupId, head: GroupHead | null) {
    this.#group = group;
    if (head === null) return;
    this.#hardState = head.hardState;
    this.#memberships = head.memberships;
    this.#base = head.base;
    this.#start = Math.max(head.lastIndex, head.base.index) + 1;
  }

  get lastIndex(): LogIndex {
    return logIndex(this.#start + this.#entries.length - 1);
  }

  /** Applies one record; returns what is wrong with it, or null. */
  apply(record: StoredRecord): string | null {
    assert(record.group === this.#group, 'records reach their own group');
    switch (record.kind) {
      case 'hardState':
        this.#hardState = record.hardState;
        this.#memberships = record.memberships;
        return null;
      case 'entry':
        return this.#entry(record.entry);
      case 'checkpoint':
        if (record.replaces === true) this.#restart(record);
        else if (this.#reset(record)) this.#base = { index: record.index, term: record.term };
        return null;
      case 'cut':
        this.#reset(record);
        if (record.index > this.#base.index) this.#base = { index: record.index, term: record.term };
        return null;
      default:
        return unreachable(record);
    }
  }

  /** The head of a later segment repeats what we know; only a base that moved on is news. */
  head(head: GroupHead): void {
    if (head.base.index > this.#base.index) this.apply({ kind: 'cut', group: this.#group, ...head.base });
  }

  /** What the group recovers to, or why entries are missing. */
  finish(): RecoveredGroup | string {
    const first = this.#base.index + 1;
    if (this.#start > first) {
      return `group ${this.#group} lacks the entries ${first} to ${this.#start - 1}: a segment is missing`;
    }
    const entries = this.#entries.slice(first - this.#start);
    assert(entries[0] === undefined || entries[0].index === first, 'entries follow the base without a gap');
    return {
      hardState: this.#hardState,
      memberships: this.#memberships,
      baseIndex: this.#base.index,
      baseTerm: this.#base.term,
      entries,
    };
  }

  /** An entry at or below the last index replaces it and all after it (raft paper §5.3). */
  #entry(entry: Entry): string | null {
    const last = this.lastIndex;
    if (entry.index > last + 1) {
      return `group ${this.#group}: entry ${entry.index} follows ${last}, entries between are missing`;
    }
    if (entry.index < this.#start) this.#start = entry.index;
    this.#entries.length = entry.index - this.#start;
    this.#entries.push(entry);
    return null;
  }

  /** Drops the log when `position` lies beyond it or contradicts it (raft.md S5); true when it did. */
  #reset(position: Position): boolean {
    const known = position.index === this.#base.index ? this.#base.term : this.#termAt(position.index);
    const beyond = position.index > this.lastIndex;
    if (!beyond && (known === null || known === position.term)) return false;
    if (position.index < this.#base.index) return false;
    this.#start = indexAfter(position.index);
    this.#entries.length = 0;
    return true;
  }

  /** Nothing that came before counts. Only here does a base go back. */
  #restart({ index, term }: Position): void {
    this.#base = { index, term };
    this.#start = indexAfter(index);
    this.#entries.length = 0;
  }

  #termAt(index: LogIndex): number | null {
    return this.#entries[index - this.#start]?.term ?? null;
  }
}
