import { Command, InvalidArgumentError, Option } from 'commander';
import { explainTopology, type ExplainedOption } from '../../config/explain.js';
import type { Flags } from '../../config/layers.js';
import { loadTopology, type LoadedTopology } from '../../config/load.js';
import { attributeName, environmentName, flagName, type Json, type OptionSpec } from '../../config/option.js';
import { OPTIONS, SCOPES } from '../../config/options.js';
import { generateConfigurationSchema } from '../../config/schema.js';
import { printDiagnostics } from '../output/diagnostics.js';
import { printJson } from '../output/json.js';
import { printTable } from '../output/table.js';

/** Adds a flag for every option of the topology that is not about one replica or keyspace, and `--set` for the rest. */
export function addTopologyFlags(command: Command): Command {
  for (const spec of OPTIONS) {
    const flag = flagName(spec);
    if (flag === null) continue;
    const option = new Option(`${flag}${argumentOf(spec)}`, helpOf(spec));
    const group = `${SCOPES[spec.scope].title}:`;
    command.addOption(option.helpGroup(group).hideHelp(spec.default === true));
    if (spec.type !== 'boolean') continue;
    // Not `--memory [true|false]`: it would take the file's name for its argument.
    const negated = new Option(`--no-${flag.slice(2)}`, `Do not: ${helpOf(spec)}`);
    command.addOption(negated.helpGroup(group).hideHelp(spec.default !== true));
  }
  const set = new Option('--set <path=value>', 'any option, also of one replica or keyspace; may be repeated');
  return command.addOption(set.argParser(collectSetting).helpGroup(`${SCOPES.topology.title}:`));
}

/** What `loadTopology` takes, from what commander parsed. */
export function topologyFlags(options: Readonly<Record<string, unknown>>): Flags {
  const flags: Record<string, Json> = {};
  for (const spec of OPTIONS) {
    const flag = flagName(spec);
    const value = flag === null ? undefined : options[attributeName(flag)];
    if (value !== undefined) flags[spec.path] = value as Json;
  }
  return { ...flags, ...(options['set'] as Record<string, string> | undefined) };
}

function argumentOf(spec: OptionSpec): string {
  if (spec.type === 'boolean') return '';
  if (spec.type === 'list') return ' <id...>';
  if (spec.type === 'range') return ' <min,max>';
  return spec.type === 'integer' ? ' <n>' : ' <value>';
}

/** The first sentence of the documentation; the rest is in docs/configuration.md. */
function helpOf(spec: OptionSpec): string {
  const sentence = /^.*?(?=[.:;](\s|$))/.exec(spec.doc)?.[0] ?? spec.doc;
  const fallback = spec.default === undefined ? '' : `default ${JSON.stringify(spec.default)}, `;
  return `${sentence} (${fallback}env ${environmentName(spec.path)})`;
}

function collectSetting(text: string, earlier: unknown): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('write path=value, for example replicas.n1.http=127.0.0.1:9000');
  return { ...(earlier as Record<string, string> | undefined), [text.slice(0, at)]: text.slice(at + 1) };
}

function load(file: string, command: Command): LoadedTopology {
  return loadTopology({ file, env: process.env, flags: topologyFlags(command.opts()) });
}

function wantsJson(command: Command): boolean {
  return command.optsWithGlobals()['output'] === 'json';
}

function checkCommand(): Command {
  const command = new Command('check')
    .description('Say everything that is wrong with a topology file; exit code 3 when anything is')
    .argument('<topology.yaml>', 'topology file')
    .addHelpText('after', '\nExamples:\n  $ kvorum config check configs/local.yaml')
    .action((file: string, _flags: unknown, self: Command) => {
      const { topology, warnings } = load(file, self);
      printDiagnostics(warnings);
      const { cluster, keyspaces, local, replicas } = topology;
      if (wantsJson(self)) {
        printJson({ valid: true, file, cluster, warnings });
        return;
      }
      const names = keyspaces.map(({ engine, name }) => `${name} (${engine})`).join(', ');
      const here = local.length === replicas.length ? 'all here' : `here: ${local.join(', ')}`;
      process.stdout.write(`${file}: ok · cluster ${cluster} · ${replicas.length} replicas, ${here} · ${names}\n`);
    });
  return addTopologyFlags(command);
}

function explainCommand(): Command {
  const command = new Command('explain')
    .description('Show every option of a topology, its value and where the value comes from')
    .argument('<topology.yaml>', 'topology file')
    .addHelpText(
      'after',
      '\nExamples:\n  $ kvorum config explain configs/local.yaml' +
        '\n  $ KVORUM_TIMING_HEARTBEAT_MS=20 kvorum config explain configs/local.yaml --log-level debug -o json',
    )
    .action((file: string, _flags: unknown, self: Command) => {
      const loaded = load(file, self);
      printDiagnostics(loaded.warnings);
      const options = explainTopology(loaded);
      if (wantsJson(self)) printJson({ schemaVersion: 1, file, options });
      else printTable(['option', 'value', 'origin'], options.map(explainRow));
    });
  return addTopologyFlags(command);
}

function explainRow({ option, origin, overruled, unit, value }: ExplainedOption): string[] {
  const losers = overruled.map((said) => `${said.origin} said ${plain(said.value)}`).join('; ');
  const shown = value === null ? '-' : `${plain(value)}${unit === null ? '' : ` ${unit}`}`;
  return [option, shown, losers === '' ? origin : `${origin} (${losers})`];
}

function plain(value: Json): string {
  if (Array.isArray(value)) return `[${value.join(', ')}]`;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function schemaCommand(): Command {
  return new Command('schema').description('Print the JSON schema of topology files, for editors').action(() => {
    process.stdout.write(generateConfigurationSchema());
  });
}

/** `kvorum config check · explain · schema` (results to stdout, diagnostics to stderr). Throws ConfigError. */
export function configCommand(): Command {
  return new Command('config')
    .description('Check and explain topology files')
    .addCommand(checkCommand())
    .addCommand(explainCommand())
    .addCommand(schemaCommand());
}
