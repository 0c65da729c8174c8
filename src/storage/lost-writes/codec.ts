import { crc32 } from 'node:zlib';
import { LIMITS } from '../../base/limits.js';
import { logIndex, term } from '../../base/brand.js';
import type { Entry, EntryKind } from '../../engines/entry.js';
import type { LostWritesHead } from '../storage.js';

/**
 * magic (8) | frame with the head, as JSON | a frame per entry. A frame is u32 length | u32 crc of the body | body, little
 * endian. An entry's body is u8 kind | u64 index | u64 epoch | payload: the bytes that the log held.
 */
const MAGIC = Buffer.from('KVLOST1\n', 'latin1');
const FRAME_BYTES = 8;
const ENTRY_HEAD_BYTES = 17;
/** The largest entry, with what is around it. */
const ENTRY_BYTES_MAX = LIMITS.frameBytes;
/** A head is a handful of numbers and a name. */
const HEAD_BYTES_MAX = 4096;

const KINDS: readonly EntryKind[] = ['noop', 'commands', 'membership', 'quorum'];

/** The parts of a file, one after the other. Payloads are not copied. */
export function encodeLostWrites(head: LostWritesHead, entries: readonly Entry[]): Uint8Array[] {
  const parts: Uint8Array[] = [MAGIC, ...frame(Buffer.from(JSON.stringify(head)), EMPTY)];
  for (const { index, term: epoch, kind, payload } of entries) {
    const start = Buffer.alloc(ENTRY_HEAD_BYTES);
    start.writeUInt8(KINDS.indexOf(kind), 0);
    start.writeBigUInt64LE(BigInt(index), 1);
    start.writeBigUInt64LE(BigInt(epoch), 9);
    parts.push(...frame(start, payload));
  }
  return parts;
}

const EMPTY = new Uint8Array(0);

function frame(start: Uint8Array, rest: Uint8Array): Uint8Array[] {
  const head = Buffer.alloc(FRAME_BYTES);
  head.writeUInt32LE(start.length + rest.length, 0);
  head.writeUInt32LE(crc32(rest, crc32(start)), 4);
  return rest.length === 0 ? [head, start] : [head, start, rest];
}

/** Fills the target from a position of the file; fewer bytes only at its end. */
export type ReadAt = (target: Uint8Array, position: number) => number;

/** Reads a file from its beginning. Whatever is wrong with it is told, not thrown. */
export class LostWritesReader {
  readonly #readAt: ReadAt;
  #at = 0;
  damage: string | null = null;

  constructor(readAt: ReadAt) {
    this.#readAt = readAt;
  }

  /** Null: it is damaged. To be called first, and once. */
  head(): LostWritesHead | null {
    const magic = this.#bytes(MAGIC.length);
    if (magic === null || !MAGIC.equals(magic)) return this.#damaged('it is no file of lost writes');
    const body = this.#frame(HEAD_BYTES_MAX);
    if (body === null) return this.#damaged('its head is damaged');
    const head: unknown = JSON.parse(body.toString());
    return isHead(head) ? head : this.#damaged('its head was written by another version');
  }

  /** The next entry; null where the file is damaged, or ends. */
  next(): Entry | null {
    const start = this.#at;
    const body = this.#frame(ENTRY_BYTES_MAX);
    if (body === null) return this.#damaged(`it is damaged at byte ${start}`);
    if (body.length < ENTRY_HEAD_BYTES) return this.#damaged(`it holds no entry at byte ${start}`);
    const kind = KINDS[body.readUInt8(0)];
    if (kind === undefined) return this.#damaged(`it holds an entry of another version at byte ${start}`);
    return {
      index: logIndex(Number(body.readBigUInt64LE(1))),
      term: term(Number(body.readBigUInt64LE(9))),
      kind,
      payload: body.subarray(ENTRY_HEAD_BYTES),
    };
  }

  #damaged(what: string): null {
    this.damage = what;
    return null;
  }

  #frame(bytesMax: number): Buffer | null {
    const head = this.#bytes(FRAME_BYTES);
    if (head === null) return null;
    const length = head.readUInt32LE(0);
    if (length > bytesMax) return null;
    const body = this.#bytes(length);
    return body !== null && crc32(body) === head.readUInt32LE(4) ? body : null;
  }

  #bytes(length: number): Buffer | null {
    const bytes = Buffer.allocUnsafeSlow(length);
    const read = this.#readAt(bytes, this.#at);
    this.#at += length;
    return read === length ? bytes : null;
  }
}

const NUMBERS = ['epoch', 'fromIndex', 'toIndex', 'lastEpoch', 'entries', 'writes', 'acknowledged', 'commit'] as const;

function isHead(value: unknown): value is LostWritesHead {
  if (typeof value !== 'object' || value === null) return false;
  const head = value as Readonly<Record<string, unknown>>;
  return (
    NUMBERS.every((name) => Number.isSafeInteger(head[name])) &&
    typeof head['group'] === 'string' &&
    typeof head['certain'] === 'boolean' &&
    typeof head['beforeLog'] === 'boolean'
  );
}
