import { crc32 } from 'node:zlib';
import { varintSize, writeVarint } from '../../../native-like/bytes/index.js';
import { assert, assertDefined, unreachable } from '../../base/assert.js';
import type { GroupId, LogIndex, Term } from '../../base/brand.js';
import type { Entry, EntryKind } from '../../engines/raft/messages.js';
import { pairToWire } from '../../wire/membership-codec.js';
import { kvorum } from '../../wire/protobuf.js';
import type { LogRecord } from '../storage.js';
import { RECORD_HEADER_BYTES, writePayloadCrc, writeRecordHeader } from './format.js';

/** A record of the log as it is stored: what callers append, and cuts. */
export type StoredRecord =
  LogRecord | { readonly kind: 'cut'; readonly group: GroupId; readonly index: LogIndex; readonly term: Term };

const KIND_NUMBERS: Record<EntryKind, number> = { noop: 0, commands: 1, membership: 2, quorum: 3 };

/** Payloads from here on are not copied: writev gathers them from where they lie. Below, a copy is cheaper. */
const GATHER_BYTES_MIN = 8 * 1024;
const INITIAL_BYTES = 256 * 1024;
/** A group's id on the wire (512), and an origin with its @ (see originLog). */
const GROUP_BYTES_MAX = 1023;
/** Staging space beyond this is given back after a batch. */
const KEEP_BYTES_MAX = 4 * 1024 * 1024;

/** Field tags of log.proto: (number << 3) | wire type. */
const TAG = {
  unitHeader: 0x0a,
  unitRecords: 0x12,
  recordGroup: 0x0a,
  recordEntry: 0x12,
  entryIndex: 0x08,
  entryTerm: 0x10,
  entryKind: 0x18,
  entryPayload: 0x22,
} as const;

interface External {
  /** Where in the staging space the bytes belong. */
  readonly at: number;
  readonly bytes: Uint8Array;
}

/**
 * Encodes the records of one write. Everything small goes into one staging buffer; large entry payloads are only
 * referred to. What comes out is valid protobuf (log.proto), but entries do not pass through protobufjs, which would
 * copy each payload twice.
 */
export class UnitEncoder {
  #staging: Buffer;
  #length = 0;
  #external: External[] = [];
  #externalBytes = 0;
  readonly #groupFields = new Map<string, Buffer>();

  constructor(initialBytes: number = INITIAL_BYTES) {
    this.#staging = Buffer.allocUnsafeSlow(initialBytes);
  }

  /** Bytes encoded so far. */
  get bytes(): number {
    return this.#length + this.#externalBytes;
  }

  /** Encodes one record of the file; `durableSeq` and `salt` as in log.proto. Returns its payload crc. */
  unit(seq: number, durableSeq: number, salt: number, records: readonly StoredRecord[]): number {
    return this.#record(seq, durableSeq, salt, () => {
      for (const record of records) this.#stored(record);
    });
  }

  /** Encodes the first record of a segment. */
  segmentHeader(seq: number, durableSeq: number, header: kvorum.log.SegmentHeader.$Properties): number {
    return this.#record(seq, durableSeq, 0, () => {
      this.#message(TAG.unitHeader, kvorum.log.SegmentHeader.encode(header).finish());
    });
  }

  /** The bytes in order; valid until the next call of anything. */
  parts(): Uint8Array[] {
    const parts: Uint8Array[] = [];
    let from = 0;
    for (const external of this.#external) {
      if (external.at > from) parts.push(this.#staging.subarray(from, external.at));
      parts.push(external.bytes);
      from = external.at;
    }
    if (this.#length > from) parts.push(this.#staging.subarray(from, this.#length));
    return parts;
  }

  reset(): void {
    this.#length = 0;
    this.#external = [];
    this.#externalBytes = 0;
    if (this.#staging.length > KEEP_BYTES_MAX) this.#staging = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  }

  #record(seq: number, durableSeq: number, salt: number, payload: () => void): number {
    this.#reserve(RECORD_HEADER_BYTES);
    const headerAt = this.#length;
    const externalFrom = this.#external.length;
    this.#length += RECORD_HEADER_BYTES;
    const before = this.bytes;
    payload();
    const length = this.bytes - before;
    let crc = writeRecordHeader(this.#staging, headerAt, { length, seq, durableSeq }, salt);
    let from = headerAt + RECORD_HEADER_BYTES;
    for (let at = externalFrom; at < this.#external.length; at++) {
      const external = assertDefined(this.#external[at], 'within the list');
      crc = crc32(external.bytes, crc32(this.#staging.subarray(from, external.at), crc));
      from = external.at;
    }
    if (this.#length > from) crc = crc32(this.#staging.subarray(from, this.#length), crc);
    writePayloadCrc(this.#staging, headerAt, crc);
    return crc;
  }

  #stored(record: StoredRecord): void {
    switch (record.kind) {
      case 'entry':
        return this.#entry(record.group, record.entry);
      case 'hardState': {
        const { term, vote, commit } = record.hardState;
        const memberships = record.memberships === null ? {} : pairToWire(record.memberships);
        const hardState = { term, vote: vote ?? '', commit, ...memberships };
        return this.#message(TAG.unitRecords, kvorum.log.Record.encode({ group: record.group, hardState }).finish());
      }
      case 'checkpoint':
      case 'cut': {
        const position = { index: record.index, term: record.term };
        const body =
          record.kind === 'cut'
            ? { cut: position }
            : record.replaces === true
              ? { restart: position }
              : { checkpoint: position };
        return this.#message(TAG.unitRecords, kvorum.log.Record.encode({ group: record.group, ...body }).finish());
      }
      default:
        unreachable(record);
    }
  }

  /** By hand: Record{group, Entry{index, term, kind, payload}}, with the payload at the very end. */
  #entry(group: GroupId, entry: Entry): void {
    const groupField = this.#groupField(group);
    const { payload } = entry;
    const kind = KIND_NUMBERS[entry.kind];
    const numbers = 1 + varintSize(entry.index) + 1 + varintSize(entry.term) + 2;
    const entryLength = numbers + 1 + varintSize(payload.length) + payload.length;
    const recordLength = groupField.length + 1 + varintSize(entryLength) + entryLength;
    this.#reserve(32 + recordLength - payload.length);
    this.#tagged(TAG.unitRecords, recordLength);
    this.#length += groupField.copy(this.#staging, this.#length);
    this.#tagged(TAG.recordEntry, entryLength);
    this.#tagged(TAG.entryIndex, entry.index);
    this.#tagged(TAG.entryTerm, entry.term);
    this.#tagged(TAG.entryKind, kind);
    this.#tagged(TAG.entryPayload, payload.length);
    if (payload.length >= GATHER_BYTES_MIN) {
      this.#external.push({ at: this.#length, bytes: payload });
      this.#externalBytes += payload.length;
    } else {
      this.#copy(payload);
    }
  }

  #groupField(group: GroupId): Buffer {
    const known = this.#groupFields.get(group);
    if (known !== undefined) return known;
    const name = Buffer.from(group, 'utf8');
    assert(name.length > 0 && name.length <= GROUP_BYTES_MAX, 'the group of a log has 1 to 1023 bytes');
    const { length } = name;
    const head = length < 0x80 ? [length] : [(length & 0x7f) | 0x80, length >> 7];
    const field = Buffer.concat([Buffer.from([TAG.recordGroup, ...head]), name]);
    this.#groupFields.set(group, field);
    return field;
  }

  #message(tag: number, bytes: Uint8Array): void {
    this.#reserve(16);
    this.#tagged(tag, bytes.length);
    this.#copy(bytes);
  }

  #copy(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#staging.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #tagged(tag: number, value: number): void {
    this.#staging[this.#length] = tag;
    this.#length = writeVarint(this.#staging, this.#length + 1, value);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#staging.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#staging.length * 2));
    this.#staging.copy(larger, 0, 0, this.#length);
    this.#staging = larger;
  }
}
