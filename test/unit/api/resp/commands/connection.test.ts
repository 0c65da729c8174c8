import t from 'tap';
import { openRespSession } from '../../../../fixtures/resp-session.js';

t.test('PING, ECHO, TIME', async (t) => {
  const { expect } = await openRespSession(t);
  await expect([
    ['PING', '+PONG\r\n'],
    ['PING hello', '$5\r\nhello\r\n'],
    ['PING a b', "-ERR wrong number of arguments for 'ping' command\r\n"],
    ['ECHO hello', '$5\r\nhello\r\n'],
    ['TIME', /^\*2\r\n\$10\r\n\d{10}\r\n\$\d\r\n\d{1,6}\r\n$/],
  ]);
});

t.test('SELECT takes numbers and names of keyspaces', async (t) => {
  const { expect } = await openRespSession(t);
  await expect([
    ['SET k default', '+OK\r\n'],
    ['SELECT 1', '+OK\r\n'],
    ['GET k', '$-1\r\n'],
    ['SET k other', '+OK\r\n'],
    ['SELECT default', '+OK\r\n'],
    ['GET k', '$7\r\ndefault\r\n'],
    ['SELECT other', '+OK\r\n'],
    ['GET k', '$5\r\nother\r\n'],
    ['SELECT 2', '-ERR DB index is out of range\r\n'],
    ['SELECT -1', '-ERR DB index is out of range\r\n'],
    ['SELECT nowhere', "-ERR There is no such keyspace: 'nowhere'\r\n"],
    ['GET k', '$5\r\nother\r\n'],
    ['RESET', '+RESET\r\n'],
    ['GET k', '$7\r\ndefault\r\n'],
  ]);
});

t.test('an unknown command is named with its first arguments', async (t) => {
  const { expect, router } = await openRespSession(t);
  await expect([
    ['EVAL x 0', "-ERR unknown command 'EVAL', with args beginning with: 'x' '0' \r\n"],
    ['nope', "-ERR unknown command 'nope', with args beginning with: \r\n"],
  ]);
  t.equal(router.observed.get('unknown rejected'), 2, 'words of clients do not become labels');
});

t.test('QUIT answers, then closes', async (t) => {
  const { client } = await openRespSession(t);
  client.send('SET k v\r\nQUIT\r\nPING\r\n');
  t.equal(await client.untilClosed(), '+OK\r\n+OK\r\n');
});
