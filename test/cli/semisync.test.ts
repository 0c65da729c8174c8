import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { run, Server, writeTopology, type Outcome } from './program.js';

/** The commands for keyspaces with a write quorum: about ten seconds. */
t.test('write quorums and promotions from the command line', { timeout: 270_000 }, async (t) => {
  const folder = t.testdir({});
  const topology = await writeTopology(folder);
  const keyspaces = 'keyspaces:\n  default: { engine: semisync, leader: n2 }\n';
  writeFileSync(topology.file, readFileSync(topology.file, 'utf8') + keyspaces);
  const server = await new Server([topology.file, '--data-dir', join(folder, 'data')]).ready();
  t.teardown(() => server.kill());
  t.match(server.stdout, /n1 +follower +127.*\nn2 +leader +127/, 'it waits for the leader that the file names');
  const [first = '', second = ''] = topology.http;
  const kvorum = (node: string, line: string): Promise<Outcome> => run(['--node', node, ...line.split(' ')]);

  t.match(await kvorum(first, 'put x 1'), { exit: 0, stdout: 'created (revision 1)\n' }, 'any replica takes it');
  t.match(await kvorum(first, 'get x --consistency strong'), { exit: 0, stdout: '1\n' });
  t.match(await kvorum(first, 'get x --consistency bounded:60000'), { exit: 0, stdout: '1\n' });
  t.match(await kvorum(first, 'get x --consistency bounded:soon'), {
    exit: 2,
    stderr: /Allowed choices are .*bounded/,
  });
  t.match(await kvorum(first, 'get x --consistency stale'), { exit: 2, stderr: /follower is the nearest/ });
  t.match(await kvorum(second, 'quorum'), { exit: 0, stdout: /default +n2 +1 +2 +\d +2 of 3 +1\n$/ });
  const set = await kvorum(first, 'quorum 2');
  t.match(set, { exit: 0, stdout: /^write quorum 2 after offset \d+, was 1 \(keyspace default\)\n$/ });
  t.match(await kvorum(first, 'quorum 3'), { exit: 2, stderr: /1 to 2/ });
  t.match(await kvorum(first, 'quorum many'), { exit: 2, stderr: /whole number/ });
  t.match(await kvorum(first, 'quorum 1 --keyspace none'), { exit: 7 });
  t.match(JSON.parse((await kvorum(first, 'quorum -o json')).stdout), { write_quorum: 2, promises: 2, leader: 'n2' });
  const status = await kvorum(second, 'status');
  t.match(status.stdout, /default +semisync +leader +\d+ +n2/);
  t.match(status.stdout, /default +leader +2 +2 +2 +2 +1 +(\d+|-)\n/);
  t.match(status.stdout, /default +n1 +online +\d+ +0 +\d+\n/);

  t.match(await kvorum(first, 'leader transfer --to n1'), { exit: 0, stdout: 'n1 leads (keyspace default)\n' });
  t.match(await kvorum(first, 'leader show'), { stdout: /default +n1 +http/ });
  t.match(await kvorum(second, 'put x 2'), { exit: 0, stdout: 'replaced (revision 2)\n' });
  t.match(await kvorum(first, 'leader transfer --force'), { exit: 2, stderr: /--force needs --to/ });
  t.match(await kvorum(first, 'leader transfer --to n9 --force'), { exit: 7 });
  t.match(await kvorum(second, 'leader transfer --to n3 --force'), {
    exit: 0,
    stdout: /^n3 leads \(keyspace default\) by/,
  });
  t.match(await kvorum(second, 'failovers'), {
    exit: 0,
    stdout: /n3 +n1 +\d+ +(yes|no) +0 +0 +-\n.*n1 +n2/,
    stderr: '',
  });
  t.match(await kvorum(first, 'leader transfer --to n3 --write-quorum 1'), {
    exit: 2,
    stderr: /--write-quorum needs --force/,
  });
  t.match(await kvorum(first, 'leader transfer --to n3 --force --write-quorum 3'), { exit: 2, stderr: /1 to 2/ });
  t.match(await kvorum(first, 'leader transfer --to n3 --force --write-quorum 1'), {
    exit: 0,
    stdout: /^n3 leads \(keyspace default\) by \d of 2 promises, write quorum 1\n$/,
    stderr: '',
  });
  t.match(JSON.parse((await kvorum(first, 'quorum -o json')).stdout), { write_quorum: 1, leader: 'n3' });
  t.match(await kvorum(second, 'failovers --file none'), { exit: 7, stderr: /lost_writes_not_found/ });
});
