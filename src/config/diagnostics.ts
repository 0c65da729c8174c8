import { unreachable } from '../base/assert.js';

/** Where a value came from. Lines and columns count from 1. */
export type Origin =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly file: string; readonly line: number; readonly column: number }
  | { readonly kind: 'environment'; readonly name: string }
  | { readonly kind: 'flag'; readonly name: string };

export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  readonly at: Origin;
  /** What was read, what is allowed and a suggestion, in one line. */
  readonly message: string;
  /** The line of the file and how many characters of it are meant; null when the place is not in a file. */
  readonly excerpt: { readonly line: string; readonly length: number } | null;
}

/** `configs/a.yaml:7:13`, `environment KVORUM_MEMORY`, `flag --memory` or `default`. */
export function formatOrigin(origin: Origin): string {
  switch (origin.kind) {
    case 'default':
      return 'default';
    case 'file':
      return `${origin.file}:${origin.line}:${origin.column}`;
    case 'environment':
      return `environment ${origin.name}`;
    case 'flag':
      return `flag ${origin.name}`;
    default:
      return unreachable(origin);
  }
}

/** Decorates text for a terminal; the identity where colour is not wanted. */
export interface Palette {
  readonly error: (text: string) => string;
  readonly warning: (text: string) => string;
  readonly faint: (text: string) => string;
}

const PLAIN: Palette = { error: (text) => text, warning: (text) => text, faint: (text) => text };

/** One diagnostic as lines for a person: place and message, then the line of the file with a caret beneath. */
export function formatDiagnostic(diagnostic: Diagnostic, palette: Palette = PLAIN): string {
  const { at, excerpt, message, severity } = diagnostic;
  const head = at.kind === 'default' ? '' : `${formatOrigin(at)}: `;
  const lines = [`${head}${palette[severity](severity)}: ${message}`];
  if (excerpt !== null && at.kind === 'file') {
    const gutter = `  ${at.line} | `;
    const indent = excerpt.line.slice(0, at.column - 1).replaceAll(/[^\t]/g, ' ');
    const room = Math.max(1, Math.min(excerpt.length, excerpt.line.length - at.column + 1));
    lines.push(palette.faint(gutter) + excerpt.line);
    lines.push(palette.faint(`${' '.repeat(gutter.length - 2)}| `) + indent + palette[severity]('^'.repeat(room)));
  }
  return lines.join('\n');
}

export function formatDiagnostics(diagnostics: readonly Diagnostic[], palette: Palette = PLAIN): string {
  return diagnostics.map((diagnostic) => formatDiagnostic(diagnostic, palette)).join('\n');
}

/** By place: file first, in reading order, then environment and flags. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const rank = { file: 0, environment: 1, flag: 2, default: 3 } as const;
  return [...diagnostics].sort((a, b) => {
    if (a.at.kind === 'file' && b.at.kind === 'file') {
      return a.at.line - b.at.line || a.at.column - b.at.column;
    }
    return rank[a.at.kind] - rank[b.at.kind];
  });
}

/** Collects diagnostics while a configuration is read. */
export class Reporter {
  readonly diagnostics: Diagnostic[] = [];

  get failed(): boolean {
    return this.diagnostics.some((diagnostic) => diagnostic.severity === 'error');
  }

  report(severity: Diagnostic['severity'], at: Origin, message: string, excerpt: Diagnostic['excerpt'] = null): void {
    this.diagnostics.push({ severity, at, message: printable(message), excerpt });
  }
}

/** Keeps what was read from a hostile file from breaking the line or driving the terminal. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replaceAll(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g, '\ufffd');
}
