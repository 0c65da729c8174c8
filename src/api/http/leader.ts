import { KvorumError } from '../../base/errors/error.js';
import type { Keyspace } from '../../replica/router.js';
import type { Exchange } from './exchange.js';

/**
 * True when the request was answered here because this replica does not lead and the client asked not to be forwarded
 * (`?forward=false` or `X-Kvorum-Forward: false`): 307 with the leader's address. 307 keeps method and body, and
 * unlike 308 nobody caches it: leadership moves.
 */
export function redirectedToLeader(exchange: Exchange, keyspace: Keyspace): boolean {
  if (!forwardingDeclined(exchange) || keyspace.leaderless !== null) return false;
  const leader = keyspace.leader();
  if (leader === null) throw new KvorumError('no_leader');
  if (leader.isSelf) return false;
  const base = leaderUrl(leader.http);
  if (base === null) {
    const detail = `The leader is ${leader.id}, which does not serve HTTP`;
    throw new KvorumError('not_leader', detail, { extra: { leader: leader.id } });
  }
  const location = `${base}${exchange.url}`;
  const headers = ['location', location, 'x-kvorum-leader', headerSafe(leader.id)];
  exchange.json(307, JSON.stringify({ leader: leader.id, location }), headers);
  return true;
}

function forwardingDeclined(exchange: Exchange): boolean {
  const wanted = exchange.query.get('forward') ?? exchange.header('x-kvorum-forward');
  if (wanted === undefined || wanted === 'true') return false;
  if (wanted === 'false') return true;
  throw new KvorumError('bad_request', 'forward takes true or false');
}

/** The leader's HTTP address as a URL without a path. */
export function leaderUrl(http: string | null): string | null {
  if (http === null) return null;
  return http.includes('://') ? http.replace(/\/+$/, '') : `http://${http}`;
}

function headerSafe(id: string): string {
  return id.replace(/[^\x21-\x7e]/g, '?');
}
