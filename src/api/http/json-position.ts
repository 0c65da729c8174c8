/** Where a text stops being JSON: line and column from 1, in characters. */
export interface JsonPosition {
  readonly line: number;
  readonly column: number;
  /** What stands there, as a short name: `'}'`, `the end`. */
  readonly found: string;
}

type Expectation = 'value' | 'valueOrEnd' | 'key' | 'keyOrEnd' | 'colon' | 'commaOrEnd' | 'nothing';

/**
 * Finds the first error of a text that JSON.parse refused: V8 tells positions for some errors only. Iterative, so that
 * nesting cannot exhaust the stack.
 */
export function findJsonError(text: string): JsonPosition {
  return positionAt(text, new Scanner(text).scan());
}

function positionAt(text: string, at: number): JsonPosition {
  const before = text.slice(0, at);
  const lineStart = before.lastIndexOf('\n') + 1;
  const line = before.split('\n').length;
  const char = text[at];
  const printable = char !== undefined && char >= ' ' && char <= '~';
  const found =
    char === undefined ? 'the end' : printable ? `'${char}'` : `character ${char.charCodeAt(0).toString(16)}`;
  return { line, column: at - lineStart + 1, found };
}

const LITERALS = ['true', 'false', 'null'] as const;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

class Scanner {
  readonly #text: string;
  readonly #open: ('{' | '[')[] = [];
  #at = 0;
  #expect: Expectation = 'value';

  constructor(text: string) {
    this.#text = text;
  }

  /** The offset of the first error, or the length of the text. */
  scan(): number {
    for (;;) {
      while (/[ \t\n\r]/.test(this.#text[this.#at] ?? '')) this.#at++;
      const char = this.#text[this.#at];
      if (char === undefined || !this.#take(char)) return this.#at;
    }
  }

  #take(char: string): boolean {
    switch (this.#expect) {
      case 'valueOrEnd':
        return char === ']' ? this.#close('[') : this.#value(char);
      case 'value':
        return this.#value(char);
      case 'keyOrEnd':
        return char === '}' ? this.#close('{') : this.#string(char, 'colon');
      case 'key':
        return this.#string(char, 'colon');
      case 'colon':
        return char === ':' && this.#step(1, 'value');
      case 'commaOrEnd':
        if (char === ',') return this.#step(1, this.#open.at(-1) === '{' ? 'key' : 'value');
        return (char === '}' && this.#close('{')) || (char === ']' && this.#close('['));
      case 'nothing':
      default:
        return false;
    }
  }

  #step(length: number, next: Expectation): true {
    this.#at += length;
    this.#expect = next;
    return true;
  }

  #afterValue(): Expectation {
    return this.#open.length === 0 ? 'nothing' : 'commaOrEnd';
  }

  #close(kind: '{' | '['): boolean {
    if (this.#open.at(-1) !== kind) return false;
    this.#open.pop();
    return this.#step(1, this.#afterValue());
  }

  #value(char: string): boolean {
    if (char === '{' || char === '[') {
      this.#open.push(char);
      return this.#step(1, char === '{' ? 'keyOrEnd' : 'valueOrEnd');
    }
    if (char === '"') return this.#string(char, this.#afterValue());
    for (const literal of LITERALS) {
      if (this.#text.startsWith(literal, this.#at)) return this.#step(literal.length, this.#afterValue());
    }
    NUMBER.lastIndex = this.#at;
    const number = NUMBER.exec(this.#text)?.[0];
    return number !== undefined && this.#step(number.length, this.#afterValue());
  }

  /** Leaves the position at the first wrong character inside the string. */
  #string(char: string, next: Expectation): boolean {
    if (char !== '"') return false;
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const inside = this.#text[this.#at] ?? '';
      if (inside === '"') return this.#step(1, next);
      if (inside < ' ') return false;
      if (inside === '\\' && !this.#escape()) return false;
    }
    return false;
  }

  #escape(): boolean {
    this.#at++;
    const escaped = this.#text[this.#at] ?? '';
    if (escaped !== 'u') return escaped !== '' && '"\\/bfnrt'.includes(escaped);
    if (!/^[0-9a-fA-F]{4}$/.test(this.#text.slice(this.#at + 1, this.#at + 5))) return false;
    this.#at += 4;
    return true;
  }
}
