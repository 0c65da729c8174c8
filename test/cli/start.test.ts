import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import t from 'tap';
import { run, Server, writeTopology } from './program.js';

/** Starts real clusters: about ten seconds. */

async function redis(port: number, command: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(command);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return answer.toString();
}

t.test('start prints endpoints that work; restart keeps the data', { timeout: 180_000 }, async (t) => {
  const topology = await writeTopology(t.testdir({}));
  const server = await new Server([topology.file]).ready();
  t.teardown(() => server.kill());
  const [header, empty, columns, ...rows] = server.stdout.split('\n');
  t.match(header, /^kvorum \d+\.\d+\.\d+ · cluster test · 3 replicas · default: raft · data in /);
  t.equal(empty, '');
  t.match(columns, /^replica +role +peer +http +redis$/);
  const roles = rows.slice(0, 3).map((row) => row.split(/ {2,}/)[1]);
  t.same(
    roles.sort((a, b) => String(a).localeCompare(String(b))),
    ['follower', 'follower', 'leader'],
  );

  const url = /curl (http\S+\/kv\/greeting)\n/.exec(server.stdout)?.[1] ?? '';
  const body = /-d '(.*)'/.exec(server.stdout)?.[1] ?? '';
  const put = await fetch(url, { method: 'PUT', headers: { 'Content-Type': 'application/json' }, body });
  t.equal(put.status, 201);
  t.match(await (await fetch(url)).json(), { value: 'hello' });
  const port = Number(/redis-cli -p (\d+) GET greeting/.exec(server.stdout)?.[1]);
  t.equal(await redis(port, 'PING\r\n'), '+PONG\r\n');
  t.equal(await redis(port, 'GET greeting\r\n'), '$5\r\nhello\r\n');

  await t.test('a second start on the same folder is refused and names the process', async (t) => {
    const elsewhere = await writeTopology(t.testdir({}));
    const { exit, stderr, stdout } = await run(['start', elsewhere.file, '--data-dir', topology.dataDir]);
    t.equal(exit, 1);
    t.equal(stdout, '');
    t.match(stderr, new RegExp(`^error: .*process ${server.pid}`, 'm'));
    t.match(stderr, /docs\/errors\.md, data_dir_locked/);
  });

  await t.test('a second start on the same ports is refused', async (t) => {
    const { exit, stderr } = await run(['start', topology.file, '--memory']);
    t.equal(exit, 1);
    t.match(stderr, /^error: .*127\.0\.0\.1:\d+.* in use/m);
  });

  server.signal('SIGTERM');
  t.equal(await server.ended(), 0);
  t.match(server.stderr, /^SIGTERM: draining; again to stop at once$/m);

  const again = await new Server([topology.file]).ready();
  t.teardown(() => again.kill());
  t.match(await (await fetch(url)).json(), { value: 'hello' });
  again.signal('SIGINT');
  t.equal(await again.ended(), 0);
});

t.test('--memory keeps nothing; flags reach the topology; -o json', { timeout: 180_000 }, async (t) => {
  const topology = await writeTopology(t.testdir({}));
  const server = new Server([topology.file, '--memory', '-o', 'json', '--limits-value-bytes', '4']);
  t.teardown(() => server.kill());
  await server.until('stdout', /^\}\n/m);
  const document = JSON.parse(server.stdout) as { replicas: { http: string }[] };
  t.match(document, { cluster: 'test', data_dir: null, replicas: [{ id: 'n1' }, { id: 'n2' }, { id: 'n3' }] });
  t.same(
    document.replicas.map(({ http }) => http),
    topology.http,
  );
  const node = topology.http[1] ?? '';
  t.match(await run(['put', 'x', '12345', '--node', node]), { exit: 2, stderr: /limit is 4/ });
  t.match(await run(['put', 'x', '1', '--node', node]), { exit: 0 });
  t.notOk(existsSync(topology.dataDir), 'no folder is made');
  server.signal('SIGTERM');
  t.equal(await server.ended(), 0);
});

t.test('a second signal ends at once', { timeout: 180_000 }, async (t) => {
  const topology = await writeTopology(t.testdir({}));
  const server = await new Server([topology.file, '--memory']).ready();
  t.teardown(() => server.kill());
  // A request that never becomes whole holds the drain up.
  const [url = ''] = topology.http;
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  t.teardown(() => socket.destroy());
  socket.on('error', () => undefined);
  socket.write('PUT /kv/x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n');
  await once(socket, 'data');
  server.signal('SIGTERM');
  await server.until('stderr', /draining/);
  server.signal('SIGTERM');
  t.equal(await server.ended(), 143);
  t.match(server.stderr, /^stopped at once$/m);
});

t.test('one replica of three waits for the others', { timeout: 180_000 }, async (t) => {
  const topology = await writeTopology(t.testdir({}));
  const server = await new Server([
    topology.file,
    '--memory',
    '--replica=n2',
    '--timing-request-timeout-ms=1500',
  ]).ready();
  t.teardown(() => server.kill());
  t.match(server.stdout, /· 1 replica ·/);
  t.match(server.stdout, /^n2 +no leader yet /m);
  const node = topology.http[1] ?? '';
  t.match(await run(['status', '--node', node]), { exit: 5, stdout: /not ready/, stderr: /no leader for default/ });
  t.match(await run(['put', 'x', '1', '--node', node]), { exit: 5, stdout: '' });
  t.match(await run(['get', 'x', '--node', node]), { exit: 5 });
  t.match(await run(['get', 'x', '--consistency', 'stale', '--node', node]), { exit: 7 });
  server.signal('SIGTERM');
  t.equal(await server.ended(), 0);
});

t.test('configuration errors are exit code 3', async (t) => {
  const { exit, stderr, stdout } = await run(['start', 'configs/broken/many.yaml']);
  t.equal(exit, 3);
  t.equal(stdout, '');
  t.match(stderr, /did you mean "memory"/);
  t.match(await run(['start', 'absent.yaml']), { exit: 3, stderr: /absent\.yaml/ });
  t.match(await run(['start', 'configs/local.yaml', '--timing-heartbeat-ms', 'x']), { exit: 3 });
});

t.test('--join waits to be added, and forms nothing', { timeout: 180_000 }, async (t) => {
  const topology = await writeTopology(t.testdir({}));
  const server = await new Server([topology.file, '--replica', 'n1', '--join']).ready();
  t.teardown(() => server.kill());
  const ready = await fetch(`${topology.http[0]}/readyz?verbose`);
  t.equal(ready.status, 503);
  const text = await ready.text();
  t.match(text, /\[\+\]formation ok\n/);
  t.match(text, /\[-\]group default\/0 failed: waits to be added/);
  server.signal('SIGTERM');
  t.equal(await server.ended(), 0);
});
