import { stripVTControlCharacters } from 'node:util';

/**
 * Columns aligned by spaces, two apart, without lines: easy to read, easy to cut. Numbers stand on the right. What would
 * break a line or drive the terminal is escaped.
 */
export function formatTable(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [headers, ...rows].map((row) => headers.map((_, column) => printable(row[column] ?? '')));
  const widths = headers.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)));
  const numeric = headers.map((_, column) => isNumeric(rows.map((row) => row[column] ?? '')));
  return cells
    .map((row) =>
      row
        .map((cell, column) =>
          numeric[column] === true ? pad(cell, widths[column], 'start') : pad(cell, widths[column]),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Writes a table to stdout. Without rows it writes the headers alone. */
export function printTable(headers: readonly string[], rows: readonly (readonly string[])[]): void {
  process.stdout.write(`${formatTable(headers, rows)}\n`);
}

function pad(text: string, width = 0, side: 'start' | 'end' = 'end'): string {
  return side === 'start' ? text.padStart(width) : text.padEnd(width);
}

/** A dash stands for a number that there is not. */
function isNumeric(cells: readonly string[]): boolean {
  return cells.some(isNumber) && cells.every((cell) => cell === '-' || isNumber(cell));
}

function isNumber(text: string): boolean {
  return /^-?\d+(\.\d+)?$/.test(text);
}

/** Keys and values come from strangers: no control character reaches the terminal. */
function printable(text: string): string {
  const plain = stripVTControlCharacters(text);
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return plain.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, (char) => {
    const code = char.charCodeAt(0).toString(16).padStart(2, '0');
    return char === '\n' ? '\\n' : char === '\t' ? '\\t' : `\\x${code}`;
  });
}
