import { crc32c } from '../../../../native-like/crc32c/index.js';
import type { GroupId, LogIndex, Term } from '../../../base/brand.js';
import type { Entry, RaftMessage } from '../../../engines/raft/messages.js';
import type { StoredRecord } from '../../../storage/wal/unit-encoder.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import { keyOf } from './durable-image.js';
import type { Facts } from './facts.js';

/** Where a (index, term) was first seen, and what was there. */
interface Written {
  /** Null while nobody has told. */
  prevTerm: Term | null;
  readonly payloadCrc: number;
  readonly kind: Entry['kind'];
  readonly by: string;
}

/**
 * Log matching (Raft paper, figure 3): (index, term) names one entry and one history before it, in every log and in
 * every message. By induction over the index it is enough to compare each entry and the term before it.
 */
export class LogChecks implements Observer {
  readonly #facts: Facts;
  readonly #written = new Map<number, Written>();
  /** Entries that were compared: leaders send the same objects again and again. */
  readonly #seen = new WeakSet<Entry>();

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  onMessage(process: SimProcess, _group: GroupId, message: RaftMessage): void {
    if (message.type !== 'appendRequest') return;
    let index: number = message.prevIndex;
    let prevTerm = message.prevTerm;
    for (const entry of message.entries) {
      if (entry.index !== index + 1 || entry.term < prevTerm) {
        throw new Violation(
          'log-matching',
          `${process.id} sends entry ${entry.index} of term ${entry.term} after ${index} of term ${prevTerm}`,
        );
      }
      this.#compare(entry, prevTerm, `${process.id} sends`);
      index = entry.index;
      prevTerm = entry.term;
    }
  }

  /** Comes after `Facts`, so that the image shows what precedes the entries. */
  onDurable(process: SimProcess, records: readonly StoredRecord[]): void {
    const { image } = this.#facts.of(process.id);
    let previous: Entry | null = null;
    for (const record of records) {
      if (record.kind !== 'entry') continue;
      const { entry } = record;
      const before = (entry.index - 1) as LogIndex;
      // Records of one write may overwrite each other: what came just before is nearer than what is left at the end.
      const prevTerm = previous?.index === before ? previous.term : image.termOf(before);
      const isLeft = image.termOf(entry.index) === entry.term;
      this.#compare(entry, isLeft || previous?.index === before ? prevTerm : null, `the disk of ${process.id} has`);
      previous = entry;
    }
  }

  onApplied(process: SimProcess, _group: GroupId, entry: Entry): void {
    this.#compare(entry, null, `${process.id} applies`);
  }

  #compare(entry: Entry, prevTerm: Term | null, who: string): void {
    if (this.#seen.has(entry)) return;
    if (prevTerm !== null) this.#seen.add(entry);
    const key = keyOf(entry.index, entry.term);
    const payloadCrc = crc32c(entry.payload, 0, entry.payload.length);
    const known = this.#written.get(key);
    if (known === undefined) {
      this.#written.set(key, { prevTerm, payloadCrc, kind: entry.kind, by: who });
      return;
    }
    if (known.payloadCrc !== payloadCrc || known.kind !== entry.kind) {
      throw new Violation(
        'log-matching',
        `${who} another entry (${entry.index}, term ${entry.term}) than the one that ${known.by}`,
      );
    }
    if (known.prevTerm === null) known.prevTerm = prevTerm;
    else if (prevTerm !== null && known.prevTerm !== prevTerm) {
      throw new Violation(
        'log-matching',
        `${who} (${entry.index}, term ${entry.term}) after an entry of term ${prevTerm}; ` +
          `${known.by} it after one of term ${known.prevTerm}`,
      );
    }
  }
}
