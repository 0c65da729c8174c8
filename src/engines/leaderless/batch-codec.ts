import { latin1Slice, latin1Write, readVarint, varintSize, writeVarint } from '../../../native-like/bytes/index.js';
import { assert } from '../../base/assert.js';
import type { OriginId } from '../../base/brand.js';
import type { BatchHeader, Dot, OriginBatch } from './types.js';

/**
 * A batch as it lies on every disk and goes over every wire. Protobuf, written and read by hand because each position is
 * encoded once in its life and then only copied:
 *
 *     message OriginBatch {
 *       string origin = 1;            // <replica>~<incarnation>, ASCII
 *       uint64 seq = 2;               // 1, 2, 3, … per origin
 *       uint64 boot = 3;              // never falls along one origin's log
 *       uint64 counter = 4;           // Lamport counter of the first command
 *       uint32 commands = 5;          // counters used, at least 1
 *       repeated OriginDot dependencies = 6;  // what changed since the batch before; the origin itself is left out
 *       uint64 wall_ms = 7;
 *       bytes payload = 15;           // command.proto Batch; always last
 *     }
 *     message OriginDot { string origin = 1; uint64 seq = 2; }
 *
 * Stricter than protobuf: every field is there, in this order, once (dependencies: any number), and no other. A batch is
 * relayed byte for byte by members that never look at it again, so there must be one way to read it.
 */

const ORIGIN = 0x0a;
const SEQ = 0x10;
const BOOT = 0x18;
const COUNTER = 0x20;
const COMMANDS = 0x28;
const DEPENDENCY = 0x32;
const WALL_MS = 0x38;
const PAYLOAD = 0x7a;

const ORIGIN_BYTES_MAX = 128;
/** More than any group has members with all their former incarnations. */
const DEPENDENCIES_MAX = 1024;

/** Encodes a batch; `payload` is copied into `encoded`, and the result's `payload` is a view of that. */
export function encodeBatch(header: BatchHeader, payload: Uint8Array): OriginBatch {
  const dependencyBytes = header.dependencies.map(dotBytes);
  let size = 1 + textBytes(header.origin) + payload.length + 1 + varintSize(payload.length);
  for (const value of [header.seq, header.boot, header.counter, header.commands, header.wallMs]) {
    assert(Number.isSafeInteger(value) && value >= 0, 'a batch is described by safe non-negative integers');
    size += 1 + varintSize(value);
  }
  for (const bytes of dependencyBytes) size += 1 + varintSize(bytes) + bytes;
  const encoded = new Uint8Array(size);
  let at = writeText(encoded, 0, header.origin);
  at = writeNumber(encoded, at, SEQ, header.seq);
  at = writeNumber(encoded, at, BOOT, header.boot);
  at = writeNumber(encoded, at, COUNTER, header.counter);
  at = writeNumber(encoded, at, COMMANDS, header.commands);
  for (const [index, dot] of header.dependencies.entries()) {
    at = writeNumber(encoded, at, DEPENDENCY, dependencyBytes[index] as number);
    at = writeText(encoded, at, dot.origin);
    at = writeNumber(encoded, at, SEQ, dot.seq);
  }
  at = writeNumber(encoded, at, WALL_MS, header.wallMs);
  at = writeNumber(encoded, at, PAYLOAD, payload.length);
  encoded.set(payload, at);
  assert(at + payload.length === size, 'a batch is as long as was computed');
  return toBatch(header, encoded, at);
}

/** Null for anything that `encodeBatch` would not have written. Never throws, keeps `encoded` (no copy). */
export function decodeBatch(encoded: Uint8Array): OriginBatch | null {
  try {
    return new BatchReader(encoded).batch();
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Field by field, so that all batches have one shape. */
function toBatch(header: BatchHeader, encoded: Uint8Array, payloadAt: number): OriginBatch {
  return {
    origin: header.origin,
    seq: header.seq,
    boot: header.boot,
    counter: header.counter,
    commands: header.commands,
    dependencies: header.dependencies,
    wallMs: header.wallMs,
    payload: encoded.subarray(payloadAt),
    encoded,
  };
}

function textBytes(text: string): number {
  assert(text.length <= ORIGIN_BYTES_MAX && isAscii(text), 'an origin is short and ASCII');
  return varintSize(text.length) + text.length;
}

function dotBytes({ origin, seq }: Dot): number {
  return 1 + textBytes(origin) + 1 + varintSize(seq);
}

function writeText(target: Uint8Array, at: number, text: string): number {
  return latin1Write(target, writeNumber(target, at, ORIGIN, text.length), text);
}

function writeNumber(target: Uint8Array, at: number, tag: number, value: number): number {
  target[at] = tag;
  return writeVarint(target, at + 1, value);
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x21 || code > 0x7e) return false;
  }
  return true;
}

/** True for `<replica>~<incarnation>` as it may stand on a wire. */
export function isOrigin(text: string): text is OriginId {
  const at = text.lastIndexOf('~');
  return at > 0 && at < text.length - 1 && text.length <= ORIGIN_BYTES_MAX && isAscii(text);
}

/** Throws RangeError for whatever is not as it should be. */
class BatchReader {
  readonly #source: Uint8Array;
  at = 0;

  constructor(source: Uint8Array) {
    this.#source = source;
  }

  batch(): OriginBatch {
    const origin = this.#origin();
    const seq = this.#positive(SEQ);
    const boot = this.#number(BOOT);
    const counter = this.#positive(COUNTER);
    const commands = this.#positive(COMMANDS);
    const dependencies: Dot[] = [];
    while (this.#source[this.at] === DEPENDENCY) dependencies.push(this.#dependency(origin, dependencies));
    const wallMs = this.#number(WALL_MS);
    const length = this.#number(PAYLOAD);
    if (length !== this.#source.length - this.at) throw new RangeError('a payload of another length');
    if (!Number.isSafeInteger(counter + commands)) throw new RangeError('counters above 2^53 - 1');
    return toBatch({ origin, seq, boot, counter, commands, dependencies, wallMs }, this.#source, this.at);
  }

  #dependency(self: OriginId, before: readonly Dot[]): Dot {
    if (before.length >= DEPENDENCIES_MAX) throw new RangeError('too many dependencies');
    const length = this.#number(DEPENDENCY);
    const end = this.at + length;
    const origin = this.#origin();
    const seq = this.#positive(SEQ);
    if (this.at !== end || origin === self) throw new RangeError('a dependency that cannot be');
    if (before.some((dot) => dot.origin === origin)) throw new RangeError('a dependency stated twice');
    return { origin, seq };
  }

  #origin(): OriginId {
    const length = this.#number(ORIGIN);
    if (length > ORIGIN_BYTES_MAX || length > this.#source.length - this.at)
      throw new RangeError('an origin cut short');
    const text = latin1Slice(this.#source, this.at, this.at + length);
    this.at += length;
    if (!isOrigin(text)) throw new RangeError('not an origin');
    return text;
  }

  #positive(tag: number): number {
    const value = this.#number(tag);
    if (value === 0) throw new RangeError('a position of zero');
    return value;
  }

  #number(tag: number): number {
    if (this.#source[this.at] !== tag) throw new RangeError('a field is missing, or out of order');
    this.at++;
    if (this.at >= this.#source.length) throw new RangeError('cut short');
    return readVarint(this.#source, this);
  }
}
