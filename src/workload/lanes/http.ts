import { Buffer } from 'node:buffer';
import { latin1Write } from '../../../native-like/bytes/index.js';
import { ERRORS, type ErrorCode } from '../../base/errors/catalogue.js';
import type { Prng } from '../../base/prng.js';
import { percentEncode } from '../../client/http.js';
import { isWrite, Kind } from '../kinds.js';
import type { Failure } from '../lane.js';
import { WORKLOAD_LIMITS } from '../settings.js';
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

/** HTTP/1.1 on kept connections, requests pipelined; values travel as they are, not in JSON. */
export class HttpProtocol implements Protocol {
  readonly greeting = null;
  readonly confirmation = null;
  readonly requestBytesMax: number;
  readonly #values: Values;
  readonly #prng: Prng;
  readonly #getHead: string;
  readonly #putHead: string;
  readonly #scanHead: string;
  readonly #getTail: string;
  readonly #putTail: string;

  constructor(keyspace: string | null, values: Values, prng: Prng) {
    this.#values = values;
    this.#prng = prng;
    const path = keyspace === null ? '/kv' : `/keyspaces/${percentEncode(Buffer.from(keyspace))}/kv`;
    this.#getHead = `GET ${path}/`;
    this.#putHead = `PUT ${path}/`;
    this.#scanHead = `GET ${path}?start=`;
    this.#getTail = ' HTTP/1.1\r\nHost: kvorum\r\nAccept: application/octet-stream\r\n\r\n';
    this.#putTail = ' HTTP/1.1\r\nHost: kvorum\r\nContent-Type: application/octet-stream\r\nContent-Length: ';
    const longest = this.#scanHead.length + KEY_BYTES + 12 + this.#getTail.length + this.#putTail.length;
    this.requestBytesMax = longest + 24 + values.bytesMax;
  }

  write(target: Buffer, at: number, kind: Kind, key: number): number {
    if (isWrite(kind)) return this.#writePut(target, at, key);
    if (kind === Kind.SCAN) return this.#writeScan(target, at, key);
    return latin1Write(target, writeKey(target, latin1Write(target, at, this.#getHead), key), this.#getTail);
  }

  createReader(): AnswerReader {
    return new HttpReader();
  }

  #writePut(target: Buffer, at: number, key: number): number {
    const length = this.#values.drawLength();
    let end = writeKey(target, latin1Write(target, at, this.#putHead), key);
    end = writeNumber(target, latin1Write(target, end, this.#putTail), length);
    return this.#values.write(target, latin1Write(target, end, '\r\n\r\n'), length);
  }

  #writeScan(target: Buffer, at: number, key: number): number {
    const end = writeKey(target, latin1Write(target, at, this.#scanHead), key);
    const limit = this.#prng.between(1, WORKLOAD_LIMITS.scanKeys);
    return latin1Write(target, writeNumber(target, latin1Write(target, end, '&limit='), limit), this.#getTail);
  }
}

const HEAD_BYTES_MAX = 64 * 1024;
/** A problem document is shorter; of a longer body only the status is told. */
const PROBLEM_BYTES_MAX = 64 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');

/** Tells answers apart by their Content-Length; looks into the bodies of errors only. */
export class HttpReader implements AnswerReader {
  #carry: Buffer | null = null;
  #status = 0;
  /** Bytes of the body that are still to come. */
  #left = 0;
  #problem: Buffer[] | null = null;

  push(bytes: Buffer, length: number, onAnswer: OnAnswer): void {
    let at = 0;
    while (at < length) {
      if (this.#status === 0) at = this.#head(bytes, at, length);
      if (this.#status === 0) return;
      const part = Math.min(this.#left, length - at);
      if (this.#problem !== null && part > 0) this.#problem.push(Buffer.from(bytes.subarray(at, at + part)));
      at += part;
      this.#left -= part;
      if (this.#left === 0) this.#finish(onAnswer);
    }
  }

  /** Returns the position after the head, or after what there is of it. */
  #head(bytes: Buffer, start: number, length: number): number {
    const piece = bytes.subarray(start, length);
    const head = this.#carry === null ? piece : Buffer.concat([this.#carry, piece]);
    const end = head.indexOf(HEAD_END);
    if (end === -1) {
      if (head.length > HEAD_BYTES_MAX) throw new BadAnswer(`headers of more than ${HEAD_BYTES_MAX} bytes`);
      this.#carry = this.#carry === null ? Buffer.from(piece) : head;
      return length;
    }
    const carried = this.#carry?.length ?? 0;
    this.#carry = null;
    this.#begin(head.toString('latin1', 0, end));
    return start + end + HEAD_END.length - carried;
  }

  #begin(head: string): void {
    const status = Number(/^HTTP\/1\.[01] ([1-5]\d\d)(?: |\r|$)/.exec(head)?.[1]);
    if (!(status >= 200)) throw new BadAnswer(`an answer that begins with ${JSON.stringify(head.slice(0, 20))}`);
    const length = /\r\ncontent-length: *(\d{1,15})(?:\r|$)/i.exec(head)?.[1];
    if (length === undefined && status !== 204 && status !== 304) {
      throw new BadAnswer('an answer without Content-Length, which kvorum bench does not read');
    }
    this.#status = status;
    this.#left = Number(length ?? 0);
    this.#problem = status >= 300 && this.#left <= PROBLEM_BYTES_MAX ? [] : null;
  }

  #finish(onAnswer: OnAnswer): void {
    const status = this.#status;
    const body = this.#problem;
    this.#status = 0;
    this.#problem = null;
    if (status < 300) onAnswer(null, true);
    else {
      const failure = failureOf(status, body === null ? '' : Buffer.concat(body).toString('utf8'));
      if (failure.code === 'key_not_found') onAnswer(null, false);
      else onAnswer(failure, false);
    }
  }
}

/** The server's code; `http_502` for what stands in between and has none. */
function failureOf(status: number, body: string): Failure {
  const { code, detail, title } = parseProblem(body);
  if (typeof code !== 'string') {
    return { code: `http_${status}`, message: `HTTP ${status}: ${body}`, unknown: status >= 500 };
  }
  const unknown = Object.hasOwn(ERRORS, code) ? ERRORS[code as ErrorCode].retry === 'outcome-unknown' : status >= 500;
  const message = [detail, title].find((text) => typeof text === 'string') ?? code;
  return { code, message, unknown };
}

function parseProblem(body: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
