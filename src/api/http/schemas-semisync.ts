import type { JsonSchema, RouteSchema } from './route.js';
import * as part from './schema-parts.js';

/** What the OpenAPI document says about keyspaces with a write quorum, and the paths of the leader-follower document. */
const ADMIN = ['admin'];
const KEYSPACE = { ...part.TEXT, description: 'The default one, or else the first that has a write quorum' } as const;
const OFFSET = { ...part.COUNT, description: 'A position of the log' } as const;
const MAYBE_COUNT = { type: ['integer', 'null'], minimum: 0 } as const;
const MAYBE_FLAG = { type: ['boolean', 'null'] } as const;

const QUORUM = {
  keyspace: part.TEXT,
  write_quorum: { ...part.COUNT, description: 'In followers' },
  follower_count: part.COUNT,
  failover_tolerance: {
    type: 'integer',
    description: 'Of all members, how many may be gone while another can be promoted without loss',
  },
} as const;

export const SHOW_QUORUM: RouteSchema = {
  summary: 'How many followers a write takes, as far as this replica knows',
  operationId: 'showQuorum',
  tags: ADMIN,
  querystring: part.object({ keyspace: KEYSPACE }),
  response: part.responses(
    {
      200: part.json(
        'The write quorum, and what it means for a promotion',
        part.object(
          {
            ...QUORUM,
            available: { ...MAYBE_COUNT, description: 'Followers that could acknowledge now; known to the leader' },
            promises: { ...part.COUNT, description: 'Members that it takes for a promotion without loss' },
            leader: part.MAYBE_TEXT,
            leader_http: part.MAYBE_TEXT,
          },
          ['keyspace', 'write_quorum', 'follower_count', 'available', 'promises', 'failover_tolerance', 'leader'],
        ),
      ),
    },
    [400, 404, 503],
  ),
};

export const SET_QUORUM: RouteSchema = {
  summary: 'Change how many followers have a write before it is answered; leader only',
  description:
    'Answered when the change itself is committed, with the old quorum. Writes in progress keep theirs. It is part of the ' +
    'log: it survives restarts and promotions.',
  operationId: 'setQuorum',
  tags: ADMIN,
  body: part.object(
    { write_quorum: { ...part.COUNT, description: '1 to the number of followers' }, keyspace: KEYSPACE },
    ['write_quorum'],
  ),
  response: part.responses(
    {
      200: part.json(
        'In force for every later write',
        part.object(
          {
            ...QUORUM,
            old: part.COUNT,
            new: part.COUNT,
            effective_offset: { ...part.COUNT, description: 'Entries after it take the new quorum' },
          },
          ['keyspace', 'write_quorum', 'old', 'new', 'effective_offset', 'failover_tolerance'],
        ),
      ),
    },
    [400, 403, 404, 415, 503, 504],
  ),
};

const PROMOTED = part.object(
  {
    keyspace: part.TEXT,
    leader: part.TEXT,
    epoch: part.COUNT,
    promised: { ...part.list(part.TEXT), description: 'Who promised to follow' },
    required: { ...part.COUNT, description: 'With so many promises nothing acknowledged is lost' },
    loss_possible: part.FLAG,
    write_quorum: { ...part.COUNT, description: 'For the next write' },
  },
  ['keyspace', 'leader', 'epoch', 'promised', 'required', 'loss_possible', 'write_quorum'],
);

export const PROMOTE: RouteSchema = {
  summary: 'Make this replica the leader',
  description:
    'Refused when too few members promise to follow it for every acknowledged write to be among theirs. force: with ' +
    'whoever answers, although acknowledged writes may be lost; those are told at /admin/failovers. write_quorum, with force only: ' +
    'where followers are gone for good, and too few are left to change it. The leader itself may be asked for that.',
  operationId: 'promote',
  tags: ADMIN,
  body: part.object({
    keyspace: KEYSPACE,
    force: part.FLAG,
    write_quorum: { ...part.COUNT, description: 'What the new epoch begins with; with force only' },
  }),
  response: part.responses({ 200: part.json('It leads', PROMOTED) }, [400, 404, 409, 415, 503]),
};

const DATA = { type: ['object', 'null'], additionalProperties: part.TEXT } as const;
const STATE: Readonly<Record<string, JsonSchema>> = {
  role: part.TEXT,
  epoch: part.COUNT,
  offset: { ...OFFSET, description: 'What is applied' },
  commit: OFFSET,
  last: OFFSET,
  revision: part.COUNT,
  keys: part.COUNT,
  data: { ...DATA, description: 'Every key and value that is text; null when that is too much' },
  data_left_out: { ...part.TEXT, description: 'Why data is null' },
  binary: { ...part.list(part.object({ ...part.KEY_FIELDS, ...part.VALUE_FIELDS })), description: 'What is not text' },
  hash: { ...part.MAYBE_TEXT, description: 'Equal on replicas that agree at hash_offset; null: already beyond it' },
  hash_offset: MAYBE_COUNT,
};

export const DUMP: RouteSchema = {
  summary: 'Everything that this replica has applied',
  description: 'For looking at and for tests: beyond 10000 keys or 16 MiB there is a hash instead of the data.',
  operationId: 'dump',
  tags: ADMIN,
  querystring: part.object({
    keyspace: KEYSPACE,
    hash: { ...part.FLAG, description: 'The hash only' },
    at: { ...OFFSET, description: 'The hash at exactly this position; waits for it' },
  }),
  response: part.responses(
    {
      200: part.json(
        'The state',
        part.object({ id: part.TEXT, keyspace: part.TEXT, ...STATE }, [
          'id',
          'keyspace',
          'role',
          'epoch',
          'offset',
          'keys',
          'data',
        ]),
      ),
    },
    [400, 404, 503],
  ),
};

const FOLLOWER = part.object({
  ...STATE,
  id: part.TEXT,
  state: { ...part.TEXT, description: 'online, lagging, probe or fullsync: only the first counts' },
  sent: OFFSET,
  received: OFFSET,
  durable: OFFSET,
  applied: OFFSET,
  lag: { ...part.COUNT, description: 'Entries of the leader that it does not have on its disk' },
  silent_ms: MAYBE_COUNT,
  in_sync: { ...MAYBE_FLAG, description: 'Whether its hash is the one of the leader; null: not compared' },
  error: part.MAYBE_TEXT,
});

export const REPLICA_STATUS: RouteSchema = {
  summary: 'The data of the leader, and what each follower has of it',
  description:
    'With more than 1000 keys: hashes at the same position of the log. A follower shows itself and names the leader.',
  operationId: 'replicaStatus',
  tags: ADMIN,
  querystring: part.object({ keyspace: KEYSPACE }),
  response: part.responses(
    {
      200: part.json(
        'Leader and followers',
        part.object(
          {
            keyspace: part.TEXT,
            id: part.TEXT,
            leader: {
              ...part.object({
                ...STATE,
                id: part.TEXT,
                http: part.MAYBE_TEXT,
                head: OFFSET,
                write_quorum: part.COUNT,
              }),
              type: ['object', 'null'],
            },
            in_sync: { ...MAYBE_FLAG, description: 'All of them; null: not all could be compared' },
            followers: { type: 'object', additionalProperties: FOLLOWER },
          },
          ['keyspace', 'id', 'leader', 'in_sync', 'followers'],
        ),
      ),
    },
    [400, 404, 503],
  ),
};

const DISCARDED = {
  file: part.TEXT,
  from_offset: OFFSET,
  to_offset: OFFSET,
  entries: part.COUNT,
  writes: part.COUNT,
  acknowledged: { ...part.COUNT, description: 'Of the writes, for sure: possible only after a promotion by force' },
  maybe_acknowledged: {
    ...part.COUNT,
    description:
      'Of the others, those of which this replica cannot tell: a follower, or one that was restarted meanwhile',
  },
  certain: { ...part.FLAG, description: 'false: some of them may have survived after all' },
  before_log: {
    ...part.FLAG,
    description:
      'true: there was more before them, in the checkpoint alone, which a full sync replaced: it is not in the file',
  },
} as const;

export const FAILOVERS: RouteSchema = {
  summary: 'Changes of leader that this replica knows of, newest first, and writes that it had to throw away',
  operationId: 'failovers',
  tags: ADMIN,
  querystring: part.object({ keyspace: KEYSPACE, file: { ...part.TEXT, description: 'The writes in this file' } }),
  response: part.responses(
    {
      200: part.json(
        'Failovers, or the commands of a file',
        part.object(
          {
            id: part.TEXT,
            keyspace: part.TEXT,
            acknowledged_lost: part.COUNT,
            maybe_acknowledged_lost: part.COUNT,
            failovers: part.list(
              part.object(
                {
                  epoch: part.COUNT,
                  leader: part.TEXT,
                  before: part.MAYBE_TEXT,
                  start_offset: OFFSET,
                  forced: part.FLAG,
                  discarded: { ...part.object(DISCARDED), type: ['object', 'null'] },
                },
                ['epoch', 'leader', 'before', 'start_offset', 'forced', 'discarded'],
              ),
            ),
            ...DISCARDED,
            commands: part.list({ type: 'object' }),
          },
          ['id', 'keyspace'],
        ),
      ),
    },
    [400, 404],
  ),
};
