import { assert } from '../base/assert.js';
import type { GroupId, LogIndex, Term } from '../base/brand.js';
import { LIMITS } from '../base/limits.js';
import type { EngineMessage } from '../engines/messages.js';
import type { AppendRequest } from '../engines/raft/messages.js';
import type { SnapshotChunk } from '../engines/semisync/messages.js';
import { makeEntries, readWithEntries } from './entries-decode.js';
import {
  LEADERLESS_FIELD_FIRST,
  MESSAGE_FIELD_FIRST,
  MESSAGE_FIELD_LAST,
  MESSAGE_FIELDS,
  REFUSALS,
  SCALAR_FIELDS,
  SEMISYNC_FIELD_FIRST,
  type LogMessage,
  type WireEnvelope,
} from './envelope.js';
import { readFormation, type WireFormation } from './formation.js';
import { keep, reader, type Frame, type Route } from './frame-reader.js';
import { readLeaderless } from './leaderless-decode.js';
import { GROUP_ID_BYTES_MAX } from './protocol.js';
import { readSemisync } from './semisync-decode.js';
import { LENGTH_DELIMITED, VARINT } from './varint.js';
import { WireError } from './wire-error.js';

export type { Route } from './frame-reader.js';

export interface DecodedFrame {
  readonly envelopes: readonly WireEnvelope[];
  /** The ping's sequence, or null. */
  readonly ping: number | null;
  /** How many bytes the peer received of what we sent, or null. */
  readonly pong: number | null;
  /** The last one, or null. */
  readonly formation: WireFormation | null;
}

const NO_ENVELOPES: readonly WireEnvelope[] = [];

// One message at a time is decoded, so that its numbers can stand in arrays that are used again and again.
const scalars = new Float64Array(SCALAR_FIELDS);
let payloadStart = 0;
let payloadEnd = 0;

/**
 * Decodes and checks the body of a frame. All or nothing: throws WireError, and nothing else, for every input that the
 * protocol forbids, before it allocates more than the limits allow (reliability.md §6.5).
 *
 * Payloads may be retained for ever. When `ownsBody` (the body is alone in its buffer) and a message is at least half of
 * it, they point into the body; otherwise the bytes of one append message are copied, in one piece, so that a small
 * entry never keeps a large buffer of the socket alive.
 */
export function decodeFrame(body: Buffer, route: Route, ownsBody = false): DecodedFrame {
  const frame: Frame = { body, ownsBody, route, entries: 0 };
  let envelopes: WireEnvelope[] | null = null;
  let ping: number | null = null;
  let pong: number | null = null;
  let formation: WireFormation | null = null;
  reader.reset(body, 0, body.length);
  while (reader.at < body.length) {
    const tag = reader.tag();
    const field = tag >>> 3;
    if (field < 1 || field > 4 || (tag & 7) !== LENGTH_DELIMITED) {
      reader.skip(tag & 7);
      continue;
    }
    const length = reader.length();
    const end = reader.at + length;
    reader.end = end;
    if (field === 1) {
      envelopes ??= [];
      if (envelopes.length === LIMITS.frameEnvelopes) {
        throw new WireError('too_many_elements', `more than ${LIMITS.frameEnvelopes} envelopes`);
      }
      envelopes.push(readEnvelope(frame));
    } else if (field === 4) {
      formation = readFormation(reader, body);
    } else {
      readScalars(end, 0);
      if (field === 2) ping = scalars[1] as number;
      else pong = scalars[1] as number;
    }
    assert(reader.at === end, 'a field is read to its end');
    reader.end = body.length;
  }
  return { envelopes: envelopes ?? NO_ENVELOPES, ping, pong, formation };
}

function readEnvelope(frame: Frame): WireEnvelope {
  const { end } = reader;
  let group = '';
  let messageField = 0;
  let start = 0;
  let length = 0;
  while (reader.at < end) {
    const tag = reader.tag();
    const field = tag >>> 3;
    if ((tag & 7) !== LENGTH_DELIMITED || field > MESSAGE_FIELD_LAST) {
      if (field >= MESSAGE_FIELD_FIRST && field <= MESSAGE_FIELD_LAST) throw notAMessage(field);
      reader.skip(tag & 7);
      continue;
    }
    const bytes = reader.length();
    if (field === 1) {
      group = readGroup(frame.body, bytes);
    } else {
      if (messageField !== 0) throw new WireError('protocol_violation', 'two messages in one envelope');
      messageField = field;
      start = reader.at;
      length = bytes;
    }
    reader.at += bytes;
  }
  if (group === '') throw new WireError('protocol_violation', 'an envelope without a group');
  if (messageField === 0) throw new WireError('unknown_message', 'an envelope without a message that is known here');
  reader.at = start;
  reader.end = start + length;
  const message = readAny(frame, messageField);
  reader.at = end;
  return { group: group as GroupId, message };
}

function readAny(frame: Frame, field: number): EngineMessage {
  if (field >= SEMISYNC_FIELD_FIRST) return readSemisync(frame, field);
  return field >= LEADERLESS_FIELD_FIRST ? readLeaderless(frame, field) : readMessage(frame, field);
}

function notAMessage(field: number): WireError {
  return new WireError('malformed', `field ${field} of an envelope is not a message`);
}

function readGroup(body: Buffer, bytes: number): string {
  if (bytes === 0 || bytes > GROUP_ID_BYTES_MAX) throw new WireError('out_of_range', `a group id of ${bytes} bytes`);
  const group = body.toString('utf8', reader.at, reader.at + bytes);
  if (group.includes('\ufffd')) throw new WireError('malformed', 'a group id that is not UTF-8');
  return group;
}

/**
 * Reads the message [reader.at, end): numbers into `scalars` by field number, the bytes of `payloadField` into
 * payloadStart/End. Absent ones are 0; of repeated ones the last counts; unknown ones are skipped.
 */
function readScalars(end: number, payloadField: number): void {
  scalars.fill(0);
  payloadStart = payloadEnd = 0;
  while (reader.at < end) {
    const tag = reader.tag();
    const field = tag >>> 3;
    if ((tag & 7) === VARINT && field < SCALAR_FIELDS) {
      scalars[field] = reader.varint();
    } else if (tag === ((payloadField << 3) | LENGTH_DELIMITED)) {
      const length = reader.length();
      payloadStart = reader.at;
      payloadEnd = reader.at += length;
    } else {
      reader.skip(tag & 7);
    }
  }
}

/** Where two engines use one type, all fields of both are there: raft passes over those that are not its own. */
function readMessage(frame: Frame, field: number): LogMessage {
  if (field === MESSAGE_FIELDS.appendRequest) return readAppendRequest(frame);
  const { from, to } = frame.route;
  const { end } = reader;
  const hasPayload = field === MESSAGE_FIELDS.forwardProposal || field === MESSAGE_FIELDS.snapshotChunk;
  readScalars(end, !hasPayload ? 0 : field === MESSAGE_FIELDS.forwardProposal ? 3 : 7);
  const base = { from, to, term: scalars[1] as Term };
  const number2 = scalars[2] as number;
  const number3 = scalars[3] as number;
  const number4 = scalars[4] as number;
  const number5 = scalars[5] as number;
  switch (field) {
    case MESSAGE_FIELDS.appendResponse:
      return {
        type: 'appendResponse',
        ...base,
        rejected: number2 !== 0,
        index: number3 as LogIndex,
        hintIndex: number4 as LogIndex,
        hintTerm: number5 as Term,
        diverged: scalars[6] !== 0,
      };
    case MESSAGE_FIELDS.heartbeat:
      return { type: 'heartbeat', ...base, commit: number2 as LogIndex, readRound: number3 };
    case MESSAGE_FIELDS.heartbeatResponse:
      return { type: 'heartbeatResponse', ...base, readRound: number2 };
    case MESSAGE_FIELDS.voteRequest:
      return {
        type: 'voteRequest',
        ...base,
        preVote: number2 !== 0,
        lastIndex: number3 as LogIndex,
        lastTerm: number4 as Term,
        transfer: number5 !== 0,
      };
    case MESSAGE_FIELDS.voteResponse:
      return { type: 'voteResponse', ...base, preVote: number2 !== 0, granted: number3 !== 0 };
    case MESSAGE_FIELDS.timeoutNow:
      return { type: 'timeoutNow', ...base };
    case MESSAGE_FIELDS.readIndexRequest:
      return { type: 'readIndexRequest', ...base, id: number2 };
    case MESSAGE_FIELDS.readIndexResponse:
      return { type: 'readIndexResponse', ...base, id: number2, ok: number3 !== 0, index: number4 as LogIndex };
    case MESSAGE_FIELDS.forwardProposal:
      return {
        type: 'forwardProposal',
        ...base,
        id: number2,
        kind: number4 === 0 ? 'commands' : 'membership',
        payload: retained(frame),
      };
    case MESSAGE_FIELDS.forwardProposalResponse: {
      const refused = REFUSALS[number3];
      if (refused === undefined) throw new WireError('unknown_message', `refusal ${number3}`);
      const entryTerm = number5 as Term;
      return { type: 'forwardProposalResponse', ...base, id: number2, refused, index: number4 as LogIndex, entryTerm };
    }
    case MESSAGE_FIELDS.snapshotChunk:
      return { type: 'snapshotChunk', ...base, ...readChunk(frame) };
    case MESSAGE_FIELDS.snapshotChunkResponse:
      return { type: 'snapshotChunkResponse', ...base, streamId: number2, sequence: number3, ok: number4 !== 0 };
    default:
      throw new WireError('unknown_message', `message ${field}`);
  }
}

function readChunk(frame: Frame): Omit<SnapshotChunk, 'type' | 'from' | 'to' | 'term'> {
  return {
    streamId: scalars[2] as number,
    index: scalars[3] as LogIndex,
    indexTerm: scalars[4] as Term,
    sequence: scalars[5] as number,
    last: scalars[6] !== 0,
    replaces: scalars[8] !== 0,
    forcedTerm: scalars[9] as Term,
    data: retained(frame),
  };
}

/** The payload of the message at hand, safe to keep. */
function retained(frame: Frame): Uint8Array {
  return keep(frame, payloadStart, payloadEnd);
}

function readAppendRequest(frame: Frame): AppendRequest {
  const count = readWithEntries(frame, scalars, 5);
  const { from, to } = frame.route;
  const term = scalars[1] as Term;
  const prevIndex = scalars[2] as LogIndex;
  const prevTerm = scalars[3] as Term;
  const commit = scalars[4] as LogIndex;
  const entries = makeEntries(frame, count, { term, prevIndex, prevTerm });
  return { type: 'appendRequest', from, to, term, prevIndex, prevTerm, commit, entries };
}
