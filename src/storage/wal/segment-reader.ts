import { crc32 } from 'node:zlib';
import { assert } from '../../base/assert.js';
import { KvorumError } from '../../base/errors/error.js';
import { readFileSync, type FileSystem } from '../file-system.js';
import {
  FORMAT_VERSION,
  NO_SALT,
  readRecordHeader,
  RECORD_BYTES_MAX,
  RECORD_HEADER_BYTES,
  RECORD_MAGIC_BYTES,
  type RecordHeader,
} from './format.js';
import { decodeUnit, type SegmentHeader, type Unit } from './unit-decoder.js';

/** A segment in memory, its header record checked. */
export interface Segment {
  readonly path: string;
  readonly bytes: Buffer;
  readonly header: SegmentHeader;
  /** Bytes of the header record. */
  readonly headerBytes: number;
  /** Checksum of the header's payload: what all other records are salted with. */
  readonly salt: number;
}

export interface ReadRecord {
  readonly offset: number;
  readonly seq: number;
  readonly durableSeq: number;
  readonly payloadBytes: number;
  readonly payloadCrc: number;
  readonly unit: Unit;
}

/** How the records of a segment end: at padding, or at something that is no record. */
export interface SegmentTail {
  /** First byte after the last good record. */
  readonly offset: number;
  /** The seq that was expected there. */
  readonly seq: number;
  /** Null when only zeros follow. */
  readonly damage: string | null;
}

/** Reads a segment and its header. A segment gets its name after its header was synced: a bad header is never torn. */
export function readSegment(fs: FileSystem, path: string): Segment {
  const bytes = readFileSync(fs, path);
  const record = readRecord(bytes, 0, NO_SALT);
  if (typeof record === 'string') throw corrupt(path, 0, null, `the segment has no valid header: ${record}`);
  const { header, payload } = record;
  const unit = decode(payload, path, 0, header.seq);
  if (unit.header === null) throw corrupt(path, 0, header.seq, 'the first record is not a segment header');
  if (unit.header.formatVersion > FORMAT_VERSION) {
    throw new KvorumError(
      'data_dir_newer',
      `${path} has format ${unit.header.formatVersion}, written by Kvorum ${unit.header.createdBy}; this version reads up to ${FORMAT_VERSION}`,
    );
  }
  const headerBytes = RECORD_HEADER_BYTES + header.length;
  if (unit.header.firstSeq !== header.seq) throw corrupt(path, 0, header.seq, 'the header contradicts itself');
  return { path, bytes, header: unit.header, headerBytes, salt: header.payloadCrc };
}

/** Calls `visit` for each good record after the header, in order, and tells how they end. */
export function scanSegment(segment: Segment, visit: (record: ReadRecord) => void): SegmentTail {
  const { bytes, path, salt } = segment;
  let offset = segment.headerBytes;
  let seq = segment.header.firstSeq + 1;
  for (;;) {
    if (isPadding(bytes, offset)) return { offset, seq, damage: null };
    const record = readRecord(bytes, offset, salt);
    if (typeof record === 'string') return { offset, seq, damage: record };
    const { header, payload } = record;
    if (header.seq !== seq) return { offset, seq, damage: `record ${header.seq} lies where ${seq} belongs` };
    const unit = decode(payload, path, offset, seq);
    if (unit.header !== null) throw corrupt(path, offset, seq, 'a segment header lies inside a segment');
    const { durableSeq, payloadCrc } = header;
    assert(durableSeq < seq, 'the writer never claims more than it wrote');
    visit({ offset, seq, durableSeq, payloadBytes: header.length, payloadCrc, unit });
    offset += RECORD_HEADER_BYTES + header.length;
    seq++;
  }
}

/**
 * Looks behind damage at record `seq` for a record that proves it was durable: any whole header whose durableSeq is at
 * least `seq`. Without one the damage is in what was never synced, a torn tail (reliability.md §2.3; raft.md W1).
 */
export function findProofOfDurability(segment: Segment, from: number, seq: number): number | null {
  const { bytes, salt } = segment;
  for (let at = bytes.indexOf(RECORD_MAGIC_BYTES, from); at !== -1; at = bytes.indexOf(RECORD_MAGIC_BYTES, at + 1)) {
    const header = readRecordHeader(bytes, at, salt);
    if (typeof header !== 'string' && header.seq > seq && header.durableSeq >= seq) return at;
  }
  return null;
}

/** True when nothing but zeros follows: preallocated space, or the end of the file. */
export function isPadding(bytes: Buffer, from: number): boolean {
  if (from >= bytes.length) return true;
  if (bytes[from] !== 0) return false;
  return from + 1 === bytes.length || bytes.subarray(from + 1).equals(bytes.subarray(from, bytes.length - 1));
}

export function corrupt(path: string, offset: number, seq: number | null, reason: string): KvorumError {
  const record = seq === null ? '' : ` (record ${seq})`;
  return new KvorumError(
    'log_corrupt',
    `${path}: offset ${offset}${record}: ${reason}. Restore this file from a copy, ` +
      'or remove this replica from the cluster and add a new one with an empty folder',
    { extra: { file: path, offset, seq } },
  );
}

function readRecord(bytes: Buffer, at: number, salt: number): { header: RecordHeader; payload: Buffer } | string {
  const header = readRecordHeader(bytes, at, salt);
  if (typeof header === 'string') return header;
  const from = at + RECORD_HEADER_BYTES;
  if (header.length > RECORD_BYTES_MAX) return 'the length is impossible';
  if (header.length > bytes.length - from) return 'the record runs past the end of the file';
  const payload = bytes.subarray(from, from + header.length);
  const crc = header.length === 0 ? header.headerCrc : crc32(payload, header.headerCrc);
  if (crc !== header.payloadCrc) return 'the payload checksum is wrong';
  return { header, payload };
}

function decode(payload: Buffer, path: string, offset: number, seq: number): Unit {
  try {
    return decodeUnit(payload);
  } catch (error) {
    // The checksum was right: this is what was written, but not by a version that we know.
    const reason = error instanceof Error ? error.message : String(error);
    throw corrupt(path, offset, seq, `the record cannot be understood: ${reason}`);
  }
}
