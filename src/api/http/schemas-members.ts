import type { JsonSchema, RouteSchema } from './route.js';
import * as part from './schema-parts.js';

/** What the OpenAPI document says about changes of membership. */
const ADMIN = ['admin'];

const ROLE = { type: 'string', enum: ['leader', 'voter', 'leaving', 'learner', 'member', 'removed'] } as const;
const MAYBE_COUNT = { type: ['integer', 'null'], minimum: 0, description: 'Known to the leader only' } as const;
const ID_LIST = part.list(part.TEXT);

const MEMBER = part.object(
  {
    id: part.TEXT,
    role: { ...ROLE, description: 'In the keyspace where it is most' },
    region: part.MAYBE_TEXT,
    peer: part.MAYBE_TEXT,
    http: part.MAYBE_TEXT,
    redis: part.MAYBE_TEXT,
    folder_known: { ...part.FLAG, description: 'Whether the member is known by its data folder' },
    connected: { ...part.FLAG, description: 'To the replica that answers' },
    keyspaces: part.list(
      part.object(
        {
          keyspace: part.TEXT,
          role: ROLE,
          match_index: MAYBE_COUNT,
          lag: MAYBE_COUNT,
          active: { type: ['boolean', 'null'], description: 'Heard of recently; known to the leader only' },
        },
        ['keyspace', 'role', 'match_index', 'lag', 'active'],
      ),
    ),
  },
  ['id', 'role', 'peer', 'http', 'redis', 'region', 'folder_known', 'connected', 'keyspaces'],
);

const KEYSPACE = part.object(
  {
    keyspace: part.TEXT,
    leader: part.MAYBE_TEXT,
    leader_http: part.MAYBE_TEXT,
    index: { ...part.COUNT, description: 'Of the log entry that brought the membership in force' },
    committed_index: part.COUNT,
    committed: { ...part.FLAG, description: 'false: what is in force may still be undone' },
    joint: { ...part.FLAG, description: 'A change is under way: decisions need voters and outgoing voters' },
    voters: ID_LIST,
    outgoing: ID_LIST,
    learners: ID_LIST,
    removed: { ...ID_LIST, description: 'Ids that are never used again' },
  },
  ['keyspace', 'leader', 'index', 'committed_index', 'joint', 'voters', 'outgoing', 'learners', 'removed'],
);

const LEADERLESS = part.object({ keyspace: part.TEXT, engine: part.TEXT, members: ID_LIST }, [
  'keyspace',
  'engine',
  'members',
]);

const VIEW = {
  members: part.list(MEMBER),
  keyspaces: { ...part.list(KEYSPACE), description: 'Those with a leader' },
  leaderless: { ...part.list(LEADERLESS), description: 'Those without: they follow the membership of the cluster' },
} as const;

const RESULT = part.object(
  {
    keyspace: part.TEXT,
    ok: part.FLAG,
    done: {
      ...part.list({ type: 'string', enum: ['added', 'promoted', 'removed'] }),
      description: 'What this request did; empty when it was done before',
    },
    index: { ...part.COUNT, description: 'Of the log entry that ended the change' },
    code: part.TEXT,
    detail: part.TEXT,
    retry: part.TEXT,
  },
  ['keyspace', 'ok', 'done'],
);

const CHANGED = part.object({ id: part.TEXT, results: part.list(RESULT), ...VIEW }, [
  'id',
  'results',
  'members',
  'keyspaces',
]);

const PROBLEMS: readonly number[] = [400, 404, 409, 503, 504];
const ID_PARAMETER = part.object({ id: { ...part.TEXT, description: 'Id of the replica' } }, ['id']);
const KEYSPACE_FIELD = { ...part.TEXT, description: 'Only this keyspace; all of them when left out' } as const;

function timeout(defaultMs: number): JsonSchema {
  return { type: 'integer', minimum: 1, maximum: 600_000, default: defaultMs };
}

const REPEATABLE =
  'Any replica takes the request. It is answered when the change is committed in every keyspace; `results` tells what ' +
  'happened in each, in a problem document, too. It may be repeated: what is done is no error.';

export const LIST_MEMBERS: RouteSchema = {
  summary: 'The members of every keyspace, as far as this replica knows',
  description: 'What a follower shows may be a little old; how far each member is, is known to the leader.',
  operationId: 'listMembers',
  tags: ADMIN,
  response: {
    200: part.json(
      'Members',
      part.object({ id: part.TEXT, cluster: part.TEXT, ...VIEW }, ['id', 'cluster', 'members', 'keyspaces']),
    ),
  },
};

export const ADD_MEMBER: RouteSchema = {
  summary: 'Add a replica as a learner, and promote it when asked',
  description: `${REPEATABLE} Addresses that are left out are those of the topology of the replica that is asked.`,
  operationId: 'addMember',
  tags: ADMIN,
  body: part.object(
    {
      id: { ...part.TEXT, description: 'One that no replica of the cluster ever had' },
      peer: { ...part.TEXT, description: 'host:port where the other replicas reach it' },
      http: part.TEXT,
      redis: part.TEXT,
      region: part.TEXT,
      keyspace: KEYSPACE_FIELD,
      promote: { ...part.FLAG, description: 'Wait until it has caught up, and make it a voter' },
      timeout_ms: { ...timeout(8000), description: 'For all of it; 60000 by default with promote' },
    },
    ['id'],
  ),
  response: part.responses({ 200: part.json('It was there already', CHANGED), 201: part.json('Added', CHANGED) }, [
    ...PROBLEMS,
    415,
  ]),
};

export const PROMOTE_MEMBER: RouteSchema = {
  summary: 'Make a learner a voter',
  description: `${REPEATABLE} A learner that has not caught up is refused, unless the request waits for it.`,
  operationId: 'promoteMember',
  tags: ADMIN,
  params: ID_PARAMETER,
  body: part.object({
    keyspace: KEYSPACE_FIELD,
    wait: { ...part.FLAG, description: 'Wait until it has caught up' },
    timeout_ms: { ...timeout(8000), description: 'For all of it; 60000 by default with wait' },
  }),
  response: part.responses({ 200: part.json('It votes', CHANGED) }, [...PROBLEMS, 415]),
};

export const REMOVE_MEMBER: RouteSchema = {
  summary: 'Remove a replica for ever',
  description: `${REPEATABLE} Its id is never used again. A leader that is removed hands over first.`,
  operationId: 'removeMember',
  tags: ADMIN,
  params: ID_PARAMETER,
  querystring: part.object({ keyspace: KEYSPACE_FIELD, timeout_ms: timeout(8000) }),
  response: part.responses({ 200: part.json('It is gone', CHANGED) }, PROBLEMS),
};
