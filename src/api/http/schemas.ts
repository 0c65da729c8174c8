import type { JsonSchema, RouteSchema } from './route.js';
import * as part from './schema-parts.js';

/** What the OpenAPI document says about each route. Tests validate real answers against it. */
const KV = ['kv'];
const ADMIN = ['admin'];
const HEALTH = ['health'];

const WRITTEN = part.object(
  {
    result: { type: 'string', enum: ['created', 'replaced'] },
    ...part.KEY_FIELDS,
    revision: part.COUNT,
    version: { ...part.TEXT, description: 'Leaderless keyspaces: counter@origin, the ETag' },
  },
  ['result', 'key', 'revision'],
);
const ITEM = part.object(part.ITEM_FIELDS, ['key', 'value', 'revision', 'version']);
const WRITE_QUERY = part.object({ ...part.FORWARD_PARAMETER, ...part.SESSION_PARAMETERS, ...part.LEVEL_PARAMETER });
const READ_QUERY = part.object({ ...part.CONSISTENCY_PARAMETER, ...part.FORWARD_PARAMETER });

export const GET_ITEM: RouteSchema = {
  summary: 'Read a key',
  description:
    'With Accept: application/octet-stream or text/plain the answer is the value itself. If-None-Match answers 304.',
  operationId: 'get',
  tags: KV,
  headers: part.SESSION_HEADERS,
  params: part.KEY_PARAMETER,
  querystring: READ_QUERY,
  response: part.responses(
    { 200: part.json('The key', ITEM), 304: { description: 'Not modified' }, 307: part.REDIRECT },
    part.READ_PROBLEMS,
  ),
};

export const PUT_ITEM: RouteSchema = {
  summary: 'Set a key',
  description:
    'A JSON object with the value, or with any other Content-Type the value itself. ' +
    'If-Match: "revision" and If-None-Match: * make it conditional. ' +
    'The session may also be given as X-Kvorum-Client-Id and X-Kvorum-Seq.',
  operationId: 'put',
  tags: KV,
  headers: part.SESSION_HEADERS,
  params: part.KEY_PARAMETER,
  querystring: WRITE_QUERY,
  consumes: ['application/json', 'application/octet-stream', 'text/plain'],
  body: part.object({ ...part.VALUE_INPUT, ...part.SESSION_FIELDS, ...part.LEADERLESS_INPUT }),
  response: part.responses(
    { 200: part.json('Replaced', WRITTEN), 201: part.json('Created', WRITTEN), 307: part.REDIRECT },
    [...part.WRITE_PROBLEMS, 412],
  ),
};

export const DELETE_ITEM: RouteSchema = {
  summary: 'Delete a key',
  operationId: 'delete',
  tags: KV,
  headers: part.SESSION_HEADERS,
  params: part.KEY_PARAMETER,
  querystring: WRITE_QUERY,
  response: part.responses(
    {
      200: part.json(
        'Deleted',
        part.object({ result: { const: 'deleted' }, ...part.KEY_FIELDS, revision: part.COUNT }, [
          'result',
          'key',
          'revision',
        ]),
      ),
      307: part.REDIRECT,
    },
    [...part.WRITE_PROBLEMS, 412],
  ),
};

export const CAS: RouteSchema = {
  summary: 'Set a key if it holds the expected value',
  description: 'expected null: only if the key is absent. The 409 carries what the key holds as current.',
  operationId: 'cas',
  tags: KV,
  params: part.KEY_PARAMETER,
  querystring: WRITE_QUERY,
  body: part.object({
    expected: part.MAYBE_TEXT,
    expected_base64: part.TEXT,
    ...part.VALUE_INPUT,
    ...part.SESSION_FIELDS,
  }),
  response: part.responses(
    { 200: part.json('Replaced', WRITTEN), 201: part.json('Created', WRITTEN), 307: part.REDIRECT },
    part.WRITE_PROBLEMS,
  ),
};

export const CREATE: RouteSchema = {
  summary: 'Create a key that does not exist',
  operationId: 'create',
  tags: KV,
  querystring: WRITE_QUERY,
  body: part.object({ ...part.KEY_INPUT, ...part.VALUE_INPUT, ...part.SESSION_FIELDS }),
  response: part.responses({ 201: part.json('Created', WRITTEN), 307: part.REDIRECT }, part.WRITE_PROBLEMS),
};

export const SCAN: RouteSchema = {
  summary: 'List keys in byte order',
  description:
    'Each page is one consistent state. Old states are not kept: when first_revision differs from revision, ' +
    'something changed since the first page.',
  operationId: 'scan',
  tags: KV,
  headers: part.SESSION_HEADERS,
  querystring: part.object({
    prefix: part.TEXT,
    start: { ...part.TEXT, description: 'First key, included' },
    end: { ...part.TEXT, description: 'Where to stop, excluded' },
    limit: { type: 'integer', minimum: 1, maximum: 10_000, default: 1000 },
    cursor: { ...part.TEXT, description: 'next_cursor of the page before; prefix, start and end stay the same' },
    ...part.CONSISTENCY_PARAMETER,
    ...part.FORWARD_PARAMETER,
  }),
  response: part.responses(
    {
      200: part.json(
        'A page',
        part.object(
          {
            items: part.list(ITEM),
            next_cursor: part.MAYBE_TEXT,
            revision: part.COUNT,
            first_revision: part.COUNT,
          },
          ['items', 'next_cursor', 'revision', 'first_revision'],
        ),
      ),
      307: part.REDIRECT,
    },
    part.READ_PROBLEMS,
  ),
};

function batchResults(results: readonly string[]): JsonSchema {
  return part.list(part.object({ ...part.KEY_FIELDS, result: { type: 'string', enum: results } }, ['key', 'result']));
}

const KEYS_INPUT = part.list({
  anyOf: [part.TEXT, part.object({ key_base64: part.TEXT }, ['key_base64'])],
});

export const MPUT: RouteSchema = {
  summary: 'Set many keys at once',
  description: 'One atomic batch with one revision.',
  operationId: 'mput',
  tags: KV,
  querystring: WRITE_QUERY,
  body: part.object(
    { entries: part.list(part.object({ ...part.KEY_INPUT, ...part.VALUE_INPUT })), ...part.SESSION_FIELDS },
    ['entries'],
  ),
  response: part.responses(
    {
      200: part.json(
        'All are set',
        part.object({ result: { const: 'ok' }, revision: part.COUNT, results: batchResults(['created', 'replaced']) }, [
          'result',
          'revision',
          'results',
        ]),
      ),
      307: part.REDIRECT,
    },
    part.WRITE_PROBLEMS,
  ),
};

export const MGET: RouteSchema = {
  summary: 'Read many keys at once',
  description: 'All as of one state.',
  operationId: 'mget',
  tags: KV,
  headers: part.SESSION_HEADERS,
  querystring: READ_QUERY,
  body: part.object({ keys: KEYS_INPUT }, ['keys']),
  response: part.responses(
    {
      200: part.json(
        'One entry per key, in the order asked',
        part.object(
          {
            revision: part.COUNT,
            entries: part.list(part.object({ ...part.ITEM_FIELDS, found: part.FLAG }, ['key', 'found'])),
          },
          ['revision', 'entries'],
        ),
      ),
      307: part.REDIRECT,
    },
    [...part.READ_PROBLEMS, 413, 415],
  ),
};

export const MDELETE: RouteSchema = {
  summary: 'Delete many keys at once',
  description: 'One atomic batch. Absent keys are reported, and are no error.',
  operationId: 'mdelete',
  tags: KV,
  querystring: WRITE_QUERY,
  body: part.object({ keys: KEYS_INPUT, ...part.SESSION_FIELDS }, ['keys']),
  response: part.responses(
    {
      200: part.json(
        'Which keys existed',
        part.object({ deleted: part.COUNT, revision: part.COUNT, results: batchResults(['deleted', 'absent']) }, [
          'deleted',
          'revision',
          'results',
        ]),
      ),
      307: part.REDIRECT,
    },
    part.WRITE_PROBLEMS,
  ),
};

export const STATUS: RouteSchema = {
  summary: 'This replica, its members, the topology and its links',
  operationId: 'status',
  tags: ADMIN,
  response: part.responses(
    {
      200: part.json(
        'Status',
        part.object(
          {
            id: part.TEXT,
            cluster: part.TEXT,
            region: part.MAYBE_TEXT,
            version: part.TEXT,
            uptime_ms: part.COUNT,
            ready: part.FLAG,
            draining: part.FLAG,
            keyspaces: part.list({ type: 'object' }),
            replicas: part.list({ type: 'object' }),
            links: part.list({ type: 'object' }),
          },
          ['id', 'cluster', 'region', 'version', 'uptime_ms', 'keyspaces', 'replicas', 'links'],
        ),
      ),
    },
    [],
  ),
};

function health(operationId: string, summary: string, good: JsonSchema): RouteSchema {
  return { summary, operationId, tags: HEALTH, response: { 200: good, 503: { ...good, description: 'It does not' } } };
}

export const HEALTH_TEXT = health('health', 'OK while the replica lives', part.text('It does'));
export const LIVEZ = health('livez', 'Whether the replica lives; never depends on a quorum', part.text('It does'));
export const READYZ = health('readyz', 'Whether the replica takes requests; ?verbose lists', part.text('It does'));
export const HEALTH_JSON = health(
  'healthz',
  'Liveness as JSON, with all checks',
  part.json('It lives', part.object({ status: part.TEXT, id: part.TEXT, ready: part.FLAG }, ['status', 'id', 'ready'])),
);

export const METRICS_TEXT: RouteSchema = {
  summary: 'Metrics for Prometheus',
  operationId: 'metrics',
  tags: ADMIN,
  response: { 200: part.text('Text format 0.0.4') },
};

export const METRICS_JSON: RouteSchema = {
  summary: 'Metrics as JSON',
  operationId: 'metricsJson',
  tags: ADMIN,
  response: { 200: part.json('One element per metric', part.list({ type: 'object' })) },
};

const POLICY_FIELDS = { keyspace: part.TEXT, policy: part.TEXT, consistency: part.TEXT } as const;
const POLICY_REQUIRED = ['keyspace', 'policy', 'consistency'] as const;

export const SHOW_READ_POLICY: RouteSchema = {
  summary: 'What reads see by default',
  operationId: 'readPolicy',
  tags: ADMIN,
  response: {
    200: part.json(
      'The default keyspace, and all keyspaces',
      part.object({ ...POLICY_FIELDS, keyspaces: part.list(part.object(POLICY_FIELDS, POLICY_REQUIRED)) }, [
        ...POLICY_REQUIRED,
        'keyspaces',
      ]),
    ),
  },
};

export const SET_READ_POLICY: RouteSchema = {
  summary: 'Change what reads of this replica see by default, until it restarts',
  operationId: 'setReadPolicy',
  tags: ADMIN,
  body: part.object(
    {
      policy: {
        ...part.TEXT,
        description: 'stale, readindex or lease; leader, strong or follower; of a leaderless keyspace a level',
      },
      keyspace: part.TEXT,
    },
    ['policy'],
  ),
  response: part.responses(
    { 200: part.json('The policy now', part.object(POLICY_FIELDS, POLICY_REQUIRED)) },
    [400, 404, 415],
  ),
};

export const TRANSFER_LEADER: RouteSchema = {
  summary: 'Hand leadership to another replica',
  description:
    'Ask the leader. Without target the most advanced follower is chosen. Where there is a write quorum any replica may be ' +
    'asked with a target, which is promoted.',
  operationId: 'transferLeader',
  tags: ADMIN,
  body: part.object({ keyspace: part.TEXT, target: part.TEXT }),
  response: part.responses(
    {
      200: part.json('The new leader', part.object({ keyspace: part.TEXT, leader: part.TEXT }, ['keyspace', 'leader'])),
    },
    [400, 404, 415, 503],
  ),
};
