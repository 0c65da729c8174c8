import type { JsonSchema, RouteSchema } from './route.js';
import * as part from './schema-parts.js';

/** What the OpenAPI document says about /kvs, the API of the causal document. */
const TAGS = ['causal'];

const METADATA = {
  description:
    'What the client has seen: goes unchanged into its next request, to whichever replica. null for a new session; a ' +
    'string, or an object with the token',
} as const;
const RETURNED = {
  type: ['object', 'null', 'string'],
  properties: {
    token: part.TEXT,
    clock: { type: 'object', additionalProperties: part.COUNT, description: 'For people: batches seen, per replica' },
  },
} as const;

const PARAMETERS = part.object({ key: { ...part.TEXT, description: 'At most 50 characters' } }, ['key']);
const QUERY = part.object({ 'causal-metadata': METADATA });
const BODY = part.object({ 'causal-metadata': METADATA });

function answer(description: string, properties: Record<string, JsonSchema>): JsonSchema {
  const required = [...Object.keys(properties), 'causal-metadata'].filter((name) => !name.endsWith('_base64'));
  return part.json(description, part.object({ ...properties, 'causal-metadata': RETURNED }, required));
}

const ERROR = { error: part.TEXT } as const;
const REFUSED = answer('The request must change', ERROR);
const ABSENT = answer('Key does not exist', ERROR);
const UNMET = answer('Causal dependencies not satisfied: this replica lacks what the client has seen', ERROR);

export const KVS_PUT: RouteSchema = {
  summary: 'Set a key after everything that the client has seen',
  operationId: 'kvsPut',
  tags: TAGS,
  params: PARAMETERS,
  querystring: QUERY,
  body: part.object({ ...part.VALUE_INPUT, 'causal-metadata': METADATA }),
  response: {
    200: answer('Replaced', { result: { const: 'replaced' } }),
    201: answer('Created', { result: { const: 'created' } }),
    400: REFUSED,
    404: answer('There is no causal keyspace', ERROR),
    503: UNMET,
    504: answer('The write may or may not have taken effect', ERROR),
  },
};

export const KVS_GET: RouteSchema = {
  summary: 'Read a key, never older than what the client has seen',
  description:
    'causal-metadata may also stand in a JSON body. The key named sync can be written, and not be read here.',
  operationId: 'kvsGet',
  tags: TAGS,
  params: PARAMETERS,
  querystring: QUERY,
  response: {
    200: answer('Found', { result: { const: 'found' }, ...part.VALUE_FIELDS }),
    400: REFUSED,
    404: ABSENT,
    503: UNMET,
  },
};

export const KVS_DELETE: RouteSchema = {
  summary: 'Delete a key after everything that the client has seen',
  operationId: 'kvsDelete',
  tags: TAGS,
  params: PARAMETERS,
  querystring: QUERY,
  body: BODY,
  response: {
    200: answer('Deleted', { result: { const: 'deleted' } }),
    400: REFUSED,
    404: ABSENT,
    503: UNMET,
    504: answer('The write may or may not have taken effect', ERROR),
  },
};

export const KVS_SYNC: RouteSchema = {
  summary: 'What this replica holds and has seen, a page at a time',
  description: 'For looking at: replicas exchange what they have over connections of their own.',
  operationId: 'kvsSync',
  tags: TAGS,
  querystring: part.object({
    after: { ...part.TEXT, description: 'Key of next of the page before, percent-encoded' },
    limit: { type: 'integer', minimum: 1, maximum: 10_000, default: 100 },
  }),
  response: {
    200: answer('A page', {
      replica: part.TEXT,
      'vector-clock': { type: 'object', additionalProperties: part.COUNT },
      items: part.list(part.object(part.ITEM_FIELDS, ['key', 'value', 'revision', 'version'])),
      next: { type: ['object', 'null'], properties: part.KEY_FIELDS },
    }),
    400: REFUSED,
  },
};
