import type { ReplicaId } from '../../../base/brand.js';
import type { Router } from '../../../replica/router.js';
import { keyspaceOf, type Client } from '../client.js';
import type { ReplyWriter } from '../reply-writer.js';
import type { Request } from '../request.js';
import type { RespCommand } from './command.js';
import { roleOf } from './handshake.js';

/** Where clients reach a replica with this protocol; empty where they cannot. */
interface RedisAddress {
  readonly host: string;
  readonly port: string;
}

export function redisAddress(router: Router, id: ReplicaId | null): RedisAddress {
  const redis = router.replicas.find((replica) => replica.id === id)?.redis ?? '';
  const colon = redis.lastIndexOf(':');
  return { host: redis.slice(0, Math.max(colon, 0)), port: redis.slice(colon + 1) };
}

interface Follower extends RedisAddress {
  readonly peer: ReplicaId;
  readonly state: string;
  readonly offset: number;
}

/** Those of the selected keyspace; known to its leader only. Leaderless keyspaces have none. */
export function followersOf(client: Client): readonly Follower[] {
  const { router } = client.server;
  const { engine } = keyspaceOf(client).status();
  const followers =
    engine.engine === 'raft'
      ? engine.progress.map(({ peer, state, matchIndex }) => ({ peer, state, offset: matchIndex }))
      : engine.engine === 'semisync'
        ? engine.followers.map(({ peer, state, durableIndex }) => ({ peer, state, offset: durableIndex }))
        : [];
  return followers.map((follower) => ({ ...follower, ...redisAddress(router, follower.peer) }));
}

function role(client: Client, _request: Request, out: ReplyWriter): void {
  const keyspace = keyspaceOf(client);
  const { engine } = keyspace.status();
  const offset = 'appliedIndex' in engine ? engine.appliedIndex : engine.counter;
  if (roleOf(client) === 'master') {
    const followers = followersOf(client);
    out.array(3);
    out.text('master');
    out.integer(offset);
    out.array(followers.length);
    for (const follower of followers) {
      out.array(3);
      out.text(follower.host);
      out.text(follower.port);
      out.text(String(follower.offset));
    }
    return;
  }
  const leader = keyspace.leader();
  const { host, port } = redisAddress(client.server.router, leader?.id ?? null);
  out.array(5);
  out.text('slave');
  out.text(host);
  out.integer(Number(port));
  out.text(leader === null ? 'connect' : 'connected');
  out.integer(offset);
}

export const ROLE: RespCommand = {
  name: 'role',
  // Tells what the connection's own earlier writes have come to.
  kind: 'barrier',
  arity: 1,
  flags: ['noscript', 'loading', 'stale', 'fast'],
  keys: [0, 0, 0],
  group: 'server',
  since: '2.8.12',
  summary: 'Return the role of the instance in the context of replication',
  run: role,
};
