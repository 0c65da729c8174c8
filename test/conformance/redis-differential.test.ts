import { Buffer } from 'node:buffer';
import t from 'tap';
import { createPrng, type Prng } from '../../src/base/prng.js';
import { createRespServer } from '../../src/api/resp/index.js';
import { createFakeRouter } from '../fixtures/fake-router-resp.js';
import { startRedisServer } from '../fixtures/redis-server.js';
import { encodeRequest, RawClient } from '../fixtures/resp-wire.js';

/** Runs for about three seconds: thousands of commands against two servers. */
const STREAMS = 200;
const COMMANDS_PER_STREAM = 250;

type Word = string;

const KEYS = ['a', 'b', 'c', 'k\0\xff', 'long'.repeat(20), 'n', 'm'];
const INTEGERS = [
  '0',
  '1',
  '-1',
  '10',
  '010',
  ' 1',
  '+1',
  '-0',
  '1.5',
  '99999999999999999999',
  '123456789012345678901',
];
const EXTREMES = ['9223372036854775807', '-9223372036854775808', '9223372036854775808', '-9223372036854775809'];
const VALUES = INTEGERS.concat(EXTREMES, ['', 'text', '\r\n', '\0\x01\xff', 'x'.repeat(300), 'NX', 'GET']);

function pick<T>(prng: Prng, from: readonly T[]): T {
  return from[prng.between(0, from.length - 1)] as T;
}

function some(prng: Prng, from: readonly Word[], max: number): Word[] {
  return Array.from({ length: prng.between(0, max) }, () => pick(prng, from));
}

function anyCase(prng: Prng, word: Word): Word {
  return Array.from(word, (char) => (prng.between(0, 1) === 0 ? char.toLowerCase() : char.toUpperCase())).join('');
}

const OFFSETS = [
  '0',
  '1',
  '-1',
  '-2',
  '5',
  '299',
  '300',
  '-300',
  '-301',
  '9223372036854775807',
  '-9223372036854775808',
  'x',
];
const SET_OPTIONS = ['NX', 'XX', 'GET', 'KEEPTTL', 'nx', 'xx', 'get', 'bogus', 'NXX', ''];

/** One command of those whose replies must be the same, now and then with too few or too many arguments. */
function randomCommand(prng: Prng): Word[] {
  const key = (): Word => pick(prng, KEYS);
  const value = (): Word => pick(prng, VALUES);
  const shapes: readonly (() => Word[])[] = [
    () => ['SET', key(), value()],
    () => ['SET', key(), value()],
    () => ['SET', key(), value(), ...some(prng, SET_OPTIONS, 3)],
    () => ['GET', key()],
    () => ['GET', key()],
    () => ['GETSET', key(), value()],
    () => ['SETNX', key(), value()],
    () => ['GETDEL', key()],
    () => ['MGET', key(), ...some(prng, KEYS, 4)],
    () => ['MSET', ...Array.from({ length: prng.between(1, 4) }, () => [key(), value()]).flat()],
    () => ['MSETNX', ...Array.from({ length: prng.between(1, 4) }, () => [key(), value()]).flat()],
    () => ['MSET', key(), value(), key()],
    () => [pick(prng, ['DEL', 'UNLINK', 'EXISTS', 'TOUCH']), key(), ...some(prng, KEYS, 4)],
    () => ['TYPE', key()],
    () => [pick(prng, ['INCR', 'DECR']), key()],
    () => [pick(prng, ['INCRBY', 'DECRBY']), key(), value()],
    () => ['APPEND', key(), value()],
    () => ['STRLEN', key()],
    () => [pick(prng, ['GETRANGE', 'SUBSTR']), key(), pick(prng, OFFSETS), pick(prng, OFFSETS)],
    () => [pick(prng, ['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME']), key()],
    () => ['KEYS', pick(prng, ['', 'none*', '[x', 'long'])],
    () => ['DBSIZE'],
    () => ['PING', ...some(prng, VALUES, 2)],
    () => ['ECHO', value()],
    () => [
      'SELECT',
      pick(prng, ['0', '1', '-1', '100', '2147483647', '2147483648', '-2147483649', '99999999999999999999', '']),
    ],
    () => ['CLIENT', pick(prng, ['GETNAME', 'GETNAME', 'NOPE', 'id', '']), ...some(prng, ['x'], 2)].slice(0, 2),
    () => ['CLIENT', 'SETNAME', pick(prng, ['name', 'two words', '', 'new\nline'])],
    () => ['CLIENT', 'NO-EVICT', pick(prng, ['on', 'off', 'maybe'])],
    () => ['CLIENT', 'REPLY', pick(prng, ['ON', 'nothing'])],
    () => ['HELLO', pick(prng, ['1', '4', 'x', '', '2.0'])],
    () => ['HELLO', pick(prng, ['2', '3']), pick(prng, ['AUTH', 'SETNAME', 'bogus'])],
    () => ['HELLO', pick(prng, ['2', '3', '3']), 'SETNAME', 'name', 'AUTH', pick(prng, ['default', 'x']), 'y'],
    () => ['AUTH', ...some(prng, ['default', 'user', 'secret'], 3)],
    () => ['CONFIG', pick(prng, ['GET', 'NOPE']), ...some(prng, ['save', 'SAVE', 'nothing', 'sav?'], 1)],
    () => ['COMMAND', 'COUNT', 'extra'],
    () => ['RESET'],
    () => ['NOSUCHCOMMAND', ...some(prng, [...VALUES, ...KEYS], 6)],
    () => [pick(prng, ['', 'GE', 'GETT', 'a\r\nb', 'a\0b', 'x'.repeat(200)]), ...some(prng, VALUES, 4)],
  ];
  const words = pick(prng, shapes)();
  const change = prng.between(0, 19);
  if (change === 0) words.pop();
  if (change === 1) words.push(value() || 'extra'); // An empty key is refused here.
  words[0] = anyCase(prng, words[0] ?? 'get');
  return words;
}

/** A stream cut into pieces at random places, some of them of one byte. */
function cut(prng: Prng, bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = prng.between(0, 9) === 0 ? 1 : prng.between(1, 2000);
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

/** What cannot be equal: ids of clients and the number of commands. */
function mask(words: readonly Word[], reply: string): string {
  const command = words.slice(0, 2).join(' ').toLowerCase();
  if (command.startsWith('hello')) return reply.replace(/(\$2\r\nid\r\n):\d+/, '$1:id');
  return command === 'client id' || command === 'command count' ? reply.replace(/^:\d+/, ':number') : reply;
}

async function runOn(port: number, commands: readonly Word[][], prng: Prng): Promise<string[]> {
  const client = await RawClient.open(port);
  const sent = client.sendSplit(cut(prng, Buffer.concat(commands.map((words) => encodeRequest(...words)))));
  const replies = await client.replies(commands.length);
  await sent;
  client.close();
  return replies.map((reply, at) => mask(commands[at] ?? [], reply));
}

t.test('the same commands get the same bytes as from redis-server', async (t) => {
  const redis = await startRedisServer(['--databases', '2']);
  if (redis === null) {
    t.plan(0, 'there is no redis-server on this machine');
    return;
  }
  t.teardown(() => redis.stop());
  if (!redis.version.startsWith('7.0.')) {
    t.plan(0, `redis-server ${redis.version} words some replies differently from 7.0`);
    return;
  }
  const server = await createRespServer(createFakeRouter(), { host: '127.0.0.1', port: 0 });
  t.teardown(() => server.close());
  for (const version of [2, 3]) {
    for (let stream = 0; stream < STREAMS / 2; stream++) {
      const seed = version * 1000 + stream;
      const prng = createPrng(seed);
      const commands = Array.from({ length: COMMANDS_PER_STREAM }, () => randomCommand(prng));
      const clean = ['DEL', ...KEYS, ...VALUES.filter((value) => value !== '')];
      const all = [['HELLO', `${version}`], clean, ...commands, clean];
      const [ours, theirs] = await Promise.all([
        runOn(server.address.port, all, createPrng(seed)),
        runOn(redis.port, all, createPrng(seed)),
      ]);
      for (const [at, words] of all.entries()) {
        if (ours[at] === theirs[at]) continue;
        t.fail(`seed ${seed}, command ${at}`, { words, ours: ours[at], theirs: theirs[at] });
        return;
      }
    }
  }
  t.pass(`${STREAMS * COMMANDS_PER_STREAM} commands`);
});
