import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { fastifySwagger } from '@fastify/swagger';
import { fastify, type FastifyInstance, type FastifyServerOptions } from 'fastify';
import { KvorumError, toKvorumError } from '../../base/errors/error.js';
import { VERSION } from '../../version.js';
import { Exchange, type ServerContext } from './exchange.js';
import type { RouteSpec } from './route.js';
import { RouteTable } from './route-table.js';
import { ADMIN_ROUTES } from './routes/admin.js';
import { BATCH_ROUTES } from './routes/batch.js';
import { CONDITIONAL_ROUTES } from './routes/conditional.js';
import { FAILOVER_ROUTES } from './routes/failovers.js';
import { HEALTH_ROUTES } from './routes/health.js';
import { ITEM_ROUTES } from './routes/item.js';
import { KVS_ROUTES } from './routes/kvs.js';
import { LEADERLESS_ROUTES } from './routes/leaderless.js';
import { MEMBER_ROUTES } from './routes/members.js';
import { QUORUM_ROUTES } from './routes/quorum.js';
import { REPLICA_STATUS_ROUTES } from './routes/replica-status.js';
import { SCAN_ROUTES } from './routes/scan.js';
import { STATUS_ROUTES } from './routes/status.js';
import { PROBLEM } from './schema-parts.js';

const KIB = 1024;
/** JSON writes a byte as six characters at worst (`\u0000`), plus the members around the value. */
const JSON_EXPANSION = 6;
const SMALL_BODY_BYTES = 16 * KIB;
/** Longer than a URL can be: the limits of keys are checked in bytes, after decoding. */
const PARAMETER_LENGTH_MAX = 64 * KIB;

/**
 * Handlers check what they read, member by member; the schemas describe the API and do no work at run time. Given from
 * the start, so that fastify does not load compilers that nobody uses.
 */
const NO_COMPILERS = {
  compilersFactory: {
    buildValidator: () => () => (): boolean => true,
    buildSerializer:
      () =>
      () =>
      (value: unknown): string =>
        JSON.stringify(value),
  },
} as unknown as NonNullable<FastifyServerOptions['schemaController']>;

export interface Application {
  /** Routes, parses and answers; what node:http calls per request, and what tests inject into. */
  readonly app: FastifyInstance;
  readonly routes: RouteTable;
}

/** The API as a fastify application, without a socket. */
export async function buildApplication(context: ServerContext, bodyBytesMax: number): Promise<Application> {
  const routes = new RouteTable();
  const app = fastify({
    schemaController: NO_COMPILERS,
    logger: false,
    exposeHeadRoutes: true,
    bodyLimit: bodyBytesMax,
    genReqId: requestIds(),
    requestIdHeader: false,
    return503OnClosing: false,
    routerOptions: { maxParamLength: PARAMETER_LENGTH_MAX },
    rewriteUrl,
    frameworkErrors: (error, request, reply) => new Exchange(context, request, reply, 'other').fail(translate(error)),
  });
  // The causal document's clients send metadata in the body of a GET; guard.ts lets it through for them alone.
  app.addHttpMethod('GET', { hasBody: true, overrideExisting: true });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error, request, reply) => {
    const translated = translate(error);
    const headers = translated.spec.http === 413 ? ['connection', 'close'] : [];
    new Exchange(context, request, reply, 'other').fail(translated, headers);
  });
  app.setNotFoundHandler((request, reply) => answerNotFound(new Exchange(context, request, reply, 'other'), routes));
  app.addSchema(PROBLEM);
  await app.register(fastifySwagger, {
    openapi: { openapi: '3.1.0', info: { title: 'Kvorum', version: VERSION } },
    refResolver: { buildLocalReference },
  });
  registerAll(app, routes, context, bodyBytesMax);
  await app.ready();
  return { app, routes };
}

/** Shared schemas keep their names in the document. */
function buildLocalReference(schema: object, _base: unknown, _fragment: string, index: number): string {
  return '$id' in schema && typeof schema.$id === 'string' ? schema.$id : `schema-${index}`;
}

function registerAll(app: FastifyInstance, routes: RouteTable, context: ServerContext, bodyBytesMax: number): void {
  let openApi: string | undefined;
  const openApiRoute: RouteSpec = {
    method: 'GET',
    path: '/openapi.json',
    operation: 'openapi',
    schema: {
      summary: 'This document',
      operationId: 'openapi',
      tags: ['admin'],
      response: {
        200: { description: 'OpenAPI 3.1', content: { 'application/json': { schema: { type: 'object' } } } },
      },
    },
    handle: (exchange) => exchange.json(200, (openApi ??= JSON.stringify(app.swagger()))),
  };
  const bodyBytes = bodyLimits(context, bodyBytesMax);
  const all = [
    ...ITEM_ROUTES,
    ...CONDITIONAL_ROUTES,
    ...BATCH_ROUTES,
    ...SCAN_ROUTES,
    ...STATUS_ROUTES,
    ...HEALTH_ROUTES,
    ...ADMIN_ROUTES,
    ...MEMBER_ROUTES,
    ...LEADERLESS_ROUTES,
    ...QUORUM_ROUTES,
    ...REPLICA_STATUS_ROUTES,
    ...FAILOVER_ROUTES,
    ...KVS_ROUTES,
    openApiRoute,
  ];
  for (const spec of all) {
    const prefixes = spec.perKeyspace === true ? ['', '/keyspaces/:keyspace'] : [''];
    for (const prefix of prefixes) {
      routes.add(spec.method, prefix + spec.path);
      register(app, context, spec, prefix, bodyBytes[spec.bodyBytes ?? 'small']);
    }
  }
}

function bodyLimits(
  { router }: ServerContext,
  bodyBytesMax: number,
): Readonly<Record<NonNullable<RouteSpec['bodyBytes']>, number>> {
  const valueBytes = Math.max(...router.keyspaces.map(({ limits }) => limits.valueBytes));
  const value = Math.min(bodyBytesMax, JSON_EXPANSION * valueBytes + SMALL_BODY_BYTES);
  return { value, batch: bodyBytesMax, small: Math.min(bodyBytesMax, SMALL_BODY_BYTES) };
}

function register(
  app: FastifyInstance,
  context: ServerContext,
  spec: RouteSpec,
  prefix: string,
  bodyLimit: number,
): void {
  const { method, path, operation } = spec;
  app.route({
    method,
    url: prefix + path,
    bodyLimit,
    schema: describe(spec, prefix),
    handler: (request, reply) => {
      const exchange = new Exchange(context, request, reply, operation);
      exchange.run(() => {
        if (spec.perKeyspace === true) exchange.openSession(exchange.sessionHeader);
        spec.handle(exchange);
      });
    },
  });
}

/** Adds the keyspace to the parameters, and makes operation ids unique: a path with a final slash is another one. */
function describe({ schema, path }: RouteSpec, prefix: string): RouteSpec['schema'] {
  const slash = path.endsWith('/') ? 'Slash' : '';
  const suffix = prefix === '' ? slash : `In${slash}`;
  const described = { ...schema, operationId: schema.operationId + suffix };
  if (prefix === '') return described;
  const params = schema.params ?? { type: 'object', properties: {}, required: [] };
  const keyspace = { type: 'string', description: 'A keyspace of the topology' };
  return {
    ...described,
    params: { ...params, properties: { ...(params['properties'] as object), keyspace } },
  };
}

/** `X-Request-Id` of the client when it is harmless to echo (reliability.md §6.3), else a new one. */
function requestIds(): (request: IncomingMessage) => string {
  const prefix = randomBytes(4).toString('hex');
  let count = 0;
  return (request) => {
    const given = request.headers['x-request-id'];
    if (typeof given === 'string' && /^[A-Za-z0-9-]{1,64}$/.test(given)) return given;
    count++;
    return `${prefix}-${count.toString(36)}`;
  };
}

/**
 * fastify decodes path parameters as UTF-8 and refuses what is not; keys are bytes. Encoding the percent signs once
 * more makes it hand over the parameter as it was written.
 */
function rewriteUrl(request: IncomingMessage): string {
  const url = request.url ?? '/';
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  const literal = path.replaceAll('%', '%25').replaceAll('#', '%23').replaceAll(';', '%3B');
  return literal + (query < 0 ? '' : url.slice(query));
}

function answerNotFound(exchange: Exchange, routes: RouteTable): void {
  const { method } = exchange.request;
  const path = exchange.url.split('?', 1)[0] ?? '/';
  const allowed = routes.methodsOf(path);
  if (allowed.length > 0) {
    const allow = allowed.join(', ');
    const error = new KvorumError('method_not_allowed', `${method} is not among ${allow}`, {
      extra: { allow: allowed },
    });
    exchange.fail(error, ['allow', allow]);
    return;
  }
  const slashes = /^\/(?:keyspaces\/[^/]+\/)?kv\/.+\//.test(path);
  const hint = slashes ? 'There is no such path; a slash within a key is written %2F' : undefined;
  exchange.fail(new KvorumError('route_not_found', hint));
}

/** fastify's own errors in the words of the catalogue. */
function translate(error: unknown): KvorumError {
  const { code, statusCode } = error instanceof Error ? (error as { code?: unknown; statusCode?: unknown }) : {};
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new KvorumError('request_too_large', 'The body is larger than this path takes');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new KvorumError('unsupported_media_type', 'The Content-Type is malformed');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new KvorumError('bad_request', 'The body is not as long as Content-Length says');
    case 'FST_ERR_BAD_URL':
      return new KvorumError('bad_request', 'The path is malformed');
    default:
  }
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) return new KvorumError('bad_request');
  return toKvorumError(error);
}
