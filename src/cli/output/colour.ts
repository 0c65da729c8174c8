import type { Palette } from '../../config/diagnostics.js';

interface Terminal {
  readonly isTTY?: boolean;
}

/**
 * True when colour may go to the stream: it is a terminal, and neither NO_COLOR (https://no-color.org) nor TERM=dumb
 * says otherwise. A FORCE_COLOR other than 0 wins over all of that. Colour never carries meaning alone.
 */
export function wantsColour(
  stream: Terminal,
  env: Readonly<Record<string, string | undefined>> = process.env,
): boolean {
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined && forced !== '') return forced !== '0';
  if (env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '') return false;
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}

const plain = (text: string): string => text;
const sgr =
  (code: number) =>
  (text: string): string =>
    `\u001b[${code}m${text}\u001b[0m`;

/** How to decorate diagnostics for this stream. */
export function paletteFor(stream: Terminal, env?: Readonly<Record<string, string | undefined>>): Palette {
  if (!wantsColour(stream, env)) return { error: plain, warning: plain, faint: plain };
  return { error: sgr(31), warning: sgr(33), faint: sgr(2) };
}
