import { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { createRespServer } from '../../../../src/api/resp/index.js';
import { createFakeRouter } from '../../../fixtures/fake-router-resp.js';

async function start(t: Test, protocol: 2 | 3): Promise<Redis> {
  const server = await createRespServer(createFakeRouter(), { host: '127.0.0.1', port: 0 });
  t.teardown(() => server.close());
  const redis = new Redis({ ...server.address, protocol, connectionName: 'tests', lazyConnect: true });
  t.teardown(() => redis.disconnect());
  await redis.connect();
  return redis;
}

for (const protocol of [2, 3] as const) {
  t.test(`ioredis speaks RESP${protocol}`, async (t) => {
    const redis = await start(t, protocol);
    t.equal(await redis.set('k', 'v'), 'OK');
    t.equal(await redis.get('k'), 'v');
    t.equal(await redis.get('none'), null);
    t.equal(await redis.set('k', 'w', 'NX'), null);
    t.equal(await redis.set('k', 'w', 'GET'), 'v');
    t.same(await redis.mget('k', 'none'), ['w', null]);
    t.equal(await redis.incrby('n', 41), 41);
    t.equal(await redis.incr('n'), 42);
    t.equal(await redis.exists('k', 'k', 'none'), 2);
    t.equal(await redis.client('GETNAME'), 'tests');
    t.match(await redis.info('server'), /redis_version:7\.0\.15\r\nkvorum_version:/);
    const bytes = Buffer.from([0, 255, 13, 10]);
    await redis.set(bytes, bytes);
    t.same(await redis.getBuffer(bytes), bytes);
    await t.rejects(redis.incr('k'), { message: 'ERR value is not an integer or out of range' });
    const results = await redis.pipeline().set('p', '1').get('p').incr('p').get('p').del('p').get('p').exec();
    t.same(
      results?.map(([, value]) => value),
      ['OK', '1', 2, '2', 1, null],
    );
    await redis.select(1);
    t.equal(await redis.get('k'), null, 'database 1 is another keyspace');
    t.equal(await redis.dbsize(), 0);
    t.equal(await redis.quit(), 'OK');
  });
}

t.test('ten thousand commands at once come back in order', async (t) => {
  const redis = await start(t, 2);
  const replies = await Promise.all(Array.from({ length: 10_000 }, () => redis.incr('n')));
  t.same(
    replies,
    replies.map((_, at) => at + 1),
  );
});
