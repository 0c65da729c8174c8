import t from 'tap';
import { revision } from '../../../../../src/base/brand.js';
import { KvorumError } from '../../../../../src/base/errors/error.js';
import { ORIGINS } from '../../../../fixtures/fake-leaderless.js';
import { openRespSession } from '../../../../fixtures/resp-session.js';

const NIL = '$-1\r\n';
const OK = '+OK\r\n';

t.test('everything that reads, and plain writes, work without a leader', async (t) => {
  const { expect, router } = await openRespSession(t, { leaderless: true });
  router.likes.deliver(ORIGINS.n2, 4, 9, 'theirs', 'v');
  await expect([
    ['SELECT likes', OK],
    ['GET theirs', '$1\r\nv\r\n'],
    ['SET a 1', OK],
    ['SET b hello', OK],
    ['MGET a none b', `*3\r\n$1\r\n1\r\n${NIL}$5\r\nhello\r\n`],
    ['GETRANGE b 1 -2', '$3\r\nell\r\n'],
    ['STRLEN b', ':5\r\n'],
    ['EXISTS a b none', ':2\r\n'],
    ['TYPE a', '+string\r\n'],
    ['DBSIZE', ':3\r\n'],
    ['KEYS *', '*3\r\n$1\r\na\r\n$1\r\nb\r\n$6\r\ntheirs\r\n'],
    ['SCAN 0 MATCH t* COUNT 100', '*2\r\n$1\r\n0\r\n*1\r\n$6\r\ntheirs\r\n'],
    ['MSET a 2', OK],
    ['DEL a b none', ':2\r\n'],
    ['UNLINK theirs', ':1\r\n'],
    ['DEL theirs', ':0\r\n'],
    ['DBSIZE', ':0\r\n'],
  ]);
});

t.test('values expire', async (t) => {
  const { client, expect } = await openRespSession(t, { leaderless: true });
  await expect([
    ['SELECT likes', OK],
    ['SET k v EX 100', OK],
    ['TTL k', ':100\r\n'],
    ['PTTL k', /^:(99\d{3}|100000)\r\n/],
    ['SETEX k 200 v', OK],
    ['TTL k', ':200\r\n'],
    ['PSETEX k 5000 v', OK],
    ['TTL k', ':5\r\n'],
    ['SET k v PXAT 4102444800000', OK],
    ['EXPIRETIME k', ':4102444800\r\n'],
    ['PEXPIRETIME k', ':4102444800000\r\n'],
    ['SET k v EX 0', "-ERR invalid expire time in 'set' command\r\n"],
    ['SETEX k -1 v', "-ERR invalid expire time in 'setex' command\r\n"],
    ['SET k v EX ten', '-ERR value is not an integer or out of range\r\n'],
    ['SET k v PX 9223372036854775807', "-ERR invalid expire time in 'set' command\r\n"],
    ['SET k v', OK],
    ['TTL k', ':-1\r\n'],
    ['TTL none', ':-2\r\n'],
  ]);
  t.equal(await client.ask('PTTL', 'none'), ':-2\r\n');
});

t.test('what needs one order of all writes is refused with the reason (ap.md §1.1)', async (t) => {
  const { client, expect, router } = await openRespSession(t, { leaderless: true });
  await expect([['SELECT likes', OK]]);
  const commands = [
    'INCR k', 'DECRBY k 2', 'APPEND k x', 'SETNX k 1', 'SET k 1 NX', 'SET k 1 XX', 'SET k 1 GET', 'GETSET k 1', 'GETDEL k',
    'MSET a 1 b 2', 'MSETNX a 1 b 2', 'SET k 1 KEEPTTL', 'MULTI', 'WATCH k', 'RENAME k l', 'SETRANGE k 0 x', 'EXPIRE k 10',
  ]; // prettier-ignore
  for (const command of commands) {
    t.match(await client.ask(...command.split(' ')), /^-ERR unsupported_by_engine .*two members.*\r\n$/i, command);
  }
  t.match(await client.ask('incr', 'k'), /^-ERR unsupported_by_engine/);
  t.equal(await client.ask('DBSIZE'), ':0\r\n', 'nothing was written');
  t.match(await client.ask('MULTI'), /The keyspaces? can: default|These keyspaces can: default, other/);
  t.ok((router.refused.get('unsupported_by_engine') ?? 0) >= commands.length);
  await expect([
    ['NOSUCH k', /^-ERR unknown command 'NOSUCH'/],
    ['SELECT 0', OK],
    ['MULTI', /^-ERR unknown command/],
  ]);
});

t.test('levels above one name the keys; what names none tells what is here', async (t) => {
  const { expect, router } = await openRespSession(t, { leaderless: true });
  router.likes.defaultConsistency = 'quorum';
  await expect([
    ['SELECT likes', OK],
    ['MGET a b', `*2\r\n${NIL}${NIL}`],
    ['GETRANGE c 0 1', '$0\r\n\r\n'],
    ['DBSIZE', ':0\r\n'],
  ]);
  t.same(router.likes.asked, [
    { what: 'read quorum', options: { keys: ['a', 'b'] } },
    { what: 'read quorum', options: { keys: ['c'] } },
    { what: 'read one', options: undefined },
  ]);
});

t.test('errors of leaderless keyspaces', async (t) => {
  const { expect, router } = await openRespSession(t, { leaderless: true });
  await expect([['SELECT likes', OK]]);
  router.likes.failWith = new KvorumError('outcome_unknown', '1 of 2 replicas have it');
  await expect([['SET k 1', '-UNKNOWN 1 of 2 replicas have it\r\n']]);
  router.likes.failWith = 'not_enough_replicas';
  await expect([['SET k 1', /^-NOREPLICAS /]]);
});

t.test('INFO and HELLO: every member is a master', async (t) => {
  const { client, router } = await openRespSession(t, { leaderless: true });
  router.likes.deliver(ORIGINS.n2, 4, 9, 'k', 'v');
  await client.ask('SELECT', 'likes');
  const info = await client.ask('INFO');
  t.match(info, /role:master\r\nconnected_slaves:1\r\nslave0:id=n2,state=online,lag=2\r\nslave1:id=n3,state=down/);
  t.match(info, /keyspace_likes:engine=lww,role=member,state=behind,clock=9,stable=1,behind=3\r\n/);
  t.match(info, /keyspace_default:engine=raft,role=leader/);
  t.match(await client.ask('HELLO', '2'), /role\r\n\$6\r\nmaster/);
  t.equal(router.likes.status().revision, revision(9));
});

t.test('where siblings are kept, SET replaces all that are there: Redis knows no contexts', async (t) => {
  const { expect, router } = await openRespSession(t, { leaderless: true });
  const sets: readonly (readonly [string, string])[] = [
    ['SELECT likes', OK],
    ['SET k v', OK],
    ['SET k v EX 100', OK],
  ];
  await expect(sets);
  for (const { options } of router.likes.asked) t.notMatch(options ?? {}, { replacesAll: true });
  router.likes.asked.length = 0;
  router.likes.conflicts = 'siblings';
  await expect(sets);
  t.ok(router.likes.asked.length >= 2);
  for (const { options } of router.likes.asked) t.match(options, { replacesAll: true });
});
