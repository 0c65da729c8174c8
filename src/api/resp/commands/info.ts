import type { ReplicaId } from '../../../base/brand.js';
import type { EngineStatus } from '../../../engines/engine.js';
import type { LeaderlessStatus } from '../../../engines/leaderless/events.js';
import type { Client } from '../client.js';
import type { ReplyWriter } from '../reply-writer.js';
import type { Request } from '../request.js';
import { keyspaceOf } from '../client.js';
import type { RespCommand } from './command.js';
import { REDIS_VERSION, roleOf } from './handshake.js';
import { followersOf, redisAddress } from './role.js';
import { VERSION } from '../../../version.js';

type Fields = readonly (readonly [name: string, value: string | number])[];

interface Section {
  readonly title: string;
  fields(client: Client): Fields;
}

function server(client: Client): Fields {
  const { router, port } = client.server;
  const seconds = Math.floor(router.uptimeMs() / 1000);
  return [
    ['redis_version', REDIS_VERSION],
    ['kvorum_version', VERSION],
    ['redis_mode', 'standalone'],
    ['os', `${process.platform} ${process.arch}`],
    ['arch_bits', 64],
    ['node_version', process.versions.node],
    ['process_id', process.pid],
    ['run_id', `${router.cluster}/${router.self}`],
    ['tcp_port', port],
    ['uptime_in_seconds', seconds],
    ['uptime_in_days', Math.floor(seconds / 86_400)],
  ];
}

function clients(client: Client): Fields {
  return [
    ['connected_clients', client.server.clientCount],
    ['maxclients', client.server.limits.connections],
    ['blocked_clients', 0],
  ];
}

function memory(): Fields {
  const { rss, heapUsed, heapTotal, external, arrayBuffers } = process.memoryUsage();
  return [
    ['used_memory', heapUsed + external],
    ['used_memory_rss', rss],
    ['used_memory_heap', heapUsed],
    ['total_memory_heap', heapTotal],
    ['used_memory_buffers', arrayBuffers],
    ['maxmemory', 0],
    ['maxmemory_policy', 'noeviction'],
  ];
}

/** Null where there is no one log to count in. */
function appliedIndex(engine: EngineStatus): number | null {
  return 'appliedIndex' in engine ? engine.appliedIndex : null;
}

function persistence(client: Client): Fields {
  const { keyspaces } = client.server.router;
  const statuses = keyspaces.map((keyspace) => keyspace.status());
  return [
    ['loading', 0],
    ['aof_enabled', 1],
    ['aof_last_write_status', 'ok'],
    ['rdb_bgsave_in_progress', 0],
    [
      'entries_since_checkpoint',
      statuses.reduce(
        (sum, { engine, checkpointIndex }) => sum + (appliedIndex(engine) ?? checkpointIndex) - checkpointIndex,
        0,
      ),
    ],
  ];
}

function stats(client: Client): Fields {
  const counted = client.server.stats;
  return [
    ['total_connections_received', counted.connectionsAccepted],
    ['rejected_connections', counted.connectionsRejected],
    ['total_commands_processed', counted.commandsProcessed],
    ['total_error_replies', counted.errorReplies],
    ['expired_keys', 0],
    ['evicted_keys', 0],
  ];
}

/** Redis' words for what the selected keyspace's replicas do. */
function replication(client: Client): Fields {
  const { router } = client.server;
  const keyspace = keyspaceOf(client);
  const leader = keyspace.leader();
  const { engine } = keyspace.status();
  if (!('appliedIndex' in engine)) return equals(engine, router.self);
  const role = roleOf(client);
  if (role === 'master') {
    const followers = followersOf(client).map(
      ({ host, offset, peer, port, state }, at) =>
        [`slave${at}`, `id=${peer},ip=${host},port=${port},state=${state},offset=${offset}`] as const,
    );
    return [
      ['role', role],
      ['connected_slaves', followers.length],
      ...followers,
      ['master_repl_offset', engine.commitIndex],
    ];
  }
  const { host, port } = redisAddress(router, leader?.id ?? null);
  return [
    ['role', role],
    ['master_host', host],
    ['master_port', port],
    ['master_link_status', leader === null ? 'down' : 'up'],
    // Raft followers pass writes on, and are as good as the leader; followers of a write quorum are not.
    ['slave_read_only', engine.engine === 'semisync' ? 1 : 0],
    ['slave_repl_offset', engine.appliedIndex],
    ['connected_slaves', 0],
    ['master_repl_offset', engine.commitIndex],
  ];
}

/** Every member of a leaderless keyspace is a master; the others are shown where clients look for them. */
function equals({ counter, members }: LeaderlessStatus, self: ReplicaId): Fields {
  const others = members.filter(({ id }) => id !== self);
  return [
    ['role', 'master'],
    ['connected_slaves', others.filter(({ alive }) => alive).length],
    ...others.map(
      ({ alive, id, lag }, at) => [`slave${at}`, `id=${id},state=${alive ? 'online' : 'down'},lag=${lag}`] as const,
    ),
    ['master_repl_offset', counter],
  ];
}

function consensus(client: Client): Fields {
  const { router } = client.server;
  const fields: (readonly [string, string | number])[] = [
    ['cluster', router.cluster],
    ['replica', router.self],
    ['region', router.region ?? ''],
  ];
  for (const keyspace of router.keyspaces) {
    const { engine, revision } = keyspace.status();
    const state =
      'appliedIndex' in engine
        ? `role=${engine.role},term=${engine.term},leader=${engine.leader ?? ''},` +
          `commit=${engine.commitIndex},applied=${engine.appliedIndex},revision=${revision}`
        : `role=member,state=${engine.state},clock=${engine.counter},stable=${engine.stable},` +
          `behind=${engine.behind.reduce((sum, { seq }) => sum + seq, 0)}`;
    fields.push([`keyspace_${keyspace.name}`, `engine=${engine.engine},${state}`]);
  }
  return fields;
}

/** As in Redis an empty database is not listed. */
function keyspace(client: Client): Fields {
  return client.server.databases.flatMap((database, at) => {
    const { keys } = database.status();
    return keys === 0 ? [] : [[`db${at}`, `keys=${keys},expires=0,avg_ttl=0`] as const];
  });
}

const SECTIONS: readonly Section[] = [
  { title: 'Server', fields: server },
  { title: 'Clients', fields: clients },
  { title: 'Memory', fields: memory },
  { title: 'Persistence', fields: persistence },
  { title: 'Stats', fields: stats },
  { title: 'Replication', fields: replication },
  { title: 'Consensus', fields: consensus },
  { title: 'Cluster', fields: () => [['cluster_enabled', 0]] },
  { title: 'Keyspace', fields: keyspace },
];

function wantedSections(request: Request): readonly Section[] {
  const everything = request.count === 1;
  const named = (title: string): boolean => {
    for (let at = 1; at < request.count; at++) {
      if (['all', 'default', 'everything', title.toLowerCase()].some((word) => request.is(at, word))) return true;
    }
    return false;
  };
  return SECTIONS.filter(({ title }) => everything || named(title));
}

function info(client: Client, request: Request, out: ReplyWriter): void {
  const sections = wantedSections(request).map((section) => {
    const lines = section.fields(client).map(([name, value]) => `${name}:${value}\r\n`);
    return `# ${section.title}\r\n${lines.join('')}`;
  });
  out.verbatim(sections.join('\r\n'));
}

export const INFO: RespCommand = {
  name: 'info',
  // Shows what the connection's own earlier writes did.
  kind: 'barrier',
  arity: -1,
  flags: ['loading', 'stale'],
  keys: [0, 0, 0],
  group: 'server',
  since: '1.0.0',
  summary: 'Get information and statistics about the server',
  run: info,
};
