import { varintSize } from '../../native-like/bytes/index.js';
import { assert } from '../base/assert.js';
import type { LogIndex, Term } from '../base/brand.js';
import { LIMITS } from '../base/limits.js';
import type { Entry } from '../engines/entry.js';
import { ENTRY_KIND_VALUES } from './envelope.js';
import { standalone, type FrameWriter } from './frame-writer.js';

/** A message that carries entries of a log, which follow its prevIndex. */
interface WithEntries {
  readonly term: Term;
  readonly prevIndex: LogIndex;
  readonly entries: readonly Entry[];
}

/** Bytes of all entries of a message, with the tags and lengths that stand before them. */
export function entriesBytes({ entries, prevIndex, term }: WithEntries): number {
  assert(entries.length <= LIMITS.appendEntries, 'a message holds at most LIMITS.appendEntries entries');
  let bytes = 0;
  let index: number = prevIndex;
  for (const entry of entries) {
    index++;
    // raft.md A7: a batch with a hole corrupts the follower's log; the wire has no index per entry for that reason.
    assert(entry.index === index, 'the entries of a message are contiguous from prevIndex + 1');
    assert(entry.term <= term, 'no entry is from a later term than its leader');
    const body = entryBytes(entry.term, entry.payload.length);
    bytes += 1 + varintSize(body) + body;
  }
  return bytes;
}

/** Tag and varint of the term, tag and byte of the kind, payload with tag and length. */
function entryBytes(term: number, payloadLength: number): number {
  assert(term > 0 && Number.isSafeInteger(term), 'an entry has a term');
  const head = 1 + varintSize(term) + 2;
  return payloadLength === 0 ? head : head + 1 + varintSize(payloadLength) + payloadLength;
}

/** Bytes of payloads that will stand beside the frame's own buffer. */
export function entriesStandalone(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const { payload } of entries) bytes += standalone(payload);
  return bytes;
}

export function writeEntries(writer: FrameWriter, field: number, entries: readonly Entry[]): void {
  for (const entry of entries) {
    writer.meta[writer.at++] = (field << 3) | 2;
    writer.varint(entryBytes(entry.term, entry.payload.length));
    writer.meta[writer.at++] = 1 << 3;
    writer.varint(entry.term);
    writer.meta[writer.at++] = 2 << 3;
    writer.meta[writer.at++] = ENTRY_KIND_VALUES[entry.kind];
    if (entry.payload.length > 0) writer.bytesField((3 << 3) | 2, entry.payload);
  }
}
