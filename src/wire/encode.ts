import { crc32 } from 'node:zlib';
import { varintSize } from '../../native-like/bytes/index.js';
import { writeFrameHeader } from '../../native-like/frame-scan/index.js';
import { assert, assertDefined, unreachable } from '../base/assert.js';
import { LIMITS } from '../base/limits.js';
import type { EngineMessage } from '../engines/messages.js';
import { entriesBytes, entriesStandalone, writeEntries } from './entries-encode.js';
import {
  isLeaderless,
  isOwnSemisync,
  MESSAGE_FIELDS,
  REFUSAL_VALUES,
  SCALAR_FIELDS,
  type LogMessage,
  type WireEnvelope,
} from './envelope.js';
import { FrameWriter, standalone, type MessageSize } from './frame-writer.js';
import { sizeOf, writeLeaderless } from './leaderless-encode.js';
import { semisyncSize, writeSemisync } from './semisync-encode.js';
import {
  FRAME_BODY_BYTES_MAX,
  FRAME_BODY_BYTES_TARGET,
  FRAME_ENTRIES_MAX,
  FRAME_HEADER_BYTES,
  GROUP_ID_BYTES_MAX,
} from './protocol.js';
import { WireError } from './wire-error.js';

export { INLINE_PAYLOAD_BYTES } from './frame-writer.js';

/** What to write to the socket, in this order. Payloads are the caller's own buffers and must never change. */
export interface EncodedFrames {
  readonly buffers: readonly Uint8Array[];
  readonly bytes: number;
  readonly frames: number;
}

const ENVELOPE_TAG = (1 << 3) | 2;
const GROUP_TAG = (1 << 3) | 2;
const EMPTY = new Uint8Array(0);

/** The scalar fields of the message at hand, by field number (index 0 is unused), and its one bytes field. */
const scalars = new Float64Array(SCALAR_FIELDS);
let payloadField = 0;
let payload: Uint8Array = EMPTY;

/** Fills `scalars` with the numbers of `message`; protobuf leaves out zeros. */
function load(message: LogMessage): void {
  scalars.fill(0);
  payloadField = 0;
  payload = EMPTY;
  scalars[1] = message.term;
  switch (message.type) {
    case 'appendRequest':
      loadFrom2(message.prevIndex, message.prevTerm, message.commit);
      return;
    case 'appendResponse':
      loadFrom2(message.rejected, message.index, message.hintIndex, message.hintTerm);
      scalars[6] = Number('diverged' in message && message.diverged);
      return;
    case 'heartbeat':
      loadFrom2(message.commit, message.readRound);
      return;
    case 'heartbeatResponse':
      loadFrom2(message.readRound);
      return;
    case 'voteRequest':
      loadFrom2(message.preVote, message.lastIndex, message.lastTerm, message.transfer);
      return;
    case 'voteResponse':
      loadFrom2(message.preVote, message.granted);
      return;
    case 'timeoutNow':
      return;
    case 'readIndexRequest':
      loadFrom2(message.id);
      return;
    case 'readIndexResponse':
      loadFrom2(message.id, message.ok, message.index);
      return;
    case 'forwardProposal':
      loadFrom2(message.id, 0, message.kind === 'membership');
      payloadField = 3;
      payload = message.payload;
      return;
    case 'forwardProposalResponse': {
      const refused = message.refused === null ? 0 : REFUSAL_VALUES[message.refused];
      loadFrom2(message.id, refused, message.index, message.entryTerm);
      return;
    }
    case 'snapshotChunk':
      loadFrom2(message.streamId, message.index, message.indexTerm, message.sequence, message.last);
      if ('replaces' in message) {
        scalars[8] = Number(message.replaces);
        scalars[9] = message.forcedTerm;
      }
      payloadField = 7;
      payload = message.data;
      return;
    case 'snapshotChunkResponse':
      loadFrom2(message.streamId, message.sequence, message.ok);
      return;
    default:
      unreachable(message);
  }
}

type Scalar = number | boolean;
function loadFrom2(second: Scalar, third: Scalar = 0, fourth: Scalar = 0, fifth: Scalar = 0, sixth: Scalar = 0): void {
  scalars[2] = Number(second);
  scalars[3] = Number(third);
  scalars[4] = Number(fourth);
  scalars[5] = Number(fifth);
  scalars[6] = Number(sixth);
}

/** Bytes of the message body that `load` has just filled in, its payload included, without entries. */
function loadedBytes(): number {
  let bytes = 0;
  for (let field = 1; field < SCALAR_FIELDS; field++) {
    const value = scalars[field] as number;
    if (value === 0) continue;
    assert(value > 0 && Number.isSafeInteger(value), 'numbers on the wire are safe non-negative integers');
    bytes += 1 + varintSize(value);
  }
  if (payload.length > 0) bytes += 1 + varintSize(payload.length) + payload.length;
  return bytes;
}

function messageBytes(message: LogMessage): number {
  load(message);
  const bytes = loadedBytes();
  return message.type === 'appendRequest' ? bytes + entriesBytes(message) : bytes;
}

function envelopeBodyBytes(groupLength: number, messageTag: number, messageLength: number): number {
  const groupBytes = 1 + varintSize(groupLength) + groupLength;
  return groupBytes + varintSize(messageTag) + varintSize(messageLength) + messageLength;
}

function tagOf(message: EngineMessage): number {
  return (MESSAGE_FIELDS[message.type] << 3) | 2;
}

/** What a message takes: bytes, those of them that stand beside the frame's own buffer, and elements of lists. */
function measure(message: EngineMessage): MessageSize {
  if (isLeaderless(message)) return sizeOf(message);
  if (isOwnSemisync(message)) return semisyncSize(message);
  const elements = message.type === 'appendRequest' ? message.entries.length : 0;
  return { bytes: messageBytes(message), standalone: standaloneBytes(message), elements };
}

/** Bytes that `envelope` takes in a frame: what queues are bounded by. */
export function envelopeBytes(envelope: WireEnvelope): number {
  const { group, message } = envelope;
  const body = envelopeBodyBytes(Buffer.byteLength(group), tagOf(message), measure(message).bytes);
  return 1 + varintSize(body) + body;
}

function writeMessage(writer: FrameWriter, message: EngineMessage): void {
  if (isLeaderless(message)) return writeLeaderless(writer, message);
  if (isOwnSemisync(message)) return writeSemisync(writer, message);
  load(message);
  for (let field = 1; field < SCALAR_FIELDS; field++) {
    const value = scalars[field] as number;
    if (value === 0) continue;
    writer.meta[writer.at++] = field << 3;
    writer.varint(value);
  }
  if (payload.length > 0) writer.bytesField((payloadField << 3) | 2, payload);
  if (message.type === 'appendRequest') writeEntries(writer, 5, message.entries);
}

/** One frame's worth of envelopes: [from, to) of the list, with the sizes that the lengths on the wire need. */
interface FramePlan {
  readonly to: number;
  readonly bodyBytes: number;
  readonly standaloneBytes: number;
  readonly messageBytes: readonly number[];
}

/** Bytes of payloads that will stand beside the frame's own buffer. */
function standaloneBytes(message: LogMessage): number {
  if (message.type === 'forwardProposal') return standalone(message.payload);
  if (message.type === 'snapshotChunk') return standalone(message.data);
  return message.type === 'appendRequest' ? entriesStandalone(message.entries) : 0;
}

function plan(envelopes: readonly WireEnvelope[], from: number): FramePlan {
  let bodyBytes = 0;
  let standaloneTotal = 0;
  let entries = 0;
  const sizes: number[] = [];
  let to = from;
  for (; to < envelopes.length && to - from < LIMITS.frameEnvelopes; to++) {
    const { group, message } = assertDefined(envelopes[to], 'the list has no holes');
    const groupLength = Buffer.byteLength(group);
    assert(groupLength > 0 && groupLength <= GROUP_ID_BYTES_MAX, 'a group id has 1 to 512 bytes');
    const size = measure(message);
    const body = envelopeBodyBytes(groupLength, tagOf(message), size.bytes);
    const bytes = 1 + varintSize(body) + body;
    if (bytes > FRAME_BODY_BYTES_MAX) throw new WireError('frame_too_large', `${message.type} of ${bytes} bytes`);
    if (size.elements > FRAME_ENTRIES_MAX) throw new WireError('too_many_elements', `${message.type} is too long`);
    entries += size.elements;
    const full = bodyBytes + bytes > FRAME_BODY_BYTES_TARGET || entries > FRAME_ENTRIES_MAX;
    if (full && to > from) break;
    bodyBytes += bytes;
    standaloneTotal += size.standalone;
    sizes.push(size.bytes);
  }
  return { to, bodyBytes, standaloneBytes: standaloneTotal, messageBytes: sizes };
}

/** Encodes envelopes [from, plan.to) as one frame. */
function writeFrame(envelopes: readonly WireEnvelope[], from: number, frame: FramePlan): readonly Uint8Array[] {
  const writer = new FrameWriter(FRAME_HEADER_BYTES + frame.bodyBytes - frame.standaloneBytes);
  for (let at = from; at < frame.to; at++) {
    const { group, message } = assertDefined(envelopes[at], 'the list has no holes');
    const tag = tagOf(message);
    const size = assertDefined(frame.messageBytes[at - from], 'every planned message has a size');
    const groupLength = Buffer.byteLength(group);
    writer.meta[writer.at++] = ENVELOPE_TAG;
    writer.varint(envelopeBodyBytes(groupLength, tag, size));
    writer.meta[writer.at++] = GROUP_TAG;
    writer.varint(groupLength);
    writer.at += writer.meta.write(group, writer.at);
    writer.varint(tag);
    writer.varint(size);
    writeMessage(writer, message);
  }
  writer.flush();
  assert(writer.at === writer.meta.length, 'the frame has the planned size');
  finishFrame(writer.buffers, writer.meta, frame.bodyBytes);
  return writer.buffers;
}

/** Fills in the header, which is the first 12 bytes of the first buffer. */
function finishFrame(buffers: readonly Uint8Array[], head: Buffer, bodyBytes: number): void {
  let crc = 0;
  for (const [at, buffer] of buffers.entries()) {
    crc = crc32(at === 0 ? buffer.subarray(FRAME_HEADER_BYTES) : buffer, crc);
  }
  writeFrameHeader(head, 0, bodyBytes, crc);
}

/**
 * Encodes envelopes as frames: one, or more where one would be above 4 MiB, 4096 envelopes or 16 Ki entries. Payloads
 * above 4 KiB are not copied. Throws WireError `frame_too_large` when a single message exceeds a frame (its entry was
 * larger than the limits of requests allow) and InvariantViolation for messages that the protocol forbids.
 */
export function encodeFrames(envelopes: readonly WireEnvelope[]): EncodedFrames {
  assert(envelopes.length > 0, 'a frame carries something');
  const buffers: Uint8Array[] = [];
  let bytes = 0;
  let frames = 0;
  for (let from = 0; from < envelopes.length; frames++) {
    const frame = plan(envelopes, from);
    for (const buffer of writeFrame(envelopes, from, frame)) buffers.push(buffer);
    bytes += FRAME_HEADER_BYTES + frame.bodyBytes;
    from = frame.to;
  }
  return { buffers, bytes, frames };
}

/** A frame around a body that is already protobuf: handshakes, pings and pongs. */
export function frameOf(body: Uint8Array): Buffer {
  assert(body.length <= FRAME_BODY_BYTES_MAX, 'the body fits a frame');
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + body.length);
  frame.set(body, FRAME_HEADER_BYTES);
  writeFrameHeader(frame, 0, body.length, crc32(body));
  return frame;
}
