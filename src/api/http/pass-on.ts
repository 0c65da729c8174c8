import { KvorumError } from '../../base/errors/error.js';
import type { Keyspace } from '../../replica/router.js';
import type { Exchange } from './exchange.js';
import { wasForwarded } from './forward.js';
import { forwardToLeader } from './hunt.js';
import { redirectedToLeader } from './leader.js';
import { leaderMembers } from './semisync-view.js';

/**
 * True when the request is the leader's to serve and was sent on: the client itself, which asked for that (307), or the
 * request. Raft and the leaderless engines need none of the latter: they have ways of their own.
 */
export function passedToLeader(exchange: Exchange, keyspace: Keyspace, kind: 'read' | 'write'): boolean {
  if (redirectedToLeader(exchange, keyspace)) return true;
  return keyspace.semisync !== null && handedOver(exchange, keyspace, kind);
}

/** Nothing has happened here: the leader may do it, which a follower could not know when it was asked. */
const ELSEWHERE: ReadonlySet<string> = new Set(['not_leader', 'too_stale']);

export function failOrPassOn(exchange: Exchange, keyspace: Keyspace, kind: 'read' | 'write', error: KvorumError): void {
  const elsewhere = keyspace.semisync !== null && ELSEWHERE.has(error.code);
  if (elsewhere && passedToLeader(exchange, keyspace, kind)) return;
  const known = error.code === 'not_leader' && keyspace.semisync !== null;
  if (!known) exchange.fail(error);
  else exchange.fail(new KvorumError(error.code, error.message, { extra: leaderMembers(exchange.router, keyspace) }));
}

/** A request that was handed over once is answered where it is, if only with where the leader is. */
function handedOver(exchange: Exchange, keyspace: Keyspace, kind: 'read' | 'write'): boolean {
  const leader = keyspace.leader();
  if (leader === null || leader.isSelf || leader.http === null || wasForwarded(exchange)) return false;
  forwardToLeader(exchange, keyspace, leader.id, kind === 'write');
  return true;
}
