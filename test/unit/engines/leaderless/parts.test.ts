import * as fc from 'fast-check';
import t from 'tap';
import type { OriginId, ReplicaId } from '../../../../src/base/brand.js';
import { decodeBatch, encodeBatch, isOrigin } from '../../../../src/engines/leaderless/batch-codec.js';
import { LamportClock } from '../../../../src/engines/leaderless/clock.js';
import { FailureDetector } from '../../../../src/engines/leaderless/failure-detector.js';
import { OriginBuffer } from '../../../../src/engines/leaderless/origin-buffer.js';
import { OriginLog } from '../../../../src/engines/leaderless/origin-log.js';
import type { OriginBatch } from '../../../../src/engines/leaderless/types.js';

const O = 'a~0000000000000001' as OriginId;
const M = 'm' as ReplicaId;
const CEILING = 2 ** 53 - 2 ** 41;

function batch(seq: number, fields: Partial<OriginBatch> = {}, bytes = 8): OriginBatch {
  const header = { origin: O, seq, boot: 1, counter: seq, commands: 1, dependencies: [], wallMs: 7, ...fields };
  return encodeBatch(header, new Uint8Array(bytes));
}

t.test('ap.md §1.0.2: a clock absorbs no number that would end it', (t) => {
  const clock = new LamportClock(5, { clockJump: 2 ** 40, clockCeiling: CEILING }, 10);
  for (const hostile of [2 ** 53 - 1, 2 ** 53, 2 ** 54, NaN, -1, 1.5, Infinity, CEILING + 1, 6 + 2 ** 40]) {
    t.notOk(clock.admit(hostile, M, 0), String(hostile));
    t.equal(clock.value, 5);
  }
  t.ok(clock.admit(5 + 2 ** 40, M, 0), 'one jump');
  t.equal(clock.issue(3, 0), 6 + 2 ** 40);
  t.equal(clock.value, 8 + 2 ** 40);
  t.equal(clock.durable, 5, 'what was issued is promised when it is durable');
  t.notOk(clock.admit(clock.value + 2, M, 0), 'one member, many small jumps: the sum counts');
  t.ok(clock.admit(clock.value + 2, 'n' as ReplicaId, 100), 'not of another member');
  t.ok(clock.admit(clock.value + 2 ** 39, M, 100 + 180_000), 'after half an hour, half of it again');
  t.end();
});

t.test('ap.md §1.0.2: a clock that is used up says so, and never wraps', (t) => {
  const clock = new LamportClock(CEILING - 3, { clockJump: 2 ** 40, clockCeiling: CEILING }, 10);
  t.equal(clock.issue(2, 0), CEILING - 2);
  t.equal(clock.issue(2, 0), null);
  t.equal(clock.issue(1, 0), CEILING);
  t.equal(clock.issue(1, 0), null);
  t.equal(clock.value, CEILING);
  const young = new LamportClock(0, { clockJump: 100, clockCeiling: CEILING }, 10);
  t.equal(young.issue(1, 50), 51, 'above what the session has seen');
  for (const seen of [152, NaN, -1, 2 ** 54]) t.equal(young.issue(1, seen), null, 'a session that nobody can have');
  t.end();
});

const origins = fc.constantFrom(O, 'b-2.x~00ff', 'n~1').map((text) => text as OriginId);
const position = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const anyBatch = fc
  .record({
    origin: origins,
    seq: position,
    boot: fc.nat(),
    counter: fc.integer({ min: 1, max: CEILING }),
    commands: fc.integer({ min: 1, max: 10_000 }),
    others: fc.uniqueArray(fc.record({ at: fc.nat(30), seq: position }), { maxLength: 6, selector: ({ at }) => at }),
    wallMs: fc.integer({ min: 0, max: 2 ** 45 }),
    payload: fc.uint8Array({ maxLength: 40 }),
  })
  .map(({ others, payload, ...rest }) => {
    const dependencies = others.map(({ at, seq }) => ({ origin: `d${at}~1` as OriginId, seq }));
    return { header: { ...rest, dependencies }, payload };
  });

t.test('a batch is read as it was written, and nothing else is a batch', (t) => {
  fc.assert(
    fc.property(anyBatch, fc.nat(), fc.integer({ min: 1, max: 255 }), ({ header, payload }, at, flip) => {
      const { encoded, ...written } = encodeBatch(header, payload);
      const { encoded: same, ...read } = decodeBatch(encoded) ?? { encoded: null };
      t.same(read, { ...written });
      t.equal(same, encoded, 'not copied');
      for (let end = 0; end < encoded.length; end++) {
        if (decodeBatch(encoded.subarray(0, end)) !== null) throw new Error(`${end} of ${encoded.length} bytes`);
      }
      if (decodeBatch(new Uint8Array([...encoded, 0])) !== null) throw new Error('a byte too many');
      const damaged = encoded.slice();
      damaged[at % damaged.length]! ^= flip;
      decodeBatch(damaged); // Whatever it says, it does not throw.
    }),
    { numRuns: 200 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => decodeBatch(bytes) === null));
  t.end();
});

t.test('a batch says nothing twice, and nothing of itself', (t) => {
  const odd = (fields: Partial<OriginBatch>): OriginBatch | null => decodeBatch(batch(1, fields).encoded);
  t.ok(odd({}));
  t.notOk(odd({ dependencies: [{ origin: O, seq: 1 }] }), 'it depends on itself');
  const twice = { origin: 'b~1' as OriginId, seq: 1 };
  t.notOk(odd({ dependencies: [twice, twice] }));
  t.notOk(odd({ commands: 0 }));
  t.notOk(odd({ counter: Number.MAX_SAFE_INTEGER, commands: 2 }));
  for (const text of ['', '~', 'a~', '~1', 'a', 'a~\u0001', 'ä~1', `${'x'.repeat(130)}~1`])
    t.notOk(isOrigin(text), text);
  t.end();
});

t.test('ap.md §1.0.3: an origin log has no gaps, and boots and counters never fall along it', (t) => {
  const log = new OriginLog(O, 0, 0);
  for (let seq = 1; seq <= 5; seq++) log.append(batch(seq, { boot: 2 }));
  t.throws(() => log.append(batch(7)), /no gaps/);
  t.equal(log.faultOf(batch(6, { boot: 1 })), 'boot');
  t.equal(log.faultOf(batch(6, { boot: 2, counter: 5 })), 'counter');
  t.equal(log.faultOf(batch(6, { boot: 2 })), null);
  t.throws(() => log.settle(2), /in order/);
  t.throws(() => log.cut(1), /durable/);
  for (let seq = 1; seq <= 4; seq++) t.ok(log.settle(seq));
  log.cut(3);
  t.same([log.base, log.first, log.durable, log.accepted, log.count, log.bootOf(3)], [3, 4, 4, 5, 2, 2]);
  log.overtake(5);
  t.notOk(log.settle(5), 'a full sync had it already');
  log.reset(9, 7);
  t.same([log.base, log.durable, log.accepted, log.boot, log.bytes], [9, 9, 9, 7, 0]);
  t.end();
});

t.test('ap.md §1.2.3: a full buffer drops what comes last, and always takes what comes next', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 60 }), (seqs) => {
      const buffer = new OriginBuffer(0, 5, 1_000_000);
      const kept = new Set<number>();
      for (const seq of seqs) {
        if (kept.has(seq)) continue;
        buffer.add(batch(seq));
        kept.add(seq);
        while (kept.size > 5) kept.delete(Math.max(...kept));
        if (buffer.count !== kept.size || [...kept].some((each) => buffer.get(each) === undefined)) return false;
        let received = 0;
        while (kept.has(received + 1)) received++;
        if (buffer.received !== received || buffer.highest !== Math.max(...kept)) return false;
      }
      return true;
    }),
  );
  const large = new OriginBuffer(0, 10, 100);
  large.add(batch(1, {}, 5000));
  t.equal(large.count, 1, 'one batch always passes, however large');
  t.equal(large.add(batch(2)), 1);
  large.remove(1);
  t.same([large.count, large.bytes, large.received], [0, 0, 1]);
  t.end();
});

t.test('ap.md §1.0.9: phi is 8 after 18.4 mean intervals', (t) => {
  const detector = new FailureDetector(10, 0);
  for (let tick = 20; tick <= 2000; tick += 20) detector.heard(tick);
  t.equal(detector.mean, 20);
  t.ok(detector.phi(2000 + 368) < 8);
  t.ok(detector.phi(2000 + 369) > 8);
  t.test('a burst makes nobody twitchy', (t) => {
    for (let tick = 2001; tick < 4000; tick++) detector.heard(tick);
    t.equal(detector.mean, 10, 'the floor');
    t.ok(detector.phi(4000 + 150) < 8);
    t.end();
  });
  t.test('nor does our own standing still', (t) => {
    const { mean, samples } = detector;
    detector.pause(9000);
    t.equal(detector.phi(9000), 0);
    detector.heard(9500);
    t.same([detector.mean, detector.samples], [mean, samples], 'the interval across it is no sample');
    t.end();
  });
  t.equal(detector.samples, 1000, 'the window');
  t.end();
});
