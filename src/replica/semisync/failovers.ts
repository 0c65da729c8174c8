import type { GroupId, LogIndex, ReplicaId, Term } from '../../base/brand.js';
import type { Logger } from '../../base/logger.js';
import { ownerOf, sortedMembers } from '../../engines/semisync/ballot.js';
import type { Discarded } from '../../engines/semisync/events.js';
import type { SemisyncEntry } from '../../engines/semisync/messages.js';
import type { EpochStart } from '../../engines/semisync/semisync.js';
import { countCommands, decodeBatch } from '../../kv/index.js';
import type { Command } from '../../kv/types.js';
import type { LostWritesFile, LostWritesHead, LostWritesStore } from '../../storage/storage.js';
import type { DiscardedWrites, Failover, LostWrites } from '../router.js';
import type { SemisyncStats } from './stats.js';

/** Epochs that are listed; the newest ones. */
const LISTED_MAX = 256;
/** What is read of one file: an operator takes the file itself for more. */
const READ_BYTES_MAX = 8 * 1024 * 1024;
const READ_COMMANDS_MAX = 10_000;
/** Epochs that began by force and are remembered, beside those that the log tells of. */
const FORCED_MAX = 256;

export interface FailoversOptions {
  readonly group: GroupId;
  readonly store: LostWritesStore;
  readonly logger: Logger;
  readonly stats: SemisyncStats;
}

/** What promotions did to this member's log: the epochs that it knows of, and what it had to throw away (ap.md §1.3.6). */
export class Failovers {
  readonly #options: FailoversOptions;
  readonly #forced = new Set<Term>();

  constructor(options: FailoversOptions) {
    this.#options = options;
  }

  /** An epoch that began by force: acknowledged writes may be missing in it. */
  onForced(epoch: Term): void {
    if (epoch === 0) return;
    this.#forced.delete(epoch);
    this.#forced.add(epoch);
    for (const oldest of this.#forced) {
      if (this.#forced.size <= FORCED_MAX) break;
      this.#forced.delete(oldest);
    }
  }

  /** Durable when it returns: only then may anything take the place of the entries. Throws storage_failed. */
  keep(discarded: Discarded): void {
    const { group, logger, stats, store } = this.#options;
    const head = headOf(group, discarded);
    const file = store.save(head, discarded.entries);
    stats.discardedAcked += head.acknowledged;
    if (head.certain) stats.discardedUnacked += head.writes - head.acknowledged;
    else stats.discardedUnsure += head.writes - head.acknowledged;
    const { acknowledged, beforeLog, certain, epoch, fromIndex, toIndex, writes } = head;
    const fields = { group, file, epoch, fromIndex, toIndex, writes, acknowledged, certain, beforeLog };
    if (acknowledged > 0 || beforeLog) logger.error('acknowledged_writes_discarded', fields);
    else if (certain) logger.warn('writes_discarded', fields);
    else logger.info('writes_set_aside', fields);
  }

  /** `epochs`: of the log that is left. */
  list(epochs: readonly EpochStart[], members: readonly ReplicaId[], newestForced: Term): Failover[] {
    const files = this.#options.store.list(this.#options.group);
    const rows: Failover[] = epochs.map(({ leader, startIndex, term }, at) => ({
      epoch: term,
      leader,
      before: epochs[at - 1]?.leader ?? null,
      startIndex,
      forced: this.#isForced(term, newestForced),
      discarded: null,
    }));
    const sorted = sortedMembers(members);
    for (const file of files) {
      const epoch = file.head.epoch as Term;
      const at = rows.findIndex((row) => row.epoch === epoch && row.discarded === null);
      const row = rows[at];
      if (row !== undefined) rows[at] = { ...row, discarded: discardedOf(file) };
      else rows.push(this.#ofFile(file, sorted, newestForced));
    }
    return rows.sort((a, b) => b.epoch - a.epoch || b.startIndex - a.startIndex).slice(0, LISTED_MAX);
  }

  #isForced(epoch: Term, newestForced: Term): boolean {
    return epoch === newestForced || this.#forced.has(epoch);
  }

  /** Of an epoch that the log does not tell of any more, or not yet. */
  #ofFile(file: LostWritesFile, sorted: readonly ReplicaId[], newestForced: Term): Failover {
    const epoch = file.head.epoch as Term;
    return {
      epoch,
      leader: ownerOf(sorted, epoch) ?? ('unknown' as ReplicaId),
      before: ownerOf(sorted, file.head.lastEpoch as Term),
      startIndex: file.head.fromIndex as LogIndex,
      forced: this.#isForced(epoch, newestForced),
      discarded: discardedOf(file),
    };
  }

  read(file: string): LostWrites | null {
    const { group, store } = this.#options;
    const found = store.read(group, file, READ_BYTES_MAX);
    if (found === null) return null;
    const commands: LostWrites['commands'][number][] = [];
    let complete = found.damage === null && found.entries.length === found.head.entries;
    for (const { index, kind, payload, term: epoch } of found.entries) {
      for (const command of kind === 'commands' ? commandsOf(payload) : []) {
        if (commands.length < READ_COMMANDS_MAX) commands.push({ index, epoch, command });
        else complete = false;
      }
    }
    return { ...discardedOf(found), commands, ...(complete ? {} : { truncated: true }) };
  }
}

function headOf(group: GroupId, { beforeLog, certain, commit, entries, epoch }: Discarded): LostWritesHead {
  const fromIndex = entries[0]?.index ?? commit;
  const last: SemisyncEntry | undefined = entries.at(-1);
  let writes = 0;
  let acknowledged = 0;
  for (const { index, kind, payload } of entries) {
    const count = kind === 'commands' ? countCommands(payload) : 0;
    writes += count;
    if (index <= commit) acknowledged += count;
  }
  return {
    group,
    epoch,
    fromIndex,
    toIndex: last?.index ?? fromIndex,
    lastEpoch: last?.term ?? 0,
    entries: entries.length,
    writes,
    acknowledged,
    commit,
    certain,
    beforeLog,
  };
}

function discardedOf({ damage, file, head }: LostWritesFile): DiscardedWrites {
  const { acknowledged, beforeLog, certain, entries, fromIndex, toIndex, writes } = head;
  return {
    file,
    fromIndex: fromIndex as LogIndex,
    toIndex: toIndex as LogIndex,
    entries,
    writes,
    acknowledged,
    certain,
    ...(beforeLog ? { beforeLog } : {}),
    ...(damage === null ? {} : { damage }),
  };
}

function commandsOf(payload: Uint8Array): readonly Command[] {
  const batch = decodeBatch(payload);
  return batch.ok ? batch.commands : [];
}
