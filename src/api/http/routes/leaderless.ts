import { KvorumError, toKvorumError } from '../../../base/errors/error.js';
import type { Keyspace } from '../../../replica/router.js';
import type { Exchange } from '../exchange.js';
import * as fields from '../fields.js';
import {
  leaderlessView,
  leaderlessViews,
  overwrittenJson,
  syncDocument,
  type LeaderlessView,
} from '../leaderless-view.js';
import { printable } from '../query.js';
import type { RouteSpec } from '../route.js';
import * as schemas from '../schemas-leaderless.js';

const CONFLICTS_DEFAULT = 100;
const CONFLICTS_MAX = 10_000;

/** The keyspace that is named, or every leaderless one. */
function viewsOf(exchange: Exchange, name: string | undefined): readonly LeaderlessView[] {
  if (name === undefined) return leaderlessViews(exchange.router);
  const keyspace: Keyspace = exchange.keyspaceNamed(name);
  const view = leaderlessView(keyspace);
  if (view !== null) return [view];
  throw new KvorumError('unsupported_operation', `The keyspace ${name} has a leader: its writes have one order`);
}

function named(exchange: Exchange): string | undefined {
  return exchange.query.get('keyspace');
}

function namedInBody(exchange: Exchange): string | undefined {
  if (exchange.body === null) return named(exchange);
  return fields.textMember(fields.jsonBody(exchange), 'keyspace') ?? named(exchange);
}

/** What last-writer-wins has lost: the values that concurrent writes replaced, newest first. */
function conflicts(exchange: Exchange): void {
  const views = viewsOf(exchange, named(exchange));
  const limit = limitOf(exchange);
  const keyspaces = views.map(({ control, keyspace }) => {
    const { entries, total } = control.overwritten(limit);
    const name = JSON.stringify(keyspace.name);
    const shown = entries.map(overwrittenJson).join(',');
    return `{"keyspace":${name},"policy":"${control.conflicts}","total":${total},"conflicts":[${shown}]}`;
  });
  exchange.json(200, `{"id":${JSON.stringify(exchange.router.self)},"keyspaces":[${keyspaces.join(',')}]}`);
}

function limitOf(exchange: Exchange): number {
  const text = exchange.query.get('limit');
  if (text === undefined) return CONFLICTS_DEFAULT;
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (limit < 1) throw new KvorumError('bad_request', `limit must be a positive integer, not ${printable(text)}`);
  return Math.min(limit, CONFLICTS_MAX);
}

function answerSync(exchange: Exchange, status: number, views: readonly LeaderlessView[]): void {
  const { self } = exchange.router;
  exchange.json(status, JSON.stringify({ id: self, keyspaces: views.map((view) => syncDocument(view, self)) }));
}

/** Asks every live member for what it has. Answered at once, with the state before: GET tells when it is done. */
function gossipNow(exchange: Exchange): void {
  const views = viewsOf(exchange, namedInBody(exchange));
  for (const { control } of views) control.gossipNow();
  answerSync(exchange, 202, views);
}

function scrub(exchange: Exchange): void {
  const views = viewsOf(exchange, namedInBody(exchange));
  const scrubbed = views.map(async ({ control, keyspace }) => {
    const differing = await control.scrub();
    return { keyspace: keyspace.name, equal: differing.length === 0, differing };
  });
  Promise.all(scrubbed).then(
    (keyspaces) => exchange.json(200, JSON.stringify({ id: exchange.router.self, keyspaces })),
    (error: unknown) => exchange.fail(toKvorumError(error)),
  );
}

export const LEADERLESS_ROUTES: readonly RouteSpec[] = [
  { method: 'GET', path: '/admin/conflicts', operation: 'admin', schema: schemas.CONFLICTS, handle: conflicts },
  {
    method: 'GET',
    path: '/admin/sync',
    operation: 'admin',
    schema: schemas.SYNC,
    handle: (exchange) => answerSync(exchange, 200, viewsOf(exchange, named(exchange))),
  },
  {
    method: 'POST',
    path: '/admin/sync',
    operation: 'admin',
    bodyBytes: 'small',
    schema: schemas.SYNC_NOW,
    handle: gossipNow,
  },
  {
    method: 'POST',
    path: '/admin/scrub',
    operation: 'admin',
    bodyBytes: 'small',
    schema: schemas.SCRUB,
    handle: scrub,
  },
];
