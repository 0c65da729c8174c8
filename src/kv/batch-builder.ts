import { varintSize, writeVarint } from '../../native-like/bytes/index.js';
import { assert } from '../base/assert.js';
import { LIMITS } from '../base/limits.js';
import { ByteWriter, copyBytes } from './byte-writer.js';
import { writeCommand } from './command-encoder.js';
import { BATCH, COMMAND, OPERATION } from './command-fields.js';
import type { Command, ValueRef } from './types.js';

/**
 * Packs the commands of one turn into the payload of one log entry (command.proto, Batch). Commands are encoded into a
 * buffer that the builder keeps; `take` copies them out once, so that a payload, which the log and the state retain for
 * long, has exactly its own size and shares its memory with nothing.
 */
export class BatchBuilder {
  readonly #writer = new ByteWriter();
  #count = 0;

  /** Commands since the last `take`. */
  get count(): number {
    return this.#count;
  }

  /** Encoded bytes since the last `take`. */
  get bytes(): number {
    return this.#writer.at;
  }

  /** False while the batch is empty. */
  get takeable(): boolean {
    return this.#count > 0;
  }

  /**
   * The hot path: an unconditional put without a session, copied from where the bytes are (a socket's buffer). Throws
   * InvariantViolation when a size is out of bounds: the caller has checked them.
   */
  addPut(key: ValueRef, value: ValueRef): void {
    const keyBytes = key.end - key.start;
    const valueBytes = value.end - value.start;
    assert(keyBytes >= 1 && keyBytes <= LIMITS.keyBytesCeiling, 'a key has 1 to limits.keyBytesCeiling bytes');
    assert(valueBytes >= 0 && valueBytes <= LIMITS.valueBytesCeiling, 'a value is within limits.valueBytesCeiling');
    assert(key.start >= 0 && key.end <= key.source.length, 'the key lies within its buffer');
    assert(value.start >= 0 && value.end <= value.source.length, 'the value lies within its buffer');
    const operationBytes = 2 + varintSize(keyBytes) + keyBytes + varintSize(valueBytes) + valueBytes;
    const commandBytes = 1 + varintSize(operationBytes) + operationBytes;
    const writer = this.#writer;
    writer.reserve(1 + varintSize(commandBytes) + commandBytes);
    const { buffer } = writer;
    let at = writer.at;
    buffer[at++] = BATCH.commands;
    at = writeVarint(buffer, at, commandBytes);
    buffer[at++] = COMMAND.operations;
    at = writeVarint(buffer, at, operationBytes);
    buffer[at++] = OPERATION.key;
    at = writeVarint(buffer, at, keyBytes);
    at = copyBytes(buffer, at, key.source, key.start, key.end);
    buffer[at++] = OPERATION.value;
    at = writeVarint(buffer, at, valueBytes);
    writer.at = copyBytes(buffer, at, value.source, value.start, value.end);
    this.#count++;
  }

  /** Any command. Throws InvariantViolation when it is not within the bounds of command.proto. */
  addCommand(command: Command): void {
    writeCommand(this.#writer, command);
    this.#count++;
  }

  /** The payload of everything added, in memory of its own; the builder is empty afterwards. */
  take(): Uint8Array {
    this.#count = 0;
    return this.#writer.take();
  }
}
