import type { GroupId, LogIndex, ReplicaId, Term } from '../../base/brand.js';
import type { Logger } from '../../base/logger.js';
import { ownerOf, sortedMembers } from '../../engines/semisync/ballot.js';
import type { Discarded } from '../../engines/semisync/events.js';
import type { SemisyncEntry } from '../../engines/semisync/messages.js';
import type { EpochStart, Semisync } from '../../engines/semisync/semisync.js';
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
  core(): Pick<Semisync, 'lastIndex' | 'quorumAt' | 'termOf'> | null;
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

  /**
   * Durable when it returns: only then may anything take the place of the entries. Throws storage_failed. `led`: the newest epoch
   * that this member has led since it was started, of which it knows what was acknowledged.
   */
  keep(discarded: Discarded, led: Term | null): void {
    const { group, logger, stats, store } = this.#options;
    const head = headOf(group, discarded, led);
    const file = store.save(head, discarded.entries);
    const { acknowledged, beforeLog, certain, epoch, fromIndex, toIndex, writes } = head;
    const maybeAcknowledged = this.#maybeAcknowledged(head);
    const rest = writes - acknowledged - maybeAcknowledged;
    stats.discardedAcked += acknowledged;
    stats.discardedUnacked += certain ? rest : 0;
    stats.discardedUnsure += maybeAcknowledged + (certain ? 0 : rest);
    const counts = { writes, acknowledged, maybeAcknowledged };
    const fields = { group, file, epoch, fromIndex, toIndex, ...counts, certain, beforeLog };
    if (acknowledged > 0 || beforeLog) logger.error('acknowledged_writes_discarded', fields);
    else if (certain || maybeAcknowledged > 0) logger.warn('writes_discarded', fields);
    else logger.info('writes_set_aside', fields);
  }

  /**
   * Nothing that was acknowledged is lost but by force. Whether an epoch after those of the entries began so is known once the
   * log has come to the epoch that threw them away.
   */
  #maybeAcknowledged({ acknowledged, epoch, firstEpoch = 0, unsure, writes }: LostWritesHead): number {
    const core = this.#options.core();
    const known = core !== null && (core.termOf(core.lastIndex) ?? 0) >= epoch;
    const lossless = known && core.quorumAt(core.lastIndex).forcedTerm <= firstEpoch;
    return lossless ? 0 : (unsure ?? writes - acknowledged);
  }

  #discardedOf(found: LostWritesFile): DiscardedWrites {
    const { acknowledged, beforeLog, certain, entries, fromIndex, toIndex, writes } = found.head;
    return {
      file: found.file,
      fromIndex: fromIndex as LogIndex,
      toIndex: toIndex as LogIndex,
      entries,
      writes,
      acknowledged,
      maybeAcknowledged: this.#maybeAcknowledged(found.head),
      certain,
      ...(beforeLog ? { beforeLog } : {}),
      ...(found.damage === null ? {} : { damage: found.damage }),
    };
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
      if (row !== undefined) rows[at] = { ...row, discarded: this.#discardedOf(file) };
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
      discarded: this.#discardedOf(file),
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
    return { ...this.#discardedOf(found), commands, ...(complete ? {} : { truncated: true }) };
  }
}

function headOf(
  group: GroupId,
  { beforeLog, certain, commit, entries, epoch }: Discarded,
  led: Term | null,
): LostWritesHead {
  const fromIndex = entries[0]?.index ?? commit;
  const last: SemisyncEntry | undefined = entries.at(-1);
  let writes = 0;
  let acknowledged = 0;
  let unsure = 0;
  for (const { index, kind, payload, term } of entries) {
    const count = kind === 'commands' ? countCommands(payload) : 0;
    writes += count;
    if (index <= commit) acknowledged += count;
    else if (term !== led) unsure += count;
  }
  return {
    group,
    epoch,
    fromIndex,
    toIndex: last?.index ?? fromIndex,
    firstEpoch: entries[0]?.term ?? 0,
    lastEpoch: last?.term ?? 0,
    entries: entries.length,
    writes,
    acknowledged,
    unsure,
    commit,
    certain,
    beforeLog,
  };
}

function commandsOf(payload: Uint8Array): readonly Command[] {
  const batch = decodeBatch(payload);
  return batch.ok ? batch.commands : [];
}
