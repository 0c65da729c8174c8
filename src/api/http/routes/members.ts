import { replicaId, type ReplicaId } from '../../../base/brand.js';
import { KvorumError, toKvorumError } from '../../../base/errors/error.js';
import { parseAddress, formatAddress, isWildcard } from '../../../config/address.js';
import type { MemberInfo } from '../../../engines/raft/membership.js';
import type { Keyspace, MembershipRequest, ReplicaInfo, Router } from '../../../replica/router.js';
import { textOfBytes } from '../bytes.js';
import type { Exchange } from '../exchange.js';
import * as fields from '../fields.js';
import { member, type JsonObject } from '../json.js';
import { changeKeyspaces, Deadline, failureOf, outcomeDocument, type KeyspaceOutcome } from '../member-changes.js';
import { membersDocument } from '../members-view.js';
import { printable } from '../query.js';
import type { RouteSpec } from '../route.js';
import * as schemas from '../schemas-members.js';

/** How long a change may take: less than a client waits by default. */
const CHANGE_MS = 8000;
/** The same where a learner is waited for, which may have to receive everything first. */
const CATCH_UP_MS = 60_000;
const TIMEOUT_MS_MAX = 600_000;
/** The socket of a request that waits is not stuck before this has passed, too. */
const SOCKET_SLACK_MS = 10_000;
/** As ids are written in a topology. */
const ID = /^[A-Za-z0-9_-]{1,64}$/;

function idNamed(text: string | null | undefined): ReplicaId {
  if (text === undefined) throw new KvorumError('bad_request', '"id" is missing: the id of the replica');
  if (text !== null && ID.test(text)) return replicaId(text);
  const shown = text === null ? 'The id' : printable(text);
  throw new KvorumError('bad_request', `${shown} is no id: letters, digits, - and _, at most 64 of them`);
}

/**
 * Of the body or the query; all keyspaces when none is named. Only raft has members that change: leaderless keyspaces
 * follow those, and the promises of a write quorum count on a list that stays.
 */
function keyspacesOf(exchange: Exchange, name: string | undefined): readonly Keyspace[] {
  const { keyspaces } = exchange.router;
  const all = name === undefined ? keyspaces : [exchange.keyspaceNamed(name)];
  const able = all.filter(({ engine }) => isRaft(engine));
  if (able.length > 0) return able;
  const fixed = all.find(({ semisync }) => semisync !== null);
  const why =
    fixed === undefined
      ? `The members of a keyspace can be changed at run time where its engine is raft, not ${all[0]?.engine}`
      : `The members of ${fixed.name} are those that the cluster was formed with: its engine ${fixed.engine} cannot change them`;
  throw new KvorumError('unsupported_operation', why);
}

function isRaft(engine: string): boolean {
  return engine === 'raft';
}

function timeoutOf(given: unknown, defaultMs: number): number {
  if (given === undefined || given === null) return defaultMs;
  const timeoutMs = typeof given === 'string' && /^\d{1,9}$/.test(given) ? Number(given) : given;
  if (typeof timeoutMs === 'number' && Number.isInteger(timeoutMs) && timeoutMs > 0 && timeoutMs <= TIMEOUT_MS_MAX) {
    return timeoutMs;
  }
  throw new KvorumError('bad_request', `timeout_ms must be an integer from 1 to ${TIMEOUT_MS_MAX}`);
}

function addressMember(object: JsonObject, name: 'peer' | 'http' | 'redis'): string | null {
  const text = fields.textMember(object, name);
  if (text === undefined) return null;
  const address = parseAddress(text.replace(/^http:\/\//, '').replace(/\/$/, ''));
  const problem = typeof address === 'string' ? address : addressProblem(address);
  if (typeof address !== 'string' && problem === null) return formatAddress(address);
  throw new KvorumError('bad_request', `"${name}" is ${printable(text)}: ${problem ?? 'no address'}`);
}

function addressProblem({ host, port }: { readonly host: string; readonly port: number }): string | null {
  if (port === 0) return 'the port must be known beforehand';
  return isWildcard(host) ? 'others connect to it, and nobody can connect to every interface' : null;
}

/** What the topology of the asked replica says fills in what the request leaves out. */
function memberInfo(router: Router, object: JsonObject, id: ReplicaId): MemberInfo {
  const known = router.replicas.find((replica) => replica.id === id);
  const info: MemberInfo = {
    id,
    folder: null,
    peer: addressMember(object, 'peer') ?? known?.peer ?? null,
    http: addressMember(object, 'http') ?? withoutScheme(known?.http ?? null),
    redis: addressMember(object, 'redis') ?? known?.redis ?? null,
    region: fields.textMember(object, 'region') ?? known?.region ?? null,
  };
  if (info.peer === null) {
    throw new KvorumError('bad_request', `"peer" is missing: where the other replicas reach ${id}, as host:port`);
  }
  const other = router.replicas.find((replica) => replica.id !== id && replica.peer === info.peer);
  if (other !== undefined) throw addressTaken(other);
  return info;
}

function withoutScheme(http: string | null): string | null {
  return http === null ? null : http.replace(/^http:\/\//, '');
}

function addressTaken({ id, peer }: ReplicaInfo): KvorumError {
  return new KvorumError('already_member', `${peer} is the peer address of ${id}`, { extra: { member: { id, peer } } });
}

/** Answers when all is committed, or told otherwise. */
function change(
  exchange: Exchange,
  keyspaces: readonly Keyspace[],
  id: ReplicaId,
  requests: readonly MembershipRequest[],
  timeoutMs: number,
): void {
  exchange.mayTake(timeoutMs + SOCKET_SLACK_MS);
  changeKeyspaces(keyspaces, requests, new Deadline(timeoutMs)).then(
    (outcomes) => exchange.run(() => answer(exchange, keyspaces, id, outcomes)),
    (error: unknown) => exchange.fail(toKvorumError(error)),
  );
}

function answer(
  exchange: Exchange,
  keyspaces: readonly Keyspace[],
  id: ReplicaId,
  outcomes: readonly KeyspaceOutcome[],
): void {
  const failure = failureOf(id, keyspaces, outcomes);
  if (failure !== null) throw failure;
  const added = outcomes.some(({ done }) => done.includes('added'));
  const { keyspaces: memberships, leaderless, members } = membersDocument(exchange.router);
  const results = outcomes.map(outcomeDocument);
  exchange.json(added ? 201 : 200, JSON.stringify({ id, results, members, keyspaces: memberships, leaderless }));
}

function addMember(exchange: Exchange): void {
  const object = fields.jsonBody(exchange);
  const id = idNamed(fields.textMember(object, 'id'));
  const promote = fields.flagMember(object, 'promote');
  const timeoutMs = timeoutOf(member(object, 'timeout_ms'), promote ? CATCH_UP_MS : CHANGE_MS);
  const keyspaces = keyspacesOf(exchange, fields.textMember(object, 'keyspace'));
  const requests: MembershipRequest[] = [{ op: 'add', member: memberInfo(exchange.router, object, id) }];
  if (promote) requests.push({ op: 'promote', replica: id, untilCaughtUp: true });
  change(exchange, keyspaces, id, requests, timeoutMs);
}

function promoteMember(exchange: Exchange): void {
  const id = idNamed(textOfBytes(exchange.parameter('id') ?? ''));
  const object = exchange.body === null ? {} : fields.jsonBody(exchange);
  const untilCaughtUp = fields.flagMember(object, 'wait');
  const timeoutMs = timeoutOf(member(object, 'timeout_ms'), untilCaughtUp ? CATCH_UP_MS : CHANGE_MS);
  const keyspaces = keyspacesOf(exchange, fields.textMember(object, 'keyspace'));
  change(exchange, keyspaces, id, [{ op: 'promote', replica: id, untilCaughtUp }], timeoutMs);
}

function removeMember(exchange: Exchange): void {
  const id = idNamed(textOfBytes(exchange.parameter('id') ?? ''));
  const timeoutMs = timeoutOf(exchange.query.get('timeout_ms'), CHANGE_MS);
  const keyspace = exchange.query.get('keyspace');
  const keyspaces = keyspacesOf(exchange, keyspace);
  change(exchange, keyspaces, id, [{ op: 'remove', replica: id }], timeoutMs);
}

export const MEMBER_ROUTES: readonly RouteSpec[] = [
  {
    method: 'GET',
    path: '/admin/members',
    operation: 'admin',
    schema: schemas.LIST_MEMBERS,
    handle: (exchange) => exchange.json(200, JSON.stringify(membersDocument(exchange.router))),
  },
  {
    method: 'POST',
    path: '/admin/members',
    operation: 'admin',
    bodyBytes: 'small',
    schema: schemas.ADD_MEMBER,
    handle: addMember,
  },
  {
    method: 'POST',
    path: '/admin/members/:id/promote',
    operation: 'admin',
    bodyBytes: 'small',
    schema: schemas.PROMOTE_MEMBER,
    handle: promoteMember,
  },
  {
    method: 'DELETE',
    path: '/admin/members/:id',
    operation: 'admin',
    bodyBytes: 'small',
    schema: schemas.REMOVE_MEMBER,
    handle: removeMember,
  },
];
