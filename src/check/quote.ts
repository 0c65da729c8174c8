import { unreachable } from '../base/assert.js';
import type { Operation, Value } from './operation.js';

/** What drives a terminal, breaks a line or turns the direction of writing. Keys and values come from strangers. */
const UNSAFE =
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff]/g;

/** The text with everything that is not safe to show as an escape. Surrogate pairs stay what they are. */
export function printable(text: string): string {
  return text.replaceAll(UNSAFE, (char, at: number, whole: string) => (isPaired(whole, at) ? char : escaped(char)));
}

/** A value for people: in double quotes, or the word absent; the middle of a long one is left out. */
export function quote(value: Value, charsMax = Infinity): string {
  if (value === null) return 'absent';
  const points = value.length > charsMax ? Array.from(value) : null;
  if (points === null || points.length <= charsMax) return printable(JSON.stringify(value));
  const head = Math.ceil((charsMax - 1) / 2);
  const shortened = `${points.slice(0, head).join('')}…${points.slice(points.length - (charsMax - 1 - head)).join('')}`;
  return printable(JSON.stringify(shortened));
}

/** `put "1"`, `get "1"`, `cas "1" "2"`: an operation without its client, key and times. */
export function describe(operation: Operation, charsMax = Infinity): string {
  const { existed, expected = null, kind, outcome, value } = operation;
  const text = (each: Value): string => quote(each, charsMax);
  switch (kind) {
    case 'get':
      return outcome === 'ok' ? `get ${text(value)}` : 'get';
    case 'delete':
      return existed === undefined || outcome !== 'ok' ? 'delete' : `delete ${existed ? '(existed)' : '(absent)'}`;
    case 'cas':
      return `cas ${text(expected)} ${text(value)}${outcome === 'mismatch' ? ' (unequal)' : ''}`;
    case 'put':
    case 'append':
      return `${kind} ${text(value)}`;
    default:
      return unreachable(kind);
  }
}

function isPaired(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  if (code < 0xd800 || code > 0xdfff) return false;
  const isHigh = code < 0xdc00;
  const other = text.charCodeAt(isHigh ? at + 1 : at - 1);
  return isHigh ? other >= 0xdc00 && other <= 0xdfff : other >= 0xd800 && other <= 0xdbff;
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
