import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { portsBelowEphemeral } from '../cluster/ports.js';
import { PATIENCE_MS, eventually } from '../cluster/process-cluster.js';
import { CALM, run, Server, type Outcome } from './program.js';

interface Shown {
  readonly keyspaces: readonly { readonly leader: string | null; readonly voters: readonly string[] }[];
}

/** Members by command, against processes: n1 alone at first, n2 and n3 come, all keyspaces at once. */
t.test('members are added, promoted, listed and removed', { timeout: 270_000 }, async (t) => {
  const folder = t.testdir({});
  const ports = await portsBelowEphemeral(6);
  const places = ['n1', 'n2', 'n3'].map((id, at) => ({
    id,
    peer: `127.0.0.1:${ports[2 * at]}`,
    http: `127.0.0.1:${ports[2 * at + 1]}`,
  }));
  const [n1, n2, n3] = places as [(typeof places)[0], (typeof places)[0], (typeof places)[0]];
  const file = join(folder, 'topology.yaml');
  writeFileSync(
    file,
    [
      'cluster: test',
      `dataDir: ${join(folder, 'data')}`,
      'replicas:',
      ...places.map(
        ({ http, id, peer }) => `  - { id: ${id}, peer: '${peer}', http: '${http}', joining: ${id !== 'n1'} }`,
      ),
      'keyspaces: { default: { engine: raft }, other: { engine: raft } }',
      CALM,
    ].join('\n'),
  );
  const servers = new Map(places.map(({ id }) => [id, new Server([file, '--replica', id])]));
  t.teardown(() => Promise.all([...servers.values()].map((server) => server.kill())));
  for (const server of servers.values()) await server.until('stdout', /ready in/);
  const kvorum = (line: string, node = n1.http): Promise<Outcome> => run([...line.split(' '), '--node', node]);
  const shown = async (node = n1.http): Promise<Shown> =>
    JSON.parse((await kvorum('member list -o json', node)).stdout) as Shown;

  t.match(await kvorum('get x', n2.http), { exit: 5, stderr: /n2 waits to be added: kvorum member add n2/ });
  t.match(await kvorum('status', n2.http), { exit: 5, stderr: /it is no member of default, other/ });

  t.match(await kvorum('member promote n2'), { exit: 7, stderr: /There is no member n2/ });
  t.match(await kvorum(`member add n9`), { exit: 2, stderr: /"peer" is missing/ });
  t.match(await kvorum(`member add n9 --peer ${n1.peer}`), { exit: 6, stderr: /is the peer address of n1/ });

  const add = `member add n2 --peer ${n2.peer} --http ${n2.http}`;
  t.match(await kvorum(add), {
    exit: 0,
    stdout: 'n2 added (keyspace default)\nn2 added (keyspace other)\n',
    stderr: 'it decides nothing yet: kvorum member promote n2\n',
  });
  t.match(await kvorum(add), { exit: 0, stdout: /^n2 is a member already \(keyspace default\)\n/ });
  t.match(await kvorum(`member add n2 --peer 127.0.0.1:1`), { exit: 6, stderr: /n2 is a member already, with other/ });
  t.match(await kvorum('leader transfer --to n2'), { exit: 5, stderr: /n2 is a learner/ });
  t.match(await kvorum('member promote n2 --wait'), { exit: 0, stdout: /^n2 promoted \(keyspace default\)\n/ });
  const three = JSON.parse((await kvorum('member add n3 --promote -o json', n2.http)).stdout) as unknown;
  t.match(three, { id: 'n3', results: [{ done: ['added', 'promoted'] }, { keyspace: 'other', ok: true }] });

  await eventually('n2 leads', PATIENCE_MS, async () => {
    const { exit, stdout } = await kvorum('leader transfer --to n2', n3.http);
    return exit === 0 && stdout === 'n2 leads (keyspace default)\n' ? true : undefined;
  });
  await kvorum('leader transfer --to n2 --keyspace other');
  t.match(await kvorum('leader show', n3.http), { stdout: new RegExp(`^default +n2 +http://${n2.http}$`, 'm') });
  const list = await kvorum('member list', n2.http);
  t.match(list.stdout, /^id +role +keyspaces +peer +http +match +lag +folder +connected\n/);
  t.match(list.stdout, /^n3 +voter +default other +127\.0\.0\.1:\d+ .* \d+ \d+ +\d+ \d+ +known +yes$/m);
  t.match(list.stdout, /^n2 +leader /m);
  t.match(await kvorum('member list'), { stderr: /^how far members are is known to the leader: --node http/ });
  t.match((await kvorum('status')).stdout, /^default +voter +n1 n2 n3 +-$/m);

  // SIGTERM drains: leadership is handed over before the process goes (raft.md §1.1).
  await kvorum('put x 1');
  servers.get('n2')?.signal('SIGTERM');
  t.equal(await servers.get('n2')?.ended(), 0);
  t.match(await kvorum('put x 2'), { exit: 0 }, 'the next write needs no retry');
  t.match((await shown()).keyspaces, [{ leader: /n1|n3/ }, { leader: /n1|n3/ }]);

  t.match(await kvorum('member remove n2', n3.http), { exit: 0, stdout: /^n2 removed \(keyspace default\)\n/ });
  t.match(await kvorum('member remove n2'), { exit: 0, stdout: /^n2 was removed before \(keyspace default\)\n/ });
  t.match(await kvorum(add), { exit: 6, stderr: /never used again, choose another/ });
  t.match((await shown()).keyspaces, [{ voters: ['n1', 'n3'] }, { voters: ['n1', 'n3'] }]);
  t.match(await kvorum('member remove n3 --keyspace other'), { exit: 0, stdout: 'n3 removed (keyspace other)\n' });
  t.match(await kvorum('member remove n1 --keyspace other'), { exit: 6, stderr: /n1 is the only voter/ });
  const partly = await kvorum('member remove n1');
  t.match(partly, { exit: 6, stderr: /last_voter/ });
  t.match(partly.stderr, /^ {2}done {5}default: removed$/m, 'what was done is told');
  t.match(partly.stderr, /^ {2}failed {3}other: last_voter$/m);
});

t.test('a learner is never handed leadership when the only voter drains', { timeout: 180_000 }, async (t) => {
  const folder = t.testdir({});
  const [peer1 = 0, http1 = 0, peer2 = 0, http2 = 0] = await portsBelowEphemeral(4);
  const file = join(folder, 'topology.yaml');
  writeFileSync(
    file,
    [
      'cluster: test',
      `dataDir: ${join(folder, 'data')}`,
      'replicas:',
      `  - { id: n1, peer: '127.0.0.1:${peer1}', http: '127.0.0.1:${http1}' }`,
      `  - { id: n2, peer: '127.0.0.1:${peer2}', http: '127.0.0.1:${http2}', joining: true }`,
      CALM,
    ].join('\n'),
  );
  const servers = ['n1', 'n2'].map((id) => new Server([file, '--replica', id]));
  t.teardown(() => Promise.all(servers.map((server) => server.kill())));
  for (const server of servers) await server.until('stdout', /ready in/);
  t.match(await run(['member', 'add', 'n2', '--node', `127.0.0.1:${http1}`]), { exit: 0 });
  t.match(await run(['put', 'x', '1', '--node', `127.0.0.1:${http2}`]), { exit: 0 }, 'a learner forwards');
  await eventually('a stale read', PATIENCE_MS, async () => {
    const { stdout } = await run(['get', 'x', '--consistency', 'stale', '--node', `127.0.0.1:${http2}`]);
    return stdout === '1\n' ? true : undefined;
  });
  servers[0]?.signal('SIGTERM');
  t.equal(await servers[0]?.ended(), 0);
  const status = await eventually('the leader is missed', PATIENCE_MS, async () => {
    const outcome = await run(['status', '--node', `127.0.0.1:${http2}`]);
    return outcome.exit === 5 ? outcome : undefined;
  });
  t.match(status, { stdout: /^default +learner +n1 +n2$/m, stderr: /no leader for default/ });
  t.match(await run(['get', 'x', '--consistency', 'stale', '--node', `127.0.0.1:${http2}`]), {
    exit: 0,
    stdout: '1\n',
  });
});
