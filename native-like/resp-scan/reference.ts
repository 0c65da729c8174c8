import { RespStatus, type RespLimits } from './types.js';

export interface ReferenceScan {
  readonly status: RespStatus;
  /** Of REQUEST and INLINE, as byte strings. */
  readonly arguments: readonly string[];
  readonly requestBytes: number;
  /** Of EXPECTED_BULK; otherwise 0. */
  readonly unexpectedByte: number;
}

class Stop {
  readonly status: RespStatus;
  readonly unexpectedByte: number;
  constructor(status: RespStatus, unexpectedByte = 0) {
    this.status = status;
    this.unexpectedByte = unexpectedByte;
  }
}

/**
 * What `scanRequest` (index.ts) must find at the beginning of a stream, given all of its bytes at once as a byte string.
 * No state is kept between calls: it begins anew each time.
 */
export function scanRequestReference(stream: string, limits: RespLimits): ReferenceScan {
  try {
    if (stream === '') throw new Stop(RespStatus.INCOMPLETE);
    return stream.startsWith('*') ? readArray(stream, limits) : readInline(stream, limits);
  } catch (stop) {
    if (!(stop instanceof Stop)) throw stop;
    return { status: stop.status, arguments: [], requestBytes: 0, unexpectedByte: stop.unexpectedByte };
  }
}

/** The line at `at` without its end. Only C strings are searched: nothing behind a NUL is found. */
function readLine(stream: string, at: number, limits: RespLimits, tooBig: RespStatus, terminator: string): string {
  const [visible = ''] = stream.slice(at).split('\0', 1);
  const end = visible.indexOf(terminator);
  const searched = end < 0 ? stream.length - at : end;
  if (searched > limits.lineBytesMax) throw new Stop(tooBig);
  if (end < 0) throw new Stop(RespStatus.INCOMPLETE);
  return visible.slice(0, end);
}

/** As `readLine` for lines that end with CR and any second byte. */
function readHeader(stream: string, at: number, limits: RespLimits, tooBig: RespStatus): string {
  const line = readLine(stream, at, limits, tooBig, '\r');
  if (at + line.length + 2 > stream.length) throw new Stop(RespStatus.INCOMPLETE);
  return line;
}

function integer64(text: string): bigint | null {
  if (!/^(0|-?[1-9][0-9]*)$/.test(text)) return null;
  const value = BigInt(text);
  return BigInt.asIntN(64, value) === value ? value : null;
}

function readArray(stream: string, limits: RespLimits): ReferenceScan {
  const countLine = readHeader(stream, 0, limits, RespStatus.COUNT_LINE_TOO_BIG);
  const count = integer64(countLine.slice(1));
  if (count === null || count > BigInt(limits.argumentsMax)) throw new Stop(RespStatus.INVALID_COUNT);
  if (count > 10n && !limits.authenticated) throw new Stop(RespStatus.UNAUTHENTICATED_COUNT);
  let at = countLine.length + 2;
  const found: string[] = [];
  while (BigInt(found.length) < count) {
    const line = readHeader(stream, at, limits, RespStatus.LENGTH_LINE_TOO_BIG);
    if (stream[at] !== '$') throw new Stop(RespStatus.EXPECTED_BULK, stream.charCodeAt(at));
    const length = integer64(line.slice(1));
    if (length === null || length < 0n || length > BigInt(limits.bulkBytesMax)) {
      throw new Stop(RespStatus.INVALID_LENGTH);
    }
    if (length > 16384n && !limits.authenticated) throw new Stop(RespStatus.UNAUTHENTICATED_LENGTH);
    at += line.length + 2;
    const end = at + Number(length);
    if (end + 2 > limits.requestBytesMax) throw new Stop(RespStatus.REQUEST_TOO_LARGE);
    if (end + 2 > stream.length) throw new Stop(RespStatus.INCOMPLETE);
    found.push(stream.slice(at, end));
    at = end + 2;
  }
  const status = found.length > 0 ? RespStatus.REQUEST : RespStatus.EMPTY;
  return { status, arguments: found, requestBytes: at, unexpectedByte: 0 };
}

function readInline(stream: string, limits: RespLimits): ReferenceScan {
  const line = readLine(stream, 0, limits, RespStatus.INLINE_TOO_BIG, '\n');
  const words = splitWords(line.endsWith('\r') ? line.slice(0, -1) : line);
  if (words === null) throw new Stop(RespStatus.UNBALANCED_QUOTES);
  const status = words.length > 0 ? RespStatus.INLINE : RespStatus.EMPTY;
  return { status, arguments: words, requestBytes: line.length + 1, unexpectedByte: 0 };
}

/** A bare beginning, then at most one quoted part, which ends the word. */
const WORD = /([^ \n\r\t"']*)(?:"((?:\\[^]|[^"\\])*)"|'((?:\\'|\\(?!')|[^'\\])*)')?/y;
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|([^]))/g;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

function splitWords(line: string): string[] | null {
  const words: string[] = [];
  let rest = line.replace(/^[ \t\n\v\f\r]+/, '');
  while (rest !== '') {
    WORD.lastIndex = 0;
    const [whole = '', bare = '', double, single] = WORD.exec(rest) ?? [];
    const quoted = double !== undefined || single !== undefined;
    rest = rest.slice(whole.length);
    if (quoted ? /^[^ \t\n\v\f\r]/.test(rest) : /^["']/.test(rest)) return null;
    const unescaped = double?.replace(ESCAPE, (_, hex?: string, char = '') =>
      hex === undefined ? (ESCAPES[char as string] ?? String(char)) : String.fromCharCode(Number.parseInt(hex, 16)),
    );
    words.push(bare + (unescaped ?? single?.replaceAll("\\'", "'") ?? ''));
    rest = rest.replace(/^[ \t\n\v\f\r]+/, '');
  }
  return words;
}
