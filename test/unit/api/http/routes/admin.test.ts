import t from 'tap';
import type { ReplicaId } from '../../../../../src/base/brand.js';
import type { Logger } from '../../../../../src/base/logger.js';
import { silentLogger } from '../../../../../src/base/logger.js';
import { createHttpApp } from '../../../../fixtures/http-app.js';

const errors: Record<string, unknown>[] = [];
const logger: Logger = { ...silentLogger, error: (event, fields) => errors.push({ event, ...fields }) };
const app = await createHttpApp({ logger });
const { ask, router } = app;
t.teardown(() => app.close());

t.test('health', async (t) => {
  const text = await ask('GET', '/health');
  t.equal(text.text, 'OK');
  t.match(text.headers['content-type'], /text\/plain/);
  for (const path of ['/health/', '/healthz']) t.match((await ask('GET', path)).json, { status: 'ok', id: 'n1' });
  t.equal((await ask('GET', '/livez')).text, 'ok');
  t.equal((await ask('GET', '/readyz?verbose')).text, '[+]disk ok\n[+]leader ok\nreadyz check passed\n');
});

t.test('liveness does not depend on a leader, readiness may', async (t) => {
  router.failedReadiness.add('leader');
  t.teardown(() => router.failedReadiness.clear());
  t.equal((await ask('GET', '/livez')).status, 200);
  t.equal((await ask('GET', '/health')).status, 200);
  t.match((await ask('GET', '/healthz')).json, { status: 'ok', ready: false });
  const ready = await ask('GET', '/readyz');
  t.equal(ready.status, 503);
  t.match(ready.text, /^\[-\]leader failed: no leader is known$/m);
  t.match(ready.text, /readyz check failed/);
});

t.test('a dead disk is told everywhere', async (t) => {
  router.failedLiveness.add('disk');
  t.teardown(() => router.failedLiveness.clear());
  for (const path of ['/health', '/health/', '/healthz', '/livez', '/readyz']) {
    t.equal((await ask('GET', path)).status, 503, path);
  }
});

t.test('status shows the replica, its members and the topology', async (t) => {
  t.match((await ask('GET', '/status')).json, {
    id: 'n1',
    cluster: 'test',
    region: 'eu',
    uptime_ms: 1235,
    keyspaces: [
      { keyspace: 'default', engine: 'raft', role: 'leader', term: 3, leader: 'n1', commit_index: 0, lag: 0 },
      { keyspace: 'other' },
    ],
    replicas: [{ id: 'n1' }, { id: 'n2' }, { id: 'n3', http: null }],
    links: [],
  });
});

t.test('metrics', async (t) => {
  const text = await ask('GET', '/metrics');
  t.match(text.headers['content-type'], /text\/plain; version=0\.0\.4/);
  t.match(text.text, /kvorum_up 1/);
  t.equal((await ask('GET', '/admin/metrics')).status, 200);
});

t.test('an unexpected failure is logged, and not shown', async (t) => {
  router.metricsFailure = new Error('secret path /home/x');
  t.teardown(() => (router.metricsFailure = null));
  const answer = await ask('GET', '/metrics', { headers: { 'x-request-id': 'mine-1' } });
  t.match(answer.json, { status: 500, code: 'internal', instance: 'mine-1' });
  t.notMatch(answer.text, /secret/);
  t.match(errors, [{ event: 'request_failed', request: 'mine-1', operation: 'metrics', detail: /secret/ }]);
});

t.test('the read policy changes at run time', async (t) => {
  t.match((await ask('GET', '/admin/read-policy')).json, { keyspace: 'default', policy: 'readindex' });
  const stale = await ask('POST', '/admin/read-policy', { body: { policy: 'stale' } });
  t.match(stale.json, { keyspace: 'default', policy: 'stale', consistency: 'stale' });
  router.defaultKeyspace.reads.length = 0;
  await ask('GET', '/kv/a');
  t.same(router.defaultKeyspace.reads, ['stale']);
  t.equal(router.other.defaultConsistency, 'linearizable', 'only the default keyspace');
  await ask('POST', '/admin/read-policy', { body: { policy: 'lease', keyspace: 'other' } });
  t.equal(router.other.defaultConsistency, 'lease');
  const back = await ask('POST', '/admin/read-policy', { body: { policy: 'readindex' } });
  t.match(back.json, { policy: 'readindex', consistency: 'linearizable' });
  t.equal((await ask('POST', '/admin/read-policy', { body: { policy: 'quorum' } })).status, 400);
  t.equal((await ask('POST', '/admin/read-policy', { body: {} })).status, 400);
  t.equal((await ask('POST', '/admin/read-policy', { body: { policy: 'stale', keyspace: 'x' } })).status, 404);
});

t.test('leadership is handed over by the leader only', async (t) => {
  const keyspace = router.defaultKeyspace;
  t.teardown(() => {
    keyspace.leaderId = router.self;
    keyspace.failWith = null;
  });
  t.match((await ask('POST', '/admin/transfer-leader', { body: { target: 'n9' } })).json, { code: 'unknown_replica' });
  t.same((await ask('POST', '/admin/transfer-leader')).json, { keyspace: 'default', leader: 'n2' });
  const follower = await ask('POST', '/admin/transfer-leader', { body: { target: 'n3' } });
  t.match(follower.json, { code: 'not_leader', leader: 'n2', leader_http: 'http://127.0.0.1:8102' });
  keyspace.leaderId = null;
  t.match((await ask('POST', '/admin/transfer-leader')).json, { code: 'no_leader' });
  keyspace.leaderId = 'n1' as ReplicaId;
  keyspace.failWith = 'transfer_failed';
  t.match((await ask('POST', '/admin/transfer-leader')).json, { status: 503, code: 'transfer_failed' });
});
