import { Buffer } from 'node:buffer';
import { latin1Write } from '../../../native-like/bytes/index.js';
import { isWrite, type Kind } from '../kinds.js';
import type { Failure } from '../lane.js';
import type { Values } from '../values.js';
import {
  BadAnswer,
  KEY_BYTES,
  writeKey,
  writeNumber,
  type AnswerReader,
  type OnAnswer,
  type Protocol,
} from './protocol.js';

const GET_HEAD = `*2\r\n$3\r\nGET\r\n$${KEY_BYTES}\r\n`;
const SET_HEAD = `*3\r\n$3\r\nSET\r\n$${KEY_BYTES}\r\n`;
/** `\r\n$<length>\r\n` before the value and `\r\n` behind it. */
const AROUND_VALUE_BYTES = 24;
const CR = 0x0d;
const LF = 0x0a;
const DOLLAR = 0x24;

export interface RespOptions {
  readonly keyspace: string | null;
  /** 0: no WAIT. */
  readonly waitReplicas: number;
}

/** GET and SET. There is no scan in our Redis protocol, nor in any that orders keys. */
export class RespProtocol implements Protocol {
  readonly greeting: Buffer | null;
  readonly confirmation: Buffer | null;
  readonly requestBytesMax: number;
  readonly #values: Values;

  constructor({ keyspace, waitReplicas }: RespOptions, values: Values) {
    this.#values = values;
    this.greeting = keyspace === null ? null : request('SELECT', keyspace);
    this.confirmation = waitReplicas === 0 ? null : request('WAIT', String(waitReplicas), '0');
    this.requestBytesMax = SET_HEAD.length + KEY_BYTES + AROUND_VALUE_BYTES + values.bytesMax;
  }

  write(target: Buffer, at: number, kind: Kind, key: number): number {
    if (!isWrite(kind)) {
      const end = writeKey(target, latin1Write(target, at, GET_HEAD), key);
      return writeLineEnd(target, end);
    }
    const length = this.#values.drawLength();
    let end = writeLineEnd(target, writeKey(target, latin1Write(target, at, SET_HEAD), key));
    target[end++] = DOLLAR;
    end = writeLineEnd(target, writeNumber(target, end, length));
    return writeLineEnd(target, this.#values.write(target, end, length));
  }

  createReader(): AnswerReader {
    return new RespReader();
  }
}

function request(...words: readonly string[]): Buffer {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return Buffer.from(`*${words.length}\r\n${parts.join('')}`);
}

function writeLineEnd(target: Buffer, at: number): number {
  target[at] = CR;
  target[at + 1] = LF;
  return at + 2;
}

/** No line of an answer is longer. */
const LINE_BYTES_MAX = 64 * 1024;

/** Tells replies of RESP2 apart: simple strings, errors, integers and bulk strings, whose bytes are skipped. */
export class RespReader implements AnswerReader {
  /** Bytes of a bulk string, with its line end, that are still to come. */
  #skip = 0;
  /** The beginning of a line. */
  #carry: Buffer | null = null;

  push(bytes: Buffer, length: number, onAnswer: OnAnswer): void {
    let at = 0;
    while (at < length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, length - at);
        this.#skip -= skipped;
        at += skipped;
        if (this.#skip === 0) onAnswer(null, true);
        continue;
      }
      let end = at;
      while (end < length && bytes[end] !== LF) end++;
      if (end === length) {
        this.#keep(bytes, at, length);
        return;
      }
      if (this.#carry === null) this.#line(bytes, at, end, onAnswer);
      else {
        this.#keep(bytes, at, end + 1);
        const line: Buffer = this.#carry;
        this.#carry = null;
        this.#line(line, 0, line.length - 1, onAnswer);
      }
      at = end + 1;
    }
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    const part = bytes.subarray(start, end);
    this.#carry = this.#carry === null ? Buffer.from(part) : Buffer.concat([this.#carry, part]);
    if (this.#carry.length > LINE_BYTES_MAX) throw new BadAnswer(`a line of more than ${LINE_BYTES_MAX} bytes`);
  }

  /** A line whose line feed is at `end`. */
  #line(bytes: Buffer, start: number, end: number, onAnswer: OnAnswer): void {
    const stop = end - 1;
    if (stop <= start || bytes[stop] !== CR) throw new BadAnswer('a line that does not end with CR LF');
    switch (bytes[start] as number) {
      case 0x2b: // +
      case 0x3a: // :
        onAnswer(null, true);
        return;
      case 0x2d: // -
        onAnswer(failureOf(bytes.toString('latin1', start + 1, stop)), false);
        return;
      case DOLLAR: {
        const length = Number(bytes.toString('latin1', start + 1, stop));
        if (!Number.isInteger(length) || length < -1) throw new BadAnswer('a bulk string without a length');
        if (length === -1) onAnswer(null, false);
        else this.#skip = length + 2;
        return;
      }
      default:
        throw new BadAnswer(`a reply of type ${JSON.stringify(String.fromCharCode(bytes[start] as number))}`);
    }
  }
}

/** `-CODE message`. Only `UNKNOWN` leaves the outcome of a write open (docs/redis.md). */
function failureOf(line: string): Failure {
  const [code = ''] = line.split(' ', 1);
  return { code, message: line, unknown: code === 'UNKNOWN' };
}
