export const RespStatus = {
  /** More bytes are needed: at least up to `start + out.wantedBytes`. */
  INCOMPLETE: 0,
  /** An array of bulk strings: `out.slots` has where the arguments are. */
  REQUEST: 1,
  /** An inline command: `out.inline` has the arguments. */
  INLINE: 2,
  /** An empty line, `*0` or a negative count: skip it, nothing is answered. */
  EMPTY: 3,
  /** Call `growSlots(out)` and scan again. */
  NEED_MORE_SLOTS: 4,
  INVALID_COUNT: 5,
  INVALID_LENGTH: 6,
  /** `out.unexpectedByte` stands where a `$` should be. */
  EXPECTED_BULK: 7,
  COUNT_LINE_TOO_BIG: 8,
  LENGTH_LINE_TOO_BIG: 9,
  INLINE_TOO_BIG: 10,
  UNBALANCED_QUOTES: 11,
  UNAUTHENTICATED_COUNT: 12,
  UNAUTHENTICATED_LENGTH: 13,
  /** The request's values together pass `requestBytesMax`. Redis has no such reply: its query buffer limit just closes. */
  REQUEST_TOO_LARGE: 14,
} as const;
export type RespStatus = (typeof RespStatus)[keyof typeof RespStatus];

export interface RespLimits {
  /** Arguments of one request, at most 2^31 - 1. */
  readonly argumentsMax: number;
  /** Bytes of one argument (proto-max-bulk-len of Redis). */
  readonly bulkBytesMax: number;
  /**
   * Bytes before the end of an inline command or of a count or length line (PROTO_INLINE_MAX_SIZE). At least 10: a count
   * or length of up to nine digits is read without looking at the limit.
   */
  readonly lineBytesMax: number;
  /** Bytes of a whole array request, headers included; below 2^31. Checked when a length is announced. */
  readonly requestBytesMax: number;
  /** False: at most 10 arguments of at most 16,384 bytes, as Redis before AUTH. */
  readonly authenticated: boolean;
}

/** What redis-server 7.0 comes with, but 2^20 arguments, and 1 GiB of request in place of its query buffer limit. */
export const RESP_LIMITS: RespLimits = {
  argumentsMax: 1024 * 1024,
  bulkBytesMax: 512 * 1024 * 1024,
  lineBytesMax: 64 * 1024,
  requestBytesMax: 1024 * 1024 * 1024,
  authenticated: true,
};

/** Results of the last scan and state of the one under way. One per connection, from `createRespScan`. */
export interface RespScan {
  /** Of a REQUEST: argument i is bytes [start + slots[2i], start + slots[2i + 1]). Positions are relative to `start`. */
  slots: Int32Array;
  /** Of a REQUEST. */
  argumentCount: number;
  /** Of any answer but INCOMPLETE and NEED_MORE_SLOTS: the next request begins at `start + requestBytes`. */
  requestBytes: number;
  /** Of an INLINE: copies of the arguments, unescaped. */
  inline: readonly Uint8Array[];
  /** Of an EXPECTED_BULK. */
  unexpectedByte: number;
  /** Of an INCOMPLETE: fewer bytes than this, counted from `start`, can't change the answer. */
  wantedBytes: number;

  /** The scan's own. Position of the line or value that is read now, relative to `start`, as are the others. */
  at: number;
  /** How far the line at `at` has been searched for its end. */
  searchedTo: number;
  /** 0 while the count line has not been read. */
  argumentsLeft: number;
  argumentsRead: number;
  /** Length of the value at `at`; -1 while its length line has not been read. */
  bulkBytes: number;
}

const ERROR_TEXTS: ReadonlyMap<RespStatus, string> = new Map([
  [RespStatus.INVALID_COUNT, 'invalid multibulk length'],
  [RespStatus.INVALID_LENGTH, 'invalid bulk length'],
  [RespStatus.COUNT_LINE_TOO_BIG, 'too big mbulk count string'],
  [RespStatus.LENGTH_LINE_TOO_BIG, 'too big bulk count string'],
  [RespStatus.INLINE_TOO_BIG, 'too big inline request'],
  [RespStatus.UNBALANCED_QUOTES, 'unbalanced quotes in request'],
  [RespStatus.UNAUTHENTICATED_COUNT, 'unauthenticated multibulk length'],
  [RespStatus.UNAUTHENTICATED_LENGTH, 'unauthenticated bulk length'],
  [RespStatus.REQUEST_TOO_LARGE, 'too big request'],
]);

/** The error reply of redis-server 7.0 without `-` and line end (one char per byte); undefined when not an error. */
export function protocolErrorText(status: RespStatus, unexpectedByte: number): string | undefined {
  if (status === RespStatus.EXPECTED_BULK) {
    // A reply is one line: Redis puts a space where a line end would be.
    const lineEnd = unexpectedByte === 0x0d || unexpectedByte === 0x0a;
    const got = lineEnd ? ' ' : String.fromCharCode(unexpectedByte);
    return `ERR Protocol error: expected '$', got '${got}'`;
  }
  const text = ERROR_TEXTS.get(status);
  return text === undefined ? undefined : `ERR Protocol error: ${text}`;
}
