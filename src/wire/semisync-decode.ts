import type { LogIndex, Term } from '../base/brand.js';
import type { FetchResponse, PlacedQuorum, SemisyncEntry, Tail } from '../engines/semisync/messages.js';
import { makeEntries, readWithEntries } from './entries-decode.js';
import { MESSAGE_FIELDS, type OwnSemisyncMessage } from './envelope.js';
import { reader, type Frame } from './frame-reader.js';
import { FRAME_ENTRIES_MAX, TAIL_QUORUMS_MAX, WRITE_QUORUM_MAX } from './protocol.js';
import { LENGTH_DELIMITED, VARINT } from './varint.js';
import { WireError } from './wire-error.js';

/** More than the largest number of a scalar field. */
const NUMBERS = 7;

// As in decode.ts: one message at a time, its numbers by field number; a nested one has numbers of its own.
const numbers = new Float64Array(NUMBERS);
const nested = new Float64Array(NUMBERS);
const placed = new Float64Array(NUMBERS);

/** Reads the message [reader.at, reader.end). Throws WireError, before it allocates more than the limits allow. */
export function readSemisync(frame: Frame, field: number): OwnSemisyncMessage {
  if (field === MESSAGE_FIELDS.fetchResponse) return readFetchResponse(frame);
  const tail = readNumbers(frame, field === MESSAGE_FIELDS.promiseResponse);
  const { from, to } = frame.route;
  const base = { from, to, term: at(1) as Term };
  switch (field) {
    case MESSAGE_FIELDS.epochHeartbeat:
      return {
        type: 'epochHeartbeat',
        ...base,
        round: at(2),
        commit: at(3) as LogIndex,
        acked: at(4) as LogIndex,
        vouchedCommit: at(5) as LogIndex,
        vouchedClock: at(6),
      };
    case MESSAGE_FIELDS.epochHeartbeatResponse:
      return { type: 'epochHeartbeatResponse', ...base, round: at(2), clock: at(3) };
    case MESSAGE_FIELDS.promiseRequest:
      return { type: 'promiseRequest', ...base, ask: flag(2), wanted: flag(3), lastTerm: at(4) as Term };
    case MESSAGE_FIELDS.promiseResponse:
      if (tail === null) throw new WireError('protocol_violation', 'a promise without a tail');
      if (tail.lastTerm > base.term) throw new WireError('protocol_violation', 'a log that is newer than its owner');
      return { type: 'promiseResponse', ...base, ask: flag(2), granted: flag(3), tail };
    case MESSAGE_FIELDS.fetchRequest:
      return { type: 'fetchRequest', ...base, prevIndex: at(2) as LogIndex, prevTerm: at(3) as Term };
    case MESSAGE_FIELDS.fenced:
      return { type: 'fenced', ...base };
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

/** Numbers, and field 4 as a tail where there may be one. */
function readNumbers(frame: Frame, hasTail: boolean): Tail | null {
  numbers.fill(0);
  let tail: Tail | null = null;
  while (reader.at < reader.end) {
    const tag = reader.tag();
    if (hasTail && tag === ((4 << 3) | LENGTH_DELIMITED)) tail = readTail(frame);
    else take(tag, numbers);
  }
  return tail;
}

function take(tag: number, into: Float64Array): void {
  const field = tag >>> 3;
  if ((tag & 7) === VARINT && field < NUMBERS) into[field] = reader.varint();
  else reader.skip(tag & 7);
}

function readTail(frame: Frame): Tail {
  const { end } = reader;
  const length = reader.length();
  reader.end = reader.at + length;
  nested.fill(0);
  const quorums: PlacedQuorum[] = [];
  while (reader.at < reader.end) {
    const tag = reader.tag();
    if (tag !== ((5 << 3) | LENGTH_DELIMITED)) {
      take(tag, nested);
      continue;
    }
    if (quorums.length === TAIL_QUORUMS_MAX || frame.entries === FRAME_ENTRIES_MAX) {
      throw new WireError('too_many_elements', `more than ${TAIL_QUORUMS_MAX} write quorums in a tail`);
    }
    frame.entries++;
    quorums.push(readPlaced());
  }
  reader.end = end;
  const tail: Tail = {
    lastIndex: nested[1] as LogIndex,
    lastTerm: nested[2] as Term,
    commit: nested[3] as LogIndex,
    writeQuorum: nested[4] as number,
    quorums,
    forcedTerm: nested[6] as Term,
  };
  checkTail(tail);
  return tail;
}

function readPlaced(): PlacedQuorum {
  const { end } = reader;
  const length = reader.length();
  reader.end = reader.at + length;
  placed.fill(0);
  while (reader.at < reader.end) take(reader.tag(), placed);
  reader.end = end;
  return { index: placed[1] as LogIndex, writeQuorum: placed[2] as number, forcedTerm: placed[3] as Term };
}

/** Promises are counted by it: what cannot be true of any log is not believed. */
function checkTail({ commit, forcedTerm, lastIndex, lastTerm, quorums, writeQuorum }: Tail): void {
  if (commit > lastIndex) throw new WireError('protocol_violation', 'more is committed than there is');
  if (forcedTerm > lastTerm) throw new WireError('protocol_violation', 'a forced epoch that the log has not reached');
  checkWriteQuorum(writeQuorum);
  let before: number = commit;
  for (const { index, forcedTerm: forced, writeQuorum: changed } of quorums) {
    if (index <= before || index > lastIndex) {
      throw new WireError('protocol_violation', `a write quorum at ${index}, after ${before} of ${lastIndex}`);
    }
    if (forced > forcedTerm) throw new WireError('protocol_violation', 'a forced epoch newer than the newest');
    checkWriteQuorum(changed);
    before = index;
  }
}

function checkWriteQuorum(writeQuorum: number): void {
  if (writeQuorum > WRITE_QUORUM_MAX) throw new WireError('out_of_range', `a write quorum of ${writeQuorum}`);
}

function readFetchResponse(frame: Frame): FetchResponse {
  const count = readWithEntries(frame, numbers, 7);
  const { from, to } = frame.route;
  const rejected = flag(2);
  const position = { term: at(1) as Term, prevIndex: at(3) as LogIndex, prevTerm: at(4) as Term };
  if (rejected && count > 0) throw new WireError('protocol_violation', 'entries with a refusal');
  const entries = makeEntries(frame, count, position).map((entry): SemisyncEntry => {
    const { kind } = entry;
    if (kind === 'membership') throw new WireError('protocol_violation', 'a membership in a log of fixed members');
    return { ...entry, kind };
  });
  return {
    type: 'fetchResponse',
    from,
    to,
    ...position,
    rejected,
    hintIndex: at(5) as LogIndex,
    hintTerm: at(6) as Term,
    entries,
  };
}
