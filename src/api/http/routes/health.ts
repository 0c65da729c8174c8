import { allOk, renderChecks } from '../../../observe/health.js';
import type { HealthCheck } from '../../../replica/router.js';
import type { Exchange } from '../exchange.js';
import type { RouteSpec } from '../route.js';
import * as schemas from '../schemas.js';

const TEXT = 'text/plain; charset=utf-8';

function statusOf(checks: readonly HealthCheck[]): number {
  return allOk(checks) ? 200 : 503;
}

function health(exchange: Exchange): void {
  const checks = exchange.router.liveness();
  exchange.send(statusOf(checks), TEXT, allOk(checks) ? 'OK' : 'FAILED');
}

/** Liveness decides the status; readiness is shown, so that a lost quorum never gets a healthy process killed. */
function healthJson(exchange: Exchange): void {
  const { router } = exchange;
  const live = router.liveness();
  const ready = router.readiness();
  const body = {
    status: allOk(live) ? 'ok' : 'failed',
    id: router.self,
    region: router.region,
    ready: allOk(ready),
    checks: ready.map(({ name, ok, detail }) => ({ name, ok, detail })),
  };
  exchange.json(statusOf(live), JSON.stringify(body));
}

function probe(exchange: Exchange, endpoint: string, checks: readonly HealthCheck[]): void {
  const verbose = exchange.query.has('verbose') && exchange.query.get('verbose') !== 'false';
  exchange.send(statusOf(checks), TEXT, renderChecks(endpoint, checks, verbose));
}

export const HEALTH_ROUTES: readonly RouteSpec[] = [
  { method: 'GET', path: '/health', operation: 'health', schema: schemas.HEALTH_TEXT, handle: health },
  ...['/health/', '/healthz'].map((path): RouteSpec => ({
    method: 'GET',
    path,
    operation: 'health',
    schema: schemas.HEALTH_JSON,
    handle: healthJson,
  })),
  {
    method: 'GET',
    path: '/livez',
    operation: 'health',
    schema: schemas.LIVEZ,
    handle: (exchange) => probe(exchange, 'livez', exchange.router.liveness()),
  },
  {
    method: 'GET',
    path: '/readyz',
    operation: 'health',
    schema: schemas.READYZ,
    handle: (exchange) => probe(exchange, 'readyz', exchange.router.readiness()),
  },
];
