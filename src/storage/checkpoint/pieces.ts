import { crc32 } from 'node:zlib';
import { assert } from '../../base/assert.js';
import { KvorumError } from '../../base/errors/error.js';
import type { CheckpointMark, SnapshotSource } from '../storage.js';
import { decodeMark, encodeMark } from './mark.js';

/**
 * A snapshot on its way: self-contained pieces, the same for every implementation (little endian).
 *
 *   piece   := u32 crc(number ++ kind ++ body) | u32 number | u8 kind | body
 *   mark    := kind 0, number 0: CheckpointMark (log.proto)
 *   pairs   := kind 1: { u16 key bytes | u32 value bytes | key | value }, keys ascending over all pieces
 *   end     := kind 2: u32 number of pieces before it, so that a snapshot is never short without anyone noticing
 */
const HEADER_BYTES = 9;
const PAIR_HEADER_BYTES = 6;

const KIND = { mark: 0, pairs: 1, end: 2 } as const;

type Pair = readonly [key: string, value: Uint8Array];

/** Streams a mark and pairs as pieces. `close` is called once, at the latest by the source's own close. */
export function createSnapshotSource(mark: CheckpointMark, pairs: Iterator<Pair>, close: () => void): SnapshotSource {
  let number = 0;
  let ended = false;
  let closed = false;
  let waiting: Pair | null = null;
  const nextPair = (): Pair | null => {
    const pair = pairs.next();
    return pair.done === true ? null : pair.value;
  };
  return {
    mark,
    next(maxBytes) {
      assert(!closed, 'a closed snapshot is not read');
      if (ended) return null;
      if (number === 0) {
        waiting = nextPair();
        return seal(number++, KIND.mark, [encodeMark(mark)]);
      }
      if (waiting === null) {
        ended = true;
        const count = Buffer.alloc(4);
        count.writeUInt32LE(number);
        return seal(number, KIND.end, [count]);
      }
      const parts: Uint8Array[] = [];
      for (let bytes = 0; waiting !== null; waiting = nextPair()) {
        const pairBytes: number = PAIR_HEADER_BYTES + waiting[0].length + waiting[1].length;
        if (bytes > 0 && bytes + pairBytes > maxBytes) break;
        bytes += pairBytes;
        parts.push(pairHead(waiting), waiting[1]);
      }
      return seal(number++, KIND.pairs, parts);
    },
    close() {
      if (closed) return;
      closed = true;
      close();
    },
  };
}

/** Takes pieces in order and hands out what they hold. Throws checkpoint_corrupt for anything but the next piece. */
export class PieceReader {
  #next = 0;
  #mark: CheckpointMark | null = null;
  #ended = false;
  #lastKey = '';

  /** Calls `pair` for each pair in the piece; values alias the piece. */
  read(piece: Uint8Array, pair: (key: string, value: Buffer) => void): void {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.length);
    if (bytes.length < HEADER_BYTES) throw wrong('is too short');
    if (crc32(bytes.subarray(4)) !== bytes.readUInt32LE(0)) throw wrong('has a wrong checksum');
    const number = bytes.readUInt32LE(4);
    if (number !== this.#next || this.#ended) throw wrong(`has number ${number} where ${this.#next} belongs`);
    this.#next++;
    const kind = bytes.readUInt8(8);
    const body = bytes.subarray(HEADER_BYTES);
    if ((kind === KIND.mark) !== (number === 0)) throw wrong('is out of place');
    if (kind === KIND.mark) this.#mark = decodeMark(body);
    else if (kind === KIND.pairs) this.#pairs(body, pair);
    else if (kind === KIND.end) this.#end(body, number);
    else throw wrong(`has the unknown kind ${kind}`);
  }

  /** The mark, once everything has arrived. */
  finish(): CheckpointMark {
    if (this.#mark === null || !this.#ended) throw new KvorumError('checkpoint_corrupt', 'The snapshot is incomplete');
    return this.#mark;
  }

  #pairs(body: Buffer, pair: (key: string, value: Buffer) => void): void {
    let at = 0;
    while (at < body.length) {
      if (at + PAIR_HEADER_BYTES > body.length) throw wrong('ends within a pair');
      const keyFrom = at + PAIR_HEADER_BYTES;
      const valueFrom = keyFrom + body.readUInt16LE(at);
      const end = valueFrom + body.readUInt32LE(at + 2);
      if (end > body.length) throw wrong('ends within a pair');
      const key = body.toString('latin1', keyFrom, valueFrom);
      if (key <= this.#lastKey) throw wrong('has keys out of order');
      this.#lastKey = key;
      pair(key, body.subarray(valueFrom, end));
      at = end;
    }
  }

  #end(body: Buffer, number: number): void {
    if (body.length !== 4 || body.readUInt32LE(0) !== number) throw wrong('ends a snapshot of another length');
    this.#ended = true;
  }
}

function pairHead([key, value]: Pair): Buffer {
  assert(key.length > 0 && key.length <= 0xffff, 'a key has 1 to 65535 bytes');
  const head = Buffer.allocUnsafe(PAIR_HEADER_BYTES + key.length);
  head.writeUInt16LE(key.length, 0);
  head.writeUInt32LE(value.length, 2);
  head.write(key, PAIR_HEADER_BYTES, 'latin1');
  return head;
}

function seal(number: number, kind: number, parts: readonly Uint8Array[]): Buffer {
  let length = HEADER_BYTES;
  for (const part of parts) length += part.length;
  const piece = Buffer.allocUnsafe(length);
  piece.writeUInt32LE(number, 4);
  piece.writeUInt8(kind, 8);
  let at = HEADER_BYTES;
  for (const part of parts) {
    piece.set(part, at);
    at += part.length;
  }
  piece.writeUInt32LE(crc32(piece.subarray(4)), 0);
  return piece;
}

function wrong(what: string): KvorumError {
  return new KvorumError('checkpoint_corrupt', `A piece of a snapshot ${what}`);
}
