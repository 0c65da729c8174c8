import { METRICS } from './catalogue.js';
import { SECONDS_BUCKETS } from './histogram.js';

/** The text of docs/metrics.md. */
export function generateMetricDocs(): string {
  const rows = Object.entries(METRICS).map(([name, { type, labels, help }]) => {
    const names = labels.map((label) => `\`${label}\``).join(', ');
    return [`\`${name}\``, type, names, help];
  });
  return `# Metrics

\`GET /metrics\` answers in the text format of Prometheus, \`GET /admin/metrics\` the same as JSON. Every series also has
the label \`replica\`. Values are read when somebody scrapes; counters start at 0 with the replica.

Histograms have these upper bounds, in seconds: ${SECONDS_BUCKETS.join(', ')}.

${table([['name', 'type', 'labels', 'meaning'], ...rows])}
`;
}

/** Aligned as prettier aligns it. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_cell, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`);
  lines.splice(1, 0, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`);
  return lines.join('\n');
}
