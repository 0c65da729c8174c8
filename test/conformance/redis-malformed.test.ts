import { Buffer } from 'node:buffer';
import t from 'tap';
import { createRespServer } from '../../src/api/resp/index.js';
import { createFakeRouter } from '../fixtures/fake-router-resp.js';
import { startRedisServer } from '../fixtures/redis-server.js';
import { encodeRequest, RawClient } from '../fixtures/resp-wire.js';

const PING = encodeRequest('PING').toString('latin1');

/** What is sent, and whether the server closes by itself afterwards. Where it does not, a QUIT is appended. */
const CASES: readonly (readonly [name: string, sent: string, closes: boolean])[] = [
  ['inline', 'PING\r\nSET a b\r\nGET a\r\n', false],
  ['inline with bare line feeds', 'PING\nGET a\n', false],
  ['inline quotes', 'SET "a b" \'c\\\'d\'\r\nGET "a\\x20b"\r\nECHO "\\n\\t\\"x"\r\n', false],
  ['empty lines', '\r\n\n   \r\nPING\r\n', false],
  ['unbalanced quotes', 'GET "a\r\nPING\r\n', true],
  ['text behind a quote', 'GET "a"b\r\nPING\r\n', true],
  ['an empty request', `*0\r\n${PING}`, false],
  ['a negative count', `*-10\r\n${PING}`, false],
  ['a count that is no number', `*abc\r\n${PING}`, true],
  ['a count with a plus', `*+1\r\n${PING}`, true],
  ['a count too large', `*3000000000\r\n${PING}`, true],
  ['no dollar', '*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n', true],
  ['a blank for a dollar', '*1\r\n 4\r\nPING\r\n', true],
  ['a negative length', '*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$-10\r\n', true],
  ['a length too large', '*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$2000000000\r\n', true],
  ['a length that is no number', '*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$blabla\r\n', true],
  ['an empty length', '*1\r\n$\r\nPING\r\n', true],
  ['wrong line ends are not looked at', '*1xx$4xxPINGxx', true],
  ['bytes instead of the line end', '*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n', false],
  ['replies before the error come first', `${PING}${PING}*1\r\n$x\r\n`, true],
  ['commands behind the error are not run', '*1\r\n$x\r\n*3\r\n$3\r\nSET\r\n$1\r\nz\r\n$1\r\n1\r\n', true],
  ['a long inline request', 'x'.repeat(70_000), true],
  ['a long count', `*${'1'.repeat(70_000)}`, true],
  ['a long length', `*1\r\n$${'1'.repeat(70_000)}`, true],
  ['a word with a NUL', '*1\r\n$4\r\nP\0NG\r\n', false],
  ['QUIT among others', `${PING}QUIT\r\n${PING}`, true],
  ['HTTP POST', 'POST / HTTP/1.1\r\nHost: x\r\n\r\n', true],
  ['an HTTP header', 'Host: localhost\r\n', true],
];

/** Long enough for an answer on a busy machine; some requests wait for more bytes, and cost it. */
const STUCK_MS = 3000;

async function answers(port: number, sent: string, closes: boolean): Promise<string> {
  const client = await RawClient.open(port);
  client.send(closes ? sent : `${sent}QUIT\r\n`);
  // What says nothing waits for more bytes.
  const stuck = setTimeout(() => client.close(), STUCK_MS);
  const received = await client.untilClosed();
  clearTimeout(stuck);
  client.close();
  return received;
}

t.test('malformed requests get the same answer as from redis-server', async (t) => {
  const redis = await startRedisServer();
  if (redis === null || !redis.version.startsWith('7.0.')) {
    t.plan(0, 'there is no redis-server 7.0 on this machine');
    await redis?.stop();
    return;
  }
  t.teardown(() => redis.stop());
  const server = await createRespServer(createFakeRouter(), { host: '127.0.0.1', port: 0 });
  t.teardown(() => server.close());
  const ports = [server.address.port, redis.port];
  await Promise.all(
    CASES.map(async ([name, sent, closes]) => {
      const [ours, theirs] = await Promise.all(ports.map((port) => answers(port, sent, closes)));
      t.equal(ours, theirs, name);
    }),
  );
  const big = Buffer.alloc(300_000, 'v').toString('latin1');
  const long = encodeRequest('SET', 'big', big).toString('latin1') + encodeRequest('GET', 'big').toString('latin1');
  t.equal(await answers(server.address.port, long, false), await answers(redis.port, long, false), 'a long value');
});
