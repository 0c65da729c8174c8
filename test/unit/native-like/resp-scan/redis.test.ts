/*
 * Asks a real redis-server about the same bytes: its answers to `EVAL "return ARGV" 0 …` are the arguments that it has
 * read. Skipped where redis-server is not installed or is not 7.0.
 */
import * as fc from 'fast-check';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { protocolErrorText, RESP_LIMITS, RespStatus } from '../../../../native-like/resp-scan/index.js';
import { scanRequestReference } from '../../../../native-like/resp-scan/reference.js';
import { arrayOf, inlinePieces, someStream } from './streams.js';

const version = spawnSync('redis-server', ['--version'], { encoding: 'utf8' }).stdout as string | null;
const skip = version?.includes(' v=7.0.') === true ? false : 'needs redis-server 7.0';

/** Starts a server that listens on a Unix socket only. */
async function startRedis(t: Test): Promise<string> {
  // Not t.testdir(): the path of a Unix socket has to be shorter than 108 bytes.
  const folder = await mkdtemp(join(tmpdir(), 'kvorum-'));
  const socket = join(folder, 's');
  const flags = ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', folder, '--loglevel', 'warning'];
  const server = spawn('redis-server', flags, { stdio: 'ignore' });
  t.teardown(async () => {
    const exit = once(server, 'exit');
    server.kill();
    await exit;
    await rm(folder, { recursive: true });
  });
  while (!existsSync(socket)) {
    if (server.exitCode !== null) throw new Error(`redis-server ended with ${server.exitCode}`);
    await sleep(5);
  }
  return socket;
}

/** All that the server answers to these bytes on a connection of their own. */
async function ask(path: string, stream: string): Promise<string> {
  const socket = connect({ path, allowHalfOpen: true });
  let answer = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => (answer += chunk));
  // A server that has answered with a protocol error may close before it has read everything.
  socket.on('error', () => undefined);
  socket.end(stream, 'latin1');
  await once(socket, 'close');
  return answer;
}

/** Redis allows as many arguments as an int holds; our default is tighter (native-like/README.md). */
const REDIS_LIMITS = { ...RESP_LIMITS, argumentsMax: 2 ** 31 - 1 };

/** What is expected of a stream whose requests are all `EVAL "return ARGV" 0 …`; undefined when one is not. */
function expectedAnswer(stream: string): string | undefined {
  let answer = '';
  for (let at = 0; ;) {
    const found = scanRequestReference(stream.slice(at), REDIS_LIMITS);
    at += found.requestBytes;
    if (found.status === RespStatus.INCOMPLETE) return answer;
    if (found.status === RespStatus.EMPTY) continue;
    const error = protocolErrorText(found.status, found.unexpectedByte);
    if (error !== undefined) return `${answer}-${error}\r\n`;
    const [command, script, keys, ...rest] = found.arguments;
    if (command !== 'EVAL' || script !== 'return ARGV' || keys !== '0') return undefined;
    answer += arrayOf(rest);
  }
}

t.test('reads as redis-server reads', { skip }, async (t) => {
  const path = await startRedis(t);
  const compare = async (stream: string): Promise<void> => {
    const expected = expectedAnswer(stream);
    if (expected !== undefined) t.equal(await ask(path, stream), expected, JSON.stringify(stream.slice(0, 200)));
  };

  await t.test('inline commands', async () => {
    const line = inlinePieces.map((pieces) => `EVAL "return ARGV" 0 ${pieces}\r\n`);
    await fc.assert(fc.asyncProperty(line, compare), { numRuns: 400 });
  });

  await t.test('arrays and noise between them', async () => {
    const words = fc.array(fc.string({ maxLength: 6 }), { maxLength: 3 });
    const evals = words.map((words) => arrayOf(['EVAL', 'return ARGV', '0', ...words.map(encodeURIComponent)]));
    const stream = fc.tuple(evals, someStream).map((parts) => parts.join(''));
    await fc.assert(fc.asyncProperty(stream, compare), { numRuns: 600 });
  });

  await t.test('the edges', async () => {
    const long = 'x'.repeat(65_537);
    const broken = [
      '*x',
      '*',
      '*01',
      '*-0',
      '*+1',
      '* 1',
      '*2147483648',
      '*-9223372036854775809',
      '*-9223372036854775808',
    ];
    const lengths = [
      '$-1',
      '$',
      '$536870913',
      '$9223372036854775807',
      '$0',
      '$00',
      ':4',
      '',
      '\n',
      '\xe9',
      '\x01',
      '%',
    ];
    for (const one of broken) await compare(`${one}\r\n`);
    for (const one of lengths) await compare(`*1\r\n${one}\r\n`);
    for (const one of [`*${long}`, `*1\r\n$${long}`, long, '*1\0\r\n', 'PING\0\r\n', '*-5\r\n*0\r\n\r\n \r\n\n']) {
      await compare(one);
    }
    await compare(`${arrayOf(['EVAL', 'return ARGV', '0', 'a']).replaceAll('\r\n', '\rX')}\r\n`);
  });
});
