import type { Buffer } from 'node:buffer';
import type { Kind } from '../kinds.js';
import type { Failure } from '../lane.js';

/** How requests and answers look on a connection. Answers come in the order of the requests. */
export interface Protocol {
  /** Sent first on every connection, and answered once; null: nothing. */
  readonly greeting: Buffer | null;
  /** Sent behind every burst of requests, which are done when it is answered; null: each is done by its own answer. */
  readonly confirmation: Buffer | null;
  /** No request is longer. */
  readonly requestBytesMax: number;
  /** Writes a request at `at`, where there is room for it; returns the position after it. */
  write(target: Buffer, at: number, kind: Kind, key: number): number;
  createReader(): AnswerReader;
}

export type OnAnswer = (failure: Failure | null, found: boolean) => void;

/** Reads the answers of one connection; what is incomplete waits for the next piece. */
export interface AnswerReader {
  /** Bytes [0, length) have arrived; they are not kept. Throws BadAnswer. */
  push(bytes: Buffer, length: number, onAnswer: OnAnswer): void;
}

/** The bytes are no answer of this protocol: the connection is of no use any more. */
export class BadAnswer extends Error {
  override readonly name = 'BadAnswer';
}

const DIGITS_OF_KEY = 12;
const ZERO = 0x30;
const KEY_PREFIX = 'key:';
/** Every key has as many bytes: `key:000000000042`. */
export const KEY_BYTES = KEY_PREFIX.length + DIGITS_OF_KEY;

export function writeKey(target: Buffer, at: number, key: number): number {
  for (let index = 0; index < KEY_PREFIX.length; index++) target[at + index] = KEY_PREFIX.charCodeAt(index);
  const end = at + KEY_BYTES;
  let rest = key;
  for (let digit = end - 1; digit >= at + KEY_PREFIX.length; digit--) {
    const next = Math.floor(rest / 10);
    target[digit] = ZERO + rest - next * 10;
    rest = next;
  }
  return end;
}

/** Writes a whole number without leading zeros; returns the position after it. */
export function writeNumber(target: Buffer, at: number, value: number): number {
  let scale = 1;
  while (scale * 10 <= value) scale *= 10;
  let rest = value;
  let position = at;
  for (; scale >= 1; scale /= 10) {
    const digit = Math.floor(rest / scale);
    target[position++] = ZERO + digit;
    rest -= digit * scale;
  }
  return position;
}
