import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { run, Server, writeTopology, type Outcome } from './program.js';

/** The client commands on keyspaces without a leader: about six seconds. */
t.test('client commands on leaderless keyspaces', { timeout: 180_000 }, async (t) => {
  const folder = t.testdir({});
  const topology = await writeTopology(folder);
  const keyspaces = 'keyspaces:\n  default: { engine: causal, conflicts: siblings }\n  likes: { engine: lww }\n';
  writeFileSync(topology.file, readFileSync(topology.file, 'utf8') + keyspaces);
  const server = await new Server([topology.file, '--memory']).ready();
  t.teardown(() => server.kill());
  t.match(server.stdout, /n1 +member +127/, 'there is no leader to wait for');
  const [first = '', second = ''] = topology.http;
  const kvorum = (node: string, line: string): Promise<Outcome> => run(['--node', node, ...line.split(' ')]);
  const document = ({ exit, stderr, stdout }: Outcome): Readonly<Record<string, unknown>> => {
    t.equal(exit, 0, stderr);
    return JSON.parse(stdout) as Readonly<Record<string, unknown>>;
  };

  const written = document(await kvorum(first, 'put x 1 --keyspace likes --consistency all --ttl 60000 -o json'));
  t.match(written, { result: 'created', key: 'x', version: /^\d+@n1~/, session: /^[\w-]+$/ });
  const read = document(await kvorum(second, `get x --keyspace likes --session ${String(written['session'])} -o json`));
  t.match(read, { value: '1', version: written['version'], session: /^[\w-]+$/ });
  t.type(read['expires_at_ms'], 'number');
  t.notOk('create_revision' in read);
  t.match(await kvorum(second, 'get x --keyspace likes --consistency quorum'), { stdout: '1\n' });
  t.match(await kvorum(second, 'get x --keyspace likes --consistency linearizable'), {
    exit: 2,
    stderr: /one order of all/,
  });
  t.match(await kvorum(second, 'get x --consistency most'), { exit: 2, stderr: /Allowed choices/ });
  t.match(await kvorum(first, 'get x --keyspace likes --session forged'), { exit: 2, stderr: /session_token_invalid/ });
  t.match(await kvorum(first, 'put x 2 --if-absent --keyspace likes'), { exit: 2, stderr: /unsupported_by_engine/ });
  t.match(await kvorum(first, 'scan --keyspace likes'), { stdout: /x +1 +\d+@n1~/ });
  t.match(await kvorum(first, 'del x --keyspace likes'), { stdout: /^deleted \(version \d+@n1~/ });

  // Two blind writes side by side, and one that has seen both.
  await kvorum(first, 'put cart apples');
  await kvorum(first, 'put cart pears');
  const both = document(await kvorum(first, 'get cart -o json'));
  t.match(both, { value: 'pears', siblings: [{ value: 'pears' }, { value: 'apples' }] });
  t.match(await kvorum(first, `put cart fruit --context ${String(both['context'])}`), { exit: 0 });
  t.notOk('siblings' in document(await kvorum(first, 'get cart -o json')));

  const status = await kvorum(first, 'status');
  t.match(status, { exit: 0, stdout: /likes +lww +ready +\d+ +0 / });
  t.match(status.stdout, /default +n2 +yes/);
  t.notMatch(status.stdout, /term/, 'nothing of leaders');
  t.match(await kvorum(first, 'member list'), { exit: 0, stdout: /n1 +member +default likes/ });
});
