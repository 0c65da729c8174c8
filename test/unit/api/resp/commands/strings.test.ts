import t from 'tap';
import { openRespSession } from '../../../../fixtures/resp-session.js';

const NIL = '$-1\r\n';
const OK = '+OK\r\n';

t.test('values are read, exchanged, created and taken', async (t) => {
  const { expect } = await openRespSession(t);
  await expect([
    ['GET k', NIL],
    ['STRLEN k', ':0\r\n'],
    ['GETSET k one', NIL],
    ['getset k two', '$3\r\none\r\n'],
    ['SETNX k three', ':0\r\n'],
    ['SETNX n three', ':1\r\n'],
    ['GET k', '$3\r\ntwo\r\n'],
    ['STRLEN k', ':3\r\n'],
    ['GETDEL k', '$3\r\ntwo\r\n'],
    ['GETDEL k', NIL],
    ["SET k ''", OK],
    ['GET k', '$0\r\n\r\n'],
    ['GET', "-ERR wrong number of arguments for 'get' command\r\n"],
  ]);
});

t.test('counters are 64-bit integers', async (t) => {
  const { expect } = await openRespSession(t);
  const max = '9223372036854775807';
  const min = '-9223372036854775808';
  const notAnInteger = '-ERR value is not an integer or out of range\r\n';
  const overflow = '-ERR increment or decrement would overflow\r\n';
  await expect([
    ['INCR n', ':1\r\n'],
    ['DECR n', ':0\r\n'],
    ['DECR n', ':-1\r\n'],
    [`INCRBY n ${max}`, ':9223372036854775806\r\n'],
    ['INCR n', `:${max}\r\n`],
    ['INCR n', overflow],
    ['GET n', `$19\r\n${max}\r\n`],
    [`DECRBY n ${min}`, '-ERR decrement would overflow\r\n'],
    [`SET n ${min}`, OK],
    ['DECR n', overflow],
    ['INCRBY n 1.5', notAnInteger],
    ['INCRBY n 9223372036854775808', notAnInteger],
    ['SET n 010', OK],
    ['INCR n', notAnInteger],
  ]);
});

t.test('APPEND answers the new length', async (t) => {
  const { expect } = await openRespSession(t);
  await expect([
    ['APPEND k ab', ':2\r\n'],
    ['APPEND k cde', ':5\r\n'],
    ["APPEND k ''", ':5\r\n'],
    ['GET k', '$5\r\nabcde\r\n'],
  ]);
});
