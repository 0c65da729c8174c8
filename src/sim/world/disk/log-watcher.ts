import { crc32 } from 'node:zlib';
import type { GroupId } from '../../../base/brand.js';
import type { RecoveredGroup } from '../../../storage/storage.js';
import type { SimulatedInode } from '../../../storage/memory/simulated-file.js';
import { firstSeqOfName, NO_SALT, readRecordHeader, RECORD_HEADER_BYTES } from '../../../storage/wal/format.js';
import { decodeUnit } from '../../../storage/wal/unit-decoder.js';
import type { StoredRecord } from '../../../storage/wal/unit-encoder.js';
import { LogModel } from './log-model.js';

/** How far a segment was read. */
interface Position {
  offset: number;
  salt: number;
}

/** What was done to the bytes of a log while nobody used it. */
export type Damage =
  | 'none'
  /** What later records vouch for must not be missed silently; the last ones may be taken for a torn write. */
  | 'one bit'
  /** Nothing can be said. */
  | 'anything';

type Files = ReadonlyMap<string, SimulatedInode>;

/**
 * Reads what lies durable on a disk, independent of what the log believes: the bytes of its segments, with the decoders
 * of the product. So the world knows what a replica may vouch for, and what its recovery must find.
 */
export class LogWatcher {
  /** The highest record that is durable. */
  durableSeq = 0;
  /** What durable records themselves say of the ones before them: damage up to here must be noticed (raft.md W1). */
  #provenSeq = 0;
  readonly #dir: string;
  readonly #onDurable: (records: readonly StoredRecord[]) => void;
  readonly #model = new LogModel();
  #positions = new Map<SimulatedInode, Position>();
  #opening = false;

  constructor(dir: string, onDurable: (records: readonly StoredRecord[]) => void) {
    this.#dir = dir;
    this.#onDurable = onDurable;
  }

  /** Recovery is about to read (and to mend): what it does is looked at when it is done. */
  beginOpen(): void {
    this.#opening = true;
  }

  /** A file, or a name in a folder (`inode` null), has become durable. */
  onDurable(path: string, inode: SimulatedInode | null, durable: Files): void {
    if (this.#opening) return;
    if (inode === null) {
      if (path !== this.#dir) return;
      for (const [name, file] of durable) {
        if (this.#isSegment(name) && !this.#positions.has(file)) this.#read(file);
      }
    } else if (this.#positions.has(inode)) this.#read(inode); // By file: it was opened under another name.
  }

  /** The log was opened, after `damage` to the bytes at rest. Returns what is wrong with what was recovered, or null. */
  opened(recovered: ReadonlyMap<GroupId, RecoveredGroup>, durable: Files, damage: Damage): string | null {
    this.#opening = false;
    const before = this.durableSeq;
    const proven = this.#provenSeq;
    const segments = [...durable].filter(([path]) => this.#isSegment(path)).toSorted(([a], [b]) => (a < b ? -1 : 1));
    this.#positions = new Map();
    this.#provenSeq = 0;
    let lastSeq = 0;
    for (const [, file] of segments) {
      // After kill -9 more than what was known to be durable: recovery must have made it so before it relies on it.
      for (const unit of this.#unread(file, file.durableBytes)) {
        lastSeq = unit.seq;
        if (unit.seq > before) for (const record of recordsOf(unit.payload)) this.#model.apply(record);
      }
    }
    const wrong =
      lastSeq < before
        ? `the log ends with record ${lastSeq}, ${before} was durable`
        : this.#model.differenceFrom(recovered);
    this.durableSeq = lastSeq;
    this.#model.reset(recovered);
    if (damage === 'none') return wrong;
    if (damage === 'anything' || lastSeq >= proven) return null;
    return `one bit flipped, and the log ends with record ${lastSeq}; later ones say that ${proven} was durable`;
  }

  #isSegment(path: string): boolean {
    return path.startsWith(this.#dir) && firstSeqOfName(path.slice(this.#dir.length + 1)) !== null;
  }

  #read(file: SimulatedInode): void {
    for (const { seq, payload } of this.#unread(file, file.durableBytes)) {
      this.durableSeq = Math.max(this.durableSeq, seq);
      if (payload.length === 0) continue; // A mark, which vouches for what came before it.
      const records = recordsOf(Buffer.from(payload));
      for (const record of records) this.#model.apply(record);
      if (records.length > 0) this.#onDurable(records);
    }
  }

  /** Whole records from where the last look ended. */
  *#unread(file: SimulatedInode, bytes: Buffer): Generator<{ readonly seq: number; readonly payload: Buffer }, void> {
    let position = this.#positions.get(file);
    if (position === undefined) {
      position = { offset: 0, salt: NO_SALT };
      this.#positions.set(file, position);
    }
    for (;;) {
      const { offset, salt } = position;
      const header = readRecordHeader(bytes, offset, salt);
      if (typeof header === 'string') return;
      const from = offset + RECORD_HEADER_BYTES;
      if (from + header.length > bytes.length) return;
      const payload = bytes.subarray(from, from + header.length);
      const crc = header.length === 0 ? header.headerCrc : crc32(payload, header.headerCrc);
      if (crc !== header.payloadCrc) return;
      if (offset === 0) position.salt = header.payloadCrc;
      this.#provenSeq = Math.max(this.#provenSeq, header.durableSeq);
      position.offset = from + header.length;
      yield { seq: header.seq, payload };
    }
  }
}

function recordsOf(payload: Buffer): readonly StoredRecord[] {
  return payload.length === 0 ? [] : decodeUnit(payload).records;
}
