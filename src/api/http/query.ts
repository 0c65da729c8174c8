import { KvorumError } from '../../base/errors/error.js';
import { percentDecode } from './bytes.js';

const NONE: ReadonlyMap<string, string> = new Map();

/** The query of a URL as it came on the wire: names and values as byte strings. `+` is a space, as in forms. */
export function parseQuery(url: string): ReadonlyMap<string, string> {
  const start = url.indexOf('?');
  if (start < 0 || start === url.length - 1) return NONE;
  const query = new Map<string, string>();
  for (const pair of url.slice(start + 1).split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    if (query.has(name)) throw new KvorumError('bad_request', `The parameter ${printable(name)} is given twice`);
    query.set(name, equals < 0 ? '' : decode(pair.slice(equals + 1)));
  }
  return query;
}

function decode(raw: string): string {
  const decoded = percentDecode(raw.replaceAll('+', ' '));
  if (decoded === null) throw new KvorumError('bad_request', 'The query holds a % without two hex digits after it');
  return decoded;
}

/** What a client sent, short and without control characters: for error details. */
export function printable(text: string): string {
  const short = text.length > 64 ? `${text.slice(0, 64)}…` : text;
  return JSON.stringify(short.replace(/[^ -~…]/g, '?'));
}
