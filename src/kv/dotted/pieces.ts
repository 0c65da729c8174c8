import { latin1Slice } from '../../../native-like/bytes/index.js';
import { LIMITS } from '../../base/limits.js';
import type { ByteReader } from '../byte-reader.js';
import { ByteWriter } from '../byte-writer.js';
import { DecodeError } from '../decode-error.js';
import { decodeRecord } from '../records.js';
import type { KeyString } from '../types.js';
import { readItem, writeItem } from './item-codec.js';
import type { DottedItem } from './item.js';
import { Origins, readOrigin } from './origins.js';
import { NO_ROWS, readRows, writeRows, type SeenRows } from './seen-rows.js';

/**
 * Items on their way to another member, self-contained:
 *
 *   varint format | varint count of origins | origins: varint length, name | varint count of items |
 *   items: varint key length | key | item (item-codec.ts) |
 *   what origins have seen (seen-rows.ts), as far as the last piece of a whole state tells it
 */
const FORMAT = 1;

const head = new ByteWriter();

export class PieceWriter {
  readonly #body = new ByteWriter();
  #origins = new Origins();
  #count = 0;

  get bytes(): number {
    return this.#body.at;
  }

  get count(): number {
    return this.#count;
  }

  add(key: KeyString, item: DottedItem): void {
    this.#body.varint(key.length);
    this.#body.text(key);
    writeItem(this.#body, item, this.#origins);
    this.#count++;
  }

  take(seen: SeenRows = NO_ROWS): Uint8Array {
    writeRows(this.#body, seen, this.#origins);
    head.varint(FORMAT);
    head.varint(this.#origins.ids.length);
    for (const origin of this.#origins.ids) {
      head.varint(origin.length);
      head.text(origin);
    }
    head.varint(this.#count);
    const body = this.#body.take();
    head.bytes(body, 0, body.length);
    this.#origins = new Origins();
    this.#count = 0;
    return head.take();
  }
}

export interface Piece {
  readonly items: readonly (readonly [key: KeyString, item: DottedItem])[];
  readonly seen: SeenRows;
}

/** Values are views of the piece. Throws `checkpoint_corrupt` for anything that PieceWriter does not write. */
export function decodePiece(piece: Uint8Array): Piece {
  return decodeRecord('items of another member', piece, (reader) => {
    const format = reader.varint();
    if (format !== FORMAT) throw new DecodeError(`format ${format}, this version reads ${FORMAT}`);
    const origins = new Origins();
    for (let left = reader.varint(); left > 0; left--) origins.number(readOrigin(reader));
    const count = reader.varint();
    const items: [KeyString, DottedItem][] = [];
    for (let left = count; left > 0; left--) items.push([readKey(reader), readItem(reader, origins)]);
    const seen = readRows(reader, origins);
    if (!reader.done) throw new DecodeError('bytes behind the items');
    return { items, seen };
  });
}

function readKey(reader: ByteReader): KeyString {
  const length = reader.varint();
  if (length === 0 || length > LIMITS.keyBytesCeiling) throw new DecodeError('a key beyond its limits');
  const start = reader.take(length);
  return latin1Slice(reader.source, start, start + length);
}
