import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import type { ReplicaId } from '../../../../../src/base/brand.js';
import { createHttpApp, type HttpApp } from '../../../../fixtures/http-app.js';
import { createFeedPair, setHttp } from '../../../../fixtures/http-pair.js';

const KV = '/keyspaces/feed/kv';

/** A follower n2 that takes n1 for the leader, and from its third look on `next`; n3 answers as a leader. */
async function changing(t: Test, next: string | null): Promise<{ first: HttpApp; follower: HttpApp; third: HttpApp }> {
  const { follower, leader } = await createFeedPair(t);
  const third = await createHttpApp({ feed: true, self: 'n3' });
  t.teardown(() => third.close());
  setHttp(follower.router.replicas, 2, await third.listen());
  third.router.feed.leaderId = 'n3' as ReplicaId;
  const { feed } = follower.router;
  const lookUp = feed.leader.bind(feed);
  let looks = 0;
  feed.leader = () => {
    if (++looks > 2) feed.leaderId = next as ReplicaId | null;
    return lookUp();
  };
  return { first: leader, follower, third };
}

t.test(
  'a request for a leader that is gone waits for the next one (connection refused: it was not done)',
  async (t) => {
    const { first, follower, third } = await changing(t, 'n3');
    await first.close();
    const written = await follower.ask('PUT', `${KV}/a`, { body: { value: '1' } });
    t.match(written, { status: 201, headers: { 'x-kvorum-forwarded-to': 'n3' } });
    t.equal(third.router.feed.reader.size, 1);
    t.match(await follower.ask('GET', `${KV}/a`), { status: 200, json: { value: '1' } });
  },
);

t.test(
  'also when the asked replica becomes the leader itself, and when the last one says that it leads no more',
  async (t) => {
    const gone = await changing(t, 'n2');
    await gone.first.close();
    t.match(await gone.follower.ask('PUT', `${KV}/a`, { body: { value: '1' } }), { status: 201 });
    t.equal(gone.follower.router.feed.reader.size, 1, 'it is written here');
    for (const code of ['not_leader', 'draining'] as const) {
      const { first, follower, third } = await changing(t, 'n3');
      first.router.feed.failWith = code;
      t.match(await follower.ask('PUT', `${KV}/a`, { body: { value: '1' } }), { status: 201 }, code);
      t.equal(third.router.feed.reader.size, 1);
    }
  },
);

t.test('with forward=false it is answered at once, with the leader that is known', async (t) => {
  const { first, follower } = await changing(t, 'n3');
  await first.close();
  t.match(await follower.ask('PUT', `${KV}/a?forward=false`, { body: { value: '1' } }), { status: 307 });
});

t.test('a write that was sent is never sent again, a read is (reliability.md §2.5)', async (t) => {
  const { follower, third } = await changing(t, 'n3');
  let asked = 0;
  const dying = createServer(({ socket }) => {
    asked++;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(dying, 'listening');
  t.teardown(() => dying.close());
  setHttp(follower.router.replicas, 0, `http://127.0.0.1:${(dying.address() as AddressInfo).port}`);
  t.match((await follower.ask('PUT', `${KV}/a`, { body: { value: '1' } })).json, { code: 'outcome_unknown' });
  t.equal(asked, 1);
  t.equal(third.router.feed.reader.size, 0, 'nobody else was asked');
  t.equal((await follower.ask('GET', `${KV}/a`)).status, 404, 'n3 has no such key');
  t.equal(asked, 2);
});
