import type { Explanation, Witness } from './explain.js';
import { layOut, type Bar, type Lane, type Layout } from './layout.js';
import type { Operation } from './operation.js';
import { describe, printable, quote } from './quote.js';

const WITNESSES_MAX = 40;
const VALUE_CHARS_MAX = 20;
const LINE_CHARS_MAX = 118;
const CLIENT_CHARS_MAX = 16;

/** Why a history is not linearizable, for a terminal. */
export function describeViolation(explanation: Explanation): string {
  const { concurrent, key, model } = explanation;
  const layout = layOut(explanation, WITNESSES_MAX, VALUE_CHARS_MAX);
  const lines = [
    `key ${quote(key, 60)} is not linearizable (model ${model.name})`,
    '',
    ...accuse(explanation),
    '',
    ...drawLanes(layout),
    '',
    '  |1 ... |  takes effect as number 1 in an order that explains everything but X',
    '  |? ... >  has no known effect yet: still running, or its outcome is unknown',
    '  |X ... |  in no order can this have returned what it did',
    '',
    extent(explanation),
  ];
  if (layout.cut > 0) lines.push(`The first ${layout.cut} of them do not fit here; --html shows more.`);
  if (concurrent.length > 0) {
    lines.push('', 'At the same time as X, without changing anything:');
    lines.push(...concurrent.map((operation) => `  ${where(operation)}: ${describe(operation, VALUE_CHARS_MAX)}`));
  }
  return lines.join('\n');
}

/** How much of the history is shown. */
export function extent({ operations, witnesses }: Explanation): string {
  if (witnesses.length === operations) return `All ${operations} operations of the key are shown.`;
  return `${witnesses.length} of the key's ${operations} operations are shown; they suffice, the others change nothing.`;
}

/** The sentences about the culprit. */
export function accuse({ culprit, possible, witnesses }: Explanation): string[] {
  const lines = [`${where(culprit)}: ${describe(culprit, 60)} has no explanation.`];
  const explained = witnesses.filter(({ operation, running }) => operation !== culprit && !running).length;
  if (explained > 0) lines.push('Everything that returned before it has one.');
  if (possible !== null && possible.length > 0) {
    lines.push(`It could have read ${possible.map((value) => quote(value, 60)).join(' or ')}.`);
  }
  return lines;
}

/** Who, where in the file, and when. */
export function where({ call, client, line, return: end }: Operation): string {
  const place = line === undefined ? '' : `line ${line}, `;
  return `${place}client ${clientName(client)}, ${call} to ${end ?? 'never'}`;
}

export function clientName(client: string | number): string {
  return printable(shortened(String(client)));
}

function shortened(text: string): string {
  return text.length <= CLIENT_CHARS_MAX ? text : `${text.slice(0, CLIENT_CHARS_MAX - 1)}…`;
}

/** The lanes; what is too wide for a line goes on below. */
export function drawLanes({ columns, lanes }: Layout): string[] {
  const names = lanes.map(({ client }) => (client === null ? '' : clientName(client)));
  const width = Math.max(...names.map((name) => name.length)) + 2;
  const drawn = lanes.map((lane) => draw(lane, columns));
  const page = LINE_CHARS_MAX - width - 2;
  const lines: string[] = [];
  for (let from = 0; from < columns; from += page) {
    if (from > 0) lines.push('', '  ... later:');
    for (const [at, text] of drawn.entries()) {
      lines.push(`  ${(names[at] ?? '').padEnd(width)}${text.slice(from, from + page)}`.trimEnd());
    }
  }
  return lines;
}

function draw({ bars }: Lane, columns: number): string {
  let text = '';
  for (const bar of bars) text = text.padEnd(bar.from) + drawBar(bar, columns);
  return text;
}

function drawBar({ from, isCulprit, label, to }: Bar, columns: number): string {
  const line = isCulprit ? '=' : '-';
  const inner = (to ?? columns - 1) - from - 1;
  return `|${`${label} `.slice(0, inner).padEnd(inner, line)}${to === null ? '>' : '|'}`;
}

/** For a table of the shown operations. */
export function stateOf({ operation, place, running }: Witness, culprit: Operation): string {
  if (operation === culprit) return 'no explanation';
  if (place !== null) return `number ${place}`;
  return running ? 'still running' : 'outcome unknown';
}
