import t from 'tap';
import { KvorumError } from '../../../../../src/base/errors/error.js';
import { ORIGINS, testSessions, tokenOf } from '../../../../fixtures/fake-leaderless.js';
import { createHttpApp, type Answer, type HttpApp } from '../../../../fixtures/http-app.js';

let app: HttpApp;
t.beforeEach(async () => void (app = await createHttpApp()));
t.afterEach(() => app.close());

const AT = '/keyspaces/carts/kv';

function sessionOf(answer: Answer): ReturnType<typeof testSessions.decode> {
  return testSessions.decode(String(answer.headers['x-kvorum-session']));
}

t.test('an item is told with its Lamport timestamp, which is its ETag', async (t) => {
  const created = await app.ask('PUT', `${AT}/x`, { body: { value: '1' } });
  t.match(created, { status: 201, json: { result: 'created', key: 'x', revision: 1, version: '1@n1~a' } });
  t.equal(created.headers['etag'], '"1@n1~a"');
  const found = await app.ask('GET', `${AT}/x`);
  t.match(found, { status: 200, json: { key: 'x', value: '1', revision: 1, version: '1@n1~a' } });
  t.notOk('create_revision' in found.json, 'concurrent writes have no first one');
  const same = await app.ask('GET', `${AT}/x`, { headers: { 'if-none-match': '"1@n1~a"' } });
  t.equal(same.status, 304);
  t.match((await app.ask('DELETE', `${AT}/x`)).json, { result: 'deleted', revision: 2, version: '2@n1~a' });
  t.equal((await app.ask('GET', `${AT}/x`)).status, 404);
});

t.test('every answer of a keyspace carries the session (ap.md §1.2.4)', async (t) => {
  const written = await app.ask('PUT', `${AT}/x`, { body: { value: '1' } });
  t.same(sessionOf(written).get('carts'), { dots: [{ origin: ORIGINS.n1, seq: 1 }], counter: 1 });
  app.router.carts.deliver(ORIGINS.n2, 4, 9, 'y', 'theirs');
  const token = String(written.headers['x-kvorum-session']);
  const read = await app.ask('GET', `${AT}/y`, { headers: { 'x-kvorum-session': token } });
  const both = { dots: [{ origin: ORIGINS.n1, seq: 1 }, { origin: ORIGINS.n2, seq: 4 }], counter: 9 }; // prettier-ignore
  t.same(sessionOf(read).get('carts'), both, 'what was read is added to what was sent');
  t.match(app.router.carts.asked.at(-1)?.options, { seen: { counter: 1 }, keys: ['y'] }, 'and the keyspace was told');
  const absent = await app.ask('GET', `${AT}/none`, { headers: { 'x-kvorum-session': token } });
  t.equal(absent.headers['x-kvorum-session'], token, '404 by absence leaves it unchanged');
  t.same([...sessionOf(await app.ask('GET', `${AT}/none`))], [], 'a session that has seen nothing is a token, too');
  const bad = await app.ask('PUT', `${AT}/x`, { body: {}, headers: { 'x-kvorum-session': token } });
  t.match(bad, { status: 400, headers: { 'x-kvorum-session': token } }, 'an error gives it back');
});

t.test('who is told of a delete has seen it: 404 by tombstone', async (t) => {
  app.router.carts.deliver(ORIGINS.n2, 7, 9, 'x', null);
  const seen = { dots: [{ origin: ORIGINS.n2, seq: 7 }], counter: 9 };
  const read = await app.ask('GET', `${AT}/x`);
  t.equal(read.status, 404);
  t.same(sessionOf(read).get('carts'), seen);
  const removed = await app.ask('DELETE', `${AT}/x`);
  t.equal(removed.status, 404);
  t.same(sessionOf(removed).get('carts'), seen);
});

t.test('sessions of keyspaces with a leader count revisions', async (t) => {
  const written = await app.ask('PUT', '/kv/x', { body: { value: '1' } });
  t.same(sessionOf(written).get('default'), { revision: 1 });
  const token = String(written.headers['x-kvorum-session']);
  const mixed = await app.ask('PUT', `${AT}/y`, { body: { value: '2' }, headers: { 'x-kvorum-session': token } });
  t.same([...sessionOf(mixed).keys()], ['default', 'carts'], 'one token for all keyspaces');
  const scanned = await app.ask('GET', '/kv', { headers: { 'x-kvorum-session': token } });
  t.same(sessionOf(scanned).get('default'), { revision: 1 });
});

t.test('tokens of answers at the same time are sent together', async (t) => {
  app.router.carts.deliver(ORIGINS.n1, 5, 9, 'x', 'v');
  app.router.carts.deliver(ORIGINS.n2, 3, 9, 'y', 'v');
  const one = tokenOf('carts', { origin: ORIGINS.n1, seq: 5 });
  const two = tokenOf('carts', { origin: ORIGINS.n1, seq: 2 }, { origin: ORIGINS.n2, seq: 3 });
  const answer = await app.ask('GET', `${AT}/none`, { headers: { 'x-kvorum-session': `${one}, ${two}` } });
  const both = { dots: [{ origin: ORIGINS.n1, seq: 5 }, { origin: ORIGINS.n2, seq: 3 }] }; // prettier-ignore
  t.same(sessionOf(answer).get('carts'), both);
  const many = Array.from({ length: 65 }, () => one).join(',');
  t.equal((await app.ask('GET', `${AT}/none`, { headers: { 'x-kvorum-session': many } })).status, 400);
});

t.test('a token that is not ours is refused', async (t) => {
  const refused = await app.ask('GET', `${AT}/x`, { headers: { 'x-kvorum-session': 'forged' } });
  t.match(refused, { status: 400, json: { code: 'session_token_invalid' } });
});

t.test('a replica behind the session says what it lacks (ap.md §1.2.5)', async (t) => {
  const token = tokenOf('carts', { origin: ORIGINS.n2, seq: 3 });
  const headers = { 'x-kvorum-session': token, prefer: 'wait=0.5' };
  for (const answer of [
    await app.ask('GET', `${AT}/x`, { headers }),
    await app.ask('PUT', `${AT}/x`, { headers, body: { value: '1' } }),
  ]) {
    t.match(answer, { status: 503, headers: { 'retry-after': '1', 'x-kvorum-session': token } });
    t.match(answer.json, { code: 'dependencies_not_satisfied', missing: [{ replica: 'n2', have: 0, need: 3 }] });
  }
  t.match(app.router.carts.asked, [{ options: { waitMs: 500 } }, { options: { waitMs: 500 } }], 'Prefer: wait');
  t.equal((await app.ask('GET', `${AT}/x`, { headers: { prefer: 'wait=soon' } })).status, 400);
  app.router.carts.failWith = 'causal_history_lost';
  t.match(await app.ask('GET', `${AT}/x`), { status: 410, json: { code: 'causal_history_lost', retry: 'never' } });
});

t.test('levels of reads and writes', async (t) => {
  const { carts } = app.router;
  await app.ask('PUT', `${AT}/x?consistency=quorum`, { body: { value: '1' } });
  t.match(carts.asked.at(-1), { options: { level: 'quorum' } });
  await app.ask('DELETE', `${AT}/x?consistency=eventual`);
  t.match(carts.asked.at(-1), { options: { level: 'one' } });
  await app.ask('PUT', `${AT}/x`, { body: { value: '1' } });
  t.equal(carts.asked.at(-1)?.options, undefined, 'left to the keyspace');
  for (const [asked, level] of [
    ['all', 'all'],
    ['each_quorum', 'each_quorum'],
    ['eventual', 'one'],
  ]) {
    // prettier-ignore
    await app.ask('GET', `${AT}/x?consistency=${asked}`);
    t.equal(carts.asked.at(-1)?.what, `read ${level}`);
  }
  await app.ask('GET', `${AT}/x`);
  t.equal(carts.asked.at(-1)?.what, 'read session', 'the default');
});

t.test('no level is called strong: R + W > N is not linearizable', async (t) => {
  for (const name of ['strong', 'linearizable']) {
    const { json, status } = await app.ask('GET', `${AT}/x?consistency=${name}`);
    t.equal(status, 400);
    t.match(json, { code: 'unsupported_consistency', ordered_keyspaces: ['default', 'other'] });
    t.match(json['detail'], /causal of keyspace carts offers session.*These keyspaces can: default, other/);
  }
  t.match((await app.ask('GET', '/kv/x?consistency=strong')).status, 404, 'a raft keyspace is');
  t.equal((await app.ask('PUT', `${AT}/x?consistency=most`, { body: { value: '1' } })).status, 400);
});

t.test('ttl_ms is an instant when it is written', async (t) => {
  const before = Date.now();
  await app.ask('PUT', `${AT}/x`, { body: { value: '1', ttl_ms: 60_000 } });
  const { expires_at_ms: at } = (await app.ask('GET', `${AT}/x`)).json;
  t.ok(Number(at) >= before + 60_000 && Number(at) <= Date.now() + 60_000);
  await app.ask('PUT', `${AT}/raw?ttl_ms=1000`, { body: 'v', headers: { 'content-type': 'text/plain' } });
  t.ok('expires_at_ms' in (await app.ask('GET', `${AT}/raw`)).json);
  for (const ttl of [0, -1, 1.5, '', 'x', 1e15]) {
    t.equal((await app.ask('PUT', `${AT}/x`, { body: { value: '1', ttl_ms: ttl } })).status, 400, `${ttl}`);
  }
  t.equal((await app.ask('PUT', '/kv/x', { body: { value: '1', ttl_ms: 5 } })).status, 400, 'not with raft');
});

t.test('siblings are shown with a context that collapses them', async (t) => {
  const { carts } = app.router;
  carts.conflicts = 'siblings';
  carts.deliver(ORIGINS.n2, 4, 9, 'x', 'new');
  const value = (text: string, origin: 'n1' | 'n2', seq: number) => {
    const source = Buffer.from(text);
    return { source, start: 0, end: source.length, dot: { origin: ORIGINS[origin], seq } };
  };
  carts.siblings.set('x', [value('new', 'n2', 4), value('old', 'n1', 2), value('older', 'n1', 1)]);
  const { json } = await app.ask('GET', `${AT}/x`);
  t.match(json, { value: 'new', siblings: [{ value: 'new' }, { value: 'old', origin: 'n1~a' }, { value: 'older' }] });
  const context = String(json['context']);
  const bytes = await app.ask('GET', `${AT}/x`, { headers: { accept: 'application/octet-stream' } });
  t.match(bytes, { text: 'new', headers: { 'x-kvorum-siblings': '3', 'x-kvorum-context': context } });

  const seen = [{ origin: ORIGINS.n2, seq: 4 }, { origin: ORIGINS.n1, seq: 2 }]; // prettier-ignore
  await app.ask('PUT', `${AT}/x`, { body: { value: 'merged', context } });
  t.match(carts.asked.at(-1)?.options, { context: seen }, 'of each origin the last: it covers those before');
  await app.ask('DELETE', `${AT}/x`, { headers: { 'x-kvorum-context': context } });
  t.match(carts.asked.at(-1)?.options, { context: seen });
  t.match((await app.ask('PUT', `${AT}/x`, { body: { value: 'v', context: 'x' } })).status, 400, 'a forged one');
  carts.conflicts = 'lww';
  t.match((await app.ask('PUT', `${AT}/x`, { body: { value: 'v', context } })).json, { detail: /keeps no siblings/ });
});

t.test('what needs one order of writes is refused with the reason (ap.md §1.1)', async (t) => {
  const requests = [
    ['POST', `${AT}/x/cas`, { expected: null, value: '1' }, {}],
    ['POST', AT, { key: 'x', value: '1' }, {}],
    ['POST', `${AT}/mput`, { entries: [{ key: 'x', value: '1' }] }, {}],
    ['POST', `${AT}/mdelete`, { keys: ['x'] }, {}],
    ['PUT', `${AT}/x`, { value: '1' }, { 'if-none-match': '*' }],
    ['DELETE', `${AT}/x`, undefined, { 'if-match': '"1"' }],
    ['PUT', `${AT}/x`, { value: '1', client_id: 'c', seq: 1 }, {}],
  ] as const;
  for (const [method, url, body, headers] of requests) {
    const { json, status } = await app.ask(method, url, { headers, ...(body === undefined ? {} : { body }) });
    t.match({ json, status }, { status: 409, json: { code: 'unsupported_by_engine', detail: /two members/i } }, url);
  }
  t.equal((await app.ask('GET', `${AT}/x`)).status, 404, 'nothing was written');
});

t.test('many keys are read at once, and listed', async (t) => {
  const { carts } = app.router;
  carts.deliver(ORIGINS.n2, 1, 3, 'a', '1');
  carts.deliver(ORIGINS.n3, 2, 5, 'b', '2');
  const many = await app.ask('POST', `${AT}/mget`, { body: { keys: ['a', 'b', 'none'] } });
  t.match(many.json, { entries: [{ value: '1', version: '3@n2~b' }, { value: '2' }, { found: false }] });
  t.match(sessionOf(many).get('carts'), { dots: [{ seq: 1 }, { seq: 2 }], counter: 5 });
  const page = await app.ask('GET', `${AT}?limit=1`);
  t.match(page.json, { items: [{ key: 'a', version: '3@n2~b' }] });
  t.match(sessionOf(page).get('carts'), { dots: [{ origin: ORIGINS.n2 }] });
  t.match(carts.asked.at(-1)?.options, undefined, 'a scan names no keys');
});

t.test('there is no leader to be led to', async (t) => {
  t.equal((await app.ask('PUT', `${AT}/x?forward=false`, { body: { value: '1' } })).status, 201);
  const transfer = await app.ask('POST', '/admin/transfer-leader', { body: { keyspace: 'carts' } });
  t.match(transfer, { status: 400, json: { code: 'unsupported_operation' } });
});

t.test('/status tells id, clock, keys and peers, how far they are, and who holds up what', async (t) => {
  app.router.carts.deliver(ORIGINS.n2, 4, 9, 'x', 'v');
  const { keyspaces } = (await app.ask('GET', '/status')).json as unknown as { keyspaces: readonly object[] };
  t.match(keyspaces[2], {
    keyspace: 'carts',
    engine: 'causal',
    role: 'member',
    state: 'behind',
    origin: 'n1~a',
    clock: 9,
    keys: 1,
    vector: { 'n2~b': 4 },
    behind: [{ replica: 'n2', batches: 3 }],
    lag: 3,
    stable: 1,
    stable_blocked_by: ['n3'],
    peers: [
      { id: 'n2', alive: true, phi: 0.2, lag: 2, last_heard_ms: 12 },
      { id: 'n3', alive: false, phi: 11, last_heard_ms: null },
    ],
  });
});

t.test('members of leaderless keyspaces are listed beside those of others', async (t) => {
  const { json } = await app.ask('GET', '/admin/members');
  t.match(json, {
    members: [{ id: 'n1', role: 'leader' }, { id: 'n2', role: 'voter' }, { id: 'n3' }],
    keyspaces: [{ keyspace: 'default' }, { keyspace: 'other' }],
    leaderless: [{ keyspace: 'carts', engine: 'causal', members: ['n1', 'n2', 'n3'] }, { keyspace: 'likes' }],
  });
  const [, second] = json['members'] as { keyspaces: object[] }[];
  t.match(second?.keyspaces[2], { keyspace: 'carts', role: 'member', lag: 2, active: true });
});

t.test('overwritten concurrent values can be looked at', async (t) => {
  const stamp = { origin: ORIGINS.n1, seq: 1, counter: 5, wallMs: 1000 };
  const winner = { ...stamp, origin: ORIGINS.n2, counter: 6 };
  const lost = { key: 'x', winner, loser: stamp };
  app.router.likes.overwrittenEntries.push(
    { ...lost, value: Buffer.from('gone'), valueBytes: 9 },
    { ...lost, key: '\xff', value: null, valueBytes: 0 },
  );
  const { json } = await app.ask('GET', '/admin/conflicts?keyspace=likes');
  const [likes] = json['keyspaces'] as object[];
  t.match(likes, {
    keyspace: 'likes',
    policy: 'lww',
    total: 2,
    conflicts: [
      { key: 'x', winner: { version: '6@n2~b', replica: 'n2' }, loser: { wall_ms: 1000 }, lost: 'put', value: 'gone' },
      { key: null, key_base64: '/w==', lost: 'delete', value: null },
    ],
  });
  t.match((await app.ask('GET', '/admin/conflicts?limit=1')).json, { keyspaces: [{ keyspace: 'carts' }, { conflicts: [{}] }] }); // prettier-ignore
  t.equal((await app.ask('GET', '/admin/conflicts?keyspace=default')).status, 400, 'a leader allows none');
  t.equal((await app.ask('GET', '/admin/conflicts?keyspace=none')).status, 404);
  t.equal((await app.ask('GET', '/admin/conflicts?limit=0')).status, 400);
});

t.test('members can be made to exchange and to compare what they have', async (t) => {
  const { carts, likes } = app.router;
  const view = await app.ask('GET', '/admin/sync');
  t.match(view.json, { id: 'n1', keyspaces: [{ keyspace: 'carts', synced: false, behind: [{ batches: 3 }] }, {}] });
  t.equal((await app.ask('POST', '/admin/sync')).status, 202);
  t.equal((await app.ask('POST', '/admin/sync', { body: { keyspace: 'likes' } })).status, 202);
  t.same([carts.gossips, likes.gossips], [1, 2]);
  likes.differing = [app.router.replicas[2]!.id];
  t.match((await app.ask('POST', '/admin/scrub')).json, {
    keyspaces: [
      { keyspace: 'carts', equal: true },
      { equal: false, differing: ['n3'] },
    ],
  });
});

t.test('a session that is too large for a token does not hide the answer to a write', async (t) => {
  const token = testSessions.encode(new Map());
  const sessions: typeof testSessions = {
    decode: (text) => testSessions.decode(text),
    encode: (session) => {
      if (session.size > 0) throw new KvorumError('session_token_invalid', 'too large');
      return testSessions.encode(session);
    },
  };
  (app.router as { sessions: typeof sessions }).sessions = sessions;
  const answer = await app.ask('PUT', `${AT}/x`, { body: { value: '1' }, headers: { 'x-kvorum-session': token } });
  t.match(answer, { status: 201, headers: { 'x-kvorum-session': token } }, 'what was sent still holds');
  t.match(answer.headers, { 'x-kvorum-session-dropped': 'carts' });
  t.equal((await app.ask('PUT', `${AT}/x`, { body: { value: '1' } })).status, 200);
});
