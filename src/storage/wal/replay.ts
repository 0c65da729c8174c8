import { join } from 'node:path';
import { assertDefined } from '../../base/assert.js';
import type { GroupId } from '../../base/brand.js';
import { KvorumError } from '../../base/errors/error.js';
import type { FileSystem } from '../file-system.js';
import type { RecoveredGroup, StorageIdentity } from '../storage.js';
import { firstSeqOfName, segmentName } from './format.js';
import { GroupReplay } from './group-replay.js';
import {
  corrupt,
  findProofOfDurability,
  readSegment,
  scanSegment,
  type ReadRecord,
  type Segment,
  type SegmentTail,
} from './segment-reader.js';
import type { SegmentHeader } from './unit-decoder.js';

/** What a segment holds, as far as the log must know later. */
export interface SegmentSummary {
  readonly name: string;
  readonly path: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Up to the end of the last record. */
  readonly endBytes: number;
  /** Up to the first record that no later one says was durable: from here on, nobody knows what the disk has. */
  readonly provenBytes: number;
  /** Of the file, padding included. */
  readonly fileBytes: number;
  readonly salt: number;
  readonly lastCrc: number;
  /** The highest index that was ever appended to it, per group: what must be cut before it can be removed. */
  readonly highest: ReadonlyMap<GroupId, number>;
}

export interface TornTail {
  readonly path: string;
  readonly offset: number;
  readonly seq: number;
  readonly reason: string;
  /** The bytes from `offset` to the end of the file. */
  readonly bytes: Buffer;
}

export interface Replay {
  readonly segments: readonly SegmentSummary[];
  readonly groups: ReadonlyMap<GroupId, RecoveredGroup>;
  readonly records: number;
  /** Good bytes read: without padding and torn tail. */
  readonly bytes: number;
  readonly tornTail: TornTail | null;
}

export interface ReplayVisitor {
  segment?(path: string, header: SegmentHeader): void;
  record?(path: string, record: ReadRecord): void;
}

/**
 * Reads a whole log and changes nothing. Throws log_corrupt for anything but a torn tail of the last segment, naming
 * file, offset, record and what to do (raft.md W1, W2, W6). One segment is in memory at a time, plus the entries.
 */
export function replayLog(
  fs: FileSystem,
  dir: string,
  identity: StorageIdentity | null,
  visitor: ReplayVisitor = {},
): Replay {
  const replay = new LogReplay(fs, dir, identity, visitor);
  const names = segmentNames(fs, dir);
  names.forEach((name, at) => replay.segment(name, at === names.length - 1));
  return replay.finish();
}

/** Names of the segments in order; other files are not ours to judge. */
export function segmentNames(fs: FileSystem, dir: string): string[] {
  return fs.listSync(dir).filter((name) => firstSeqOfName(name) !== null);
}

class LogReplay {
  readonly #fs: FileSystem;
  readonly #dir: string;
  readonly #identity: StorageIdentity | null;
  readonly #visitor: ReplayVisitor;
  readonly #segments: SegmentSummary[] = [];
  readonly #groups = new Map<GroupId, GroupReplay>();
  #records = 0;
  #bytes = 0;
  #tornTail: TornTail | null = null;

  constructor(fs: FileSystem, dir: string, identity: StorageIdentity | null, visitor: ReplayVisitor) {
    this.#fs = fs;
    this.#dir = dir;
    this.#identity = identity;
    this.#visitor = visitor;
  }

  segment(name: string, last: boolean): void {
    const segment = readSegment(this.#fs, join(this.#dir, name));
    this.#checkIdentity(segment);
    this.#checkChain(segment, name);
    this.#visitor.segment?.(segment.path, segment.header);
    for (const head of segment.header.groups) {
      const known = this.#groups.get(head.group);
      if (known !== undefined) known.head(head);
      else this.#groups.set(head.group, new GroupReplay(head.group, head));
    }
    const highest = new Map<GroupId, number>();
    let lastCrc = segment.salt;
    const proven = new ProvenPrefix();
    const tail = scanSegment(segment, (record) => {
      this.#visitor.record?.(segment.path, record);
      this.#apply(segment, record, highest);
      lastCrc = record.payloadCrc;
      proven.add(record);
    });
    this.#checkTail(segment, tail, last);
    this.#records += tail.seq - segment.header.firstSeq;
    this.#bytes += tail.offset;
    this.#segments.push({
      name,
      path: segment.path,
      firstSeq: segment.header.firstSeq,
      lastSeq: tail.seq - 1,
      endBytes: tail.offset,
      provenBytes: proven.endingAt(tail.offset),
      fileBytes: segment.bytes.length,
      salt: segment.salt,
      lastCrc,
      highest,
    });
  }

  finish(): Replay {
    const groups = new Map<GroupId, RecoveredGroup>();
    for (const [group, replay] of this.#groups) {
      const recovered = replay.finish();
      if (typeof recovered === 'string') throw this.#missing(recovered);
      groups.set(group, recovered);
    }
    return {
      segments: this.#segments,
      groups,
      records: this.#records,
      bytes: this.#bytes,
      tornTail: this.#tornTail,
    };
  }

  #apply(segment: Segment, record: ReadRecord, highest: Map<GroupId, number>): void {
    for (const stored of record.unit.records) {
      let replay = this.#groups.get(stored.group);
      if (replay === undefined) {
        replay = new GroupReplay(stored.group, null);
        this.#groups.set(stored.group, replay);
      }
      const wrong = replay.apply(stored);
      if (wrong !== null) throw corrupt(segment.path, record.offset, record.seq, wrong);
      if (stored.kind !== 'entry') continue;
      highest.set(stored.group, Math.max(highest.get(stored.group) ?? 0, stored.entry.index));
    }
  }

  #checkIdentity(segment: Segment): void {
    const { header, path } = segment;
    const identity = this.#identity;
    if (identity === null || (header.cluster === identity.cluster && header.replica === identity.replica)) return;
    throw new KvorumError(
      'data_dir_mismatch',
      `${path} belongs to replica '${header.replica}' of cluster '${header.cluster}', ` +
        `not to replica '${identity.replica}' of cluster '${identity.cluster}'`,
    );
  }

  /** Each segment names the end of the one before (raft.md W2): none is missing, swapped or replaced by an older copy. */
  #checkChain({ path, header }: Segment, name: string): void {
    if (name !== segmentName(header.firstSeq)) {
      throw corrupt(path, 0, header.firstSeq, 'the file is not the segment that its name says');
    }
    const before = this.#segments.at(-1);
    // The first one left may name a segment that was cut away; GroupReplay.finish checks that nothing is missing.
    if (before === undefined) return;
    const { previous } = header;
    if (previous?.lastSeq !== before.lastSeq) {
      const from = before.lastSeq + 1;
      throw corrupt(path, 0, header.firstSeq, `the records ${from} to ${header.firstSeq - 1} are missing before it`);
    }
    if (previous.bytes !== before.endBytes || previous.lastCrc !== before.lastCrc) {
      throw corrupt(path, 0, header.firstSeq, `it does not continue ${before.name}: one of them was replaced`);
    }
  }

  #checkTail(segment: Segment, tail: SegmentTail, last: boolean): void {
    if (tail.damage === null) return;
    const { path, bytes } = segment;
    if (!last) throw corrupt(path, tail.offset, tail.seq, `${tail.damage}, and newer segments follow`);
    const proof = findProofOfDurability(segment, tail.offset, tail.seq);
    if (proof !== null) {
      throw corrupt(path, tail.offset, tail.seq, `${tail.damage}; the record at offset ${proof} says it was on disk`);
    }
    this.#tornTail = {
      path,
      offset: tail.offset,
      seq: tail.seq,
      reason: tail.damage,
      bytes: bytes.subarray(tail.offset),
    };
  }

  #missing(reason: string): KvorumError {
    const first = assertDefined(this.#segments[0], 'groups come from segments');
    return corrupt(first.path, 0, first.firstSeq, reason);
  }
}

/** The records that a later one vouches for: each says up to which one it knew the log to be durable. */
class ProvenPrefix {
  /** Records that nobody has vouched for yet, in order: as many as were written at once, so few. */
  #open: { readonly seq: number; readonly offset: number }[] = [];

  add({ durableSeq, offset, seq }: ReadRecord): void {
    this.#open.push({ seq, offset });
    if ((this.#open[0]?.seq ?? seq) <= durableSeq) this.#open = this.#open.filter((open) => open.seq > durableSeq);
  }

  endingAt(endOffset: number): number {
    return this.#open[0]?.offset ?? endOffset;
  }
}
