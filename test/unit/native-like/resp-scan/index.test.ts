import * as fc from 'fast-check';
import t from 'tap';
import {
  createRespScan,
  growSlots,
  protocolErrorText,
  RESP_LIMITS,
  resetRespScan,
  RespStatus,
  scanRequest,
  type RespLimits,
  type RespScan,
} from '../../../../native-like/resp-scan/index.js';
import { scanRequestReference } from '../../../../native-like/resp-scan/reference.js';
import { arrayOf, someLimits, someStream } from './streams.js';

interface Found {
  readonly status: RespStatus;
  readonly arguments: readonly string[];
  readonly unexpectedByte: number;
}

const isError = (status: RespStatus): boolean => status > RespStatus.NEED_MORE_SLOTS;

function argumentsOf(bytes: Buffer, start: number, scan: RespScan, status: RespStatus): string[] {
  if (status === RespStatus.INLINE) return scan.inline.map((one) => Buffer.from(one).toString('latin1'));
  if (status !== RespStatus.REQUEST) return [];
  return Array.from({ length: scan.argumentCount }, (_, at) =>
    bytes.toString('latin1', start + (scan.slots[2 * at] as number), start + (scan.slots[2 * at + 1] as number)),
  );
}

/** All that a stream holds, cut into chunks of the given sizes (the rest in one), up to an error or the end. */
function scanAll(stream: string, limits: RespLimits, chunks: readonly number[]): Found[] {
  const found: Found[] = [];
  const scan = createRespScan();
  scan.slots = new Int32Array(2);
  let pending = Buffer.alloc(0);
  let at = 0;
  for (const size of [...chunks, stream.length]) {
    const chunk = Buffer.from(stream.slice(at, at + size), 'latin1');
    at += chunk.length;
    // Each chunk moves what is pending to a new buffer and another position, between bytes that must not be read.
    const start = chunk.length % 5;
    const end = start + pending.length + chunk.length;
    pending = Buffer.concat([Buffer.alloc(start, '*'), pending, chunk, Buffer.from('\r\n$1\r\n')]);
    let from = start;
    for (;;) {
      const status = scanRequest(pending, from, end, limits, scan);
      if (status === RespStatus.INCOMPLETE) break;
      if (status === RespStatus.NEED_MORE_SLOTS) {
        growSlots(scan);
        continue;
      }
      const unexpectedByte = status === RespStatus.EXPECTED_BULK ? scan.unexpectedByte : 0;
      found.push({ status, arguments: argumentsOf(pending, from, scan, status), unexpectedByte });
      if (isError(status)) return found;
      from += scan.requestBytes;
    }
    pending = Buffer.from(pending.subarray(from, end));
  }
  return found;
}

function scanAllReference(stream: string, limits: RespLimits): Found[] {
  const found: Found[] = [];
  for (let at = 0; ;) {
    const { requestBytes, ...one } = scanRequestReference(stream.slice(at), limits);
    if (one.status === RespStatus.INCOMPLETE) return found;
    found.push(one);
    if (isError(one.status)) return found;
    at += requestBytes;
  }
}

t.test('finds what the reference finds, however the stream is cut', (t) => {
  const chunks = fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 30 });
  fc.assert(
    fc.property(someStream, someLimits, chunks, (stream, limits, chunks) => {
      t.same(scanAll(stream, limits, chunks), scanAllReference(stream, limits), JSON.stringify(stream));
    }),
    { numRuns: 3000 },
  );
  t.end();
});

t.test('byte by byte is no different', (t) => {
  fc.assert(
    fc.property(someStream, someLimits, (stream, limits) => {
      const ones = Array.from(stream, () => 1);
      t.same(scanAll(stream, limits, ones), scanAllReference(stream, limits), JSON.stringify(stream));
    }),
    { numRuns: 1000 },
  );
  t.end();
});

t.test('requests that are well formed come back whole', (t) => {
  const words = fc.array(
    fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    {
      minLength: 1,
      maxLength: 40,
    },
  );
  fc.assert(
    fc.property(fc.array(words, { maxLength: 5 }), (requests) => {
      const stream = requests.map((words) => arrayOf(words)).join('');
      const expected = requests.map((words) => ({ status: RespStatus.REQUEST, arguments: words, unexpectedByte: 0 }));
      t.same(scanAll(stream, RESP_LIMITS, []), expected);
    }),
  );
  t.end();
});

const LONG = 'x'.repeat(65_537);
/** Input, status, and the reply as redis-server 7.0.15 writes it (redis.test.ts asks a real one where it is installed). */
const ERRORS: readonly (readonly [string, RespStatus, string])[] = [
  ['*x\r\n', RespStatus.INVALID_COUNT, 'invalid multibulk length'],
  ['*\r\n', RespStatus.INVALID_COUNT, 'invalid multibulk length'],
  ['*01\r\n', RespStatus.INVALID_COUNT, 'invalid multibulk length'],
  ['*-0\r\n', RespStatus.INVALID_COUNT, 'invalid multibulk length'],
  ['*+1\r\n', RespStatus.INVALID_COUNT, 'invalid multibulk length'],
  ['* 1\r\n', RespStatus.INVALID_COUNT, 'invalid multibulk length'],
  ['*2147483648\r\n', RespStatus.INVALID_COUNT, 'invalid multibulk length'],
  ['*-9223372036854775809\r\n', RespStatus.INVALID_COUNT, 'invalid multibulk length'],
  ['*1\r\n$-1\r\n', RespStatus.INVALID_LENGTH, 'invalid bulk length'],
  ['*1\r\n$\r\n', RespStatus.INVALID_LENGTH, 'invalid bulk length'],
  ['*1\r\n$536870913\r\n', RespStatus.INVALID_LENGTH, 'invalid bulk length'],
  ['*1\r\n$9223372036854775807\r\n', RespStatus.INVALID_LENGTH, 'invalid bulk length'],
  ['*1\r\n:4\r\n', RespStatus.EXPECTED_BULK, "expected '$', got ':'"],
  ['*1\r\n\r\n', RespStatus.EXPECTED_BULK, "expected '$', got ' '"],
  ['*1\r\n\n\r\n', RespStatus.EXPECTED_BULK, "expected '$', got ' '"],
  ['*1\r\n\xe9\r\n', RespStatus.EXPECTED_BULK, "expected '$', got '\xe9'"],
  [`*${LONG}`, RespStatus.COUNT_LINE_TOO_BIG, 'too big mbulk count string'],
  [`*1\r\n$${LONG}`, RespStatus.LENGTH_LINE_TOO_BIG, 'too big bulk count string'],
  [LONG, RespStatus.INLINE_TOO_BIG, 'too big inline request'],
  ['SET "foo\r\n', RespStatus.UNBALANCED_QUOTES, 'unbalanced quotes in request'],
  ["SET 'foo'bar\r\n", RespStatus.UNBALANCED_QUOTES, 'unbalanced quotes in request'],
];

t.test('protocol errors, word for word', (t) => {
  for (const [stream, status, text] of ERRORS) {
    const scan = createRespScan();
    const bytes = Buffer.from(stream, 'latin1');
    const name = JSON.stringify(stream.slice(0, 30));
    t.equal(scanRequest(bytes, 0, bytes.length, RESP_LIMITS, scan), status, name);
    t.equal(protocolErrorText(status, scan.unexpectedByte), `ERR Protocol error: ${text}`, name);
  }
  for (const status of Object.values(RespStatus)) {
    t.equal(protocolErrorText(status, 0) !== undefined, isError(status), `${status} has a text if it is an error`);
  }
  t.end();
});

t.test('clients that have not authenticated are kept small (CVE-2021-32675)', (t) => {
  const limits = { ...RESP_LIMITS, authenticated: false };
  const status = (stream: string): RespStatus =>
    scanRequest(Buffer.from(stream), 0, stream.length, limits, createRespScan());
  t.equal(status('*11\r\n'), RespStatus.UNAUTHENTICATED_COUNT);
  t.equal(status('*10\r\n'), RespStatus.INCOMPLETE);
  t.equal(status('*1\r\n$16385\r\n'), RespStatus.UNAUTHENTICATED_LENGTH);
  t.equal(status('*1\r\n$16384\r\n'), RespStatus.INCOMPLETE);
  t.end();
});

t.test('refuses a request that would grow too large when its length is announced', (t) => {
  const limits = { ...RESP_LIMITS, requestBytesMax: 100 };
  const scan = createRespScan();
  const bytes = Buffer.from(`*3\r\n$60\r\n${'x'.repeat(60)}\r\n$40\r\n`);
  t.equal(scanRequest(bytes, 0, bytes.length, limits, scan), RespStatus.REQUEST_TOO_LARGE);
  t.end();
});

t.test('announcing many arguments allocates nothing', (t) => {
  const scan = createRespScan();
  const { slots } = scan;
  const bytes = Buffer.from('*1048576\r\n$1\r\n');
  t.equal(scanRequest(bytes, 0, bytes.length, RESP_LIMITS, scan), RespStatus.INCOMPLETE);
  t.equal(scan.slots, slots);
  t.end();
});

/** The bytes of `text`, and how often any of them was looked at. */
function countedBytes(text: string): { bytes: Uint8Array; reads: () => number } {
  let reads = 0;
  const bytes = new Proxy(Buffer.from(text, 'latin1'), {
    get(target, property) {
      reads++;
      const value: unknown = Reflect.get(target, property);
      // A method of the real bytes: newer versions of Node.js refuse to run it on a proxy.
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  return { bytes, reads: () => reads };
}

t.test('what arrives in small pieces is not read again with every piece', (t) => {
  const cases: readonly (readonly [string, string, number])[] = [
    ['a value', arrayOf(['SET', 'key', 'v'.repeat(20_000)]), 1],
    ['many arguments', arrayOf(Array.from({ length: 2000 }, () => 'v')), 3],
    ['an inline command', `${'w'.repeat(20_000)}\r\n`, 3],
    ['a length line, after ten bytes for short numbers', `*1\r\n$${'1'.repeat(20_000)}\r\n`, 14],
  ];
  for (const [name, stream, readsPerByte] of cases) {
    const { bytes, reads } = countedBytes(stream);
    const scan = createRespScan();
    for (let end = 1; end <= stream.length; end++) {
      while (scanRequest(bytes, 0, end, RESP_LIMITS, scan) === RespStatus.NEED_MORE_SLOTS) growSlots(scan);
    }
    // Each call looks at the first byte again, and the quoting rules read an inline command once more.
    const perByte = (reads() - stream.length) / stream.length;
    t.ok(perByte <= readsPerByte, `${name}: each byte is read ${perByte.toFixed(1)} times`);
  }
  t.end();
});

t.test('wantedBytes says when it is worth to come back', (t) => {
  const whole = arrayOf(['SET', 'k', 'x'.repeat(300)]);
  const bytes = Buffer.from(whole);
  const scan = createRespScan();
  t.equal(scanRequest(bytes, 0, 30, RESP_LIMITS, scan), RespStatus.INCOMPLETE);
  t.equal(scan.wantedBytes, whole.length);
  t.equal(scanRequest(bytes, 0, 0, RESP_LIMITS, createRespScan()), RespStatus.INCOMPLETE);
  t.end();
});

t.test('reset forgets a request that has begun', (t) => {
  const scan = createRespScan();
  const begun = Buffer.from('*2\r\n$3\r\nGET\r\n$9');
  t.equal(scanRequest(begun, 0, begun.length, RESP_LIMITS, scan), RespStatus.INCOMPLETE);
  resetRespScan(scan);
  const other = Buffer.from(arrayOf(['PING']));
  t.equal(scanRequest(other, 0, other.length, RESP_LIMITS, scan), RespStatus.REQUEST);
  t.equal(scan.argumentCount, 1);
  t.equal(scan.requestBytes, other.length);
  t.end();
});
