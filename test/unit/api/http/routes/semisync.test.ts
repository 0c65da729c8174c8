import t from 'tap';
import type { LogIndex, ReplicaId } from '../../../../../src/base/brand.js';
import type { ErrorCode } from '../../../../../src/base/errors/catalogue.js';
import { EPOCH_1, EPOCH_2 } from '../../../../fixtures/fake-semisync.js';
import { testSessions } from '../../../../fixtures/fake-leaderless.js';
import { createHttpApp, type HttpApp } from '../../../../fixtures/http-app.js';
import { createFeedPair } from '../../../../fixtures/http-pair.js';

const KV = '/keyspaces/feed/kv';

t.test('ap.md §1.3.2: a follower hands writes and reads of the leader over, and gives its answer back', async (t) => {
  const { follower, leader } = await createFeedPair(t);
  const written = await follower.ask('PUT', `${KV}/a`, { body: { value: '1', client_id: 'c', seq: 1 } });
  t.match(written, { status: 201, json: { result: 'created', key: 'a', revision: 1 } });
  t.match(written.headers, { 'x-kvorum-forwarded-to': 'n1', etag: '"1"', 'x-kvorum-revision': '1' });
  t.equal(follower.router.feed.reader.size, 0, 'nothing was written at the follower');
  const again = await follower.ask('PUT', `${KV}/a`, { body: { value: '1', client_id: 'c', seq: 1 } });
  t.match(again.headers, { 'x-kvorum-duplicate': 'true' });
  const unmet = await follower.ask('PUT', `${KV}/a`, { body: { value: '2' }, headers: { 'if-none-match': '*' } });
  t.equal(unmet.status, 412, 'conditions go along');
  t.match(await follower.ask('PUT', `${KV}/a`, { body: { value: '2' } }), { status: 200 });
  t.match((await follower.ask('GET', `${KV}/a`)).json, { value: '2' });
  t.match((await follower.ask('GET', `${KV}/a?consistency=strong`)).json, { value: '2' });
  t.same(leader.router.feed.reads, ['leader', 'strong']);
  t.equal((await follower.ask('GET', `${KV}/a?consistency=follower`)).status, 404, 'any member serves what it has');
  t.same(follower.router.feed.reads, ['follower']);
  const looping = await follower.ask('PUT', `${KV}/a`, {
    body: { value: '3' },
    headers: { 'x-kvorum-forwarded': 'n3' },
  });
  t.equal(looping.status, 201, 'what was passed on once is answered where it is, whatever the keyspace says');
});

t.test('with forward=false the client goes to the leader itself', async (t) => {
  const { follower, url } = await createFeedPair(t);
  for (const [method, path] of [
    ['PUT', `${KV}/a?forward=false`],
    ['GET', `${KV}/a?forward=false`],
    ['DELETE', `${KV}/a?forward=false`],
    ['GET', `${KV}?forward=false`],
  ] as const) {
    const answer = await follower.ask(method, path, method === 'PUT' ? { body: { value: '1' } } : {});
    t.match(answer, { status: 307, headers: { location: `${url}${path}`, 'x-kvorum-leader': 'n1' } }, path);
  }
  t.equal((await follower.ask('GET', `${KV}/a?forward=false&consistency=follower`)).status, 404);
});

t.test('bounded reads are served here, or by the leader', async (t) => {
  const { follower, leader } = await createFeedPair(t);
  await leader.ask('PUT', `${KV}/a`, { body: { value: '1' } });
  const { feed } = follower.router;
  t.equal((await follower.ask('GET', `${KV}/a?consistency=bounded:250`)).status, 404);
  t.same(feed.options.at(-1), { maxStalenessMs: 250 });
  feed.failWith = 'too_stale';
  t.match(await follower.ask('GET', `${KV}/a?consistency=bounded:250`), { status: 200, json: { value: '1' } });
  t.same([leader.router.feed.reads.at(-1), leader.router.feed.options.at(-1)], ['bounded', { maxStalenessMs: 250 }]);
  t.equal((await follower.ask('GET', `${KV}/a?consistency=bounded:250&forward=false`)).status, 307);
  leader.router.feed.failWith = 'too_stale';
  t.match(await follower.ask('GET', `${KV}/a?consistency=bounded:0`), { status: 503, json: { code: 'too_stale' } });
});

t.test('a leader that is found out to be none hands over what it has not done', async (t) => {
  const { follower, leader } = await createFeedPair(t);
  const { feed } = follower.router;
  feed.leaderId = null;
  feed.failWith = 'not_leader';
  t.match(await follower.ask('PUT', `${KV}/a`, { body: { value: '1' } }), {
    status: 503,
    json: { code: 'not_leader' },
  });
  feed.held = [];
  const later = follower.ask('PUT', `${KV}/a`, { body: { value: '1' } });
  while (feed.held.length === 0) await new Promise(setImmediate);
  feed.leaderId = 'n1' as ReplicaId;
  feed.release();
  t.match(await later, { status: 201 }, 'it was waiting for a leader, and another one came');
  await leader.close();
  const refused = await follower.ask('PUT', `${KV}/b`, { body: { value: '1' } });
  t.ok(['cannot_connect', 'outcome_unknown'].includes(String(refused.json['code'])), 'the leader is gone');
  t.match((await follower.ask('GET', `${KV}/b`)).json, { code: 'cannot_connect' }, 'a read has no outcome');
});

t.test('consistencies that the engine has not are refused with those that it has', async (t) => {
  const app = await createHttpApp({ feed: true });
  t.teardown(() => app.close());
  const { ask, router } = app;
  const offered = ['leader', 'strong', 'follower', 'bounded:<ms>'];
  for (const [asked, nearest] of [
    ['linearizable', 'strong'],
    ['stale', 'follower'],
    ['lease', 'leader'],
    ['bounded', 'bounded:500'],
  ]) {
    const { json, status } = await ask('GET', `${KV}/a?consistency=${asked}`);
    t.match({ status, json }, { status: 400, json: { code: 'unsupported_consistency', offered } });
    t.match(json['detail'], `offers leader, strong, follower, bounded:<ms>; ${nearest} is the nearest`);
  }
  t.match((await ask('GET', `${KV}/a?consistency=quorum`)).json, { code: 'unsupported_consistency', offered });
  t.match((await ask('GET', `${KV}/a?consistency=bounded:x`)).json, { code: 'unsupported_consistency', offered });
  t.match((await ask('GET', '/kv/a?consistency=bounded:5')).json, { code: 'unsupported_consistency' }, 'raft has none');
  const policy = (wanted: string): Promise<{ json: Readonly<Record<string, unknown>> }> =>
    ask('POST', '/admin/read-policy', { body: { keyspace: 'feed', policy: wanted } });
  t.match((await policy('follower')).json, { policy: 'follower', consistency: 'follower' });
  t.equal(router.feed.defaultConsistency, 'follower');
  t.match((await policy('bounded:500')).json, { detail: /can be asked for by a request only/ });
});

t.test('ap.md §1.2.6: tokens name the epoch of what was seen', async (t) => {
  const app = await createHttpApp({ feed: true });
  t.teardown(() => app.close());
  const { ask, router } = app;
  const seen = (token: unknown): unknown => testSessions.decode(String(token)).get('feed');
  const written = await ask('PUT', `${KV}/a`, { body: { value: '1' } });
  t.same(seen(written.headers['x-kvorum-session']), { revision: 1, epoch: EPOCH_1 });
  router.feed.semisync.epoch = EPOCH_2;
  const read = await ask('GET', `${KV}/a`);
  t.same(seen(read.headers['x-kvorum-session']), { revision: 1, epoch: EPOCH_2 }, 'not the token of the epoch before');
  const headers = { 'x-kvorum-session': String(written.headers['x-kvorum-session']) };
  const next = await ask('GET', `${KV}/a`, { headers });
  t.same(router.feed.options.at(-1), { seen: { revision: 1, epoch: EPOCH_1 } });
  t.same(seen(next.headers['x-kvorum-session']), { revision: 1, epoch: EPOCH_1 }, 'the older of two that say the same');
  await ask('PUT', `${KV}/a`, { body: { value: '2' } });
  const later = await ask('GET', `${KV}/a`, { headers });
  t.same(seen(later.headers['x-kvorum-session']), { revision: 2, epoch: EPOCH_2 });
});

t.test('ap.md §1.3.4: the write quorum is changed at the leader', async (t) => {
  const { follower, leader, url } = await createFeedPair(t);
  const set = (app: HttpApp, body: unknown): ReturnType<HttpApp['ask']> => app.ask('POST', '/admin/quorum', { body });
  t.match(await set(leader, { write_quorum: 2 }), {
    status: 200,
    json: { keyspace: 'feed', old: 1, new: 2, write_quorum: 2, effective_offset: 7, failover_tolerance: 2 },
  });
  t.match((await leader.ask('GET', '/admin/quorum')).json, {
    keyspace: 'feed',
    write_quorum: 2,
    follower_count: 2,
    available: 1,
    promises: 2,
    failover_tolerance: 1,
    leader: 'n1',
  });
  const forbidden = await set(follower, { write_quorum: 2 });
  const { code, ...rest } = { code: 'not_leader', status: 403, error: 'not_leader', leader: 'n1', leader_http: url };
  t.match(forbidden, { status: 403, json: { code, ...rest, detail: /The leader is n1: ask it at http/ } });
  t.match((await follower.ask('GET', '/admin/quorum')).json, { write_quorum: 1, available: null, leader: 'n1' });
  for (const wrong of [-1, 3, 1.5, '2', null, true, undefined]) {
    const answer = await set(leader, { write_quorum: wrong });
    t.match(answer, { status: 400, json: { code: 'bad_request', detail: /1 to 2$/ } }, JSON.stringify(wrong));
  }
  t.match((await set(leader, { write_quorum: 1, keyspace: 'default' })).json, { code: 'unsupported_operation' });
  t.match((await set(leader, { write_quorum: 1, keyspace: 'x' })).json, { code: 'unknown_keyspace' });
  const { semisync } = leader.router.feed;
  for (const refused of ['not_enough_replicas', 'outcome_unknown', 'bad_request'] as const satisfies ErrorCode[]) {
    semisync.failWith = refused;
    t.match((await set(leader, { write_quorum: 1 })).json, { code: refused });
  }
  semisync.failWith = 'not_leader';
  leader.router.feed.leaderId = null;
  t.match(await set(leader, { write_quorum: 1 }), { status: 503, json: { code: 'no_leader' } });
});

t.test('a replica that came later knows nothing of it', async (t) => {
  const app = await createHttpApp({ feed: true, self: 'n4' });
  t.teardown(() => app.close());
  app.router.feed.semisync.followers = 0;
  app.router.feed.leaderId = null;
  const { json } = await app.ask('GET', '/status');
  const feed = (json['keyspaces'] as Record<string, unknown>[]).find(({ keyspace }) => keyspace === 'feed');
  t.match(feed, { member: null, write_quorum: null, promises: null, failover_tolerance: null });
  t.match((await app.ask('GET', '/admin/quorum')).json, { code: 'not_member' });
  const change = await app.ask('POST', '/admin/quorum', { body: { write_quorum: 1 } });
  t.match(change, { status: 503, json: { code: 'no_leader' } }, 'nothing is wrong with the number');
});

t.test('without such a keyspace there is nothing to administer', async (t) => {
  const app = await createHttpApp();
  t.teardown(() => app.close());
  const { ask } = app;
  for (const path of ['/admin/quorum', '/admin/replica-status', '/dump', '/admin/failovers']) {
    const { json } = await ask('GET', path);
    t.match(
      json,
      { status: 400, code: 'unsupported_operation', detail: /^No keyspace of this cluster has a write/ },
      path,
    );
  }
});

t.test('ap.md §1.3.5: promotion is asked of who is to lead', async (t) => {
  const { follower, leader } = await createFeedPair(t);
  t.match(await follower.ask('POST', '/admin/promote'), {
    status: 200,
    json: { keyspace: 'feed', leader: 'n2', epoch: EPOCH_2, promised: ['n2'], required: 2, loss_possible: false },
  });
  t.match((await follower.ask('POST', '/admin/promote', { body: { force: true } })).json, { loss_possible: true });
  t.match((await follower.ask('POST', '/admin/promote', { body: { force: 1 } })).json, { code: 'bad_request' });
  const { asked } = follower.router.feed.semisync;
  for (const writeQuorum of [-1, 3, 1.5, '1', null]) {
    const body = { force: true, write_quorum: writeQuorum };
    const answer = await follower.ask('POST', '/admin/promote', { body });
    t.match(answer, { status: 400, json: { code: 'bad_request', detail: /write_quorum/ } }, String(writeQuorum));
  }
  const gently = await follower.ask('POST', '/admin/promote', { body: { write_quorum: 1 } });
  t.match(gently, { status: 400, json: { code: 'bad_request', detail: /takes "force": true/ } });
  t.same(asked.at(-1), { force: true }, 'nothing of that has reached the keyspace');
  const chosen = await follower.ask('POST', '/admin/promote', { body: { force: true, write_quorum: 2 } });
  t.match(chosen, { status: 200, json: { leader: 'n2', write_quorum: 2 } });
  t.same(asked.at(-1), { force: true, writeQuorum: 2 });
  follower.router.failedReadiness.add('draining');
  t.match(await follower.ask('POST', '/admin/promote'), { status: 503, json: { code: 'draining' } });
  follower.router.failedReadiness.clear();
  follower.router.feed.semisync.failWith = 'not_enough_promises';
  t.match(await follower.ask('POST', '/admin/promote'), { status: 503, json: { code: 'not_enough_promises' } });
  const transfer = (app: HttpApp, target?: string): ReturnType<HttpApp['ask']> =>
    app.ask('POST', '/admin/transfer-leader', { body: { keyspace: 'feed', ...(target && { target }) } });
  t.match(await transfer(leader, 'n2'), { status: 503, json: { code: 'not_enough_promises' } }, 'as the target says');
  follower.router.feed.semisync.failWith = null;
  t.match((await transfer(leader, 'n2')).json, { leader: 'n2', keyspace: 'feed' });
  t.match((await transfer(leader)).json, { leader: 'n2' }, 'the follower that has most');
  t.match((await transfer(follower, 'n2')).json, { leader: 'n2' }, 'itself');
  t.match((await transfer(leader, 'n3')).json, { code: 'cannot_connect', detail: /cannot be asked over HTTP/ });
  t.match((await transfer(leader, 'n9')).json, { code: 'unknown_replica' });
  leader.router.feed.followers = [];
  t.match((await transfer(leader)).json, { code: 'transfer_failed' });
  leader.router.feed.leaderId = 'n2' as ReplicaId;
  t.match((await transfer(leader)).json, { code: 'not_leader', leader: 'n2' });
});

t.test('a dump shows everything, or a hash', async (t) => {
  const app = await createHttpApp({ feed: true });
  t.teardown(() => app.close());
  const { ask, router } = app;
  await ask('PUT', `${KV}/a`, { body: { value: '1' } });
  await ask('PUT', `${KV}/__proto__`, { body: { value: 'é' } });
  const dump = await ask('GET', '/dump');
  t.match(dump.json, { id: 'n1', keyspace: 'feed', role: 'leader', epoch: EPOCH_1, offset: 2, commit: 2, keys: 2 });
  t.equal(dump.text.includes('"data":{"__proto__":"é","a":"1"}'), true, 'whatever keys are called');
  t.notOk('hash' in dump.json);
  await ask('PUT', `${KV}/%FF`, { body: Buffer.from([255]), headers: { 'content-type': 'application/octet-stream' } });
  t.match((await ask('GET', '/dump')).json, { binary: [{ key: null, key_base64: '/w==', value_base64: '/w==' }] });
  t.match((await ask('GET', '/dump?hash=1')).json, {
    data: null,
    data_left_out: /not asked/,
    hash: 'd0',
    hash_offset: 0,
  });
  t.match((await ask('GET', '/dump?at=7')).json, { data: { a: '1' }, hash: 'd0' });
  t.same(router.feed.semisync.asked.at(-1), { index: 7 });
  router.feed.semisync.digest = null;
  t.match((await ask('GET', '/dump?at=7')).json, { hash: null, hash_offset: null });
  t.match((await ask('GET', '/dump?at=x')).json, { code: 'bad_request' });
  t.match((await ask('GET', '/dump?hash=x')).json, { code: 'bad_request' });
  router.feed.failWith = 'starting';
  t.match((await ask('GET', '/dump')).json, { code: 'starting' });
});

t.test('ap.md §1.3.7: replica-status compares each follower with the leader', async (t) => {
  const { follower, leader } = await createFeedPair(t);
  await leader.ask('PUT', `${KV}/a`, { body: { value: '1' } });
  const digest = { index: 7 as LogIndex, revision: 1 as never, keys: 1, digest: 'same' };
  leader.router.feed.semisync.digest = follower.router.feed.semisync.digest = digest;
  const status = await leader.ask('GET', '/admin/replica-status');
  t.match(status.json, {
    keyspace: 'feed',
    id: 'n1',
    leader: { id: 'n1', data: { a: '1' }, head: 2, commit: 1, epoch: EPOCH_1, write_quorum: 1, hash: 'same' },
    in_sync: null,
    followers: {
      n2: { state: 'online', durable: 6, received: 1, applied: 0, silent_ms: 30, data: {}, in_sync: true, error: null },
      n3: { state: 'probe', durable: 2, silent_ms: 900, in_sync: null, error: 'n3 has no HTTP address' },
    },
  });
  t.same(follower.router.feed.semisync.asked.at(-1), { index: 7 }, 'at the same position');
  follower.router.feed.semisync.digest = { ...digest, digest: 'other' };
  t.match((await leader.ask('GET', '/admin/replica-status')).json, {
    in_sync: false,
    followers: { n2: { in_sync: false } },
  });
  follower.router.feed.semisync.digest = null;
  t.match((await leader.ask('GET', '/admin/replica-status')).json, {
    followers: { n2: { in_sync: false, error: /it has not applied 7/ } },
  });
  leader.router.feed.semisync.digest = { ...digest, index: 0 as LogIndex };
  t.match((await leader.ask('GET', '/admin/replica-status')).json, {
    followers: { n2: { in_sync: null, error: /it went on/ } },
  });
  follower.router.feed.failWith = 'draining';
  t.match((await leader.ask('GET', '/admin/replica-status')).json, { followers: { n2: { error: /it answered 503/ } } });
  follower.router.feed.failWith = null;
  t.match((await follower.ask('GET', '/admin/replica-status')).json, {
    id: 'n2',
    leader: { id: 'n1', http: /^http/ },
    followers: { n2: { state: 'follower', data: {} } },
  });
  await follower.close();
  t.match((await leader.ask('GET', '/admin/replica-status')).json, {
    followers: { n2: { in_sync: null, error: /cannot be reached/ } },
  });
});

t.test('ap.md §1.3.7: while writes go on, all are asked for a position that nobody has reached yet', async (t) => {
  const { follower, leader } = await createFeedPair(t);
  await leader.ask('PUT', `${KV}/a`, { body: { value: '1' } });
  const digest = { revision: 1 as never, keys: 1, digest: 'same' };
  leader.router.feed.semisync.digestOf = (index) => ({ ...digest, index: index ?? (0 as LogIndex) });
  follower.router.feed.semisync.digestOf = (index) => (index === 0 ? null : { ...digest, index: index as LogIndex });
  t.match((await leader.ask('GET', '/admin/replica-status')).json, {
    leader: { hash: 'same', data: { a: '1' } },
    followers: { n2: { in_sync: true, error: null } },
  });
  const [passed, ahead] = follower.router.feed.semisync.asked as { readonly index: LogIndex }[];
  t.equal(passed?.index, 0);
  t.ok((ahead?.index ?? 0) > 1, 'beyond what the leader had applied');
  t.same(leader.router.feed.semisync.asked, [{ index: null }, ahead], 'the leader hashes at the same one');
});

t.test('ap.md §1.3.6: failovers and lost writes are told', async (t) => {
  const app = await createHttpApp({ feed: true });
  t.teardown(() => app.close());
  const { ask, router } = app;
  const discarded = {
    file: 'epoch-64-3-4.log',
    fromIndex: 3 as LogIndex,
    toIndex: 4 as LogIndex,
    entries: 2,
    writes: 3,
    acknowledged: 1,
    maybeAcknowledged: 2,
    certain: true,
    beforeLog: true,
  };
  const first = { epoch: EPOCH_1, leader: 'n1' as ReplicaId, before: null, startIndex: 1 as LogIndex, forced: false };
  const second = { epoch: EPOCH_2, leader: 'n2' as ReplicaId, before: first.leader, startIndex: 3 as LogIndex };
  const { semisync } = router.feed;
  semisync.known = [
    { ...second, forced: true, discarded },
    { ...first, discarded: null },
  ];
  t.match((await ask('GET', '/admin/failovers')).json, {
    id: 'n1',
    keyspace: 'feed',
    acknowledged_lost: 1,
    maybe_acknowledged_lost: 2,
    failovers: [
      {
        epoch: EPOCH_2,
        leader: 'n2',
        before: 'n1',
        start_offset: 3,
        forced: true,
        discarded: {
          file: 'epoch-64-3-4.log',
          from_offset: 3,
          to_offset: 4,
          writes: 3,
          acknowledged: 1,
          maybe_acknowledged: 2,
          certain: true,
          before_log: true,
        },
      },
      { epoch: EPOCH_1, before: null, discarded: null },
    ],
  });
  const bytes = Buffer.from([0xff]);
  const operations = [
    { op: 'put', key: 'a', value: Buffer.from('1') },
    { op: 'delete', key: '\xff' },
    { op: 'increment', key: 'n', delta: -3n },
    { op: 'append', key: 'b', value: bytes, maxBytes: 10 },
  ] as const;
  const command = { operations, session: { clientId: 'c', seq: 9 } };
  semisync.lost = { ...discarded, commands: [{ index: 3 as LogIndex, epoch: EPOCH_1, command }] };
  t.match((await ask('GET', '/admin/failovers?file=epoch-64-3-4.log')).json, {
    acknowledged: 1,
    maybe_acknowledged: 2,
    commands: [
      {
        offset: 3,
        epoch: EPOCH_1,
        client_id: 'c',
        seq: 9,
        operations: [
          { op: 'put', key: 'a', value: '1' },
          { op: 'delete', key: null, key_base64: '/w==' },
          { op: 'increment', key: 'n', by: '-3' },
          { op: 'append', key: 'b', value: null, value_base64: '/w==' },
        ],
      },
    ],
  });
  const missing = await ask('GET', '/admin/failovers?file=..%2F..%2Fx');
  t.match(missing, { status: 404, json: { code: 'lost_writes_not_found' } });
});

t.test('status and members show who follows how far', async (t) => {
  const app = await createHttpApp({ feed: true });
  t.teardown(() => app.close());
  const { ask, router } = app;
  const find = (json: Readonly<Record<string, unknown>>): unknown =>
    (json['keyspaces'] as Record<string, unknown>[]).find(({ keyspace }) => keyspace === 'feed');
  t.match(find((await ask('GET', '/status')).json), {
    engine: 'semisync',
    role: 'leader',
    epoch: EPOCH_1,
    leader: 'n1',
    commit_index: 0,
    write_quorum: 1,
    follower_count: 2,
    available: 1,
    staleness_ms: 12,
    member: 'leader',
    members: ['n1', 'n2', 'n3'],
    followers: [
      { id: 'n2', state: 'online', durable: 6, lag: 0, silent_ms: 30 },
      { id: 'n3', state: 'probe', durable: 2, silent_ms: 900 },
    ],
  });
  router.feed.semisync.staleMs = Number.POSITIVE_INFINITY;
  t.match(find((await ask('GET', '/status')).json), { staleness_ms: null }, 'not known');
  const members = (await ask('GET', '/admin/members')).json;
  t.match(find(members), { keyspace: 'feed', leader: 'n1', voters: ['n1', 'n2', 'n3'] });
  const [, n2] = members['members'] as { keyspaces: unknown[] }[];
  t.match(
    n2?.keyspaces.find((each) => (each as { keyspace: string }).keyspace === 'feed'),
    { role: 'voter', match_index: 6, lag: 0, active: true },
  );
  const add = await ask('POST', '/admin/members', { body: { id: 'n4', peer: '127.0.0.1:7104', keyspace: 'feed' } });
  t.match(add.json, { code: 'unsupported_operation', detail: /are those that the cluster was formed with/ });
  t.match((await ask('DELETE', '/admin/members/n3?keyspace=feed')).json, { code: 'unsupported_operation' });
  t.same(router.feed.changes, []);
});
