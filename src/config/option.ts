import { unreachable } from '../base/assert.js';

/** Everything that a configuration value can be: JSON. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** The part of the documentation that an option belongs to, and what it applies to. */
export type OptionScope =
  | 'topology'
  | 'replica'
  | 'keyspace'
  | 'timing'
  | 'limits'
  | 'storage'
  | 'raft'
  | 'session'
  | 'network'
  | 'api'
  | 'supervisor'
  | 'log';

interface OptionBase {
  /** Dotted path in the file; `*` stands for a replica's id or a keyspace's name. Unit last in the name. */
  readonly path: string;
  readonly scope: OptionScope;
  /** Undefined: there is none, and the option is either `required` or may stay unset. */
  readonly default?: Json;
  readonly required?: true;
  /** What stands in for a default that depends on other options, in words. `default` is undefined then. */
  readonly defaultDoc?: string;
  /** The value is never shown: neither by `config explain` nor in messages. */
  readonly secret?: true;
  /** Only in the documentation; the name carries the unit as well. */
  readonly unit?: 'ms' | 'bytes';
  /** Flag when it is not the path in kebab case. Per-replica and per-keyspace options have none: `--set path=value`. */
  readonly flag?: string;
  /** One paragraph: what it does, and when to change it. */
  readonly doc: string;
}

interface Bounds {
  readonly min: number;
  readonly max: number;
}

export type OptionSpec = OptionBase &
  (
    | ({ readonly type: 'integer' } & Bounds)
    /** Two integers, the first not above the second. */
    | ({ readonly type: 'range' } & Bounds)
    | { readonly type: 'boolean' }
    | { readonly type: 'choice'; readonly choices: readonly string[] }
    | { readonly type: 'text'; readonly pattern: string; readonly patternDoc: string }
    /** Ids, each at most once. */
    | { readonly type: 'list'; readonly pattern: string; readonly patternDoc: string }
    | { readonly type: 'address' }
  );

/** `timing.heartbeatMs` becomes `KVORUM_TIMING_HEARTBEAT_MS`, `replicas.n1.http` becomes `KVORUM_REPLICAS_N1_HTTP`. */
export function environmentName(path: string): string {
  const words = path.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').replaceAll(/[^A-Za-z0-9]+/g, '_');
  return `KVORUM_${words.toUpperCase()}`;
}

/** `timing.heartbeatMs` becomes `--timing-heartbeat-ms`. Null for options inside a replica or keyspace. */
export function flagName(spec: OptionSpec): string | null {
  if (spec.flag !== undefined) return spec.flag;
  if (spec.path.includes('*')) return null;
  return `--${spec.path
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replaceAll('.', '-')
    .toLowerCase()}`;
}

/** What commander calls a flag: `--timing-heartbeat-ms` becomes `timingHeartbeatMs`. */
export function attributeName(flag: string): string {
  return flag.slice(2).replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** What is allowed, in words, for messages and documentation. */
export function describeAllowed(spec: OptionSpec): string {
  const unit = spec.unit === undefined ? '' : ` ${spec.unit}`;
  switch (spec.type) {
    case 'integer':
      if (spec.min === spec.max) return `${spec.min}${unit}`;
      return `a whole number from ${spec.min} to ${spec.max}${unit}`;
    case 'range':
      return `two whole numbers [min, max] from ${spec.min} to ${spec.max}${unit}`;
    case 'boolean':
      return 'true or false';
    case 'choice':
      return spec.choices.length === 1 ? spec.choices.join() : `one of ${spec.choices.join(', ')}`;
    case 'text':
      return spec.patternDoc;
    case 'list':
      return `a list of one or more, each once: ${spec.patternDoc}`;
    case 'address':
      return 'an address host:port, or { listen: host:port, advertise: host:port }';
    default:
      return unreachable(spec);
  }
}

/** The JSON schema (draft 7) of one option's value. */
export function optionSchema(spec: OptionSpec): Record<string, unknown> {
  switch (spec.type) {
    case 'integer':
      return { type: 'integer', minimum: spec.min, maximum: spec.max };
    case 'range': {
      const item = { type: 'integer', minimum: spec.min, maximum: spec.max };
      return { type: 'array', items: item, minItems: 2, maxItems: 2 };
    }
    case 'boolean':
      return { type: 'boolean' };
    case 'choice':
      return { type: 'string', enum: [...spec.choices] };
    case 'text':
      return { type: 'string', pattern: spec.pattern };
    case 'list':
      return { type: 'array', items: { type: 'string', pattern: spec.pattern }, minItems: 1, uniqueItems: true };
    case 'address':
      return addressSchema();
    default:
      return unreachable(spec);
  }
}

function addressSchema(): Record<string, unknown> {
  const text = { type: 'string', format: 'kvorum-address' };
  return {
    type: ['string', 'object'],
    format: 'kvorum-address',
    properties: {
      listen: { ...text, description: 'What the replica binds.' },
      advertise: { ...text, description: 'What others connect to; the same as `listen` when it is left out.' },
    },
    required: ['listen'],
    additionalProperties: false,
  };
}

/** Reads an option's value from the text of an environment variable or flag. What cannot be read stays text. */
export function parseText(spec: OptionSpec, text: string): Json {
  const trimmed = text.trim();
  switch (spec.type) {
    case 'integer':
      return parseInteger(trimmed);
    case 'boolean':
      return trimmed === 'true' || trimmed === '1' ? true : trimmed === 'false' || trimmed === '0' ? false : trimmed;
    case 'range':
      return splitList(trimmed).map(parseInteger);
    case 'list':
      return splitList(trimmed);
    case 'choice':
    case 'text':
    case 'address':
      return trimmed;
    default:
      return unreachable(spec);
  }
}

function parseInteger(text: string): Json {
  return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
}

function splitList(text: string): string[] {
  return text
    .replace(/^\[(.*)\]$/, '$1')
    .split(',')
    .map((item) => item.trim());
}
