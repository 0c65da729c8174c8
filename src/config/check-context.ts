import type { Diagnostic, Reporter } from './diagnostics.js';
import type { ResolvedValue, ResolvedValues } from './layers.js';
import type { Source } from './source.js';

/** What the checks look at. `bad` names values that were refused already and must not be judged again. */
export interface CheckContext {
  readonly source: Source;
  readonly values: ResolvedValues;
  readonly bad: ReadonlySet<string>;
  readonly reporter: Reporter;
}

export function report(
  context: CheckContext,
  severity: Diagnostic['severity'],
  said: ResolvedValue,
  message: string,
): void {
  context.reporter.report(severity, said.origin, message, context.source.excerptAt(said.origin));
}
