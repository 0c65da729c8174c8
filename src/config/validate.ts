import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { parseAddress } from './address.js';
import type { Reporter } from './diagnostics.js';
import { describeAllowed, optionSchema, type OptionSpec } from './option.js';
import { findOption, KEYSPACE_NAME, KEYSPACES_MAX, OPTIONS, REPLICAS_MAX } from './options.js';
import { topologySchema } from './schema.js';
import type { Source, SourcePath } from './source.js';
import { suggest } from './suggest.js';
import { ENGINES_AVAILABLE } from './topology.js';

function createAjv(): Ajv {
  const ajv = new Ajv({ allErrors: true, allowUnionTypes: true, strict: true });
  ajv.addFormat('kvorum-address', { type: 'string', validate: (text) => typeof parseAddress(text) !== 'string' });
  return ajv;
}

const ajv = createAjv();
let validateFile: ValidateFunction | undefined;
const validateOption = new Map<OptionSpec, ValidateFunction>();

/**
 * Checks the file against the schema and reports every finding at its place. Returns the paths (in the form of
 * `pathName`) of the values that must not be used.
 */
export function checkFile(source: Source, reporter: Reporter): ReadonlySet<string> {
  const bad = new Set<string>();
  if (!isRecord(source.value)) {
    const { at, excerpt } = source.locate([], 'value');
    const read = source.value === null ? 'the file is empty' : `the file holds ${show(source.value)}`;
    reporter.report('error', at, `${read}: a topology is a mapping that begins with "cluster: name"`, excerpt);
    bad.add('');
    return bad;
  }
  validateFile ??= ajv.compile(topologySchema());
  if (validateFile(source.value)) return bad;
  const seen = new Set<string>();
  for (const error of validateFile.errors ?? []) {
    const finding = explain(source.value, error);
    if (finding === null || seen.has(`${pathName(source.value, finding.path)}\n${finding.once}`)) continue;
    seen.add(`${pathName(source.value, finding.path)}\n${finding.once}`);
    if (finding.once === 'value') bad.add(pathName(source.value, finding.path));
    const { at, excerpt } = source.locate(finding.path, finding.what);
    const secret = findOption(genericName(finding.path))?.secret === true;
    reporter.report('error', at, finding.message, secret ? null : excerpt);
  }
  return bad;
}

/** Checks one value from the environment or a flag. Returns what is wrong with it, or null. */
export function checkValue(spec: OptionSpec, name: string, value: unknown): string | null {
  let validate = validateOption.get(spec);
  if (validate === undefined) {
    validate = ajv.compile(optionSchema(spec));
    validateOption.set(spec, validate);
  }
  return validate(value) ? rangeProblem(spec, name, value) : valueMessage(spec, name, value);
}

interface Finding {
  readonly path: SourcePath;
  readonly what: 'key' | 'value';
  readonly message: string;
  /** Findings with the same path and the same word are reported once. */
  readonly once: string;
}

function explain(root: unknown, error: ErrorObject): Finding | null {
  const path = segments(root, error.instancePath);
  const params = error.params as Record<string, unknown>;
  if (error.keyword === 'additionalProperties') return unknownOption(root, path, String(params['additionalProperty']));
  if (error.keyword === 'required') return missing(root, path, String(params['missingProperty']));
  if (error.propertyName !== undefined || error.keyword === 'propertyNames') {
    const name = String(error.propertyName ?? params['propertyName']);
    const message = `the keyspace name ${show(name)} is not allowed: ${KEYSPACE_NAME.patternDoc}`;
    return { path: [...path, name], what: 'key', message, once: 'name' };
  }
  return badValue(root, path);
}

/** Everything that is wrong with the value of one option is one finding. */
function badValue(root: unknown, path: SourcePath): Finding {
  for (let length = path.length; length > 0; length--) {
    const optionPath = path.slice(0, length);
    const name = pathName(root, optionPath);
    const spec = findOption(genericName(optionPath));
    if (spec === undefined) continue;
    return {
      path: optionPath,
      what: 'value',
      message: valueMessage(spec, name, valueAt(root, optionPath)),
      once: 'value',
    };
  }
  const name = pathName(root, path);
  const message = `${name} is ${show(valueAt(root, path))}: ${containerAllowed(path)}`;
  return { path, what: 'value', message, once: 'value' };
}

function containerAllowed(path: SourcePath): string {
  if (path[0] === 'replicas') {
    return path.length === 1
      ? `allowed is a list of 1 to ${REPLICAS_MAX} replicas, each { id, peer, http, redis }`
      : 'allowed is a mapping { id, peer, http, redis }';
  }
  if (path[0] === 'keyspaces') {
    return path.length === 1
      ? `allowed is a mapping of 1 to ${KEYSPACES_MAX} names, for example default: { engine: raft }`
      : 'allowed is a mapping, for example { engine: raft }';
  }
  return `allowed is a mapping with ${optionsIn(genericName(path)).join(', ')}`;
}

function unknownOption(root: unknown, parent: SourcePath, key: string): Finding | null {
  if (isForeignKeyspace(root, parent)) return null;
  const allowed = isAddress(parent) ? ['listen', 'advertise'] : optionsIn(genericName(parent));
  const near = suggest(key, allowed);
  const hint = near === null ? `allowed are ${allowed.join(', ')}` : `did you mean "${near}"?`;
  const where = parent.length === 0 ? '' : ` in ${pathName(root, parent)}`;
  return {
    path: [...parent, key],
    what: 'key',
    message: `unknown option ${show(key)}${where}: ${hint}`,
    once: 'unknown',
  };
}

/** Required options are judged after all layers have spoken (layers.ts): the environment may supply them. */
function missing(root: unknown, parent: SourcePath, key: string): Finding | null {
  if (findOption(genericName([...parent, key])) !== undefined) return null;
  const name = pathName(root, [...parent, key]);
  const wanted = isAddress(parent) ? 'allowed is an address host:port' : containerAllowed([...parent, key]);
  return { path: parent, what: 'value', message: `${name} is missing: ${wanted}`, once: `missing ${key}` };
}

/** A keyspace whose engine this version lacks is refused for that alone: its own options are not known here. */
function isForeignKeyspace(root: unknown, path: SourcePath): boolean {
  if (path[0] !== 'keyspaces' || path.length !== 2) return false;
  const keyspace = valueAt(root, path);
  return isRecord(keyspace) && !ENGINES_AVAILABLE.some((engine) => engine === keyspace['engine']);
}

function isAddress(path: SourcePath): boolean {
  return findOption(genericName(path))?.type === 'address';
}

/** What was read, what is allowed, and a suggestion where the mistake is a known one. */
function valueMessage(spec: OptionSpec, name: string, value: unknown): string {
  if (spec.secret === true) return `${name} is not shown here: allowed is ${describeAllowed(spec)}`;
  const hint = valueHint(spec, value);
  return `${name} is ${show(value)}: allowed is ${describeAllowed(spec)}${hint === null ? '' : `; ${hint}`}`;
}

function valueHint(spec: OptionSpec, value: unknown): string | null {
  if (spec.type === 'choice' && typeof value === 'string') {
    const near = suggest(value, spec.choices);
    return near === null ? null : `did you mean "${near}"?`;
  }
  if (spec.type === 'boolean' && typeof value === 'string') {
    if (/^(yes|on|y|t)$/i.test(value)) return 'did you mean true?';
    return /^(no|off|n|f)$/i.test(value) ? 'did you mean false?' : null;
  }
  if (spec.type === 'integer' && typeof value === 'string') {
    const digits = /^\s*(\d{1,15})\s*(ms|bytes|b)?\s*$/i.exec(value)?.[1];
    return digits === undefined ? null : `write ${Number(digits)}`;
  }
  if (spec.type === 'text' && typeof value === 'number') return `write "${value}" in quotes`;
  if (spec.type === 'list' && typeof value === 'string') return `write [${value}]`;
  if (spec.type === 'range' && Number.isInteger(value)) return `write [${String(value)}, ${Number(value) * 2}]`;
  if (spec.type === 'address') return addressHint(value);
  return null;
}

function addressHint(value: unknown): string | null {
  if (Number.isInteger(value)) return `write 127.0.0.1:${String(value)}`;
  const texts = isRecord(value) ? [value['listen'], value['advertise']] : [value];
  for (const text of texts) {
    const problem = typeof text === 'string' ? parseAddress(text) : null;
    if (typeof problem === 'string') return problem;
  }
  return null;
}

function rangeProblem(spec: OptionSpec, name: string, value: unknown): string | null {
  if (spec.type !== 'range' || !Array.isArray(value) || Number(value[0]) <= Number(value[1])) return null;
  return `${name} is ${show(value)}: the minimum is above the maximum; write [${value.toReversed().join(', ')}]`;
}

function optionsIn(parent: string): string[] {
  const prefix = parent === '' ? '' : `${parent}.`;
  const keys = OPTIONS.filter((spec) => spec.path.startsWith(prefix)).map(
    (spec) => spec.path.slice(prefix.length).split('.')[0] ?? '',
  );
  return [...new Set(keys)];
}

/** `['replicas', 0, 'peer']` becomes `replicas.*.peer`. */
function genericName(path: SourcePath): string {
  return path.map((part, depth) => (depth === 1 && isContainer(path[0]) ? '*' : String(part))).join('.');
}

function isContainer(head: string | number | undefined): boolean {
  return head === 'replicas' || head === 'keyspaces';
}

/** `['replicas', 0, 'peer']` becomes `replicas.n1.peer`, or `replicas[0].peer` when the replica has no proper id. */
export function pathName(root: unknown, path: SourcePath): string {
  let name = '';
  for (const [depth, part] of path.entries()) {
    const id = typeof part === 'number' && depth === 1 ? valueAt(root, [...path.slice(0, 2), 'id']) : part;
    if (typeof id === 'string' && PLAIN_NAME.test(id)) name += name === '' ? id : `.${id}`;
    else name += `[${JSON.stringify(part)}]`;
  }
  return name;
}

const PLAIN_NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** Turns a JSON pointer into a path; a number stays a number where the value is a list. */
function segments(root: unknown, pointer: string): SourcePath {
  const path: (string | number)[] = [];
  for (const part of pointer.split('/').slice(1)) {
    const plain = part.replaceAll('~1', '/').replaceAll('~0', '~');
    path.push(Array.isArray(valueAt(root, path)) ? Number(plain) : plain);
  }
  return path;
}

export function valueAt(root: unknown, path: SourcePath): unknown {
  let current = root;
  for (const part of path) {
    if (Array.isArray(current)) current = (current as unknown[])[Number(part)];
    else if (isRecord(current) && Object.hasOwn(current, part)) current = current[part];
    else return undefined;
  }
  return current;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value as it is shown in messages: JSON, cut to a length that fits a line. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
