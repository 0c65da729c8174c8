import { Buffer } from 'node:buffer';
import t from 'tap';
import { openRespSession } from '../../../../fixtures/resp-session.js';
import { encodeRequest } from '../../../../fixtures/resp-wire.js';

t.test('WAIT counts who holds what was written before it', async (t) => {
  const { client, expect, router } = await openRespSession(t, { leaderless: true });
  await expect([
    ['SELECT likes', '+OK\r\n'],
    ['SET k v', '+OK\r\n'],
    ['WAIT 0 0', ':0\r\n'],
    ['WAIT 1 20', ':0\r\n'],
  ]);
  router.likes.lag = 1;
  client.send(Buffer.concat([encodeRequest('WAIT', '1', '0'), encodeRequest('SET', 'l', 'w')]));
  const both = client.replies(2);
  setImmediate(() => (router.likes.lag = 0));
  t.same(await both, [':1\r\n', '+OK\r\n'], 'it waits until one has it, and what was sent behind it waits, too');
  await expect([
    ['WAIT x 0', '-ERR value is not an integer or out of range\r\n'],
    ['WAIT 1 x', '-ERR timeout is not an integer or out of range\r\n'],
    ['WAIT 1 -1', '-ERR timeout is negative\r\n'],
    ['WAIT 2 10', ':1\r\n'],
  ]);
});

t.test('with a leader a committed write is on a majority', async (t) => {
  const { expect } = await openRespSession(t);
  await expect([
    ['SET k v', '+OK\r\n'],
    ['WAIT 1 0', ':1\r\n'],
    ['WAIT 2 10', ':1\r\n'],
  ]);
});

t.test('a connection that is closed waits for nothing', async (t) => {
  const { client, server } = await openRespSession(t, { leaderless: true });
  await client.ask('SELECT', 'likes');
  await client.ask('SET', 'k', 'v');
  client.send(encodeRequest('WAIT', '2', '0'));
  client.close();
  await server.close();
  t.pass('and the server ends');
});
