import { KvorumError } from '../base/errors/error.js';
import { formatDiagnostics, sortDiagnostics, type Diagnostic, type Palette } from './diagnostics.js';

/** Everything that is wrong with a configuration, at once. The message holds every diagnostic, ready to print. */
export class ConfigError extends KvorumError {
  /** In reading order; warnings included, at least one error among them. */
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    const sorted = sortDiagnostics(diagnostics);
    super('config_invalid', formatDiagnostics(sorted));
    this.diagnostics = sorted;
  }

  /** The message, decorated for a terminal when a palette is given. */
  format(palette?: Palette): string {
    return formatDiagnostics(this.diagnostics, palette);
  }
}

export function isConfigError(value: unknown): value is ConfigError {
  return value instanceof ConfigError;
}
