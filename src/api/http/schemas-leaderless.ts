import type { RouteSchema } from './route.js';
import * as part from './schema-parts.js';

/** What the OpenAPI document says about leaderless keyspaces and the API of the causal document. */
const ADMIN = ['admin'];

const BATCHES = part.list(
  part.object({ origin: part.TEXT, replica: part.TEXT, batches: part.COUNT }, ['origin', 'replica', 'batches']),
);
const VECTOR = {
  type: 'object',
  additionalProperties: part.COUNT,
  description: 'Per origin, up to which of its batches everything is there',
} as const;

const PEER = part.object(
  {
    id: part.TEXT,
    alive: { ...part.FLAG, description: 'In the opinion of the replica that answers' },
    phi: { type: ['number', 'null'], description: 'Suspicion; above 8 it counts as down' },
    last_heard_ms: { type: ['integer', 'null'], minimum: 0 },
    lag: { ...part.COUNT, description: 'Of the batches of the replica that answers, how many it lacks' },
    origin: part.MAYBE_TEXT,
    syncing: part.FLAG,
  },
  ['id', 'alive', 'phi', 'last_heard_ms', 'lag', 'origin', 'syncing'],
);

const SYNC_VIEW = part.object(
  {
    id: part.TEXT,
    keyspaces: part.list(
      part.object(
        {
          keyspace: part.TEXT,
          engine: part.TEXT,
          state: { type: 'string', enum: ['starting', 'syncing', 'behind', 'ready'] },
          synced: part.FLAG,
          clock: part.COUNT,
          vector: VECTOR,
          behind: BATCHES,
          buffered: BATCHES,
          stable: part.COUNT,
          stable_blocked_by: part.list(part.TEXT),
          peers: part.list(PEER),
        },
        ['keyspace', 'engine', 'state', 'synced', 'clock', 'vector', 'behind', 'buffered', 'stable', 'peers'],
      ),
    ),
  },
  ['id', 'keyspaces'],
);

const KEYSPACE_QUERY = { keyspace: { ...part.TEXT, description: 'Only this one' } } as const;
const KEYSPACE_BODY = part.object(KEYSPACE_QUERY);

const STAMP = part.object({ version: part.TEXT, replica: part.TEXT, wall_ms: { type: 'integer' } }, [
  'version',
  'replica',
]);

export const CONFLICTS: RouteSchema = {
  summary: 'Values that concurrent writes replaced, newest first',
  description: 'What last-writer-wins has lost, as far as this replica remembers.',
  operationId: 'conflicts',
  tags: ADMIN,
  querystring: part.object({
    ...KEYSPACE_QUERY,
    limit: { type: 'integer', minimum: 1, maximum: 10_000, default: 100, description: 'Per keyspace' },
  }),
  response: part.responses(
    {
      200: part.json(
        'Per leaderless keyspace',
        part.object(
          {
            id: part.TEXT,
            keyspaces: part.list(
              part.object(
                {
                  keyspace: part.TEXT,
                  policy: { type: 'string', enum: ['lww', 'siblings'] },
                  total: part.COUNT,
                  conflicts: part.list(
                    part.object(
                      {
                        ...part.KEY_FIELDS,
                        winner: STAMP,
                        loser: STAMP,
                        lost: { type: 'string', enum: ['put', 'delete'] },
                        ...part.VALUE_FIELDS,
                        value_bytes: { ...part.COUNT, description: 'Of the whole value; only its beginning is kept' },
                      },
                      ['key', 'winner', 'loser', 'lost', 'value', 'value_bytes'],
                    ),
                  ),
                },
                ['keyspace', 'policy', 'total', 'conflicts'],
              ),
            ),
          },
          ['id', 'keyspaces'],
        ),
      ),
    },
    [400, 404],
  ),
};

export const SYNC: RouteSchema = {
  summary: 'How far this replica of each leaderless keyspace is',
  operationId: 'sync',
  tags: ADMIN,
  querystring: part.object(KEYSPACE_QUERY),
  response: part.responses({ 200: part.json('Per leaderless keyspace', SYNC_VIEW) }, [400, 404]),
};

export const SYNC_NOW: RouteSchema = {
  summary: 'Ask every live member for what it has, now',
  description: 'Answers at once, with the state before; GET /admin/sync tells when it is done.',
  operationId: 'syncNow',
  tags: ADMIN,
  body: KEYSPACE_BODY,
  response: part.responses({ 202: part.json('Asked', SYNC_VIEW) }, [400, 404, 415]),
};

export const SCRUB: RouteSchema = {
  summary: 'Compare range hashes with all members now',
  operationId: 'scrub',
  tags: ADMIN,
  body: KEYSPACE_BODY,
  response: part.responses(
    {
      200: part.json(
        'Members that hold something else although they have seen the same',
        part.object(
          {
            id: part.TEXT,
            keyspaces: part.list(
              part.object({ keyspace: part.TEXT, equal: part.FLAG, differing: part.list(part.TEXT) }, [
                'keyspace',
                'equal',
                'differing',
              ]),
            ),
          },
          ['id', 'keyspaces'],
        ),
      ),
    },
    [400, 404, 415, 503],
  ),
};
