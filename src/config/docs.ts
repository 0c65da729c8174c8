import { describeAllowed, environmentName, flagName, type OptionScope, type OptionSpec } from './option.js';
import { OPTIONS, SCOPES } from './options.js';

const INTRODUCTION = `# Configuration

<!-- Generated from src/config/options.ts; a test keeps it equal. -->

A topology is one YAML file that describes the whole cluster; every host may have the same file. \`configs/\` holds
examples to start from, and \`configs/schema.json\` gives editors completion: put this in the first line.

\`\`\`yaml
# yaml-language-server: $schema=./schema.json
cluster: demo
replicas:
  - { id: n1, peer: 127.0.0.1:7101, http: 127.0.0.1:8101, redis: 127.0.0.1:6101 }
  - { id: n2, peer: 127.0.0.1:7102, http: 127.0.0.1:8102, redis: 127.0.0.1:6102 }
  - { id: n3, peer: 127.0.0.1:7103, http: 127.0.0.1:8103, redis: 127.0.0.1:6103 }
\`\`\`

## Where a value comes from

In rising order: the default, the file, the environment, the flags. The last one that speaks wins.
\`kvorum config explain <file>\` prints every value with its origin and with what it overruled, \`kvorum config check <file>\`
prints everything that is wrong with a file, and \`kvorum config schema\` prints the JSON schema.

- **Environment.** The path in capitals, words parted by \`_\`, with \`KVORUM_\` before it: \`timing.heartbeatMs\` is
  \`KVORUM_TIMING_HEARTBEAT_MS\`, \`replicas.n1.http\` is \`KVORUM_REPLICAS_N1_HTTP\`. An empty variable counts as unset; a
  variable that no option has is reported and ignored.
- **Flags.** The path in kebab case: \`--timing-heartbeat-ms 20\`. \`--set path=value\` sets any option, those of one replica or
  keyspace as well: \`--set replicas.n1.http=127.0.0.1:9000\`.
- **Lists** are written \`a,b,c\` in both, and ranges \`150,300\`.

The replicas and keyspaces themselves come from the file; their options may come from anywhere.
`;

/** The text of docs/configuration.md. A test keeps the file equal to it. */
export function generateConfigurationDocs(): string {
  const parts = [INTRODUCTION];
  for (const [scope, { title, doc }] of Object.entries(SCOPES)) {
    parts.push(`\n## ${title}\n\n${doc}\n`);
    for (const spec of OPTIONS) if (spec.scope === (scope as OptionScope)) parts.push(describeOption(spec));
  }
  return parts.join('');
}

function describeOption(spec: OptionSpec): string {
  const name = spec.path.replace('replicas.*', 'replicas[]').replace('keyspaces.*', 'keyspaces.<name>');
  const facts = [`- Allowed: ${describeAllowed(spec)}`, `- Default: ${describeDefault(spec)}`];
  if (spec.path !== 'replicas.*.id') {
    facts.push(`- Environment: \`${environmentName(spec.path.replace('*', 'X')).replace('_X_', '_<NAME>_')}\``);
    const flag = flagName(spec);
    facts.push(`- Flag: \`${flag ?? `--set ${spec.path.replace('*', '<name>')}=…`}\``);
  }
  return `\n### \`${name}\`\n\n${spec.doc}\n\n${facts.join('\n')}\n`;
}

function describeDefault(spec: OptionSpec): string {
  if (spec.defaultDoc !== undefined) return spec.defaultDoc;
  if (spec.default === undefined) return spec.required === true ? 'none, it is required' : 'unset';
  const plain = JSON.stringify(spec.default);
  return spec.unit === 'bytes' ? `\`${plain}\`${humanBytes(Number(spec.default))}` : `\`${plain}\``;
}

function humanBytes(bytes: number): string {
  for (const [unit, size] of [
    ['MiB', 1024 * 1024],
    ['KiB', 1024],
  ] as const) {
    if (bytes >= size && bytes % size === 0) return ` (${bytes / size} ${unit})`;
  }
  return '';
}
