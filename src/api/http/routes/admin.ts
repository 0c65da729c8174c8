import { KvorumError, toKvorumError } from '../../../base/errors/error.js';
import type { Consistency, Keyspace } from '../../../replica/router.js';
import { consistencyNamed } from '../consistency.js';
import { JSON_TYPE, type Exchange } from '../exchange.js';
import * as fields from '../fields.js';
import type { JsonObject } from '../json.js';
import { leaderUrl } from '../leader.js';
import { promoteTarget } from '../promote.js';
import type { RouteSpec } from '../route.js';
import * as schemas from '../schemas.js';

const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';

function answerLater(exchange: Exchange, work: Promise<void>): void {
  work.catch((error: unknown) => exchange.fail(toKvorumError(error)));
}

function metricsText(exchange: Exchange): void {
  answerLater(
    exchange,
    exchange.router.metricsText().then((text) => exchange.send(200, PROMETHEUS, text)),
  );
}

function metricsJson(exchange: Exchange): void {
  answerLater(
    exchange,
    exchange.router.metricsJson().then((metrics) => exchange.send(200, JSON_TYPE, JSON.stringify(metrics))),
  );
}

/** The policy's name as users of the raft API know it. */
function policyOf(consistency: Consistency): string {
  return consistency === 'linearizable' ? 'readindex' : consistency;
}

function policyMembers(keyspace: Keyspace): Record<string, string> {
  const consistency = keyspace.defaultConsistency;
  return { keyspace: keyspace.name, policy: policyOf(consistency), consistency };
}

function showReadPolicy(exchange: Exchange): void {
  const { defaultKeyspace, keyspaces } = exchange.router;
  const body = { ...policyMembers(defaultKeyspace), keyspaces: keyspaces.map(policyMembers) };
  exchange.json(200, JSON.stringify(body));
}

function setReadPolicy(exchange: Exchange): void {
  const object = fields.jsonBody(exchange);
  const policy = fields.textMember(object, 'policy');
  if (policy === undefined)
    throw new KvorumError('bad_request', '"policy" is missing, for example stale, readindex or lease');
  const keyspace = keyspaceMember(exchange, object);
  keyspace.defaultConsistency = consistencyNamed(exchange.router, keyspace, policy);
  exchange.json(200, JSON.stringify(policyMembers(keyspace)));
}

function keyspaceMember(exchange: Exchange, object: JsonObject): Keyspace {
  const name = fields.textMember(object, 'keyspace');
  return name === undefined ? exchange.router.defaultKeyspace : exchange.keyspaceNamed(name);
}

function transferLeader(exchange: Exchange): void {
  const object = exchange.body === null ? {} : fields.jsonBody(exchange);
  const keyspace = keyspaceMember(exchange, object);
  const target = fields.textMember(object, 'target') ?? null;
  const replica = exchange.router.replicas.find(({ id }) => id === target);
  if (target !== null && replica === undefined) throw new KvorumError('unknown_replica');
  if (keyspace.leaderless !== null) {
    throw new KvorumError(
      'unsupported_operation',
      `The keyspace ${keyspace.name} has no leader: every member takes writes`,
    );
  }
  if (keyspace.semisync !== null) {
    promoteTarget(exchange, keyspace, replica ?? null);
    return;
  }
  const leader = keyspace.leader();
  if (leader === null) throw new KvorumError('no_leader');
  if (!leader.isSelf) {
    const url = leaderUrl(leader.http);
    const extra = { leader: leader.id, leader_http: url };
    throw new KvorumError('not_leader', `The leader is ${leader.id}: ask it${url === null ? '' : ` at ${url}`}`, {
      extra,
    });
  }
  answerLater(
    exchange,
    keyspace
      .transferLeader(replica?.id ?? null)
      .then((id) => exchange.json(200, JSON.stringify({ keyspace: keyspace.name, leader: id }))),
  );
}

export const ADMIN_ROUTES: readonly RouteSpec[] = [
  { method: 'GET', path: '/metrics', operation: 'metrics', schema: schemas.METRICS_TEXT, handle: metricsText },
  { method: 'GET', path: '/admin/metrics', operation: 'metrics', schema: schemas.METRICS_JSON, handle: metricsJson },
  {
    method: 'GET',
    path: '/admin/read-policy',
    operation: 'admin',
    schema: schemas.SHOW_READ_POLICY,
    handle: showReadPolicy,
  },
  {
    method: 'POST',
    path: '/admin/read-policy',
    operation: 'admin',
    bodyBytes: 'small',
    schema: schemas.SET_READ_POLICY,
    handle: setReadPolicy,
  },
  {
    method: 'POST',
    path: '/admin/transfer-leader',
    operation: 'admin',
    bodyBytes: 'small',
    schema: schemas.TRANSFER_LEADER,
    handle: transferLeader,
  },
];
