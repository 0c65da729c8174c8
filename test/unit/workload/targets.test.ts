import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { resolveTarget, type Target, type TargetRequest } from '../../../src/workload/targets.js';

const KEYSPACES = [
  { keyspace: 'default', engine: 'raft', leader: 'n2' },
  { keyspace: 'orders', engine: 'raft', leader: null },
  { keyspace: 'likes', engine: 'lww', leader: null },
];

/** Replica n1 of two, as GET /status shows it. */
async function replica(t: Test, redis: string | null = '127.0.0.1:6101'): Promise<string> {
  const replicas = [
    { id: 'n1', http: 'http://127.0.0.1:8101', redis },
    { id: 'n2', http: 'http://127.0.0.1:8102', redis: '[::1]:6102' },
  ];
  const status = { id: 'n1', cluster: 'c', version: '0.1.0', keyspaces: KEYSPACES, replicas };
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(status));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function resolve(nodes: readonly string[], changes: Partial<TargetRequest> = {}): Promise<Target> {
  return resolveTarget({ nodes, topology: null, protocol: 'resp', keyspace: null, leaderOnly: false, ...changes });
}

t.test('a replica is asked for its Redis address; HTTP goes where it was asked', async (t) => {
  const node = await replica(t);
  t.match(await resolve([node]), {
    endpoints: [{ host: '127.0.0.1', port: 6101, name: 'n1' }],
    nodes: [`http://${node}`],
    keyspaces: [{ name: 'default', engine: 'raft', leader: 'n2' }, { name: 'orders' }, { name: 'likes' }],
    version: '0.1.0',
    cluster: 'c',
    warnings: [],
  });
  const [endpoint] = (await resolve([`http://${node}/`], { protocol: 'http' })).endpoints;
  t.equal(`${endpoint?.host}:${endpoint?.port}`, node);
});

t.test('the leader is found also when it is not among those that are asked', async (t) => {
  const node = await replica(t);
  const found = async (protocol: 'resp' | 'http'): Promise<unknown> =>
    (await resolve([node], { protocol, leaderOnly: true })).endpoints;
  t.same(await found('resp'), [{ host: '::1', port: 6102, name: 'n2' }]);
  t.same(await found('http'), [{ host: '127.0.0.1', port: 8102, name: 'n2' }]);
  const wanted = { leaderOnly: true, keyspace: 'orders' };
  await t.rejects(resolve([node], wanted), { code: 'no_leader', message: /Keyspace orders has no leader/ });
  await t.rejects(resolve([node], { ...wanted, keyspace: 'likes' }), {
    code: 'usage',
    message: /likes \(lww\) never has a leader/,
  });
});

t.test('what the target does not have', async (t) => {
  const node = await replica(t, null);
  await t.rejects(resolve([node]), {
    code: 'usage',
    message: /n1 does not serve the Redis protocol: use --protocol http/,
  });
  await t.rejects(resolve([node], { keyspace: 'x' }), {
    code: 'unknown_keyspace',
    message: /no keyspace x: the target has default \(raft\), orders \(raft\), likes \(lww\)/,
  });
});

t.test('anything that speaks the Redis protocol', async (t) => {
  const target = await resolve(['redis://localhost', 'redis://[::1]:7000']);
  t.same(target.endpoints, [
    { host: 'localhost', port: 6379, name: 'localhost:6379' },
    { host: '::1', port: 7000, name: '[::1]:7000' },
  ]);
  t.match(target, { keyspaces: [], nodes: [], cluster: null, version: null });
});
