import { flagName, optionSchema, type OptionSpec } from './option.js';
import { KEYSPACE_NAME, KEYSPACES_MAX, OPTIONS, REPLICAS_MAX } from './options.js';

type Schema = Record<string, unknown>;

interface ObjectSchema extends Schema {
  readonly type: 'object';
  readonly properties: Schema;
  readonly required: string[];
  readonly additionalProperties: false;
}

function objectSchema(): ObjectSchema {
  return { type: 'object', properties: {}, required: [], additionalProperties: false };
}

/** JSON schema (draft 7) of a topology file, for editors and for the loader. Made from the option table. */
export function topologySchema(): Schema {
  const root = objectSchema();
  const replica = objectSchema();
  const keyspace = objectSchema();
  for (const spec of OPTIONS) {
    const [head, ...rest] = spec.path.split('.');
    if (head === 'replicas') put(replica, rest.slice(1), spec);
    else if (head === 'keyspaces') put(keyspace, rest.slice(1), spec);
    else put(root, spec.path.split('.'), spec);
  }
  root.properties['replicas'] = {
    type: 'array',
    items: replica,
    minItems: 1,
    maxItems: REPLICAS_MAX,
    description: 'Every replica of the cluster.',
  };
  root.required.push('replicas');
  root.properties['keyspaces'] = {
    type: 'object',
    propertyNames: { pattern: KEYSPACE_NAME.pattern },
    additionalProperties: keyspace,
    minProperties: 1,
    maxProperties: KEYSPACES_MAX,
    description: 'One entry per keyspace, by name.',
  };
  return { $schema: 'http://json-schema.org/draft-07/schema#', title: 'Kvorum topology', ...root };
}

function put(parent: ObjectSchema, path: readonly string[], spec: OptionSpec): void {
  const [head, ...rest] = path as [string, ...string[]];
  if (rest.length > 0) {
    const group = (parent.properties[head] ??= objectSchema()) as ObjectSchema;
    put(group, rest, spec);
    return;
  }
  const flag = flagName(spec);
  parent.properties[head] = {
    ...optionSchema(spec),
    description: flag === null ? spec.doc : `${spec.doc} Flag: ${flag}`,
    ...(spec.default === undefined ? {} : { default: spec.default }),
  };
  if (spec.required === true) parent.required.push(head);
}

/** The text of configs/schema.json. A test keeps the file equal to it. */
export function generateConfigurationSchema(): string {
  const text = JSON.stringify(topologySchema(), null, 2);
  // Short lists on one line, as prettier would have them.
  return `${text.replaceAll(/\[\s+([^[\]{}]*?)\s+\]/g, (_, items: string) => `[${items.replaceAll(/\n\s+/g, ' ')}]`)}\n`;
}
