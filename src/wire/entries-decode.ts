import { assertDefined } from '../base/assert.js';
import type { LogIndex, Term } from '../base/brand.js';
import { LIMITS } from '../base/limits.js';
import type { Entry } from '../engines/entry.js';
import { ENTRY_KINDS } from './envelope.js';
import { EMPTY, keep, reader, type Frame } from './frame-reader.js';
import { FRAME_ENTRIES_MAX } from './protocol.js';
import { LENGTH_DELIMITED, VARINT } from './varint.js';
import { WireError } from './wire-error.js';

// As in decode.ts: one message at a time.
const entryTerms = new Float64Array(LIMITS.appendEntries);
const entryKinds = new Uint8Array(LIMITS.appendEntries);
const entryStarts = new Uint32Array(LIMITS.appendEntries);
const entryEnds = new Uint32Array(LIMITS.appendEntries);

/**
 * Reads the message [reader.at, reader.end), whose entries are field `entriesField`: numbers into `scalars`. How many
 * entries it has; they are made by `makeEntries`.
 */
export function readWithEntries(frame: Frame, scalars: Float64Array, entriesField: number): number {
  const { end } = reader;
  scalars.fill(0);
  let count = 0;
  while (reader.at < end) {
    const tag = reader.tag();
    const field = tag >>> 3;
    if ((tag & 7) === VARINT && field < scalars.length) {
      scalars[field] = reader.varint();
    } else if (tag === ((entriesField << 3) | LENGTH_DELIMITED)) {
      if (count === LIMITS.appendEntries || frame.entries === FRAME_ENTRIES_MAX) {
        throw new WireError('too_many_elements', `more than ${LIMITS.appendEntries} entries in a message`);
      }
      const length = reader.length();
      readEntry(count, reader.at + length);
      count++;
      frame.entries++;
    } else {
      reader.skip(tag & 7);
    }
  }
  return count;
}

/** Reads the entry [reader.at, end) into row `row` of the entry arrays. */
function readEntry(row: number, end: number): void {
  let term = 0;
  let kind = 0;
  let start = 0;
  let stop = 0;
  while (reader.at < end) {
    const tag = reader.tag();
    if (tag === 1 << 3) {
      term = reader.varint();
    } else if (tag === 2 << 3) {
      kind = reader.varint();
    } else if (tag === ((3 << 3) | LENGTH_DELIMITED)) {
      const length = reader.length();
      start = reader.at;
      stop = reader.at += length;
    } else {
      reader.skip(tag & 7);
    }
  }
  if (reader.at !== end) throw new WireError('malformed', 'an entry ends inside a field');
  if (kind < 1 || kind >= ENTRY_KINDS.length) throw new WireError('unknown_message', `entry kind ${kind}`);
  entryTerms[row] = term;
  entryKinds[row] = kind;
  entryStarts[row] = start;
  entryEnds[row] = stop;
}

/** The entries that were read last. Along a log terms never decrease, and a leader has none of a later term (Raft paper §5.3). */
export function makeEntries(
  frame: Frame,
  count: number,
  { prevIndex, prevTerm, term }: { readonly prevIndex: LogIndex; readonly prevTerm: Term; readonly term: Term },
): readonly Entry[] {
  checkTerms(term, prevTerm, prevIndex, count);
  if (count === 0) return [];
  let first = 0;
  let end = 0;
  for (let row = 0; row < count; row++) {
    if (entryStarts[row] === entryEnds[row]) continue;
    if (end === 0) first = entryStarts[row] as number;
    end = entryEnds[row] as number;
  }
  // One copy for all: between the payloads lie only a few bytes of each entry's header.
  const bytes = end === 0 ? EMPTY : keep(frame, first, end);
  const entries: Entry[] = [];
  for (let row = 0; row < count; row++) {
    const start = entryStarts[row] as number;
    const stop = entryEnds[row] as number;
    const kind = assertDefined(ENTRY_KINDS[entryKinds[row] as number], 'kinds are checked when they are read');
    const payload = start === stop ? EMPTY : bytes.subarray(start - first, stop - first);
    entries.push({ index: (prevIndex + 1 + row) as LogIndex, term: entryTerms[row] as Term, kind, payload });
  }
  return entries;
}

function checkTerms(term: number, prevTerm: number, prevIndex: number, count: number): void {
  if (!Number.isSafeInteger(prevIndex + count)) throw new WireError('out_of_range', 'an index above 2^53 - 1');
  let last = prevTerm;
  for (let row = 0; row < count; row++) {
    const next = entryTerms[row] as number;
    if (next < last || next === 0) throw new WireError('protocol_violation', `entry of term ${next} after ${last}`);
    last = next;
  }
  if (last > term) throw new WireError('protocol_violation', `entry of term ${last} from a leader of term ${term}`);
}
