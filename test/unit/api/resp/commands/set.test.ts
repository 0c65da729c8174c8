import t from 'tap';
import { openRespSession } from '../../../../fixtures/resp-session.js';

const NIL = '$-1\r\n';
const OK = '+OK\r\n';
const SYNTAX = '-ERR syntax error\r\n';

t.test('conditions and GET', async (t) => {
  const { expect } = await openRespSession(t);
  await expect([
    ['SET k 1 XX', NIL],
    ['SET k 1 NX', OK],
    ['SET k 2 NX', NIL],
    ['SET k 2 XX', OK],
    ['SET k 3 GET', '$1\r\n2\r\n'],
    ['SET k 4 NX GET', '$1\r\n3\r\n'],
    ['GET k', '$1\r\n3\r\n'],
    ['SET k 5 XX GET', '$1\r\n3\r\n'],
    ['SET none 1 XX GET', NIL],
    ['EXISTS none', ':0\r\n'],
    ['SET none 1 GET nx', NIL],
    ['GET none', '$1\r\n1\r\n'],
    ['SET k 6 KEEPTTL', OK],
    ['SET k 7 NX XX', SYNTAX],
    ['SET k 7 BOGUS', SYNTAX],
    ['GET k', '$1\r\n6\r\n'],
  ]);
});

t.test('a time to live is refused, never forgotten silently', async (t) => {
  const { expect } = await openRespSession(t);
  await expect([
    ['SET k 1 EX 10', /^-ERR Expiry \(EX\) is not in this version of Kvorum where a keyspace has a leader\r\n/],
    ['SET k 1 px 10 NX', /^-ERR Expiry \(PX\)/],
    ['SET k 1 EXAT 10', /^-ERR Expiry/],
    ['SET k 1 PXAT 10', /^-ERR Expiry/],
    ['SETEX k 10 1', /^-ERR Expiry \(SETEX\)/],
    ['SET k 1 EX', SYNTAX],
    ['SET k 1 EX 10 PX 10', SYNTAX],
    ['SET k 1 EX 10 KEEPTTL', SYNTAX],
    ['GET k', NIL],
  ]);
});
