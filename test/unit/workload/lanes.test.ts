import t from 'tap';
import { createPrng } from '../../../src/base/prng.js';
import { Kind } from '../../../src/workload/kinds.js';
import type { Failure } from '../../../src/workload/lane.js';
import { HttpProtocol, HttpReader } from '../../../src/workload/lanes/http.js';
import { BadAnswer, writeNumber, type AnswerReader, type Protocol } from '../../../src/workload/lanes/protocol.js';
import { RequestRing } from '../../../src/workload/lanes/request-ring.js';
import { RespProtocol, RespReader } from '../../../src/workload/lanes/resp.js';
import { Values } from '../../../src/workload/values.js';
import { encodeRequest } from '../../fixtures/resp-wire.js';

type Answer = readonly [code: string | null, found: boolean];

function written(protocol: Protocol, kind: Kind, key: number): string {
  const target = Buffer.alloc(protocol.requestBytesMax + 10, '?');
  const end = protocol.write(target, 5, kind, key);
  if (end > 5 + protocol.requestBytesMax) throw new Error('longer than it says');
  return target.toString('latin1', 5, end);
}

/** The answers, with the bytes arriving in pieces of that size. */
function readIn(reader: AnswerReader, bytes: Buffer, pieceBytes: number): Answer[] {
  const answers: Answer[] = [];
  const input = Buffer.alloc(pieceBytes);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const length = bytes.copy(input, 0, at, at + pieceBytes);
    reader.push(input, length, (failure, found) => answers.push([failure?.code ?? null, found]));
  }
  return answers;
}

t.test('RESP: requests, byte for byte', async (t) => {
  const values = new Values({ min: 0, max: 300 }, createPrng(1));
  const protocol = new RespProtocol({ keyspace: null, waitReplicas: 0 }, values);
  t.equal(written(protocol, Kind.READ, 42), encodeRequest('GET', 'key:000000000042').toString('latin1'));
  t.equal(written(protocol, Kind.RMW_READ, 1e9), encodeRequest('GET', 'key:001000000000').toString('latin1'));
  for (let at = 0; at < 200; at++) {
    const text = written(protocol, Kind.UPDATE, at);
    const value = /\r\n([\w-]*)\r\n$/.exec(text)?.[1] ?? '?';
    const key = `key:${String(at).padStart(12, '0')}`;
    t.equal(text, encodeRequest('SET', key, value).toString('latin1'));
  }
  t.equal(protocol.greeting, null);
  const other = new RespProtocol({ keyspace: 'orders', waitReplicas: 1 }, values);
  t.same(other.greeting, encodeRequest('SELECT', 'orders'));
  t.same(other.confirmation, encodeRequest('WAIT', '1', '0'));
});

t.test('values have the lengths that were asked for, all of them', async (t) => {
  const values = new Values({ min: 3, max: 5 }, createPrng(2));
  const lengths = new Set(Array.from({ length: 200 }, () => values.drawLength()));
  t.same(lengths, new Set([3, 4, 5]));
  const target = Buffer.alloc(10, '?');
  t.equal(values.write(target, 2, 5), 7);
  t.match(target.toString(), /^\?\?[\w-]{5}\?\?\?$/);
  const number = Buffer.alloc(8);
  for (const value of [0, 7, 10, 999, 1_048_576]) {
    t.equal(number.toString('latin1', 0, writeNumber(number, 0, value)), String(value));
  }
});

t.test('RESP: replies in pieces of any size', async (t) => {
  const bulk = 'x\r\n-y\r\n'.repeat(5);
  const replies = `+OK\r\n$-1\r\n$${bulk.length}\r\n${bulk}\r\n:12\r\n-BUSY too much\r\n$0\r\n\r\n-UNKNOWN who knows\r\n+OK\r\n`;
  const wanted: Answer[] = [
    [null, true],
    [null, false],
    [null, true],
    [null, true],
    ['BUSY', false],
    [null, true],
    ['UNKNOWN', false],
    [null, true],
  ];
  const bytes = Buffer.from(replies);
  for (let size = 1; size <= bytes.length; size++) t.same(readIn(new RespReader(), bytes, size), wanted, `${size}`);
});

t.test('RESP: only -UNKNOWN leaves the outcome open; messages are kept', async (t) => {
  const found: (Failure | null)[] = [];
  const bytes = Buffer.from('-UNKNOWN no answer\r\n-ERR The value is too long\r\n');
  new RespReader().push(bytes, bytes.length, (failure) => found.push(failure));
  t.same(found, [
    { code: 'UNKNOWN', message: 'UNKNOWN no answer', unknown: true },
    { code: 'ERR', message: 'ERR The value is too long', unknown: false },
  ]);
});

t.test('RESP: what is no reply', async (t) => {
  for (const bytes of ['*1\r\n', 'HTTP/1.1 400\r\n', '$x\r\n', '$-2\r\n', '+OK\n', '\r\n', 'x'.repeat(70_000)]) {
    t.throws(() => readIn(new RespReader(), Buffer.from(bytes), 4096), BadAnswer, bytes.slice(0, 20));
  }
});

t.test('HTTP: requests', async (t) => {
  const values = new Values({ min: 4, max: 4 }, createPrng(1));
  const protocol = new HttpProtocol(null, values, createPrng(2));
  t.match(
    written(protocol, Kind.READ, 7),
    /^GET \/kv\/key:000000000007 HTTP\/1\.1\r\nHost: \S+\r\nAccept: \S+\r\n\r\n$/,
  );
  t.match(
    written(protocol, Kind.INSERT, 7),
    /^PUT \/kv\/key:000000000007 HTTP\/1\.1\r\n(?:[\w-]+: \S+\r\n)*Content-Length: 4\r\n\r\n[\w-]{4}$/,
  );
  for (let at = 0; at < 100; at++) {
    const limit = /^GET \/kv\?start=key:0{11}7&limit=(\d+) HTTP/.exec(written(protocol, Kind.SCAN, 7))?.[1];
    t.ok(Number(limit) >= 1 && Number(limit) <= 100, `${limit}`);
  }
  const other = new HttpProtocol('a/b', values, createPrng(2));
  t.match(written(other, Kind.READ, 7), /^GET \/keyspaces\/a%2Fb\/kv\/key:/);
});

function response(status: number, body: string, headers = ''): string {
  return `HTTP/1.1 ${status} Words\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\nX: y\r\n\r\n${body}`;
}

t.test('HTTP: answers in pieces of any size', async (t) => {
  const text = [
    response(200, 'value\r\n\r\nHTTP/1.1'),
    response(404, '{"code":"key_not_found","detail":"no"}'),
    response(201, ''),
    response(503, '{"code":"busy"}', 'Retry-After: 1\r\n'),
    response(504, '{"code":"outcome_unknown"}'),
    response(404, '{"code":"unknown_keyspace"}'),
    response(502, '<html>'),
    'HTTP/1.1 204 No Content\r\n\r\n',
  ].join('');
  const wanted: Answer[] = [
    [null, true],
    [null, false],
    [null, true],
    ['busy', false],
    ['outcome_unknown', false],
    ['unknown_keyspace', false],
    ['http_502', false],
    [null, true],
  ];
  const bytes = Buffer.from(text);
  for (const size of [1, 2, 3, 5, 17, 64, 100, 1000, bytes.length]) {
    t.same(readIn(new HttpReader(), bytes, size), wanted, `${size}`);
  }
});

t.test('HTTP: what leaves the outcome open', async (t) => {
  const unknown = (text: string): boolean | undefined => {
    let found: Failure | null = null;
    const bytes = Buffer.from(text);
    new HttpReader().push(bytes, bytes.length, (failure) => (found = failure));
    return (found as Failure | null)?.unknown;
  };
  t.equal(unknown(response(504, '{"code":"outcome_unknown"}')), true);
  t.equal(unknown(response(500, '{"code":"internal"}')), true);
  t.equal(unknown(response(503, '{"code":"no_leader"}')), false);
  t.equal(unknown(response(502, 'from a proxy')), true);
  t.equal(unknown(response(400, 'from a proxy')), false);
  t.equal(unknown(response(307, '')), false);
});

t.test('HTTP: what is no answer', async (t) => {
  for (const bytes of [
    '-ERR Protocol error\r\n\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 100 Continue\r\n\r\n',
    `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}`,
  ]) {
    t.throws(() => readIn(new HttpReader(), Buffer.from(bytes), 4096), BadAnswer, bytes.slice(0, 40));
  }
});

t.test('a ring of requests gives them back in order, round and round', async (t) => {
  const ring = new RequestRing(3, false);
  const done: number[] = [];
  let key = 0;
  for (let round = 0; round < 20; round++) {
    while (ring.free > 0) ring.push(Kind.READ, key++, round);
    t.throws(() => ring.push(Kind.READ, 0, 0));
    ring.sent(round);
    t.equal(ring.oldestSentMs, Math.max(0, round - 2), 'one is answered in each round');
    ring.answer(null, true, (_kind, which) => done.push(which));
  }
  ring.clear((_kind, which) => done.push(which));
  t.same(
    done,
    Array.from({ length: key }, (_, at) => at),
  );
  t.ok(ring.isEmpty);
  t.equal(ring.oldestSentMs, Infinity);
});

t.test('with confirmations a request is done when the one behind it is answered', async (t) => {
  const ring = new RequestRing(3, true);
  const done: [number, string | null][] = [];
  const onDone = (_kind: Kind, key: number, _startMs: number, failure: Failure | null): void => {
    done.push([key, failure?.code ?? null]);
  };
  const refusal = (code: string): Failure => ({ code, message: code, unknown: false });
  for (const key of [1, 2]) ring.push(Kind.UPDATE, key, 0);
  ring.confirm();
  ring.push(Kind.UPDATE, 3, 0);
  ring.confirm();
  ring.sent(1);
  t.equal(ring.free, 0);
  ring.answer(null, true, onDone);
  ring.answer(refusal('A'), false, onDone);
  t.same(done, []);
  ring.answer(null, true, onDone);
  t.same(done, [
    [1, null],
    [2, 'A'],
  ]);
  t.equal(ring.free, 2);
  ring.answer(null, true, onDone);
  ring.answer(refusal('B'), false, onDone);
  t.same(done.slice(2), [[3, 'B']], 'a confirmation that fails fails what it stands for');
  t.equal(ring.free, 3);
  ring.push(Kind.UPDATE, 4, 0);
  ring.confirm();
  ring.sent(2);
  ring.answer(null, true, onDone);
  const left: number[] = [];
  ring.clear((_kind, key) => left.push(key));
  t.same(left, [4]);
});
