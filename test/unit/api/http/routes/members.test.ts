import t from 'tap';
import type { ReplicaId } from '../../../../../src/base/brand.js';
import { createHttpApp, type HttpApp } from '../../../../fixtures/http-app.js';
import { voters } from '../../../../fixtures/membership.js';

const app: HttpApp = await createHttpApp();
const { ask, router } = app;
const keyspaces = [router.defaultKeyspace, router.other];
t.teardown(() => app.close());
t.beforeEach(() => {
  for (const keyspace of keyspaces) {
    keyspace.membership = voters('n1', 'n2', 'n3');
    keyspace.changes.length = 0;
    keyspace.failWith = null;
    keyspace.leaderId = router.self;
  }
});

const N4 = { id: 'n4', peer: '127.0.0.1:7104', http: '127.0.0.1:8104', redis: '127.0.0.1:6104', region: 'us' };

t.test('members are listed by replica and by keyspace', async (t) => {
  keyspaces[1]!.leaderId = 'n2' as ReplicaId;
  router.other.membership = { ...voters('n1', 'n2'), learners: ['n5' as ReplicaId], removed: ['n3' as ReplicaId] };
  const { json, status } = await ask('GET', '/admin/members');
  t.equal(status, 200);
  t.match(json, {
    id: 'n1',
    cluster: 'test',
    members: [
      { id: 'n1', role: 'leader', peer: '127.0.0.1:7101', connected: true, folder_known: false },
      { id: 'n2', role: 'leader', keyspaces: [{ keyspace: 'default', role: 'voter', lag: null }, { role: 'leader' }] },
      { id: 'n3', role: 'voter', keyspaces: [{ role: 'voter' }, { keyspace: 'other', role: 'removed' }] },
      { id: 'n5', role: 'learner', peer: null, keyspaces: [{ keyspace: 'other', role: 'learner' }] },
    ],
    keyspaces: [
      { keyspace: 'default', leader: 'n1', voters: ['n1', 'n2', 'n3'], joint: false, committed: true },
      { keyspace: 'other', leader: 'n2', leader_http: 'http://127.0.0.1:8102', learners: ['n5'], removed: ['n3'] },
    ],
  });
});

t.test('a replica is added to every keyspace as a learner', async (t) => {
  const { json, status } = await ask('POST', '/admin/members', { body: N4 });
  t.equal(status, 201);
  t.match(json, {
    id: 'n4',
    results: [
      { keyspace: 'default', ok: true, done: ['added'] },
      { keyspace: 'other', ok: true, done: ['added'] },
    ],
    members: [{ id: 'n1' }, { id: 'n2' }, { id: 'n3' }, { id: 'n4', role: 'learner' }],
  });
  for (const { changes } of keyspaces) t.match(changes, [{ request: { op: 'add', member: { ...N4, folder: null } } }]);
  const again = await ask('POST', '/admin/members', { body: N4 });
  t.equal(again.status, 200, 'the request may be repeated');
  t.match(again.json, {
    results: [
      { ok: true, done: [] },
      { ok: true, done: [] },
    ],
  });
});

t.test('one keyspace alone, promoted when it has caught up', async (t) => {
  const body = { ...N4, keyspace: 'other', promote: true };
  const { json, status } = await ask('POST', '/admin/members', { body });
  t.equal(status, 201);
  t.match(json, { results: [{ keyspace: 'other', done: ['added', 'promoted'] }] });
  t.equal(router.defaultKeyspace.changes.length, 0);
  t.match(router.other.changes[1], { request: { op: 'promote', replica: 'n4', untilCaughtUp: true } });
  t.ok((router.other.changes[1]?.timeoutMs ?? 0) > 30_000, 'with more time than other changes');
});

t.test('what the topology says of a replica need not be said again', async (t) => {
  router.defaultKeyspace.membership = voters('n1', 'n2');
  t.equal((await ask('POST', '/admin/members', { body: { id: 'n3', keyspace: 'default' } })).status, 201);
  t.match(router.defaultKeyspace.changes[0]?.request, { member: { id: 'n3', peer: '127.0.0.1:7103', region: 'eu' } });
  t.match((await ask('POST', '/admin/members', { body: { id: 'n9' } })).json, {
    status: 400,
    code: 'bad_request',
    detail: /"peer" is missing/,
  });
});

t.test('promotion and removal', async (t) => {
  await ask('POST', '/admin/members', { body: N4 });
  const promoted = await ask('POST', '/admin/members/n4/promote');
  t.match(promoted, { status: 200, json: { results: [{ done: ['promoted'] }, { done: ['promoted'] }] } });
  t.match(router.other.changes.at(-1)?.request, { op: 'promote', replica: 'n4', untilCaughtUp: false });
  const waiting = await ask('POST', '/admin/members/n4/promote', { body: { wait: true, keyspace: 'other' } });
  t.match(waiting.json, { results: [{ keyspace: 'other', ok: true, done: [] }] });
  t.match(router.other.changes.at(-1)?.request, { untilCaughtUp: true });
  const removed = await ask('DELETE', '/admin/members/n4?timeout_ms=700');
  t.match(removed.json, { results: [{ done: ['removed'] }, { done: ['removed'] }], keyspaces: [{ removed: ['n4'] }] });
  t.ok((router.defaultKeyspace.changes.at(-1)?.timeoutMs ?? 1000) <= 700);
  const one = await ask('DELETE', '/admin/members/n3?keyspace=other');
  t.match(one.json, { results: [{ keyspace: 'other', done: ['removed'] }] });
});

t.test('a refusal in one keyspace shows what was done in the others, and may be repeated', async (t) => {
  router.defaultKeyspace.failWith = 'change_pending';
  const { headers, json, status } = await ask('POST', '/admin/members', { body: N4 });
  t.equal(status, 503);
  t.equal(headers['retry-after'], '1');
  t.match(json, {
    code: 'change_pending',
    retry: 'after',
    detail: 'Keyspace default: default says no',
    leader: 'n1',
    results: [
      { keyspace: 'default', ok: false, code: 'change_pending', retry: 'after', done: [] },
      { keyspace: 'other', ok: true, done: ['added'] },
    ],
  });
  router.defaultKeyspace.failWith = null;
  t.match((await ask('POST', '/admin/members', { body: N4 })).json, { results: [{ done: ['added'] }, { done: [] }] });
});

t.test('an unknown outcome is told before any refusal', async (t) => {
  router.defaultKeyspace.failWith = 'would_lose_quorum';
  router.other.failWith = 'outcome_unknown';
  const { json } = await ask('DELETE', '/admin/members/n2');
  t.match(json, {
    status: 504,
    code: 'outcome_unknown',
    keyspace: 'other',
    results: [{ code: 'would_lose_quorum' }, {}],
  });
});

t.test('every refusal has its status', async (t) => {
  const statuses = {
    change_pending: 503,
    unknown_member: 404,
    already_member: 409,
    id_removed: 409,
    not_caught_up: 409,
    would_lose_quorum: 409,
    last_voter: 409,
    no_leader: 503,
    not_member: 503,
    outcome_unknown: 504,
  } as const;
  for (const [code, status] of Object.entries(statuses)) {
    router.defaultKeyspace.failWith = code as keyof typeof statuses;
    const body = { keyspace: 'default' };
    t.match((await ask('POST', '/admin/members/n4/promote', { body })).json, { code, status }, code);
  }
});

t.test('what makes no sense is refused before anything is changed', async (t) => {
  const refused = async (body: unknown, detail: RegExp, code = 'bad_request'): Promise<void> => {
    t.match((await ask('POST', '/admin/members', { body })).json, { code, detail }, JSON.stringify(body));
  };
  await refused({}, /"id" is missing/);
  await refused({ ...N4, id: 'a/b' }, /"a\/b" is no id/);
  await refused({ ...N4, id: 7 }, /"id" must be a string/);
  await refused({ ...N4, peer: '7104' }, /a host is missing; write 127\.0\.0\.1:7104/);
  await refused({ ...N4, peer: '0.0.0.0:7104' }, /nobody can connect to every interface/);
  await refused({ ...N4, peer: 'localhost:0' }, /must be known beforehand/);
  await refused({ ...N4, peer: '127.0.0.1:7102' }, /is the peer address of n2/, 'already_member');
  await refused({ ...N4, promote: 'yes' }, /"promote" must be true or false/);
  await refused({ ...N4, timeout_ms: 0 }, /timeout_ms must be an integer from 1/);
  await refused({ ...N4, keyspace: 'nope' }, /no keyspace "nope"/, 'unknown_keyspace');
  t.match((await ask('POST', '/admin/members', { body: 'id=n4' })).json, { code: 'unsupported_media_type' });
  t.match((await ask('DELETE', '/admin/members/%ff')).json, { code: 'bad_request' });
  t.match((await ask('PUT', '/admin/members/n4')).json, { status: 405, allow: ['DELETE'] });
  for (const { changes } of keyspaces) t.equal(changes.length, 0);
});

t.test('status shows what the replica is, and the membership', async (t) => {
  router.other.membership = { ...voters('n2', 'n3'), learners: ['n1' as ReplicaId] };
  t.match((await ask('GET', '/status')).json, {
    keyspaces: [
      { member: 'leader', membership: { voters: ['n1', 'n2', 'n3'], learners: [], joint: false } },
      { member: 'learner', membership: { voters: ['n2', 'n3'], learners: ['n1'] } },
    ],
  });
});
