import type { GroupId } from '../../../base/brand.js';
import type { HardState } from '../../../engines/raft/events.js';
import type { RecoveredGroup } from '../../../storage/storage.js';
import type { StoredRecord } from '../../../storage/wal/unit-encoder.js';

interface ModelGroup {
  hardState: HardState | null;
  baseIndex: number;
  baseTerm: number;
  /** Of the entries after the base, in order. */
  terms: number[];
}

/** What records of a log amount to, told a second time and as simply as possible (raft.md W5): recovery must agree. */
export class LogModel {
  readonly #groups = new Map<GroupId, ModelGroup>();

  apply(record: StoredRecord): void {
    const group = this.#of(record.group);
    switch (record.kind) {
      case 'hardState':
        group.hardState = record.hardState;
        return;
      case 'entry': {
        const { index, term } = record.entry;
        group.terms.length = Math.min(group.terms.length, Math.max(0, index - group.baseIndex - 1));
        group.terms.push(term);
        return;
      }
      case 'checkpoint':
        if (record.replaces === true) restart(group, record);
        else if (record.index >= group.baseIndex && termAt(group, record.index) !== record.term) restart(group, record);
        return;
      case 'cut':
        if (record.index <= group.baseIndex) return;
        if (termAt(group, record.index) === record.term) {
          group.terms.splice(0, record.index - group.baseIndex);
          group.baseIndex = record.index;
          group.baseTerm = record.term;
        } else restart(group, record);
        return;
    }
  }

  /** What a recovery has wrong, or null. */
  differenceFrom(recovered: ReadonlyMap<GroupId, RecoveredGroup>): string | null {
    for (const [id, group] of this.#groups) {
      const found = recovered.get(id);
      if (found === undefined) return `group ${id} is missing`;
      const wrong = differs(group, found);
      if (wrong !== null) return `group ${id}: ${wrong}`;
    }
    return null;
  }

  /** Begins again with what a recovery found. */
  reset(recovered: ReadonlyMap<GroupId, RecoveredGroup>): void {
    this.#groups.clear();
    for (const [id, { hardState, baseIndex, baseTerm, entries }] of recovered) {
      this.#groups.set(id, { hardState, baseIndex, baseTerm, terms: entries.map(({ term }) => term) });
    }
  }

  #of(id: GroupId): ModelGroup {
    let group = this.#groups.get(id);
    if (group === undefined) {
      group = { hardState: null, baseIndex: 0, baseTerm: 0, terms: [] };
      this.#groups.set(id, group);
    }
    return group;
  }
}

function termAt(group: ModelGroup, index: number): number | undefined {
  return index === group.baseIndex ? group.baseTerm : group.terms[index - group.baseIndex - 1];
}

function restart(group: ModelGroup, at: { readonly index: number; readonly term: number }): void {
  group.baseIndex = at.index;
  group.baseTerm = at.term;
  group.terms = [];
}

function differs(group: ModelGroup, found: RecoveredGroup): string | null {
  const { hardState } = group;
  const same =
    hardState === null
      ? found.hardState === null
      : hardState.term === found.hardState?.term && hardState.vote === found.hardState.vote;
  if (!same) return `hard state ${JSON.stringify(found.hardState)} where ${JSON.stringify(hardState)} was durable`;
  if (group.baseIndex !== found.baseIndex || group.baseTerm !== found.baseTerm) {
    return `base (${found.baseIndex}, ${found.baseTerm}) where (${group.baseIndex}, ${group.baseTerm}) was durable`;
  }
  if (group.terms.length !== found.entries.length) {
    return `${found.entries.length} entries after ${found.baseIndex} where ${group.terms.length} were durable`;
  }
  const wrong = found.entries.find(({ term }, at) => term !== group.terms[at]);
  return wrong === undefined ? null : `entry ${wrong.index} has term ${wrong.term}, not the one that was durable`;
}
