import type { KvorumError } from '../../base/errors/error.js';
import type { KeyspaceResult } from '../../client/members.js';
import { isConfigError } from '../../config/errors.js';
import { paletteFor } from './colour.js';

/**
 * What happened, why, and what to do, one line each:
 *
 *     error: http://127.0.0.1:8101 cannot be reached: connect ECONNREFUSED 127.0.0.1:8101
 *       because  The replica cannot be reached
 *       help     Check the address and that the replica runs.
 *       see      docs/errors.md, cannot_connect
 */
export function formatError(error: KvorumError): string {
  const palette = paletteFor(process.stderr);
  if (isConfigError(error)) return error.format(palette);
  const { code, message, spec } = error;
  const lines = [`${palette.error('error:')} ${message}`];
  if (!message.startsWith(spec.title)) lines.push(`  because  ${spec.title}`);
  const current = currentValue(error);
  if (current !== null) lines.push(`  current  ${current}`);
  lines.push(...keyspaceResults(error));
  lines.push(`  help     ${spec.help}`, `  see      docs/errors.md, ${code}`);
  return lines.join('\n');
}

/** What stands in the way of a compare-and-set. */
function currentValue({ code, extra }: KvorumError): string | null {
  if (code !== 'cas_mismatch') return null;
  const { current, current_base64: base64, current_revision: revision } = extra ?? {};
  if (typeof revision !== 'number') return null;
  return `${JSON.stringify(current ?? { base64 })} (revision ${revision})`;
}

/** What a change of membership did in each of several keyspaces. */
function keyspaceResults({ extra }: KvorumError): string[] {
  const results = extra?.['results'];
  if (!Array.isArray(results) || results.length < 2) return [];
  return (results as readonly Partial<KeyspaceResult>[]).map(({ code, done = [], keyspace, ok }) => {
    const did = done.length === 0 ? 'nothing to do' : done.join(' and ');
    return ok === true
      ? `  done     ${keyspace}: ${did}`
      : `  failed   ${keyspace}: ${[...done, code].join(', then ')}`;
  });
}

export function printError(error: KvorumError): void {
  process.stderr.write(`${formatError(error)}\n`);
}
