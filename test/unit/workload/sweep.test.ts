import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { checkWriteQuorum, parseSweep, setWriteQuorum, settingsOf, stepsOf } from '../../../src/workload/sweep.js';
import type { Target } from '../../../src/workload/targets.js';
import { settings } from './settings.js';

const target: Target = {
  endpoints: [{ host: '127.0.0.1', port: 1, name: 'n1' }],
  nodes: [],
  keyspaces: [
    { name: 'default', engine: 'raft', leader: 'n1' },
    { name: 'carts', engine: 'causal', leader: null },
  ],
  version: '0.1.0',
  cluster: 'test',
  warnings: [],
};

t.test('values: lists, ranges, engines', async (t) => {
  t.same(parseSweep('clients=1,10,50'), { name: 'clients', values: [1, 10, 50] });
  t.same(parseSweep('write-quorum=1..5'), { name: 'write-quorum', values: [1, 2, 3, 4, 5] });
  t.same(parseSweep('value-bytes=0,100..102'), { name: 'value-bytes', values: [0, 100, 101, 102] });
  t.same(parseSweep('engine=raft, lww'), { name: 'engine', values: ['raft', 'lww'] });
  for (const [text, message] of [
    ['clients', /write name=values/],
    ['speed=1', /one of write-quorum, clients/],
    ['clients=', /write name=values/],
    ['clients=0', /from 1 to 10000/],
    ['clients=5..1', /no number or range/],
    ['clients=1,,2', /no number or range/],
    ['clients=1..9999', /at most 1000 values/],
    ['engine=paxos', /none of raft, semisync, causal, lww/],
  ] as const) {
    t.throws(() => parseSweep(text), { code: 'usage', message }, text);
  }
});

t.test('several sweeps: every combination', async (t) => {
  const steps = stepsOf([parseSweep('clients=1,2'), parseSweep('pipeline=1,16')]);
  t.same(steps, [
    { clients: 1, pipeline: 1 },
    { clients: 1, pipeline: 16 },
    { clients: 2, pipeline: 1 },
    { clients: 2, pipeline: 16 },
  ]);
  t.same(stepsOf([]), [{}], 'none: one run');
  t.throws(() => stepsOf([parseSweep('clients=1'), parseSweep('clients=2')]), /given twice/);
  t.throws(() => stepsOf([parseSweep('clients=1..100'), parseSweep('pipeline=1..100')]), /10000 combinations/);
});

t.test('a step changes the settings; engines choose a keyspace that has them', async (t) => {
  const step = { clients: 7, pipeline: 3, 'value-bytes': 9, rate: 5, engine: 'causal' } as const;
  t.match(settingsOf(step, settings(), target), {
    clients: 7,
    pipeline: 3,
    valueBytes: { min: 9, max: 9 },
    rate: 5,
    keyspace: 'carts',
    keys: 100,
  });
  t.throws(() => settingsOf({ engine: 'lww' }, settings(), target), {
    code: 'usage',
    message: /engine lww: it has default \(raft\), carts \(causal\)/,
  });
  t.throws(() => settingsOf({ engine: 'raft' }, settings(), { ...target, keyspaces: [] }), /http:\/\/ addresses/);
});

type Handler = (request: IncomingMessage, body: string, response: ServerResponse) => void;

async function listen(t: Test, handler: Handler): Promise<string> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => handler(request, body, response));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function answer(response: ServerResponse, status: number, document: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document));
}

t.test('a write quorum is set at the leader', async (t) => {
  const asked: [string | undefined, string | undefined, string][] = [];
  const leader = await listen(t, (request, body, response) => {
    asked.push([request.method, request.url, body]);
    answer(response, 200, { write_quorum: 2 });
  });
  const other = await listen(t, (_request, _body, response) => {
    const keyspaces = [
      { keyspace: 'default', leader_http: 'http://127.0.0.1:1' },
      { keyspace: 'orders', leader_http: leader },
    ];
    answer(response, 200, { members: [], keyspaces });
  });
  await setWriteQuorum({ ...target, nodes: [other] }, 'orders', 2);
  t.same(asked, [['POST', '/admin/quorum', '{"write_quorum":2,"keyspace":"orders"}']]);
});

t.test('a target without write quorums says so, and keeps its own errors otherwise', async (t) => {
  const codes = ['route_not_found', 'bad_request'];
  const node = await listen(t, (request, _body, response) => {
    if (request.method === 'GET') answer(response, 200, { members: [], keyspaces: [] });
    else answer(response, 404, { code: codes.shift(), detail: 'no' });
  });
  const reached = { ...target, nodes: [node] };
  await t.rejects(setWriteQuorum(reached, null, 1), { code: 'unsupported_operation', message: /default \(raft\)/ });
  await t.rejects(setWriteQuorum(reached, null, 99), { code: 'bad_request' });
  await t.rejects(setWriteQuorum(target, null, 1), { code: 'usage' });
});

t.test('a write quorum is checked before anything is run', async (t) => {
  const node = await listen(t, (_request, _body, response) => {
    const keyspaces = [{ keyspace: 'feed', voters: ['n1', 'n2', 'n3'], leader_http: null }];
    answer(response, 200, { members: [], keyspaces });
  });
  const feed = { name: 'feed', engine: 'semisync', leader: 'n1' };
  const reached = { ...target, nodes: [node], keyspaces: [...target.keyspaces, feed] };
  await checkWriteQuorum(reached, 'feed', 2);
  await t.rejects(checkWriteQuorum(reached, 'feed', 3), { code: 'usage', message: /2 followers: a write quorum of 3/ });
  await t.rejects(
    checkWriteQuorum(reached, null, 1),
    { code: 'usage', message: /default \(raft\) has no write quorum.*feed \(semisync\)/ },
    'not that of another keyspace than the one under load',
  );
  await t.rejects(checkWriteQuorum(target, 'default', 1), { code: 'usage' });
});

t.test('without a name the write quorum of the default keyspace is meant', async (t) => {
  let asked = '';
  const node = await listen(t, (request, body, response) => {
    if (request.method === 'POST') asked = body;
    answer(response, 200, { members: [], keyspaces: [] });
  });
  await setWriteQuorum({ ...target, nodes: [node] }, null, 2);
  t.same(JSON.parse(asked), { write_quorum: 2, keyspace: 'default' });
});
