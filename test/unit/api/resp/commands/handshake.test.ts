import t from 'tap';
import { openRespSession } from '../../../../fixtures/resp-session.js';

t.test('HELLO changes the dialect', async (t) => {
  const { expect } = await openRespSession(t);
  await expect([
    ['HELLO 3', /^%7\r\n\$6\r\nserver\r\n\$5\r\nredis\r\n\$7\r\nversion\r\n\$6\r\n7\.0\.15\r\n\$5\r\nproto\r\n:3\r\n/],
    ['GET none', '_\r\n'],
    ['MGET none', '*1\r\n_\r\n'],
    ['CONFIG GET save', '%1\r\n$4\r\nsave\r\n$0\r\n\r\n'],
    ['INFO cluster', '=34\r\ntxt:# Cluster\r\ncluster_enabled:0\r\n\r\n'],
    ['HELLO', /proto\r\n:3/],
    ['HELLO 2', /^\*14/],
    ['GET none', '$-1\r\n'],
  ]);
});

t.test('HELLO refuses what it does not know', async (t) => {
  const { expect } = await openRespSession(t);
  await expect([
    ['HELLO 4', '-NOPROTO unsupported protocol version\r\n'],
    ['HELLO x', '-ERR Protocol version is not an integer or out of range\r\n'],
    ['HELLO 3 BOGUS', "-ERR Syntax error in HELLO option 'BOGUS'\r\n"],
    ['HELLO 3 AUTH me secret', '-WRONGPASS invalid username-password pair or user is disabled.\r\n'],
    ['GET none', '$-1\r\n'],
    ['HELLO 2 AUTH default secret SETNAME app', /^\*14/],
    ['CLIENT GETNAME', '$3\r\napp\r\n'],
  ]);
});

t.test('AUTH says that no password is configured', async (t) => {
  const { expect } = await openRespSession(t);
  await expect([
    ['AUTH secret', /^-ERR AUTH <password> called without any password configured for the default user\./],
    ['AUTH me secret', '-WRONGPASS invalid username-password pair or user is disabled.\r\n'],
    ['AUTH default secret', '+OK\r\n'],
    ['AUTH a b c', '-ERR syntax error\r\n'],
  ]);
});

t.test('a replica that does not lead says so in the words of Redis', async (t) => {
  const { expect, router } = await openRespSession(t);
  router.defaultKeyspace.leading = false;
  await expect([
    ['HELLO', /role\r\n\$7\r\nreplica/],
    ['INFO replication', /role:slave\r\nmaster_host:127\.0\.0\.1\r\nmaster_port:6102\r\nmaster_link_status:up/],
  ]);
});
