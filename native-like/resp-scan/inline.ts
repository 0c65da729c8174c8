const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const BACKSLASH = 0x5c;
const LOWER_X = 0x78;

/** isspace() of the C locale: tab, line feed, vertical tab, form feed, carriage return, space. */
function isSpace(byte: number): boolean {
  return byte === SPACE || (byte >= TAB && byte <= CR);
}

/** The value of a hexadecimal digit, or -1. */
function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** What `\c` means between double quotes; any other char means itself. */
function escapeValue(byte: number): number {
  switch (byte) {
    case 0x6e: // n
      return LF;
    case 0x72: // r
      return CR;
    case 0x74: // t
      return TAB;
    case 0x62: // b
      return 0x08;
    case 0x61: // a
      return 0x07;
    default:
      return byte;
  }
}

/** Walks over one line; arguments are unescaped into one buffer as long as the line, which nothing can outgrow. */
class LineSplitter {
  private readonly line: Uint8Array;
  private readonly unescaped: Uint8Array;
  private at = 0;
  private length = 0;

  constructor(line: Uint8Array) {
    this.line = line;
    this.unescaped = new Uint8Array(line.length);
  }

  /** The next argument; undefined at the end of the line, null when quotes are unbalanced. */
  next(): Uint8Array | undefined | null {
    const { line } = this;
    while (this.at < line.length && isSpace(line[this.at] as number)) this.at++;
    if (this.at === line.length) return undefined;
    this.length = 0;
    for (; this.at < line.length; this.at++) {
      const byte = line[this.at] as number;
      // Redis ends a bare word at four of the six spaces: a vertical tab or form feed belongs to the word.
      if (byte === SPACE || byte === TAB || byte === LF || byte === CR) break;
      if (byte === DOUBLE_QUOTE) return this.doubleQuoted() ? this.argument() : null;
      if (byte === SINGLE_QUOTE) return this.singleQuoted() ? this.argument() : null;
      this.push(byte);
    }
    return this.argument();
  }

  private push(byte: number): void {
    this.unescaped[this.length++] = byte;
  }

  private argument(): Uint8Array {
    return this.unescaped.slice(0, this.length);
  }

  /** Reads behind the opening quote up to and including the closing one. False when there is none, or a word follows. */
  private doubleQuoted(): boolean {
    const { line } = this;
    for (this.at++; this.at < line.length; this.at++) {
      const byte = line[this.at] as number;
      if (byte === DOUBLE_QUOTE) return this.closed();
      if (byte !== BACKSLASH || this.at + 1 === line.length) this.push(byte);
      else this.escaped();
    }
    return false;
  }

  private escaped(): void {
    const { line } = this;
    this.at++;
    const kind = line[this.at] as number;
    if (kind === LOWER_X && this.at + 2 < line.length) {
      const high = hexValue(line[this.at + 1] as number);
      const low = hexValue(line[this.at + 2] as number);
      if (high >= 0 && low >= 0) {
        this.push(high * 16 + low);
        this.at += 2;
        return;
      }
    }
    this.push(escapeValue(kind));
  }

  private singleQuoted(): boolean {
    const { line } = this;
    for (this.at++; this.at < line.length; this.at++) {
      const byte = line[this.at] as number;
      if (byte === SINGLE_QUOTE) return this.closed();
      if (byte === BACKSLASH && line[this.at + 1] === SINGLE_QUOTE) this.at++;
      this.push(line[this.at] as number);
    }
    return false;
  }

  /** A closing quote must be followed by a space or by nothing. */
  private closed(): boolean {
    this.at++;
    return this.at === this.line.length || isSpace(this.line[this.at] as number);
  }
}

/**
 * Splits the line [start, end), its line end not included, as Redis splits inline commands: words between spaces, "…"
 * with \n \r \t \b \a \xHH and \c escapes, '…' with \' only. Null when quotes are unbalanced or followed by a word. The
 * arguments are copies. The line holds no NUL (a scan for the line's end stops at one).
 */
export function splitInline(buffer: Uint8Array, start: number, end: number): Uint8Array[] | null {
  const splitter = new LineSplitter(buffer.subarray(start, end));
  const found: Uint8Array[] = [];
  for (;;) {
    const argument = splitter.next();
    if (argument === null) return null;
    if (argument === undefined) return found;
    found.push(argument);
  }
}
