import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import t from 'tap';
import { portsBelowEphemeral } from '../cluster/ports.js';
import { run, Server, writeTopology, type Outcome, type RunOptions } from './program.js';

/** Every client command against one cluster, a process each: about eight seconds. */
t.test('client commands', { timeout: 180_000 }, async (t) => {
  const folder = t.testdir({});
  const topology = await writeTopology(folder);
  const server = await new Server([topology.file, '--memory']).ready();
  t.teardown(() => server.kill());
  const [first = '', second = '', third = ''] = topology.http;
  const kvorum = (line: string, options: RunOptions = {}): Promise<Outcome> =>
    run(line.split(' '), { ...options, env: { KVORUM_NODE: first, ...options.env } });
  const document = ({ exit, stderr, stdout }: Outcome): unknown => {
    t.equal(exit, 0, stderr);
    return JSON.parse(Buffer.from(stdout, 'latin1').toString());
  };

  t.match(await kvorum('put x 1'), { exit: 0, stdout: /^created \(revision \d+\)\n$/, stderr: '' });
  t.match(await kvorum(`--node ${second} put x 2`), { exit: 0, stdout: /^replaced / }, 'global options before');
  t.match(document(await kvorum(`put x 3 --node ${third} -o json`)), { result: 'replaced', key: 'x' }, 'and after');
  t.match(await kvorum('get x', { env: { KVORUM_NODE: second } }), { exit: 0, stdout: '3\n' }, 'or the environment');
  t.match(document(await kvorum('get x -o json')), { key: 'x', value: '3', version: 3 });
  t.match(document(await kvorum('get x --consistency stale -o json')), { key: 'x' });
  t.match(await kvorum('get nope'), { exit: 7, stdout: '', stderr: /^error: There is no key "nope"\n/ });

  const session = 'put s 1 --client-id till --seq 4 -o json';
  t.same(document(await kvorum(session)), document(await kvorum(session)), 'applied once');
  t.match(await kvorum('put s 2 --client-id till --seq 3'), { exit: 6, stderr: /stale_seq/ });
  t.match(await kvorum('put s 2 --client-id till'), { exit: 2, stderr: /go together/ });

  const { revision } = document(await kvorum('put r 1 --if-absent -o json')) as { revision: number };
  t.match(await kvorum('put r 2 --if-absent'), { exit: 6, stderr: /precondition_failed/ });
  t.match(await kvorum(`put r 2 --if-revision ${revision}`), { exit: 0 });
  t.match(await kvorum(`del r --if-revision ${revision}`), { exit: 6 });

  t.match(await kvorum('cas x 1 2'), { exit: 6, stdout: '', stderr: /current {2}"3" \(revision \d+\)/ });
  t.match(await kvorum('cas x 3 4'), { exit: 0, stdout: /^replaced/ });
  t.match(document(await kvorum('cas lock mine --expect-absent -o json')), { result: 'created' });
  t.match(await kvorum('cas x 1'), { exit: 2, stderr: /--expect-absent/ });

  t.match(await kvorum('put .. dots'), { exit: 0 });
  t.match(await kvorum('get ..'), { stdout: 'dots\n' });
  t.match(await kvorum('put -- n -5'), { exit: 0 });
  t.match(await kvorum('get n'), { stdout: '-5\n' });

  const bytes = Buffer.from([0xff, 0, 0x0a]);
  const file = join(folder, 'bytes');
  writeFileSync(file, bytes);
  t.match(await kvorum(`put bin --file ${file}`), { exit: 0 });
  t.match(await kvorum('put bin2 --file -', { input: bytes }), { exit: 0 });
  t.match(await kvorum('get bin --raw'), { stdout: bytes.toString('latin1') });
  t.match(await kvorum('get bin2'), { stdout: `${bytes.toString('latin1')}\n` });
  t.match(document(await kvorum('get bin -o json')), { value: null, value_base64: '/wAK' });
  t.match(await kvorum(`put bin --file ${file}.absent`), { exit: 2, stderr: /cannot be read/ });
  t.match(await kvorum('put bin'), { exit: 2, stderr: /either as an argument or with --file/ });

  const page = await kvorum('scan b --limit 1');
  t.match(page.stdout, /^key +value +revision\nbin +\\xff\\x00\\x0a +\d+\n$/);
  const cursor = /^more keys follow: add --cursor (\S+)\n$/.exec(page.stderr)?.[1] ?? '';
  t.match(document(await kvorum(`scan b --limit 1 --cursor ${cursor} -o json`)), {
    items: [{ key: 'bin2', value: null, value_base64: '/wAK' }],
    next_cursor: null,
  });
  t.match(await kvorum('scan --start s --end t'), { stdout: /^key[^\n]*\ns {2}[^\n]*\n$/ });
  t.match(await kvorum('scan nothing'), { exit: 0, stdout: 'key  value  revision\n', stderr: '' });
  t.match(await kvorum('scan --limit 0'), { exit: 2 });

  t.match(await kvorum('status'), {
    exit: 0,
    stdout: /^replica n1 [^]*ready[^]*\nkeyspace +engine +role[^]*\ndefault +raft [^]*\nn2 +127\.0\.0\.1:\d+ +yes/,
  });
  t.match(document(await kvorum('status -o json')), { id: 'n1', cluster: 'test', ready: true });

  t.match(await kvorum('del x'), { exit: 0, stdout: /^deleted / });
  t.match(await kvorum('del x'), { exit: 7, stderr: /There is no key "x"/ });
  t.match(await kvorum('get x --keyspace nope'), { exit: 7, stderr: /unknown_keyspace/ });
  t.match(await kvorum('get x --keyspace default'), { exit: 7 });
});

t.test('nobody there is exit code 4', async (t) => {
  const [port = 0] = await portsBelowEphemeral(1);
  for (const command of ['get x', 'put x 1', 'status', 'scan']) {
    const { exit, stderr, stdout } = await run([...command.split(' '), '--node', `127.0.0.1:${port}`]);
    t.equal(exit, 4, command);
    t.equal(stdout, '');
    t.match(stderr, /^error: http:\S+ cannot be reached: .*ECONNREFUSED.*\n {2}because .*\n {2}help .*\n {2}see .*\n$/);
  }
});

t.test('a write that got no answer is exit code 8', async (t) => {
  const server = createServer((request) => request.socket.resetAndDestroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const node = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  t.match(await run(['put', 'x', '1', '--node', node]), { exit: 8, stdout: '', stderr: /outcome_unknown/ });
  t.match(await run(['get', 'x', '--node', node]), { exit: 4 });
});

t.test('a timeout', async (t) => {
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const node = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  t.match(await run(['put', 'x', '1', '--node', node, '--timeout', '50']), { exit: 8 });
  t.match(await run(['get', 'x', '--node', node, '--timeout', '50']), { exit: 5 });
});
