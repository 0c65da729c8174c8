import { latin1Write, varintSize } from '../../native-like/bytes/index.js';
import { assert, unreachable } from '../base/assert.js';
import { LIMITS } from '../base/limits.js';
import type { LeaderlessMessage } from '../engines/leaderless/messages.js';
import { standalone, type FrameWriter, type MessageSize } from './frame-writer.js';

/**
 * The messages of leaderless groups as fields of peer.proto. Each one is described once, to whoever sums up its bytes and
 * to whoever writes them, so that the two cannot disagree.
 */
interface Fields {
  /** Left out when it is 0, as protobuf does. */
  number(field: number, value: number | boolean): void;
  /** An element of a list, or a name: one byte per char, as origins and hashes are ASCII, and keys byte strings. */
  text(field: number, text: string): void;
  payload(field: number, bytes: Uint8Array): void;
  /** A nested message of a text (field 1), numbers (2, 3, 4) and a payload (4). */
  row(field: number, text: string, second: number, third?: number, fourth?: number, payload?: Uint8Array): void;
  /** A nested message of dots (field 1). */
  dots(field: number, dots: readonly { readonly origin: string; readonly seq: number }[]): void;
  packed(field: number, values: readonly number[]): void;
}

function describe(message: LeaderlessMessage, to: Fields): void {
  switch (message.type) {
    case 'gossipDigest':
      return describeDigest(message, to);
    case 'gossipDelta':
      assert(message.batches.length <= LIMITS.deltaBatches, 'a delta holds at most LIMITS.deltaBatches batches');
      for (const { origin, seq, boot, encoded } of message.batches) {
        assert(seq > 0 && boot > 0 && encoded.length > 0, 'a batch has a position, a boot and bytes');
        to.row(1, origin, seq, boot, 0, encoded);
      }
      return to.number(2, message.more);
    case 'gossipAck':
      for (const { origin, seq } of message.positions) to.row(1, origin, seq);
      return;
    case 'needFullSync':
      for (const origin of message.origins) to.text(1, origin);
      return;
    case 'fullSyncRequest':
      to.number(1, message.id);
      for (const { origin, seq } of message.have) to.row(2, origin, seq);
      return;
    case 'fullSyncItems':
      to.number(1, message.id);
      to.number(2, message.position);
      return to.payload(3, message.items);
    case 'fullSyncEnd':
      to.number(1, message.id);
      to.number(2, message.position);
      for (const { origin, seq, boot } of message.vector) to.row(3, origin, seq, boot);
      to.number(4, message.counter);
      return to.number(5, message.collectedTo);
    case 'fullSyncAck':
      to.number(1, message.id);
      to.number(2, message.position);
      return to.number(3, message.aborted);
    case 'versionProbe':
      assert(message.keys.length <= LIMITS.probeKeys, 'a probe asks for at most LIMITS.probeKeys keys');
      to.number(1, message.id);
      for (const key of message.keys) to.text(2, key);
      return;
    case 'versionAnswer':
      assert(message.versions.length <= LIMITS.probeKeys, 'a probe asks for at most LIMITS.probeKeys keys');
      to.number(1, message.id);
      for (const dots of message.versions) to.dots(2, dots);
      return;
    case 'scrubLeaves':
      for (const { origin, seq } of message.vector) to.row(1, origin, seq);
      to.number(2, message.collectedTo);
      return to.payload(3, message.leaves);
    case 'scrubItems':
      assert(message.leaves.length <= LIMITS.scrubLeaves, 'there are at most LIMITS.scrubLeaves leaves');
      for (const { origin, seq } of message.vector) to.row(1, origin, seq);
      to.packed(2, message.leaves);
      to.payload(3, message.items);
      return to.number(4, message.respond);
    default:
      unreachable(message);
  }
}

function describeDigest(message: Extract<LeaderlessMessage, { type: 'gossipDigest' }>, to: Fields): void {
  assert(message.vector.length <= LIMITS.origins, 'a vector has at most LIMITS.origins origins');
  assert(message.heard.length <= LIMITS.origins, 'a row has at most LIMITS.origins origins');
  to.text(1, message.origin);
  to.number(2, message.boot);
  to.number(3, message.respond);
  for (const { origin, seq, boot, first } of message.vector) to.row(4, origin, seq, boot, first);
  to.number(5, message.counter);
  for (const { origin, counter } of message.heard) to.row(6, origin, counter);
  to.number(7, message.creditBytes);
  to.number(8, message.syncing);
  if (message.root !== null) to.row(9, message.root.hash, message.root.collectedTo);
  to.number(10, message.clock);
  for (const { origin, seq } of message.pull) to.row(11, origin, seq);
  to.number(12, message.round);
  to.number(13, message.answers);
  for (const origin of message.pending) to.text(14, origin);
}

const NO_PAYLOAD = new Uint8Array(0);

function numberBytes(value: number): number {
  if (value === 0) return 0;
  assert(value > 0 && Number.isSafeInteger(value), 'numbers on the wire are safe non-negative integers');
  return 1 + varintSize(value);
}

function delimited(bytes: number): number {
  return 1 + varintSize(bytes) + bytes;
}

function rowBytes(text: string, second: number, third: number, fourth: number, payload: Uint8Array): number {
  const numbers = numberBytes(second) + numberBytes(third) + numberBytes(fourth);
  return delimited(text.length) + numbers + (payload.length === 0 ? 0 : delimited(payload.length));
}

function dotsBytes(dots: readonly { readonly origin: string; readonly seq: number }[]): number {
  let bytes = 0;
  for (const { origin, seq } of dots) bytes += delimited(rowBytes(origin, seq, 0, 0, NO_PAYLOAD));
  return bytes;
}

function packedBytes(values: readonly number[]): number {
  let bytes = 0;
  for (const value of values) bytes += Math.max(2, numberBytes(value)) - 1;
  return bytes;
}

/** Sums up what a message takes. */
class Measure implements Fields {
  bytes = 0;
  /** Of `bytes`, those that are sent from where they lie. */
  standalone = 0;
  /** Elements of lists. */
  elements = 0;

  number(_field: number, value: number | boolean): void {
    this.bytes += numberBytes(Number(value));
  }

  text(_field: number, text: string): void {
    this.elements++;
    this.bytes += delimited(text.length);
  }

  payload(_field: number, bytes: Uint8Array): void {
    if (bytes.length > 0) this.bytes += delimited(bytes.length);
    this.standalone += standalone(bytes);
  }

  row(_field: number, text: string, second: number, third = 0, fourth = 0, payload = NO_PAYLOAD): void {
    this.elements++;
    this.bytes += delimited(rowBytes(text, second, third, fourth, payload));
    this.standalone += standalone(payload);
  }

  dots(_field: number, dots: readonly { readonly origin: string; readonly seq: number }[]): void {
    this.elements += 1 + dots.length;
    this.bytes += delimited(dotsBytes(dots));
  }

  packed(_field: number, values: readonly number[]): void {
    if (values.length > 0) this.bytes += delimited(packedBytes(values));
  }
}

class Writing implements Fields {
  private readonly writer: FrameWriter;

  constructor(writer: FrameWriter) {
    this.writer = writer;
  }

  number(field: number, value: number | boolean): void {
    const number = Number(value);
    if (number === 0) return;
    this.tag(field << 3);
    this.writer.varint(number);
  }

  text(field: number, text: string): void {
    const { writer } = this;
    this.head(field, text.length);
    writer.at = latin1Write(writer.meta, writer.at, text);
  }

  payload(field: number, bytes: Uint8Array): void {
    if (bytes.length > 0) this.writer.bytesField((field << 3) | 2, bytes);
  }

  row(field: number, text: string, second: number, third = 0, fourth = 0, payload = NO_PAYLOAD): void {
    this.head(field, rowBytes(text, second, third, fourth, payload));
    this.text(1, text);
    this.number(2, second);
    this.number(3, third);
    this.number(4, fourth);
    this.payload(4, payload);
  }

  dots(field: number, dots: readonly { readonly origin: string; readonly seq: number }[]): void {
    this.head(field, dotsBytes(dots));
    for (const { origin, seq } of dots) this.row(1, origin, seq);
  }

  packed(field: number, values: readonly number[]): void {
    if (values.length === 0) return;
    this.head(field, packedBytes(values));
    for (const value of values) this.writer.varint(value);
  }

  private head(field: number, length: number): void {
    this.tag((field << 3) | 2);
    this.writer.varint(length);
  }

  private tag(tag: number): void {
    this.writer.meta[this.writer.at++] = tag;
  }
}

export function sizeOf(message: LeaderlessMessage): MessageSize {
  const measure = new Measure();
  describe(message, measure);
  return measure;
}

export function writeLeaderless(writer: FrameWriter, message: LeaderlessMessage): void {
  describe(message, new Writing(writer));
}
