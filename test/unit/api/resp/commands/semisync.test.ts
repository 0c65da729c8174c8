import t from 'tap';
import { openRespSession } from '../../../../fixtures/resp-session.js';
import { encodeRequest } from '../../../../fixtures/resp-wire.js';

const READ_ONLY = "-READONLY You can't write against a read only replica. The leader is n2 at 127.0.0.1:6102.\r\n";
const ELSEWHERE =
  '-NOTLEADER The leader is n2 at 127.0.0.1:6102. After READONLY this replica answers with what it has.\r\n';

t.test('a follower of a write quorum takes no writes, and names the leader', async (t) => {
  const { expect, router } = await openRespSession(t, { semisync: true });
  await expect([
    ['SELECT feed', '+OK\r\n'],
    ['SET k v', '+OK\r\n'],
  ]);
  router.feed.leading = false;
  await expect([
    ['SET k w', READ_ONLY],
    ['SET k w NX', READ_ONLY],
    ['DEL k', READ_ONLY],
    ['INCR n', READ_ONLY],
    ['MSET a 1 b 2', READ_ONLY],
    ['GET k', ELSEWHERE],
    ['DBSIZE', ELSEWHERE],
    ['READONLY', '+OK\r\n'],
    ['GET k', '$1\r\nv\r\n'],
    ['SET k w', READ_ONLY],
    ['READWRITE', '+OK\r\n'],
    ['GET k', ELSEWHERE],
    ['SELECT 0', '+OK\r\n'],
    ['SET k v', '+OK\r\n'],
  ]);
  t.same(router.feed.consistencies, ['follower']);
  t.equal(router.refused.get('not_leader'), 9);
});

t.test('READONLY is for followers: the leader serves as ever', async (t) => {
  const { client, expect, router } = await openRespSession(t, { semisync: true });
  await expect([
    ['SELECT feed', '+OK\r\n'],
    ['READONLY', '+OK\r\n'],
    ['SET k v', '+OK\r\n'],
    ['GET k', '$1\r\nv\r\n'],
  ]);
  t.match(await client.ask('CLIENT', 'INFO'), / flags=r /);
  t.same(router.feed.consistencies, ['leader']);
  await expect([['RESET', '+RESET\r\n']]);
  t.match(await client.ask('CLIENT', 'INFO'), / flags=N /);
  router.feed.defaultConsistency = 'follower';
  router.feed.leading = false;
  await expect([
    ['SELECT feed', '+OK\r\n'],
    ['GET k', '$1\r\nv\r\n'],
  ]);
});

t.test('ap.md §1.3.2: WAIT counts the followers that have it on their disks', async (t) => {
  const { client, expect, router } = await openRespSession(t, { semisync: true });
  await expect([
    ['SELECT feed', '+OK\r\n'],
    ['SET k v', '+OK\r\n'],
    ['WAIT 1 10', ':0\r\n'],
  ]);
  client.send(encodeRequest('WAIT', '1', '0'));
  setImmediate(() => (router.feed.durable = 1));
  t.equal(await client.reply(), ':1\r\n');
  const { feed } = router;
  const status = feed.status.bind(feed);
  feed.status = () => {
    setImmediate(() => (feed.leading = false)); // Once it waits.
    return status();
  };
  client.send(encodeRequest('WAIT', '2', '0'));
  t.match(await client.reply(), /^-UNBLOCKED force unblock from blocking operation, instance state changed/);
  await expect([['WAIT 1 10', /^-ERR WAIT cannot be used with replica instances/]]);
});

t.test('INFO and ROLE say who follows whom', async (t) => {
  const { client, expect, router } = await openRespSession(t, { semisync: true });
  await expect([
    ['SELECT feed', '+OK\r\n'],
    ['SET k v', '+OK\r\n'],
    ['ROLE', '*3\r\n$6\r\nmaster\r\n:1\r\n*1\r\n*3\r\n$9\r\n127.0.0.1\r\n$4\r\n6102\r\n$1\r\n0\r\n'],
  ]);
  t.match(
    await client.ask('INFO', 'replication'),
    /role:master\r\nconnected_slaves:1\r\nslave0:id=n2,ip=127\.0\.0\.1,port=6102,state=online,offset=0\r\nmaster_repl_offset:1/,
  );
  router.feed.leading = false;
  t.match(
    await client.ask('INFO', 'replication'),
    /role:slave\r\nmaster_host:127\.0\.0\.1\r\nmaster_port:6102\r\nmaster_link_status:up\r\nslave_read_only:1\r\nslave_repl_offset:1/,
  );
  await expect([
    ['ROLE', '*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:6102\r\n$9\r\nconnected\r\n:1\r\n'],
    ['SELECT 0', '+OK\r\n'],
    ['ROLE', '*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n'],
  ]);
});
