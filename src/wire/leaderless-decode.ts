import { latin1Slice } from '../../native-like/bytes/index.js';
import { originId, type OriginId } from '../base/brand.js';
import { LIMITS } from '../base/limits.js';
import type { Dot, WireBatch } from '../engines/leaderless/types.js';
import type {
  FullSyncEnd,
  GossipDigest,
  LeaderlessMessage,
  OriginCounter,
  OriginState,
} from '../engines/leaderless/messages.js';
import { MESSAGE_FIELDS } from './envelope.js';
import { EMPTY, keep, reader, type Frame } from './frame-reader.js';
import { FRAME_ENTRIES_MAX, HASH_BYTES_MAX, ORIGIN_BYTES_MAX } from './protocol.js';
import { LENGTH_DELIMITED, VARINT } from './varint.js';
import { WireError } from './wire-error.js';

/** The largest number of a scalar field. */
const NUMBERS = 14;
const INTERNED_MAX = 4096;
const ORIGIN = /^[\x21-\x7e]+~[\x21-\x7d]+$/;

// As in decode.ts: one message at a time, its numbers by field number, and its bytes field.
const numbers = new Float64Array(NUMBERS);
let payloadStart = 0;
let payloadEnd = 0;
/** The nested message at hand: its text, numbers and bytes. */
const row = { textStart: 0, textEnd: 0, second: 0, third: 0, fourth: 0, start: 0, end: 0 };
/** The same origins come again and again: one string for each, so that comparing two looks at one word. */
const interned = new Map<string, OriginId>();

/** Reads the message [reader.at, reader.end). Throws WireError, before it allocates more than the limits allow. */
export function readLeaderless(frame: Frame, field: number): LeaderlessMessage {
  numbers.fill(0);
  payloadStart = payloadEnd = 0;
  const { from, to } = frame.route;
  const base = { from, to };
  switch (field) {
    case MESSAGE_FIELDS.gossipDigest:
      return readDigest(frame);
    case MESSAGE_FIELDS.gossipDelta: {
      const batches = readBatches(frame);
      return { type: 'gossipDelta', ...base, batches, more: flag(2) };
    }
    case MESSAGE_FIELDS.gossipAck:
      return { type: 'gossipAck', ...base, positions: readWithDots(frame, 1) };
    case MESSAGE_FIELDS.needFullSync:
      return { type: 'needFullSync', ...base, origins: readOrigins(frame) };
    case MESSAGE_FIELDS.fullSyncRequest: {
      const have = readWithDots(frame, 2);
      return { type: 'fullSyncRequest', ...base, id: at(1), have };
    }
    case MESSAGE_FIELDS.fullSyncItems:
      readScalars(3);
      return { type: 'fullSyncItems', ...base, id: at(1), position: at(2), items: payload(frame) };
    case MESSAGE_FIELDS.fullSyncEnd:
      return readFullSyncEnd(frame);
    case MESSAGE_FIELDS.fullSyncAck:
      readScalars(0);
      return { type: 'fullSyncAck', ...base, id: at(1), position: at(2), aborted: flag(3) };
    case MESSAGE_FIELDS.versionProbe: {
      const keys = readKeys(frame);
      return { type: 'versionProbe', ...base, id: at(1), keys };
    }
    case MESSAGE_FIELDS.versionAnswer: {
      const versions = readVersions(frame);
      return { type: 'versionAnswer', ...base, id: at(1), versions };
    }
    case MESSAGE_FIELDS.scrubLeaves: {
      const vector = distinct(readWithDots(frame, 1, 3));
      return { type: 'scrubLeaves', ...base, vector, collectedTo: at(2), leaves: payload(frame) };
    }
    case MESSAGE_FIELDS.scrubItems: {
      const leaves: number[] = [];
      const vector = distinct(readWithDots(frame, 1, 3, leaves));
      return { type: 'scrubItems', ...base, vector, leaves, items: payload(frame), respond: flag(4) };
    }
    default:
      throw new WireError('unknown_message', `message ${field}`);
  }
}

function at(field: number): number {
  return numbers[field] as number;
}

function flag(field: number): boolean {
  return numbers[field] !== 0;
}

function payload(frame: Frame): Uint8Array {
  return keep(frame, payloadStart, payloadEnd);
}

/** Takes a number, the bytes of `payloadField`, or passes over what this version does not know. */
function take(tag: number, payloadField: number): void {
  const field = tag >>> 3;
  if ((tag & 7) === VARINT && field < NUMBERS) numbers[field] = reader.varint();
  else if (tag === ((payloadField << 3) | LENGTH_DELIMITED)) {
    const length = reader.length();
    payloadStart = reader.at;
    payloadEnd = reader.at += length;
  } else reader.skip(tag & 7);
}

function readScalars(payloadField: number): void {
  while (reader.at < reader.end) take(reader.tag(), payloadField);
}

/** Counts before anything is allocated (reliability.md §6.5): `count` are there already of at most `max`. */
function countElement(frame: Frame, count: number, max: number): void {
  if (count >= max || frame.entries === FRAME_ENTRIES_MAX) {
    throw new WireError('too_many_elements', `more than ${max} elements in a list, or ${FRAME_ENTRIES_MAX} in a frame`);
  }
  frame.entries++;
}

/** Reads a nested message into `row`: see Fields.row of the encoder. */
function readRow(): void {
  const { end } = reader;
  const length = reader.length();
  reader.end = reader.at + length;
  row.textStart = row.textEnd = row.second = row.third = row.fourth = row.start = row.end = 0;
  while (reader.at < reader.end) {
    const tag = reader.tag();
    if (tag === ((1 << 3) | LENGTH_DELIMITED)) {
      const bytes = reader.length();
      row.textStart = reader.at;
      row.textEnd = reader.at += bytes;
    } else if (tag === 2 << 3) row.second = reader.varint();
    else if (tag === 3 << 3) row.third = reader.varint();
    else if (tag === 4 << 3) row.fourth = reader.varint();
    else if (tag === ((4 << 3) | LENGTH_DELIMITED)) {
      const bytes = reader.length();
      row.start = reader.at;
      row.end = reader.at += bytes;
    } else reader.skip(tag & 7);
  }
  reader.end = end;
}

function hashOf(frame: Frame): string {
  const bytes = row.textEnd - row.textStart;
  if (bytes === 0 || bytes > HASH_BYTES_MAX) throw new WireError('out_of_range', `a hash of ${bytes} bytes`);
  return latin1Slice(frame.body, row.textStart, row.textEnd);
}

function originAt(frame: Frame, start: number, end: number): OriginId {
  if (end - start > ORIGIN_BYTES_MAX) throw new WireError('out_of_range', `an origin of ${end - start} bytes`);
  const text = latin1Slice(frame.body, start, end);
  const known = interned.get(text);
  if (known !== undefined) return known;
  if (!ORIGIN.test(text)) throw new WireError('protocol_violation', 'not an origin');
  if (interned.size === INTERNED_MAX) interned.clear();
  const origin = originId(text);
  interned.set(text, origin);
  return origin;
}

function readOrigin(frame: Frame): OriginId {
  const length = reader.length();
  const start = reader.at;
  reader.at += length;
  return originAt(frame, start, reader.at);
}

function rowOrigin(frame: Frame): OriginId {
  return originAt(frame, row.textStart, row.textEnd);
}

function rowDot(frame: Frame): Dot {
  return { origin: rowOrigin(frame), seq: row.second };
}

/** A vector that says two things of one origin says nothing. */
function distinct<T extends { readonly origin: OriginId }>(list: readonly T[]): readonly T[] {
  if (new Set(list.map(({ origin }) => origin)).size !== list.length) {
    throw new WireError('protocol_violation', 'an origin comes twice in a vector');
  }
  return list;
}

function readDigest(frame: Frame): GossipDigest {
  const vector: OriginState[] = [];
  const heard: OriginCounter[] = [];
  const pull: Dot[] = [];
  const pending: OriginId[] = [];
  let origin: OriginId | null = null;
  let root: GossipDigest['root'] = null;
  while (reader.at < reader.end) {
    const tag = reader.tag();
    if (tag === ((1 << 3) | LENGTH_DELIMITED)) origin = readOrigin(frame);
    else if (tag === ((4 << 3) | LENGTH_DELIMITED)) {
      countElement(frame, vector.length, LIMITS.origins);
      readRow();
      vector.push({ ...rowDot(frame), boot: row.third, first: row.fourth });
    } else if (tag === ((6 << 3) | LENGTH_DELIMITED)) {
      countElement(frame, heard.length, LIMITS.origins);
      readRow();
      heard.push({ origin: rowOrigin(frame), counter: row.second });
    } else if (tag === ((11 << 3) | LENGTH_DELIMITED)) {
      countElement(frame, pull.length, LIMITS.origins);
      readRow();
      pull.push(rowDot(frame));
    } else if (tag === ((14 << 3) | LENGTH_DELIMITED)) {
      countElement(frame, pending.length, LIMITS.origins);
      pending.push(readOrigin(frame));
    } else if (tag === ((9 << 3) | LENGTH_DELIMITED)) {
      readRow();
      root = { hash: hashOf(frame), collectedTo: row.second };
    } else take(tag, 0);
  }
  const { from, to } = frame.route;
  // Nobody speaks for somebody else (peer.proto).
  if (origin === null || !origin.startsWith(`${from}~`) || origin.lastIndexOf('~') !== from.length) {
    throw new WireError('protocol_violation', `${from} does not write as ${origin ?? 'anybody'}`);
  }
  return {
    type: 'gossipDigest',
    from,
    to,
    origin,
    boot: at(2),
    respond: flag(3),
    vector: distinct(vector),
    counter: at(5),
    heard: distinct(heard),
    creditBytes: at(7),
    syncing: flag(8),
    root,
    clock: at(10),
    pull: distinct(pull),
    round: at(12),
    answers: at(13),
    pending,
  };
}

function readBatches(frame: Frame): readonly WireBatch[] {
  const found: { origin: OriginId; seq: number; boot: number; start: number; end: number }[] = [];
  while (reader.at < reader.end) {
    const tag = reader.tag();
    if (tag !== ((1 << 3) | LENGTH_DELIMITED)) {
      take(tag, 0);
      continue;
    }
    countElement(frame, found.length, LIMITS.deltaBatches);
    readRow();
    const { second: seq, third: boot, start, end } = row;
    if (seq === 0 || boot === 0 || start === end) {
      throw new WireError('protocol_violation', 'a batch without a position, a boot or bytes');
    }
    found.push({ origin: rowOrigin(frame), seq, boot, start, end });
  }
  const first = found[0]?.start ?? 0;
  // One copy for all: between them lie only origins and numbers.
  const bytes = found.length === 0 ? EMPTY : keep(frame, first, found.at(-1)?.end ?? first);
  return found.map(({ origin, seq, boot, start, end }) => {
    return { origin, seq, boot, encoded: bytes.subarray(start - first, end - first) };
  });
}

/** The dots of field `dots`; other fields by `take`, and numbers of field 2 into `packed` where one is given. */
function readWithDots(frame: Frame, dots: number, payloadField = 0, packed: number[] | null = null): readonly Dot[] {
  const list: Dot[] = [];
  while (reader.at < reader.end) {
    const tag = reader.tag();
    if (tag === ((dots << 3) | LENGTH_DELIMITED)) {
      countElement(frame, list.length, FRAME_ENTRIES_MAX);
      readRow();
      list.push(rowDot(frame));
    } else if (packed !== null && tag >>> 3 === 2) readPacked(tag, packed);
    else take(tag, payloadField);
  }
  return list;
}

/** Repeated numbers may come packed, or one by one (https://protobuf.dev/programming-guides/encoding). */
function readPacked(tag: number, into: number[]): void {
  if (tag === 2 << 3) return pushLeaf(into);
  if (tag !== ((2 << 3) | LENGTH_DELIMITED)) return reader.skip(tag & 7);
  const { end } = reader;
  const length = reader.length();
  reader.end = reader.at + length;
  while (reader.at < reader.end) pushLeaf(into);
  reader.end = end;
}

function pushLeaf(into: number[]): void {
  if (into.length === LIMITS.scrubLeaves) throw new WireError('too_many_elements', `over ${LIMITS.scrubLeaves} leaves`);
  into.push(reader.varint());
}

function readOrigins(frame: Frame): readonly OriginId[] {
  const origins: OriginId[] = [];
  while (reader.at < reader.end) {
    const tag = reader.tag();
    if (tag === ((1 << 3) | LENGTH_DELIMITED)) {
      countElement(frame, origins.length, LIMITS.origins);
      origins.push(readOrigin(frame));
    } else reader.skip(tag & 7);
  }
  return origins;
}

function readFullSyncEnd(frame: Frame): FullSyncEnd {
  const vector: { origin: OriginId; seq: number; boot: number }[] = [];
  while (reader.at < reader.end) {
    const tag = reader.tag();
    if (tag === ((3 << 3) | LENGTH_DELIMITED)) {
      countElement(frame, vector.length, LIMITS.origins);
      readRow();
      vector.push({ ...rowDot(frame), boot: row.third });
    } else take(tag, 0);
  }
  const { from, to } = frame.route;
  const [id, position, counter, collectedTo] = [at(1), at(2), at(4), at(5)];
  return { type: 'fullSyncEnd', from, to, id, position, vector: distinct(vector), counter, collectedTo };
}

function readKeys(frame: Frame): readonly string[] {
  const keys: string[] = [];
  while (reader.at < reader.end) {
    const tag = reader.tag();
    if (tag !== ((2 << 3) | LENGTH_DELIMITED)) {
      take(tag, 0);
      continue;
    }
    countElement(frame, keys.length, LIMITS.probeKeys);
    const length = reader.length();
    if (length > LIMITS.keyBytesCeiling) throw new WireError('out_of_range', `a key of ${length} bytes`);
    keys.push(latin1Slice(frame.body, reader.at, reader.at + length));
    reader.at += length;
  }
  return keys;
}

function readVersions(frame: Frame): readonly (readonly Dot[])[] {
  const versions: Dot[][] = [];
  while (reader.at < reader.end) {
    const tag = reader.tag();
    if (tag !== ((2 << 3) | LENGTH_DELIMITED)) {
      take(tag, 0);
      continue;
    }
    countElement(frame, versions.length, LIMITS.probeKeys);
    versions.push(readKeyVersions(frame));
  }
  return versions;
}

function readKeyVersions(frame: Frame): Dot[] {
  const dots: Dot[] = [];
  const { end } = reader;
  const length = reader.length();
  reader.end = reader.at + length;
  while (reader.at < reader.end) {
    const tag = reader.tag();
    if (tag === ((1 << 3) | LENGTH_DELIMITED)) {
      countElement(frame, dots.length, FRAME_ENTRIES_MAX);
      readRow();
      dots.push(rowDot(frame));
    } else reader.skip(tag & 7);
  }
  reader.end = end;
  return dots;
}
