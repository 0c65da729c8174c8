import { ByteWriter } from '../byte-writer.js';
import { DecodeError } from '../decode-error.js';
import type { LayerCodec } from '../layers.js';
import { decodeRecord } from '../records.js';
import type { KeyString } from '../types.js';
import { readItem, writeItem } from './item-codec.js';
import type { DottedItem } from './item.js';
import type { Origins } from './origins.js';

/**
 * What a leaderless state keeps in the checkpoint, an ordered byte map:
 *
 *   'i' key               an item (item-codec.ts)
 *   'g' counter key       0: the item of `key` has a tombstone, or a value that expires, of `counter` (8 bytes, big endian)
 *   'x' time key          0: the item of `key` has a value that expires at `time` (milliseconds since 1970, 8 bytes, big
 *                         endian) and is stable: it goes as soon as it has expired
 *
 * and, beside the map, the meta (meta.ts). 'g' and 'x' are there so that collecting reads what it collects, and no more.
 */
const writer = new ByteWriter();

export function itemRecords(origins: Origins): LayerCodec<DottedItem> {
  return {
    prefix: 'i',
    prefixEnd: 'j',
    encode(item) {
      writeItem(writer, item, origins);
      return writer.take();
    },
    decode: (key, record) =>
      decodeRecord(`key ${JSON.stringify(key)}`, record, (reader) => {
        const item = readItem(reader, origins);
        if (!reader.done) throw new DecodeError('bytes behind an item');
        return item;
      }),
  };
}

const PRESENT = Uint8Array.of(0);

function marks(prefix: string, prefixEnd: string): LayerCodec<true> {
  return { prefix, prefixEnd, encode: () => PRESENT, decode: () => true };
}
export const GARBAGE = marks('g', 'h');
export const EXPIRING = marks('x', 'y');

const NUMBER_BYTES = 8;

/** The key of a mark: ordered by `number` first. */
export function markKey(number: number, key: KeyString): KeyString {
  let text = '';
  let rest = number;
  for (let at = 0; at < NUMBER_BYTES; at++) {
    text = String.fromCharCode(rest % 256) + text;
    rest = Math.floor(rest / 256);
  }
  return text + key;
}

export function parseMark(mark: KeyString): { readonly number: number; readonly key: KeyString } {
  let number = 0;
  for (let at = 0; at < NUMBER_BYTES; at++) number = number * 256 + mark.charCodeAt(at);
  return { number, key: mark.slice(NUMBER_BYTES) };
}
