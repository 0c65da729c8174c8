import { METRICS } from './catalogue.js';
import { SECONDS_BUCKETS } from './histogram.js';

/** The text of docs/metrics.md. */
export function generateMetricDocs(): string {
  const rows = Object.entries(METRICS).map(([name, { type, labels, help }]) => {
    const names = labels.map((label) => `\`${label}\``).join(', ');
    return `| \`${name}\` | ${type} | ${names} | ${help} |`;
  });
  return `# Metrics

\`GET /metrics\` answers in the text format of Prometheus, \`GET /admin/metrics\` the same as JSON. Every series also has
the label \`replica\`. Values are read when somebody scrapes; counters start at 0 with the replica.

Histograms have these upper bounds, in seconds: ${SECONDS_BUCKETS.join(', ')}.

| name | type | labels | meaning |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}
