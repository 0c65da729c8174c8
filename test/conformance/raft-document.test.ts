import { join } from 'node:path';
import t from 'tap';
import { Server } from '../cli/program.js';
import { busyPorts } from '../fixtures/ports.js';

/**
 * The document of the Raft key-value store that this API grew from: its requests as written there, against its ports
 * (8080 to 8082). Each replica is a process of its own, so that one can be killed. About ten seconds.
 */
const IDS = ['node1', 'node2', 'node3'] as const;
const PORTS = [6080, 6081, 6082, 7080, 7081, 7082, 8080, 8081, 8082];
const JSON_BODY = { 'Content-Type': 'application/json' };

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly body: Record<string, unknown>;
}

async function ask(url: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  let body: Record<string, unknown> = {};
  if (response.headers.get('content-type')?.includes('json') === true) body = JSON.parse(text) as typeof body;
  return { status: response.status, text, body };
}

function post(url: string, body: string): Promise<Answer> {
  return ask(url, { method: 'POST', headers: JSON_BODY, body });
}

function put(url: string, body: string): Promise<Answer> {
  return ask(url, { method: 'PUT', headers: JSON_BODY, body });
}

/** Asks again until `accept` agrees: an election takes a few hundred milliseconds. */
async function eventually(request: () => Promise<Answer>, accept: (answer: Answer) => boolean): Promise<Answer> {
  const endMs = performance.now() + 10_000;
  for (;;) {
    const answer = await request().catch(() => null);
    if (answer !== null && accept(answer)) return answer;
    if (performance.now() > endMs) throw new Error(`not within ten seconds: ${answer?.text ?? 'no connection'}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

interface KeyspaceStatus {
  readonly role: string;
  readonly leader: string | null;
}

function firstKeyspace({ body }: Answer): KeyspaceStatus | undefined {
  return (body['keyspaces'] as KeyspaceStatus[])[0];
}

const busy = await busyPorts(PORTS);
const skip = busy.length > 0 ? `in use: ${busy.join(', ')}` : false;

t.test('the document of the Raft key-value store', { skip, timeout: 270_000 }, async (t) => {
  const dataDir = join(t.testdir({}), 'data');
  const processes = new Map(
    IDS.map((id) => [id, new Server(['configs/raft.yaml', '--data-dir', dataDir, `--replica=${id}`])]),
  );
  t.teardown(() => Promise.all([...processes.values()].map((server) => server.kill())));
  await Promise.all([...processes.values()].map((server) => server.ready()));
  await eventually(
    () => ask('http://localhost:8080/healthz'),
    ({ status }) => status === 200,
  );

  // Test Operations.
  const first = '{"client_id":"cli1","seq":1,"value":"myvalue"}';
  const created = await put('http://localhost:8080/kv/mykey', first);
  t.match(created, { status: 201, body: { result: 'created', key: 'mykey' } });
  t.match(await ask('http://localhost:8080/kv/mykey'), { status: 200, body: { key: 'mykey', value: 'myvalue' } });
  t.match(await ask('http://localhost:8080/status'), { status: 200, body: { id: 'node1', cluster: 'raft' } });
  const batch = '{"client_id":"cli1","seq":2,"entries":[{"key":"a","value":"1"},{"key":"b","value":"2"}]}';
  const batched = await post('http://localhost:8080/kv/mput', batch);
  t.equal(batched.status, 200);
  t.match(await ask('http://localhost:8080/kv/b'), { body: { value: '2' } });
  t.equal((await ask('http://localhost:8080/healthz')).status, 200);

  // Client Deduplication.
  t.same((await post('http://localhost:8081/kv/mput', batch)).body, batched.body, 'the kept result, on any replica');
  t.match(await put('http://localhost:8080/kv/mykey', first), { status: 409, body: { code: 'stale_seq' } });
  t.match(await ask('http://localhost:8080/kv/mykey'), { body: { version: 1 } }, 'nothing was applied twice');

  // Read Policies.
  for (const policy of ['stale', 'readindex']) {
    t.match(await post('http://localhost:8080/admin/read-policy', `{"policy":"${policy}"}`), {
      status: 200,
      body: { policy },
    });
    t.match(await ask('http://localhost:8080/kv/mykey'), { body: { value: 'myvalue' } }, policy);
  }
  t.equal((await post('http://localhost:8080/admin/read-policy', '{"policy":"psychic"}')).status, 400);

  // Automatic redirect: every replica takes writes; asked not to forward, a follower says where the leader is.
  for (const port of [8080, 8081, 8082]) {
    t.match(await put(`http://localhost:${port}/kv/from`, `{"value":"${port}"}`), { body: { key: 'from' } });
    t.match(await ask(`http://localhost:${port}/kv/from`), { body: { value: String(port) } }, 'reads its own write');
  }
  const leader = firstKeyspace(await ask('http://localhost:8080/status'))?.leader;
  const at = IDS.findIndex((id) => id === leader);
  const follower = 8080 + ((at + 1) % 3);
  const redirect = await fetch(`http://localhost:${follower}/kv/from?forward=false`, {
    method: 'PUT',
    headers: JSON_BODY,
    body: '{"value":"x"}',
    redirect: 'manual',
  });
  t.equal(redirect.status, 307);
  t.match(redirect.headers.get('location'), `:${8080 + at}/kv/from`);
  await redirect.arrayBuffer();

  // Fault Tolerance: a single node failure, the leader's.
  await processes.get(IDS[at] ?? 'node1')?.kill();
  const survivor = `http://localhost:${follower}`;
  await eventually(
    () => put(`${survivor}/kv/after`, '{"client_id":"cli1","seq":3,"value":"survived"}'),
    ({ status }) => status === 201,
  );
  t.match(await ask(`${survivor}/kv/mykey`), { body: { value: 'myvalue' } }, 'what was acknowledged is there');
  t.not(firstKeyspace(await ask(`${survivor}/status`))?.leader, leader);

  const back = new Server(['configs/raft.yaml', '--data-dir', dataDir, `--replica=${leader}`]);
  processes.set(IDS[at] ?? 'node1', back);
  await back.ready();
  await eventually(
    () => ask(`http://localhost:${8080 + at}/kv/after?consistency=stale`),
    ({ body }) => body['value'] === 'survived',
  );
  t.pass('the replica that was killed has caught up');
});
