import { splitInline } from './inline.js';
import { parseInteger } from './integer.js';
import { RespStatus, type RespLimits, type RespScan } from './types.js';

export { protocolErrorText, RESP_LIMITS, RespStatus, type RespLimits, type RespScan } from './types.js';

const LF = 0x0a;
const CR = 0x0d;
const DOLLAR = 0x24;
const STAR = 0x2a;
const ZERO = 0x30;

/** Slots for 32 arguments: commands with more make the caller grow them once. */
const FIRST_SLOTS = 64;
/** Limits of Redis for callers that have not authenticated (CVE-2021-32675). */
const UNAUTHENTICATED_ARGUMENTS_MAX = 10;
const UNAUTHENTICATED_BULK_BYTES_MAX = 16_384;

export function createRespScan(): RespScan {
  return {
    slots: new Int32Array(FIRST_SLOTS),
    argumentCount: 0,
    requestBytes: 0,
    inline: [],
    unexpectedByte: 0,
    wantedBytes: 1,
    at: 0,
    searchedTo: 0,
    argumentsLeft: 0,
    argumentsRead: 0,
    bulkBytes: -1,
  };
}

/** Forgets a request that has begun. For a connection that starts again; a finished scan needs none. */
export function resetRespScan(out: RespScan): void {
  out.at = 0;
  out.searchedTo = 0;
  out.argumentsLeft = 0;
  out.argumentsRead = 0;
  out.bulkBytes = -1;
}

/** Doubles the slots, keeping what they hold: the answer to NEED_MORE_SLOTS. */
export function growSlots(out: RespScan): void {
  const grown = new Int32Array(out.slots.length * 2);
  grown.set(out.slots);
  out.slots = grown;
}

/**
 * Finds the request that begins at `start` in bytes [start, end), exactly as redis-server 7.0 reads it.
 *
 * While the answer is INCOMPLETE or NEED_MORE_SLOTS the scan goes on where it stopped: call again with `start` still at
 * the request's first byte (the bytes may have moved to another buffer, positions are kept relative to `start`). Every
 * byte is looked at a bounded number of times, however small the pieces are in which it arrives. After any other answer
 * `out.requestBytes` bytes are used up and the next call begins a new request. After an error status the stream has no
 * meaning any more: answer `protocolErrorText` and close.
 */
export function scanRequest(
  buffer: Uint8Array,
  start: number,
  end: number,
  limits: RespLimits,
  out: RespScan,
): RespStatus {
  if (start >= end) {
    out.wantedBytes = 1;
    return RespStatus.INCOMPLETE;
  }
  if (buffer[start] !== STAR) return scanInline(buffer, start, end, limits, out);
  if (out.argumentsLeft === 0) {
    const status = scanCount(buffer, start, end, limits, out);
    if (status !== RespStatus.REQUEST) return status;
  }
  return scanArguments(buffer, start, end, limits, out);
}

/** The request is over, well or not: publishes its results and gets ready for the next one. */
function finish(out: RespScan, status: RespStatus): RespStatus {
  out.argumentCount = out.argumentsRead;
  out.requestBytes = out.at;
  resetRespScan(out);
  return status;
}

/** `*<count>\r\n`. REQUEST means: go on with the arguments. */
function scanCount(buffer: Uint8Array, start: number, end: number, limits: RespLimits, out: RespScan): RespStatus {
  let count = shortLength(buffer, start, end, out);
  if (count < 0) {
    const status = findLineEnd(buffer, start, end, limits, out, RespStatus.COUNT_LINE_TOO_BIG);
    if (status !== RespStatus.REQUEST) return status;
    count = parseInteger(buffer, start + out.at + 1, start + out.searchedTo);
    out.at = out.searchedTo + 2;
  }
  // parseInteger answers NaN for what is no integer.
  if (!(count <= limits.argumentsMax)) return finish(out, RespStatus.INVALID_COUNT);
  if (count > UNAUTHENTICATED_ARGUMENTS_MAX && !limits.authenticated) {
    return finish(out, RespStatus.UNAUTHENTICATED_COUNT);
  }
  if (count <= 0) return finish(out, RespStatus.EMPTY);
  out.argumentsLeft = count;
  out.searchedTo = out.at;
  return RespStatus.REQUEST;
}

function scanArguments(buffer: Uint8Array, start: number, end: number, limits: RespLimits, out: RespScan): RespStatus {
  while (out.argumentsLeft > 0) {
    if (out.bulkBytes < 0) {
      const status = scanLength(buffer, start, end, limits, out);
      if (status !== RespStatus.REQUEST) return status;
    }
    // Redis skips the two bytes behind the value without looking at them.
    const next = out.at + out.bulkBytes + 2;
    if (start + next > end) {
      out.wantedBytes = next;
      return RespStatus.INCOMPLETE;
    }
    const slot = out.argumentsRead * 2;
    if (slot >= out.slots.length) return RespStatus.NEED_MORE_SLOTS;
    out.slots[slot] = out.at;
    out.slots[slot + 1] = next - 2;
    out.argumentsRead++;
    out.argumentsLeft--;
    out.bulkBytes = -1;
    out.at = next;
    out.searchedTo = next;
  }
  return finish(out, RespStatus.REQUEST);
}

/** `$<length>\r\n`. REQUEST means: `out.bulkBytes` is set and `out.at` stands on the value's first byte. */
function scanLength(buffer: Uint8Array, start: number, end: number, limits: RespLimits, out: RespScan): RespStatus {
  const lineStart = start + out.at;
  const marked = lineStart < end && buffer[lineStart] === DOLLAR;
  let length = marked ? shortLength(buffer, start, end, out) : -1;
  if (length < 0) {
    const status = findLineEnd(buffer, start, end, limits, out, RespStatus.LENGTH_LINE_TOO_BIG);
    if (status !== RespStatus.REQUEST) return status;
    if (!marked) {
      // Redis complains only once the whole line is there.
      out.unexpectedByte = buffer[lineStart] as number;
      return finish(out, RespStatus.EXPECTED_BULK);
    }
    length = parseInteger(buffer, lineStart + 1, start + out.searchedTo);
    out.at = out.searchedTo + 2;
  }
  if (!(length >= 0 && length <= limits.bulkBytesMax)) return finish(out, RespStatus.INVALID_LENGTH);
  if (length > UNAUTHENTICATED_BULK_BYTES_MAX && !limits.authenticated) {
    return finish(out, RespStatus.UNAUTHENTICATED_LENGTH);
  }
  if (out.at + length + 2 > limits.requestBytesMax) return finish(out, RespStatus.REQUEST_TOO_LARGE);
  out.bulkBytes = length;
  return RespStatus.REQUEST;
}

/**
 * The usual case of a count or length line: behind the marker 1 to 9 digits without leading zero, CR, and one byte more,
 * all there. Moves `out.at` behind the line. Otherwise -1 and nothing has changed: the slow path knows what to say.
 */
function shortLength(buffer: Uint8Array, start: number, end: number, out: RespScan): number {
  const first = start + out.at + 1;
  const stop = Math.min(end - 1, first + 10);
  if (first >= stop) return -1;
  let value = (buffer[first] as number) - ZERO;
  if (value < 0 || value > 9) return -1;
  for (let at = first + 1; at < stop; at++) {
    const byte = buffer[at] as number;
    if (byte === CR) {
      out.at = at + 2 - start;
      return value;
    }
    const digit = byte - ZERO;
    if (digit < 0 || digit > 9 || value === 0) return -1;
    value = value * 10 + digit;
  }
  return -1;
}

/**
 * Looks for the CR of the line at `out.at`, from `out.searchedTo` on; REQUEST when it and one byte more are there, with
 * `out.searchedTo` on it; `tooBig` when the line is too long. A NUL stops the search for good, as strchr stops in Redis:
 * the line can then only become too long.
 */
function findLineEnd(
  buffer: Uint8Array,
  start: number,
  end: number,
  limits: RespLimits,
  out: RespScan,
  tooBig: RespStatus,
): RespStatus {
  let at = start + out.searchedTo;
  while (at < end && buffer[at] !== CR && buffer[at] !== 0) at++;
  out.searchedTo = at - start;
  const found = at < end && buffer[at] === CR;
  const searchedBytes = found ? out.searchedTo - out.at : end - start - out.at;
  if (searchedBytes > limits.lineBytesMax) return finish(out, tooBig);
  if (found && at + 1 < end) return RespStatus.REQUEST;
  out.wantedBytes = end - start + 1;
  return RespStatus.INCOMPLETE;
}

function scanInline(buffer: Uint8Array, start: number, end: number, limits: RespLimits, out: RespScan): RespStatus {
  let at = start + out.searchedTo;
  while (at < end && buffer[at] !== LF && buffer[at] !== 0) at++;
  out.searchedTo = at - start;
  const found = at < end && buffer[at] === LF;
  if ((found ? out.searchedTo : end - start) > limits.lineBytesMax) return finish(out, RespStatus.INLINE_TOO_BIG);
  if (!found) {
    out.wantedBytes = end - start + 1;
    return RespStatus.INCOMPLETE;
  }
  const lineEnd = at > start && buffer[at - 1] === CR ? at - 1 : at;
  const words = splitInline(buffer, start, lineEnd);
  out.at = at + 1 - start;
  if (words === null) return finish(out, RespStatus.UNBALANCED_QUOTES);
  out.inline = words;
  return finish(out, words.length === 0 ? RespStatus.EMPTY : RespStatus.INLINE);
}
