import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import t, { type Test } from 'tap';
import { createRespServer, type RespLimits } from '../../../../src/api/resp/index.js';
import { createFakeRouter } from '../../../fixtures/fake-router-resp.js';
import { encodeRequest, RawClient } from '../../../fixtures/resp-wire.js';

async function start(t: Test, limits: Partial<RespLimits> = {}) {
  const router = createFakeRouter();
  const server = await createRespServer(router, { host: '127.0.0.1', port: 0, limits });
  t.teardown(() => server.close());
  const client = await RawClient.open(server.address.port);
  t.teardown(() => client.close());
  return { router, server, client };
}

t.test('a pipelined read sees the earlier writes and not the later ones', async (t) => {
  const { client } = await start(t);
  const requests: Buffer[] = [];
  const expected: string[] = [];
  for (let at = 0; at < 200; at++) {
    requests.push(encodeRequest('SET', 'k', `v${at}`), encodeRequest('GET', 'k'), encodeRequest('PING'));
    expected.push('+OK\r\n', `$${`v${at}`.length}\r\nv${at}\r\n`, '+PONG\r\n');
  }
  client.send(Buffer.concat(requests));
  t.same(await client.replies(expected.length), expected);
});

t.test('any interleaving in one pipeline is as if run one by one', async (t) => {
  const { client } = await start(t);
  const command = fc.oneof(
    fc.tuple(fc.constant('SET'), fc.constantFrom('x', 'y'), fc.nat(9)),
    fc.tuple(fc.constant('GET'), fc.constantFrom('x', 'y')),
    fc.tuple(fc.constant('INCR'), fc.constantFrom('x', 'y')),
    fc.tuple(fc.constant('DEL'), fc.constantFrom('x', 'y')),
    fc.tuple(fc.constant('EXISTS'), fc.constantFrom('x', 'y')),
    fc.tuple(fc.constant('PING')),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 60 }), async (commands) => {
      const requests = [['DEL', 'x', 'y'], ...commands.map((words) => words.map(String))];
      const model = new Map<string, string>();
      const expected = requests.map(([name = '', key = '', value = '']): string => {
        const before = model.get(key);
        if (name === 'PING') return '+PONG\r\n';
        if (name === 'GET') return before === undefined ? '$-1\r\n' : `$${before.length}\r\n${before}\r\n`;
        if (name === 'EXISTS') return `:${before === undefined ? 0 : 1}\r\n`;
        if (name === 'SET') model.set(key, value);
        if (name === 'INCR') model.set(key, String(Number(before ?? 0) + 1));
        if (name === 'DEL') model.delete(key);
        if (name === 'SET') return '+OK\r\n';
        return name === 'INCR' ? `:${model.get(key)}\r\n` : `:${before === undefined ? 0 : 1}\r\n`;
      });
      client.send(Buffer.concat(requests.map((words) => encodeRequest(...words))));
      const replies = await client.replies(requests.length);
      t.same(replies.slice(1), expected.slice(1));
    }),
    { numRuns: 60 },
  );
});

t.test('a stream cut at every byte gets the same replies', async (t) => {
  const stream = Buffer.concat([
    encodeRequest('SET', 'k', 'line\r\nend'),
    Buffer.from('GET k\r\n\r\n'),
    encodeRequest('MSET', 'a', '1', 'b', ''),
    Buffer.from('*0\r\n'),
    encodeRequest('MGET', 'a', 'b', 'none'),
    encodeRequest('SET', 'k'),
    encodeRequest('NOPE', 'x'),
    encodeRequest('DEL', 'k', 'a', 'b'),
  ]);
  const { client } = await start(t);
  client.send(stream);
  const whole = await client.replies(7);
  for (let at = 1; at < stream.length; at++) {
    await client.sendSplit([stream.subarray(0, at), stream.subarray(at)]);
    t.same(await client.replies(7), whole, `cut at ${at}`);
  }
  await client.sendSplit(Array.from(stream, (_byte, at) => stream.subarray(at, at + 1)));
  t.same(await client.replies(7), whole, 'byte by byte');
});

t.test('replies keep the order of requests that other keyspaces answer sooner', async (t) => {
  const { client, router } = await start(t);
  router.defaultKeyspace.held = true;
  client.send(
    Buffer.concat([
      encodeRequest('SET', 'slow', '1'),
      encodeRequest('SELECT', 'other'),
      encodeRequest('SET', 'fast', '2'),
      encodeRequest('PING'),
      encodeRequest('INCR', 'fast'),
    ]),
  );
  while (!router.keyspace('other')?.status().keys) await new Promise((resolve) => setImmediate(resolve));
  router.defaultKeyspace.held = false;
  router.turn();
  t.same(await client.replies(5), ['+OK\r\n', '+OK\r\n', '+OK\r\n', '+PONG\r\n', ':3\r\n']);
});

t.test('a connection that has used up its budget goes on in the next turn', async (t) => {
  const { client } = await start(t, { commandsPerTurn: 3, outstandingCommands: 5 });
  const requests = Array.from({ length: 100 }, (_, at) => encodeRequest('SET', `k${at}`, 'v'));
  client.send(Buffer.concat([...requests, encodeRequest('DBSIZE')]));
  t.same((await client.replies(101)).at(-1), ':100\r\n');
});

t.test('HELLO and RESET do not change the dialect of earlier replies', async (t) => {
  const { client } = await start(t);
  client.send(
    Buffer.concat([
      encodeRequest('GET', 'none'),
      encodeRequest('HELLO', '3'),
      encodeRequest('GET', 'none'),
      encodeRequest('RESET'),
      encodeRequest('GET', 'none'),
    ]),
  );
  const [before, hello, within, reset, after] = await client.replies(5);
  t.match(hello, /^%7/);
  t.same([before, within, reset, after], ['$-1\r\n', '_\r\n', '+RESET\r\n', '$-1\r\n']);
});
