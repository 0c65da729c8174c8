import { varintSize } from '../../native-like/bytes/index.js';
import { assert, unreachable } from '../base/assert.js';
import type { SemisyncEntry, Tail } from '../engines/semisync/messages.js';
import { entriesBytes, entriesStandalone, writeEntries } from './entries-encode.js';
import type { OwnSemisyncMessage } from './envelope.js';
import type { FrameWriter, MessageSize } from './frame-writer.js';
import { TAIL_QUORUMS_MAX, WRITE_QUORUM_MAX } from './protocol.js';

/** The messages of semisync that raft does not have, as in leaderless-encode.ts: each one is described once. */
interface Fields {
  /** Left out when it is 0, as protobuf does. */
  number(field: number, value: number | boolean): void;
  tail(field: number, tail: Tail): void;
  entries(field: number, entries: readonly SemisyncEntry[]): void;
}

function describe(message: OwnSemisyncMessage, to: Fields): void {
  to.number(1, message.term);
  switch (message.type) {
    case 'epochHeartbeat':
      to.number(2, message.round);
      to.number(3, message.commit);
      to.number(4, message.acked);
      to.number(5, message.vouchedCommit);
      return to.number(6, message.vouchedClock);
    case 'epochHeartbeatResponse':
      to.number(2, message.round);
      return to.number(3, message.clock);
    case 'promiseRequest':
      to.number(2, message.ask);
      to.number(3, message.wanted);
      return to.number(4, message.lastTerm);
    case 'promiseResponse':
      to.number(2, message.ask);
      to.number(3, message.granted);
      return to.tail(4, message.tail);
    case 'fetchRequest':
      to.number(2, message.prevIndex);
      return to.number(3, message.prevTerm);
    case 'fetchResponse':
      to.number(2, message.rejected);
      to.number(3, message.prevIndex);
      to.number(4, message.prevTerm);
      to.number(5, message.hintIndex);
      to.number(6, message.hintTerm);
      return to.entries(7, message.entries);
    case 'fenced':
      return;
    default:
      unreachable(message);
  }
}

function numberBytes(value: number): number {
  if (value === 0) return 0;
  assert(value > 0 && Number.isSafeInteger(value), 'numbers on the wire are safe non-negative integers');
  return 1 + varintSize(value);
}

/** The numbers of a PlacedQuorum by field number, from 1. */
function placedNumbers({ index, writeQuorum, forcedTerm }: Tail['quorums'][number]): readonly number[] {
  return [index, writeQuorum, forcedTerm];
}

function sum(numbers: readonly number[]): number {
  let bytes = 0;
  for (const value of numbers) bytes += numberBytes(value);
  return bytes;
}

function tailBytes(tail: Tail): number {
  const { commit, forcedTerm, lastIndex, lastTerm, quorums, writeQuorum } = tail;
  // What the receiver refuses would cost the connection, again and again.
  assert(quorums.length <= TAIL_QUORUMS_MAX, 'a tail lists at most 64 changes of the write quorum');
  assert(writeQuorum <= WRITE_QUORUM_MAX, 'a write waits for at most 63 followers');
  assert(commit <= lastIndex, 'commit is within the log');
  let bytes = sum([lastIndex, lastTerm, commit, writeQuorum, forcedTerm]);
  let before: number = commit;
  for (const placed of quorums) {
    assert(placed.index > before && placed.index <= lastIndex, 'changes come in the order of the log, after commit');
    assert(placed.writeQuorum <= WRITE_QUORUM_MAX, 'a write waits for at most 63 followers');
    before = placed.index;
    const body = sum(placedNumbers(placed));
    bytes += 1 + varintSize(body) + body;
  }
  return bytes;
}

class Measure implements Fields {
  bytes = 0;
  standalone = 0;
  elements = 0;
  private readonly message: OwnSemisyncMessage;

  constructor(message: OwnSemisyncMessage) {
    this.message = message;
    describe(message, this);
  }

  number(_field: number, value: number | boolean): void {
    this.bytes += numberBytes(Number(value));
  }

  tail(_field: number, tail: Tail): void {
    const body = tailBytes(tail);
    this.bytes += 1 + varintSize(body) + body;
    this.elements += tail.quorums.length;
  }

  entries(_field: number, entries: readonly SemisyncEntry[]): void {
    const { message } = this;
    assert(message.type === 'fetchResponse', 'only a fetchResponse carries entries');
    assert(!message.rejected || entries.length === 0, 'what is rejected carries no entries');
    this.bytes += entriesBytes(message);
    this.standalone += entriesStandalone(entries);
    this.elements += entries.length;
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
    this.writer.meta[this.writer.at++] = field << 3;
    this.writer.varint(number);
  }

  tail(field: number, tail: Tail): void {
    this.head(field, tailBytes(tail));
    this.number(1, tail.lastIndex);
    this.number(2, tail.lastTerm);
    this.number(3, tail.commit);
    this.number(4, tail.writeQuorum);
    for (const placed of tail.quorums) {
      const numbers = placedNumbers(placed);
      this.head(5, sum(numbers));
      for (const [at, value] of numbers.entries()) this.number(at + 1, value);
    }
    this.number(6, tail.forcedTerm);
  }

  entries(field: number, entries: readonly SemisyncEntry[]): void {
    writeEntries(this.writer, field, entries);
  }

  private head(field: number, length: number): void {
    this.writer.meta[this.writer.at++] = (field << 3) | 2;
    this.writer.varint(length);
  }
}

export function semisyncSize(message: OwnSemisyncMessage): MessageSize {
  return new Measure(message);
}

export function writeSemisync(writer: FrameWriter, message: OwnSemisyncMessage): void {
  describe(message, new Writing(writer));
}
