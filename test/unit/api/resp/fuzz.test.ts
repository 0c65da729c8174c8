import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import t from 'tap';
import { createPrng, type Prng } from '../../../../src/base/prng.js';
import { createRespServer } from '../../../../src/api/resp/index.js';
import { COMMANDS } from '../../../../src/api/resp/commands/registry.js';
import { createFakeRouter } from '../../../fixtures/fake-router-resp.js';
import { encodeRequest, RawClient } from '../../../fixtures/resp-wire.js';

/** Runs for about five seconds: a million requests. */
const REQUESTS = 1_000_000;
const REQUESTS_PER_ROUND = 2000;
/** Growth of the heap that is not the fuzz's own garbage. */
const GROWTH_BYTES_MAX = 64 * 1024 * 1024;

const ARGUMENTS = [
  'a',
  'b',
  'key:1',
  '',
  '0',
  '-1',
  '9223372036854775807',
  'NX',
  'GET',
  'ON',
  '\0\xff',
  'x'.repeat(50),
];
const NAMES = [...COMMANDS.all.map(({ name }) => name), 'nope', ''];

function pick<T>(prng: Prng, from: readonly T[]): T {
  return from[prng.between(0, from.length - 1)] as T;
}

function randomRequest(prng: Prng): Buffer {
  // QUIT would end a round early; LIST grows with the square of the connections.
  const name = pick(prng, NAMES).replace('quit', 'get');
  const count = prng.between(0, 4);
  return encodeRequest(name, ...Array.from({ length: count }, () => pick(prng, ARGUMENTS)));
}

/** Requests made once and mixed afterwards: making a million of them is not what is tested. */
function requestPool(prng: Prng): Buffer[] {
  return Array.from({ length: 5000 }, () => randomRequest(prng));
}

function mutate(prng: Prng, bytes: Buffer): void {
  for (let change = prng.between(1, 3); change > 0; change--) {
    bytes[prng.between(0, bytes.length - 1)] = prng.between(0, 255);
  }
}

t.test('a million random and mutated requests', async (t) => {
  const prng = createPrng(7);
  const router = createFakeRouter();
  const server = await createRespServer(router, { host: '127.0.0.1', port: 0 });
  t.teardown(() => server.close());
  const pool = requestPool(prng);
  const rounds = REQUESTS / REQUESTS_PER_ROUND;
  let heapBytes = 0;
  let repliedBytes = 0;
  for (let round = 0; round < rounds; round++) {
    const stream = Buffer.concat(Array.from({ length: REQUESTS_PER_ROUND }, () => pick(prng, pool)));
    // Every fourth stream is damaged somewhere: the server answers, waits or closes, as it sees fit.
    if (round % 4 === 0) mutate(prng, stream);
    const client = await RawClient.open(server.address.port);
    client.socket.removeAllListeners('data');
    client.socket.on('data', (chunk: Buffer) => {
      repliedBytes += chunk.length;
    });
    client.socket.end(stream);
    if (!client.socket.destroyed) await once(client.socket, 'close').catch(() => undefined);
    if (round === rounds / 2) heapBytes = process.memoryUsage().heapUsed;
  }
  const after = await RawClient.open(server.address.port);
  t.equal(await after.ask('PING'), '+PONG\r\n', 'the server still answers');
  t.match(await after.ask('CLIENT', 'LIST'), /^\$\d+\r\n[^\n]*\n\r\n$/, 'no connection is left over');
  const processed = Number(/total_commands_processed:(\d+)/.exec(await after.ask('INFO', 'stats'))?.[1]);
  t.ok(processed > REQUESTS * 0.75, `${processed} commands were run`);
  after.close();
  t.ok(repliedBytes > REQUESTS, `${repliedBytes} bytes of replies`);
  const growthBytes = process.memoryUsage().heapUsed - heapBytes;
  t.ok(growthBytes < GROWTH_BYTES_MAX, `the heap grew by ${growthBytes} bytes in the second half`);
});
