import t from 'tap';
import { COMMANDS } from '../../../../../src/api/resp/commands/registry.js';
import { VERSION } from '../../../../../src/version.js';
import { openRespSession } from '../../../../fixtures/resp-session.js';

t.test('CONFIG GET answers what tools ask for', async (t) => {
  const { expect } = await openRespSession(t);
  await expect([
    ['CONFIG GET save', '*2\r\n$4\r\nsave\r\n$0\r\n\r\n'],
    ['CONFIG GET APPENDONLY', '*2\r\n$10\r\nAPPENDONLY\r\n$3\r\nyes\r\n'],
    ['CONFIG GET databases appendonly data*', '*4\r\n$9\r\ndatabases\r\n$1\r\n2\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n'],
    ['CONFIG GET nothing', '*0\r\n'],
    ['CONFIG GET maxmem*', /^\*4\r\n/],
    ['CONFIG SET save x', /^-ERR CONFIG SET is not offered/],
    ['CONFIG', "-ERR wrong number of arguments for 'config' command\r\n"],
  ]);
});

t.test('COMMAND describes every command', async (t) => {
  const { expect } = await openRespSession(t);
  const count = COMMANDS.all.length;
  await expect([
    ['COMMAND COUNT', `:${count}\r\n`],
    ['COMMAND', new RegExp(`^\\*${count}\\r\\n`)],
    [
      'COMMAND INFO get none',
      '*2\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*0\r\n*0\r\n*0\r\n*0\r\n*-1\r\n',
    ],
    ['COMMAND DOCS none', '*0\r\n'],
    ['COMMAND DOCS get', /^\*2\r\n\$3\r\nget\r\n\*6\r\n\$7\r\nsummary\r\n/],
    ['COMMAND LIST', new RegExp(`^\\*${count}\\r\\n`)],
    ['COMMAND NOPE', "-ERR unknown subcommand 'NOPE'. Try COMMAND HELP.\r\n"],
  ]);
});

t.test('INFO tells what clients and people look for', async (t) => {
  const { expect, client } = await openRespSession(t);
  await expect([['INFO keyspace', '$12\r\n# Keyspace\r\n\r\n']]);
  client.send('SET k v\r\nINFO\r\n');
  const [, info = ''] = await client.replies(2);
  for (const line of [
    'redis_version:7.0.15',
    `kvorum_version:${VERSION}`,
    'loading:0',
    'role:master',
    'connected_clients:1',
    'db0:keys=1,expires=0,avg_ttl=0',
  ]) {
    t.ok(info.includes(`${line}\r\n`), line);
  }
  t.match(info, /# Consensus\r\ncluster:test\r\nreplica:n1\r\n[^#]*keyspace_default:engine=raft,role=leader,term=1,/);
  for (const section of ['Server', 'Clients', 'Memory', 'Persistence', 'Stats', 'Replication', 'Keyspace']) {
    t.ok(info.includes(`# ${section}\r\n`), section);
  }
});
