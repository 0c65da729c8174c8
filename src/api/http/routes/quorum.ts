import { KvorumError, toKvorumError } from '../../../base/errors/error.js';
import type { Keyspace, QuorumChange } from '../../../replica/router.js';
import type { Exchange } from '../exchange.js';
import * as fields from '../fields.js';
import { member, type JsonObject } from '../json.js';
import { PROMOTION_MS_MAX, promotionDocument } from '../promote.js';
import type { RouteSpec } from '../route.js';
import * as schemas from '../schemas-semisync.js';
import { leaderMembers, notLeader, quorumMembers, semisyncNamed, type SemisyncView } from '../semisync-view.js';

/** As the leader-follower document has it: a follower forbids what the leader alone may do. */
const FORBIDDEN = 403;

function bodyOf(exchange: Exchange): JsonObject {
  return exchange.body === null || exchange.body.length === 0 ? {} : fields.jsonBody(exchange);
}

function namedIn(exchange: Exchange, object: JsonObject): SemisyncView {
  return semisyncNamed(exchange, fields.textMember(object, 'keyspace') ?? exchange.query.get('keyspace'));
}

function showQuorum(exchange: Exchange): void {
  const { control, engine, keyspace, members } = semisyncNamed(exchange, exchange.query.get('keyspace'));
  const { self } = exchange.router;
  if (!members.includes(self)) throw new KvorumError('not_member', `${self} is no member of ${keyspace.name}`);
  const { leader, leader_http } = leaderMembers(exchange.router, keyspace);
  const body = { keyspace: keyspace.name, ...quorumMembers(control, engine), leader, leader_http };
  exchange.json(200, JSON.stringify(body));
}

function writeQuorumOf(object: JsonObject, followers: number): number {
  const given = member(object, 'write_quorum');
  if (typeof given === 'number' && Number.isInteger(given) && given >= 0 && given <= followers) return given;
  const read = given === undefined ? '"write_quorum" is missing' : `"write_quorum" is ${JSON.stringify(given)}`;
  throw new KvorumError('bad_request', `${read}: allowed is a whole number of followers, 1 to ${followers}`);
}

/** Where nobody is known to lead, nothing is forbidden: it may be asked again. */
function forbid(exchange: Exchange, keyspace: Keyspace): void {
  const error = notLeader(exchange.router, keyspace);
  exchange.fail(error, [], error.code === 'not_leader' ? FORBIDDEN : error.spec.http);
}

function failHere(exchange: Exchange, keyspace: Keyspace, failure: unknown): void {
  const error = toKvorumError(failure);
  if (error.code === 'not_leader') forbid(exchange, keyspace);
  else exchange.fail(error);
}

function changeDocument({ name }: Keyspace, followers: number, change: QuorumChange): Record<string, unknown> {
  const { before, effectiveIndex, failoverTolerance, writeQuorum } = change;
  return {
    keyspace: name,
    write_quorum: writeQuorum,
    old: before,
    new: writeQuorum,
    effective_offset: effectiveIndex,
    failover_tolerance: failoverTolerance,
    follower_count: followers,
  };
}

function setQuorum(exchange: Exchange): void {
  const object = fields.jsonBody(exchange);
  const { control, keyspace } = namedIn(exchange, object);
  const leader = keyspace.leader();
  // The members are not known before the cluster is formed: which numbers there can be is not, either.
  const unformed = leader === null && control.followers === 0;
  if (leader?.isSelf === false || unformed) {
    forbid(exchange, keyspace);
    return;
  }
  const writeQuorum = writeQuorumOf(object, control.followers);
  control.setWriteQuorum(writeQuorum).then(
    (change) => exchange.json(200, JSON.stringify(changeDocument(keyspace, control.followers, change))),
    (failure: unknown) => exchange.run(() => failHere(exchange, keyspace, failure)),
  );
}

function promote(exchange: Exchange): void {
  const object = bodyOf(exchange);
  const { control, keyspace } = namedIn(exchange, object);
  const force = fields.flagMember(object, 'force');
  const writeQuorum =
    member(object, 'write_quorum') === undefined ? undefined : writeQuorumOf(object, control.followers);
  if (writeQuorum !== undefined && !force) {
    throw new KvorumError('bad_request', '"write_quorum" takes "force": true; POST /admin/quorum changes it otherwise');
  }
  // A leader that is stopped with its whole cluster need not hand over to who is about to stop, too.
  const leaving = exchange.router.readiness().some(({ name, ok }) => name === 'draining' && !ok);
  if (leaving) throw new KvorumError('draining', `${exchange.router.self} is about to stop`);
  exchange.mayTake(PROMOTION_MS_MAX);
  control.promote(force, writeQuorum).then(
    (promotion) => exchange.json(200, JSON.stringify(promotionDocument(keyspace, promotion))),
    (failure: unknown) => exchange.fail(toKvorumError(failure)),
  );
}

export const QUORUM_ROUTES: readonly RouteSpec[] = [
  { method: 'GET', path: '/admin/quorum', operation: 'admin', schema: schemas.SHOW_QUORUM, handle: showQuorum },
  {
    method: 'POST',
    path: '/admin/quorum',
    operation: 'admin',
    bodyBytes: 'small',
    schema: schemas.SET_QUORUM,
    handle: setQuorum,
  },
  {
    method: 'POST',
    path: '/admin/promote',
    operation: 'admin',
    bodyBytes: 'small',
    schema: schemas.PROMOTE,
    handle: promote,
  },
];
