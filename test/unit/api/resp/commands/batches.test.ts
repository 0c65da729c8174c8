import t from 'tap';
import { openRespSession } from '../../../../fixtures/resp-session.js';

t.test('MSET, MSETNX and MGET', async (t) => {
  const { expect } = await openRespSession(t);
  await expect([
    ['MSET a 1 b 2 a 3', '+OK\r\n'],
    ['MGET a none b', '*3\r\n$1\r\n3\r\n$-1\r\n$1\r\n2\r\n'],
    ['MSETNX c 1 a 2', ':0\r\n'],
    ['EXISTS c', ':0\r\n'],
    ['MSETNX c 1 d 2 c 3', ':1\r\n'],
    ['MGET c d', '*2\r\n$1\r\n3\r\n$1\r\n2\r\n'],
    ['MSET a', "-ERR wrong number of arguments for 'mset' command\r\n"],
    ['MSET a 1 b', "-ERR wrong number of arguments for 'mset' command\r\n"],
    ['MSETNX a 1 b', "-ERR wrong number of arguments for 'msetnx' command\r\n"],
    ["MSET a 9 '' 9", /^-ERR The key is empty/],
    ['GET a', '$1\r\n3\r\n'],
  ]);
});

t.test('an MGET whose reply would be too large is refused', async (t) => {
  const { expect, client } = await openRespSession(t);
  await client.ask('SET', 'big', Buffer.alloc(1024 * 1024));
  await expect([[`MGET ${'big '.repeat(33).trim()}`, /^-ERR The values have more than 33554432 bytes/]]);
});
