import type { Model } from './model.js';
import type { Operation, Value } from './operation.js';

/** Characters of observed values that are searched for tokens; a history with more keeps its open appends unbounded. */
const SCAN_CHARS_MAX = 50_000_000;

/**
 * When an open write whose value was seen must have taken effect, by index into `open`; Infinity where that is not known
 * (reliability.md §4.3). The write is then treated as if it had returned at that time, which loses nothing: it has
 * taken effect in every order that explains the history, before the read that saw it, and that read had returned.
 *
 * That holds only where the value can have come from nowhere else, so that it must be written once in the history of the
 * key. Where there are appends, values are concatenations, and "1" + "2" is "12": then a bound needs texts that can be
 * told apart in any concatenation, because each ends (or each begins) with a character that it holds nowhere else.
 */
export function boundsOf(
  open: readonly Operation[],
  settled: readonly Operation[],
  model: Model,
  hasAppends: boolean,
): Float64Array {
  const bounds = new Float64Array(open.length).fill(Infinity);
  const wanted = new Map<string, number>();
  const writers = countWriters(open, settled, model);
  for (const [at, operation] of open.entries()) {
    const text = writtenBy(operation, model);
    if (text !== null && text !== '' && writers.get(text) === 1) wanted.set(text, at);
  }
  if (wanted.size === 0) return bounds;
  const mark = hasAppends ? commonMark(writers.keys()) : null;
  if (hasAppends && mark === null) return bounds;
  let chars = 0;
  let previous = '';
  for (const { text, end } of observations(settled, model)) {
    if (mark === null) {
      note(bounds, wanted.get(text), end);
      continue;
    }
    // Values grow by appending: what an earlier read saw already is not scanned again.
    const from = text.startsWith(previous) ? previous.length : 0;
    previous = text;
    chars += text.length - from;
    if (chars > SCAN_CHARS_MAX) break;
    forEachToken(text, from, mark, (token) => note(bounds, wanted.get(token), end));
  }
  return bounds;
}

function note(bounds: Float64Array, at: number | undefined, end: number): void {
  if (at !== undefined && end < (bounds[at] as number)) bounds[at] = end;
}

function writtenBy({ kind, value }: Operation, model: Model): Value {
  return kind === 'get' || kind === 'delete' ? null : model.normalise(value);
}

/** How often each text is written, the initial value included; a cas that wrote nothing counts, which is harmless. */
function countWriters(
  open: readonly Operation[],
  settled: readonly Operation[],
  model: Model,
): ReadonlyMap<string, number> {
  const writers = new Map<string, number>();
  const count = (text: Value): void => {
    if (text !== null) writers.set(text, (writers.get(text) ?? 0) + 1);
  };
  count(model.initial);
  for (const operation of open) count(writtenBy(operation, model));
  for (const operation of settled) count(writtenBy(operation, model));
  return writers;
}

interface Mark {
  readonly char: string;
  readonly atEnd: boolean;
}

function commonMark(texts: Iterable<string>): Mark | null {
  const all = [...texts].filter((text) => text !== '');
  const [first] = all;
  if (first === undefined) return null;
  const last = first.slice(-1);
  if (all.every((text) => text.indexOf(last) === text.length - 1)) return { char: last, atEnd: true };
  const begin = first.slice(0, 1);
  if (all.every((text) => text.lastIndexOf(begin) === 0)) return { char: begin, atEnd: false };
  return null;
}

function forEachToken(text: string, from: number, { atEnd, char }: Mark, visit: (token: string) => void): void {
  let at = from;
  while (at < text.length) {
    const found = text.indexOf(char, atEnd ? at : at + 1);
    const end = found < 0 ? text.length : atEnd ? found + 1 : found;
    visit(text.slice(at, end));
    at = end;
  }
}

/** What was certainly the value at some time before `end`, in the order of `end`. */
function observations(settled: readonly Operation[], model: Model): { text: string; end: number }[] {
  const found: { text: string; end: number }[] = [];
  for (const { expected = null, kind, outcome, return: end, value } of settled) {
    if (outcome !== 'ok' || end === null || (kind !== 'get' && kind !== 'cas')) continue;
    const text = model.normalise(kind === 'get' ? value : expected);
    if (text !== null) found.push({ text, end });
  }
  return found.sort((a, b) => a.end - b.end);
}
