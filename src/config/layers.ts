import type { Origin, Reporter } from './diagnostics.js';
import {
  attributeName,
  describeAllowed,
  environmentName,
  flagName,
  parseText,
  type Json,
  type OptionSpec,
} from './option.js';
import { findOption, OPTIONS } from './options.js';
import type { Source, SourcePath } from './source.js';
import { suggest } from './suggest.js';
import { checkValue, isRecord, pathName, show, valueAt } from './validate.js';

/** What was decided for one option, and what was overruled. */
export interface ResolvedValue {
  /** Concrete: `replicas.n1.peer`, not `replicas.*.peer`. */
  readonly path: string;
  /** Null: unset, and the option has no default. */
  readonly value: Json;
  readonly origin: Origin;
  /** What lower layers said, the nearest first. The default is not listed. */
  readonly overruled: readonly { readonly value: Json; readonly origin: Origin }[];
}

/** Every option of this topology, by concrete path, in the order of the option table. */
export type ResolvedValues = ReadonlyMap<string, ResolvedValue>;

export type Environment = Readonly<Record<string, string | undefined>>;
/**
 * By concrete path, or by the name that commander gives a flag (`dataDir`, `replica`, `timingHeartbeatMs`). Text is read
 * as the option's type; anything else is taken as it is.
 */
export type Flags = Readonly<Record<string, Json | undefined>>;

/** One option of this topology: the table's entry, with the name of its replica or keyspace filled in. */
interface ConcreteOption {
  readonly spec: OptionSpec;
  readonly path: string;
  readonly source: SourcePath;
}

/** `timingHeartbeatMs` finds `timing.heartbeatMs`, `replica` finds `local`. */
const PATHS_BY_FLAG: ReadonlyMap<string, string> = new Map(
  OPTIONS.flatMap((spec) => {
    const flag = flagName(spec);
    return flag === null ? [] : [[attributeName(flag), spec.path] as const];
  }),
);

/** Variables that belong to other parts of the program. */
const FOREIGN_VARIABLES = /^KVORUM_(NODE|OUTPUT|DEBUG|TEST_.*|BENCH_.*|CI_.*|SIM_.*)$/;

/**
 * Decides every option: default, then file, then environment, then flags, the last one that speaks wins. Values in
 * `bad` (found by checkFile) count as unset. Reports environment variables and flags that are wrong.
 */
export function layer(
  source: Source,
  bad: ReadonlySet<string>,
  env: Environment,
  flags: Flags,
  reporter: Reporter,
): ResolvedValues {
  const options = concreteOptions(source);
  const fromEnvironment = readEnvironment(options, env, reporter);
  const fromFlags = readFlags(options, flags, reporter);
  const values = new Map<string, ResolvedValue>();
  for (const option of options) {
    const layers = [fromFile(source, bad, option), fromEnvironment.get(option.path), fromFlags.get(option.path)];
    const said = layers.filter((value) => value !== undefined).reverse();
    const [top, ...overruled] = said;
    const fallback = { value: option.spec.default ?? null, origin: { kind: 'default' } as const };
    values.set(option.path, { path: option.path, ...(top ?? fallback), overruled });
    if (top === undefined) checkRequired(source, bad, option, reporter);
  }
  return values;
}

/** Says that a required option is missing, unless it or what it stands in was refused already. */
function checkRequired(source: Source, bad: ReadonlySet<string>, option: ConcreteOption, reporter: Reporter): void {
  if (option.spec.required !== true) return;
  const ancestors = option.source.map((_, at) => pathName(source.value, option.source.slice(0, at + 1)));
  if (bad.has('') || ancestors.some((path) => bad.has(path))) return;
  const { at, excerpt } = source.locate(option.source.slice(0, -1), 'value');
  reporter.report('error', at, `${option.path} is missing: allowed is ${describeAllowed(option.spec)}`, excerpt);
}

interface Said {
  readonly value: Json;
  readonly origin: Origin;
}

function fromFile(source: Source, bad: ReadonlySet<string>, option: ConcreteOption): Said | undefined {
  const value = valueAt(source.value, option.source) as Json | undefined;
  if (value === undefined || bad.has(option.path) || bad.has('')) return undefined;
  return { value, origin: source.locate(option.source, 'value').at };
}

/** In the order of the table, replica by replica and keyspace by keyspace. */
function concreteOptions(source: Source): ConcreteOption[] {
  const expanded = new Set<string>();
  return OPTIONS.flatMap((spec) => {
    const [head = '', star] = spec.path.split('.');
    if (star !== '*') return [{ spec, path: spec.path, source: spec.path.split('.') }];
    if (expanded.has(head)) return [];
    expanded.add(head);
    const members = OPTIONS.filter(({ path }) => path.startsWith(`${head}.*.`));
    return membersOf(source, head).flatMap((member) =>
      members.map((option) => concrete(source, option, [head, member, option.path.split('.')[2] ?? ''])),
    );
  });
}

/** Positions of the replicas, or names of the keyspaces: without any there is the default one. */
function membersOf(source: Source, container: string): (string | number)[] {
  const value = valueAt(source.value, [container]);
  if (container === 'keyspaces' && value === undefined) return ['default'];
  if (container === 'replicas') return Array.isArray(value) ? [...value.keys()] : [];
  return isRecord(value) ? Object.keys(value) : [];
}

function concrete(source: Source, spec: OptionSpec, path: SourcePath): ConcreteOption {
  return { spec, path: pathName(source.value, path), source: path };
}

function readEnvironment(
  options: readonly ConcreteOption[],
  env: Environment,
  reporter: Reporter,
): ReadonlyMap<string, Said> {
  const byName = new Map<string, ConcreteOption[]>();
  for (const option of options.filter(isChangeable)) {
    const name = environmentName(option.path);
    byName.set(name, [...(byName.get(name) ?? []), option]);
  }
  const values = new Map<string, Said>();
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('KVORUM_') || text === undefined || text === '' || FOREIGN_VARIABLES.test(name)) continue;
    const origin: Origin = { kind: 'environment', name };
    const [option, second] = byName.get(name) ?? [];
    if (option === undefined) {
      const near = suggest(name, [...byName.keys()]);
      const hint = near === null ? '' : `; did you mean ${near}?`;
      reporter.report('warning', origin, `no option has this name, it is ignored${hint}`);
    } else if (second !== undefined) {
      reporter.report('error', origin, `this could mean ${option.path} or ${second.path}: use --set instead`);
    } else {
      accept(values, option, parseText(option.spec, text), origin, reporter);
    }
  }
  return values;
}

function readFlags(options: readonly ConcreteOption[], flags: Flags, reporter: Reporter): ReadonlyMap<string, Said> {
  const byPath = new Map(options.filter(isChangeable).map((option) => [option.path, option]));
  const values = new Map<string, Said>();
  for (const [key, given] of Object.entries(flags)) {
    if (given === undefined) continue;
    const path = PATHS_BY_FLAG.get(key) ?? key;
    const option = byPath.get(path);
    const spec = findOption(path);
    const name = (spec === undefined ? null : flagName(spec)) ?? `--set ${path}`;
    const origin: Origin = { kind: 'flag', name };
    if (option === undefined) {
      const near = suggest(path, [...byPath.keys()]);
      const hint = near === null ? 'see kvorum config explain' : `did you mean ${near}?`;
      reporter.report('error', origin, `there is no option ${path} in this topology: ${hint}`);
    } else {
      const value = typeof given === 'string' ? parseText(option.spec, given) : given;
      accept(values, option, value, origin, reporter);
    }
  }
  return values;
}

function accept(
  values: Map<string, Said>,
  option: ConcreteOption,
  value: Json,
  origin: Origin,
  reporter: Reporter,
): void {
  const problem = checkValue(option.spec, option.path, value);
  if (problem === null) values.set(option.path, { value, origin });
  else reporter.report('error', origin, problem);
}

/** A replica's id is its name: nothing but the file can set it. */
function isChangeable(option: ConcreteOption): boolean {
  return option.spec.path !== 'replicas.*.id';
}

/** A value with its place, for messages that name two options: `150 (default)`, `100 (a.yaml:3:9)`. */
export function showSaid(said: { readonly value: Json; readonly origin: Origin }): string {
  const { origin } = said;
  const shown = Array.isArray(said.value) ? `[${said.value.join(', ')}]` : show(said.value);
  if (origin.kind === 'file') return shown;
  return `${shown} (${origin.kind === 'default' ? 'the default' : `${origin.kind} ${origin.name}`})`;
}
