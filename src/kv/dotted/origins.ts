import { latin1Slice } from '../../../native-like/bytes/index.js';
import { isOrigin, type OriginId } from '../../base/brand.js';
import { LIMITS } from '../../base/limits.js';
import type { ByteReader } from '../byte-reader.js';
import { DecodeError } from '../decode-error.js';
import { hashOrigin, writeOf, type Write } from './item.js';

/**
 * All origins that a state has ever seen, numbered in the order in which it met them: records hold the number instead of
 * the name. Numbers are this state's own affair; they are never reused, and kept in the checkpoint's meta.
 */
export class Origins {
  readonly #ids: OriginId[] = [];
  readonly #hashes: number[] = [];
  readonly #numbers = new Map<OriginId, number>();

  constructor(ids: readonly OriginId[] = []) {
    for (const id of ids) this.number(id);
  }

  get ids(): readonly OriginId[] {
    return this.#ids;
  }

  /** The number of `id`, a new one for a new origin. */
  number(id: OriginId): number {
    const known = this.#numbers.get(id);
    if (known !== undefined) return known;
    const number = this.#ids.length;
    this.#ids.push(id);
    this.#hashes.push(hashOrigin(id));
    this.#numbers.set(id, number);
    return number;
  }

  /** Throws DecodeError for a number that nobody has. */
  id(number: number): OriginId {
    const id = this.#ids[number];
    if (id === undefined) throw new DecodeError('the number of no origin');
    return id;
  }

  write(number: number, seq: number, wallMs: number): Write {
    return writeOf(this.id(number), this.#hashes[number] as number, seq, wallMs);
  }
}

/** varint length | name. Throws DecodeError. */
export function readOrigin(reader: ByteReader): OriginId {
  const length = reader.varint();
  if (length > LIMITS.originBytes) throw new DecodeError('the name of an origin beyond its limit');
  const start = reader.take(length);
  const origin = latin1Slice(reader.source, start, start + length);
  if (!isOrigin(origin)) throw new DecodeError('the name of no origin');
  return origin;
}
