import * as fc from 'fast-check';
import t from 'tap';
import type { LogIndex, Term } from '../../../../src/base/brand.js';
import { InflightWindow } from '../../../../src/engines/raft/inflight.js';
import { RaftLog } from '../../../../src/engines/raft/log.js';
import { entriesOf } from './solo.js';

const index = (value: number): LogIndex => value as LogIndex;
const terms = fc
  .array(fc.integer({ min: 1, max: 5 }), { maxLength: 12 })
  .map((list) => [...list].sort((a, b) => a - b));

t.test('A2: lastAtMost finds the last position with index and term within bounds', (t) => {
  fc.assert(
    fc.property(terms, fc.nat(14), fc.integer({ min: 0, max: 6 }), fc.nat(5), (list, atMost, term, cut) => {
      const log = new RaftLog(index(0), 0 as Term, entriesOf(list));
      log.cutPrefix(index(Math.min(cut, list.length)));
      let expected: number = log.baseIndex;
      for (let at = log.baseIndex + 1; at <= Math.min(atMost, log.lastIndex); at++) {
        if ((log.termOf(index(at)) ?? 0) <= term) expected = at;
      }
      const found = log.lastAtMost(index(atMost), term as Term);
      return found.index === expected && found.term === log.termOf(index(expected));
    }),
  );
  t.end();
});

t.test('slices respect both limits, and one entry always passes', (t) => {
  const entry = (at: number, bytes: number) => ({ ...entriesOf([1], at - 1)[0]!, payload: new Uint8Array(bytes) });
  const log = new RaftLog(
    index(0),
    0 as Term,
    [10, 10, 10, 500, 1].map((bytes, at) => entry(at + 1, bytes)),
  );
  const sizes = (from: number, count: number, bytes: number) => log.slice(index(from), count, bytes).length;
  t.equal(sizes(1, 2, 1000), 2);
  t.equal(sizes(1, 9, 25), 2);
  t.equal(sizes(4, 9, 25), 1);
  t.equal(sizes(6, 9, 25), 0);
  t.end();
});

t.test('A7: a gap or a falling term is a bug, not an entry', (t) => {
  const log = new RaftLog(index(0), 0 as Term, entriesOf([2]));
  t.throws(() => log.append(entriesOf([2], 2)[0]!), /A7/);
  t.throws(() => log.append(entriesOf([1], 1)[0]!), /terms never decrease/);
  t.throws(() => log.truncateFrom(index(0)), /committed/);
  t.end();
});

t.test('a prefix is cut without moving indexes', (t) => {
  const log = new RaftLog(index(0), 0 as Term, entriesOf([1, 1, 2, 3]));
  log.cutPrefix(index(2));
  t.equal(log.firstIndex, 3);
  t.equal(log.termOf(index(2)), 1);
  t.equal(log.termOf(index(1)), null);
  t.equal(log.termOf(index(3)), 2);
  t.equal(log.lastIndex, 4);
  t.end();
});

t.test('A4: the window is full in messages or in bytes, and is freed by index', (t) => {
  const window = new InflightWindow(3, 100);
  for (const [last, bytes] of [
    [2, 10],
    [5, 10],
    [9, 10],
  ] as const) {
    t.notOk(window.full);
    window.add(index(last), bytes);
  }
  t.ok(window.full);
  window.freeUpTo(index(5));
  t.equal(window.count, 1);
  t.equal(window.bytes, 10);
  window.add(index(12), 95);
  t.ok(window.full, 'in bytes');
  t.throws(() => window.add(index(13), 1), /full/);
  t.end();
});
