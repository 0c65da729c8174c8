import { KvorumError } from '../../base/errors/error.js';
import type { Consistency, Keyspace, Router } from '../../replica/router.js';
import { Refusal } from './replies.js';

/** What a refusal depends on. */
interface Asked {
  readonly keyspace: Keyspace;
  readonly readOnly: boolean;
  readonly server: { readonly router: Router };
}

/** The leader that another replica is known to be; null: it is this one, or nobody knows. */
function leaderElsewhere({ keyspace, server }: Asked): string | null {
  const leader = keyspace.leader();
  if (leader === null || leader.isSelf) return null;
  const redis = server.router.replicas.find(({ id }) => id === leader.id)?.redis ?? null;
  return redis === null ? `${leader.id}, which does not serve the Redis protocol` : `${leader.id} at ${redis}`;
}

/** A follower takes no writes, and does not pass them on: in Redis' words, so that clients look for the leader. */
export function writeRefusal(asked: Asked): Refusal | null {
  if (asked.keyspace.semisync === null) return null;
  const leader = leaderElsewhere(asked);
  if (leader === null) return null;
  return new Refusal(`READONLY You can't write against a read only replica. The leader is ${leader}.`, 'not_leader');
}

/** What a read of the connection sees: after READONLY, on a follower, what that one has. */
export function readAs(asked: Asked): Consistency | Refusal {
  const { keyspace, readOnly } = asked;
  const { defaultConsistency, semisync } = keyspace;
  if (semisync === null || defaultConsistency === 'follower') return defaultConsistency;
  const leader = leaderElsewhere(asked);
  if (leader === null) return defaultConsistency;
  if (readOnly) return 'follower';
  const detail = `The leader is ${leader}. After READONLY this replica answers with what it has.`;
  return Refusal.of(new KvorumError('not_leader', detail));
}
