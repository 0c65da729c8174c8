import { formatDiagnostics, type Diagnostic } from '../../config/diagnostics.js';
import { paletteFor } from './colour.js';

/** Writes diagnostics to stderr, with colour where it is wanted. */
export function printDiagnostics(diagnostics: readonly Diagnostic[]): void {
  if (diagnostics.length > 0) process.stderr.write(`${formatDiagnostics(diagnostics, paletteFor(process.stderr))}\n`);
}
