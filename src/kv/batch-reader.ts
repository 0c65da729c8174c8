import { latin1ToBytes } from '../../native-like/bytes/index.js';
import { LIMITS } from '../base/limits.js';
import { ByteReader } from './byte-reader.js';
import { decodeCommand, type DecodedCommand } from './command-decoder.js';
import { BATCH, COMMAND, OPERATION } from './command-fields.js';
import { DecodeError } from './decode-error.js';
import type { Command } from './types.js';

/** What `next` found. */
export type CommandForm = 'put' | 'command' | 'end';

/**
 * Walks over the commands of a Batch. An unconditional put without a session in the form that command.proto names is
 * recognised without decoding: it is told by positions, no object is made for it.
 */
export class BatchReader {
  /** After 'put': where its key and value are. */
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  /** After 'put' and 'command': where the Command message is. */
  commandStart = 0;
  commandEnd = 0;
  readonly #batch: ByteReader;
  /** Reads within the current command; kept, so that a put costs no object. */
  readonly #inner: ByteReader;

  constructor(payload: Uint8Array) {
    this.#batch = new ByteReader(payload);
    this.#inner = new ByteReader(payload);
  }

  /** Throws DecodeError when the batch is malformed. A command is only checked when it is decoded. */
  next(): CommandForm {
    const batch = this.#batch;
    while (!batch.done) {
      const tag = batch.varint();
      if (tag !== BATCH.commands) {
        batch.skip(tag);
        continue;
      }
      const length = batch.varint();
      this.commandStart = batch.take(length);
      this.commandEnd = batch.at;
      return this.#isPlainPut() ? 'put' : 'command';
    }
    return 'end';
  }

  decode(): DecodedCommand {
    return decodeCommand(this.#batch.source, this.commandStart, this.commandEnd);
  }

  /** Whatever does not match, also what is out of bounds, is left to the general decoder. */
  #isPlainPut(): boolean {
    const { source } = this.#batch;
    const inner = this.#inner;
    const end = this.commandEnd;
    inner.at = this.commandStart;
    inner.end = end;
    if (inner.done || source[inner.at++] !== COMMAND.operations) return false;
    if (inner.varint() !== end - inner.at) return false;
    if (inner.done || source[inner.at++] !== OPERATION.key) return false;
    const keyBytes = inner.varint();
    if (keyBytes === 0 || keyBytes > LIMITS.keyBytesCeiling || keyBytes > end - inner.at) return false;
    this.keyStart = inner.at;
    inner.at += keyBytes;
    this.keyEnd = inner.at;
    if (inner.done || source[inner.at++] !== OPERATION.value) return false;
    const valueBytes = inner.varint();
    if (valueBytes > LIMITS.valueBytesCeiling || valueBytes !== end - inner.at) return false;
    this.valueStart = inner.at;
    this.valueEnd = end;
    return true;
  }
}

/** True when `payload`, for example one that another replica forwarded, is a batch that may be applied. Never throws. */
export function validateBatch(payload: Uint8Array): boolean {
  let count = 0;
  try {
    const reader = new BatchReader(payload);
    for (let form = reader.next(); form !== 'end'; form = reader.next()) {
      if (form === 'command') reader.decode();
      count++;
    }
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
  return count > 0;
}

/** How many commands a batch holds; 0 when it is none. */
export function countCommands(payload: Uint8Array): number {
  let count = 0;
  try {
    for (const reader = new BatchReader(payload); reader.next() !== 'end';) count++;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return 0;
  }
  return count;
}

export type DecodedBatch =
  { readonly ok: true; readonly commands: readonly Command[] } | { readonly ok: false; readonly reason: string };

/** All commands of a batch as objects: for tools and for tests, too slow to be applied. Never throws for bad bytes. */
export function decodeBatch(payload: Uint8Array): DecodedBatch {
  const commands: Command[] = [];
  try {
    const reader = new BatchReader(payload);
    while (reader.next() !== 'end') commands.push(asCommand(reader.decode()));
  } catch (error) {
    if (error instanceof DecodeError) return { ok: false, reason: error.message };
    throw error;
  }
  if (commands.length === 0) return { ok: false, reason: 'a batch without a command' };
  return { ok: true, commands };
}

const utf8 = new TextDecoder();

function asCommand({ operations, session }: DecodedCommand): Command {
  if (session === null) return { operations };
  return { operations, session: { clientId: utf8.decode(latin1ToBytes(session.client)), seq: session.seq } };
}
