import { assert } from '../../base/assert.js';
import { logIndex, term, type GroupId, type LogIndex } from '../../base/brand.js';
import type { HardState } from '../../engines/raft/events.js';
import type { MembershipPair } from '../../engines/raft/membership.js';
import type { RecoveredGroup } from '../storage.js';
import type { GroupHead, Position } from './unit-decoder.js';
import type { StoredRecord } from './unit-encoder.js';

interface LiveGroup {
  hardState: HardState | null;
  memberships: MembershipPair | null;
  base: Position;
  lastIndex: LogIndex;
  /** Base that is known to be on disk: what segments may be removed for. */
  durableBase: LogIndex;
}

/** What must be repeated at the head of each segment (raft.md W5): the state of every group as of the last record. */
export class LiveGroups {
  readonly #groups = new Map<GroupId, LiveGroup>();

  constructor(recovered: ReadonlyMap<GroupId, RecoveredGroup>) {
    for (const [group, state] of recovered) {
      this.#groups.set(group, {
        hardState: state.hardState,
        memberships: state.memberships,
        base: { index: state.baseIndex, term: state.baseTerm },
        lastIndex: logIndex(state.baseIndex + state.entries.length),
        durableBase: state.baseIndex,
      });
    }
  }

  /** Follows one record that is about to be written. A gap is a bug of the caller, and must not reach the disk. */
  apply(record: StoredRecord): void {
    const group = this.#of(record.group);
    switch (record.kind) {
      case 'hardState':
        group.hardState = record.hardState;
        group.memberships = record.memberships;
        return;
      case 'entry': {
        const { index } = record.entry;
        assert(index <= group.lastIndex + 1, `${record.group}: entry ${index} leaves a gap after ${group.lastIndex}`);
        assert(index > group.base.index, `${record.group}: entry ${index} lies below the base ${group.base.index}`);
        group.lastIndex = index;
        return;
      }
      case 'checkpoint':
        if (record.replaces === true) this.#restart(group, record);
        else if (record.index > group.lastIndex) this.#moveTo(group, record);
        return;
      case 'cut':
        if (record.index > group.lastIndex) this.#moveTo(group, record);
        else if (record.index > group.base.index) group.base = { index: record.index, term: record.term };
        return;
    }
  }

  baseIndex(id: GroupId): number {
    return this.#groups.get(id)?.base.index ?? 0;
  }

  markDurable(id: GroupId, base: LogIndex): void {
    const group = this.#of(id);
    // The base may have gone back since: what comes after it now is needed, whatever was cut before.
    const known = base < group.base.index ? base : group.base.index;
    if (known > group.durableBase) group.durableBase = known;
  }

  /** True when everything that a segment holds has been cut: `highest` is its highest index per group. */
  hasCut(highest: ReadonlyMap<GroupId, number>): boolean {
    for (const [id, index] of highest) if (this.#of(id).durableBase < index) return false;
    return true;
  }

  /** True when `id` has not cut all that a segment holds of it. */
  needs(id: GroupId, highest: ReadonlyMap<GroupId, number>): boolean {
    const index = highest.get(id);
    return index !== undefined && (this.#groups.get(id)?.durableBase ?? 0) < index;
  }

  heads(): GroupHead[] {
    return [...this.#groups].map(([group, { hardState, memberships, base, lastIndex }]) => ({
      group,
      hardState,
      memberships,
      base,
      lastIndex,
    }));
  }

  /** Segments of before are kept until the new history is as long as theirs. */
  #restart(group: LiveGroup, position: Position): void {
    this.#moveTo(group, position);
    if (position.index < group.durableBase) group.durableBase = position.index;
  }

  #moveTo(group: LiveGroup, position: Position): void {
    group.base = { index: position.index, term: position.term };
    group.lastIndex = position.index;
  }

  #of(id: GroupId): LiveGroup {
    let group = this.#groups.get(id);
    if (group === undefined) {
      const zero = logIndex(0);
      const base = { index: zero, term: term(0) };
      group = { hardState: null, memberships: null, base, lastIndex: zero, durableBase: zero };
      this.#groups.set(id, group);
    }
    return group;
  }
}
