import type { JsonSchema } from './route.js';

/** Pieces of the JSON schemas of schemas.ts. */
export function object(properties: Record<string, JsonSchema>, required: readonly string[] = []): JsonSchema {
  return { type: 'object', properties, required };
}

export function list(items: JsonSchema): JsonSchema {
  return { type: 'array', items };
}

export const TEXT = { type: 'string' } as const;
export const FLAG = { type: 'boolean' } as const;
export const COUNT = { type: 'integer', minimum: 0 } as const;
export const MAYBE_TEXT = { type: ['string', 'null'] } as const;

export const KEY_FIELDS = {
  key: { ...MAYBE_TEXT, description: 'null when the key is not UTF-8: see key_base64' },
  key_base64: { ...TEXT, description: 'The bytes of a key that is not UTF-8' },
} as const;

export const VALUE_FIELDS = {
  value: { ...MAYBE_TEXT, description: 'null when the value is not UTF-8: see value_base64' },
  value_base64: { ...TEXT, description: 'The bytes of a value that is not UTF-8' },
} as const;

export const ITEM_FIELDS = {
  ...KEY_FIELDS,
  ...VALUE_FIELDS,
  revision: { ...COUNT, description: 'Revision of the last change; of a leaderless keyspace its Lamport counter' },
  create_revision: { ...COUNT, description: 'Keyspaces with a leader only' },
  version: {
    type: ['integer', 'string'],
    description:
      'Changes since the key was created, 1 for a new key; of a leaderless keyspace counter@origin, the ETag',
  },
  expires_at_ms: { ...COUNT, description: 'Milliseconds since 1970; leaderless keyspaces only' },
  siblings: {
    ...list(object({ ...VALUE_FIELDS, origin: TEXT }, ['value', 'origin'])),
    description: 'Concurrent values, the newest first, where a keyspace keeps them',
  },
  context: { ...MAYBE_TEXT, description: 'Sent with a write, it replaces all siblings' },
} as const;

export const SESSION_FIELDS = {
  client_id: { ...TEXT, description: 'Names the client; with seq, a repeated request is applied once' },
  seq: { ...COUNT, description: 'Grows with every write of the client' },
} as const;

export const KEY_INPUT = {
  key: TEXT,
  key_base64: { ...TEXT, description: 'Instead of key, for a key that is not UTF-8' },
} as const;

export const VALUE_INPUT = {
  value: TEXT,
  value_base64: { ...TEXT, description: 'Instead of value, for bytes that are not UTF-8' },
} as const;

export const KEY_PARAMETER = object({ key: { ...TEXT, description: 'Percent-encoded; any bytes' } }, ['key']);

export const FORWARD_PARAMETER = {
  forward: { ...TEXT, enum: ['true', 'false'], description: 'false: answer 307 to the leader instead of forwarding' },
} as const;

export const SESSION_PARAMETERS = { client_id: TEXT, seq: COUNT } as const;

const LEVELS = ['session', 'one', 'eventual', 'quorum', 'local_quorum', 'each_quorum', 'all'] as const;

export const CONSISTENCY_PARAMETER = {
  consistency: {
    ...TEXT,
    anyOf: [
      { enum: ['linearizable', 'strong', 'lease', 'stale', 'leader', 'follower', ...LEVELS] },
      { pattern: '^bounded:[0-9]+$' },
    ],
    description:
      'What the read sees; the default is set per keyspace. linearizable (or strong), lease and stale with raft; leader, ' +
      'strong, follower and bounded:<ms> with semisync; the others where there is no leader',
  },
} as const;

export const LEVEL_PARAMETER = {
  consistency: {
    ...TEXT,
    enum: LEVELS,
    description: 'Leaderless keyspaces: how many members must hold the write before it is answered',
  },
} as const;

/** What every request to a keyspace may carry. */
export const SESSION_HEADERS = object({
  'X-Kvorum-Session': {
    ...TEXT,
    description: 'The token of an earlier answer: read your writes, and never older than what was read, on any replica',
  },
  Prefer: { ...TEXT, description: 'wait=<seconds>: how long to wait for what the session has seen' },
});

export const LEADERLESS_INPUT = {
  ttl_ms: { type: 'integer', minimum: 1, description: 'Leaderless keyspaces: the value expires after this time' },
  context: { ...TEXT, description: 'Keyspaces with siblings: context of the GET that this write follows' },
} as const;

export const PROBLEM: JsonSchema = {
  $id: 'Problem',
  ...object(
    {
      type: TEXT,
      title: TEXT,
      status: { type: 'integer' },
      detail: TEXT,
      code: { ...TEXT, description: 'See docs/errors.md' },
      retry: { ...TEXT, enum: ['safe', 'after', 'elsewhere', 'outcome-unknown', 'never'] },
      error: { ...TEXT, description: 'The same as code' },
      instance: { ...TEXT, description: 'The request id, also in X-Request-Id' },
    },
    ['type', 'title', 'status', 'detail', 'code', 'retry', 'error', 'instance'],
  ),
};

const REFERENCE = { $ref: 'Problem#' } as const;

function problem(description: string): JsonSchema {
  return { description, content: { 'application/problem+json': { schema: REFERENCE } } };
}

const PROBLEMS: Readonly<Record<number, string>> = {
  400: 'The request must change',
  403: 'The leader alone may do it: leader and leader_http tell whom to ask',
  404: 'There is no such key, keyspace or replica',
  409: 'The state forbids it: what the key holds, the session, the members; or the engine cannot do it',
  410: 'What the session has seen does not exist any more',
  412: 'The precondition does not hold; the member etag has the current ETag',
  413: 'Too large',
  415: 'The Content-Type is not supported',
  503: 'Nothing happened; see retry and Retry-After',
  504: 'The write may or may not have taken effect',
};

/** Responses with a JSON body each, and the problems that may come instead. */
export function responses(
  good: Readonly<Record<number, JsonSchema>>,
  problems: readonly number[],
): Readonly<Record<number, JsonSchema>> {
  const all: Record<number, JsonSchema> = { ...good };
  for (const status of problems) all[status] = problem(PROBLEMS[status] ?? 'Problem');
  return all;
}

export function json(description: string, schema: JsonSchema): JsonSchema {
  return { description, content: { 'application/json': { schema } } };
}

export function text(description: string): JsonSchema {
  return { description, content: { 'text/plain': { schema: TEXT } } };
}

export const REDIRECT = json('The leader, when forwarding was declined', object({ leader: TEXT, location: TEXT }));
export const READ_PROBLEMS: readonly number[] = [400, 404, 410, 503];
export const WRITE_PROBLEMS: readonly number[] = [400, 404, 409, 410, 413, 415, 503, 504];
