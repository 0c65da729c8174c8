import t from 'tap';
import type { Revision } from '../../../../src/base/brand.js';
import { DottedKv, validateDottedBatch } from '../../../../src/kv/dotted/index.js';
import { decodePiece } from '../../../../src/kv/dotted/pieces.js';
import { batchOf, MapBase } from '../support.js';
import {
  applyTold,
  batch,
  contents,
  del,
  fresh,
  fullSync,
  LWW,
  origin,
  put,
  SIBLINGS,
  valueOf,
  Writer,
} from './support.js';

t.test('the greater timestamp wins, whatever came first; ties by origin (ap.md §1.0.2)', async (t) => {
  const older = batch({ from: 'b', seq: 1, counter: 3, operations: [put('k', 'older')] });
  const newer = batch({ from: 'a', seq: 1, counter: 4, operations: [put('k', 'newer')] });
  const tied = batch({ from: 'c', seq: 1, counter: 4, operations: [put('k', 'tied')] });
  for (const order of [
    [older, newer, tied],
    [tied, newer, older],
    [newer, older, tied],
  ]) {
    const kv = fresh();
    for (const each of order) kv.apply(each, null);
    t.equal(valueOf(kv, 'k'), 'tied', 'c is after a');
    t.same([...kv.vector.values()], [1, 1, 1], 'a loser advances the vector too');
  }
});

t.test('results tell the state before, the counter of the command and the dot', async (t) => {
  const kv = fresh();
  const first = batch({
    from: 'a',
    seq: 1,
    counter: 5,
    operations: [put('x', '1'), put('x', '2'), del('x'), del('y')],
  });
  const dot = { origin: origin('a'), seq: 1 };
  const told = applyTold(kv, first);
  t.same(told[0], { created: true, revision: 5, dot });
  t.same(told[1], { created: false, revision: 6, dot });
  t.match(told[2], { revision: 7, dot, operations: [{ status: 'deleted', revision: 7 }] });
  t.match(told[3], { revision: 8, dot, operations: [{ status: 'absent', revision: 8 }] });
  t.equal(kv.counter, 8);
  t.equal(kv.reader.revision, 8 as Revision);
  t.same(kv.tombstones.count, 2);
});

t.test('a batch with a hole before it is a bug', async (t) => {
  const kv = fresh();
  t.throws(() => kv.apply(batch({ from: 'a', seq: 2, counter: 1, operations: [put('k', 'v')] }), null), {
    name: 'InvariantViolation',
  });
});

t.test('one timestamp for two writes: what was here stays, and it is counted (ap.md §1.0.2)', async (t) => {
  const kv = fresh();
  kv.apply(batch({ from: 'a', seq: 1, counter: 1, operations: [put('k', 'first')] }), null);
  kv.apply(batch({ from: 'a', seq: 2, counter: 1, operations: [put('k', 'second')] }), null);
  t.equal(valueOf(kv, 'k'), 'first');
  t.equal(kv.quarantined, 1);
});

t.test('what has expired is absent for readers, and keeps its dot (ap.md §1.0.6)', async (t) => {
  const kv = fresh();
  const a = new Writer('a', kv);
  a.write(put('k', 'v', { expiresAtMs: 1000 }), put('l', 'w'));
  kv.reader.nowMs = 999;
  t.equal(valueOf(kv, 'k'), 'v');
  t.equal(kv.reader.get('k')?.expiresAtMs, 1000);
  kv.reader.nowMs = 1000;
  t.equal(valueOf(kv, 'k'), null);
  t.notOk(kv.reader.has('k'));
  t.same(contents(kv), { l: 'w' });
  t.same(kv.reader.version('k'), { dots: [{ origin: origin('a'), seq: 1 }], counter: 1 });
  t.equal(kv.reader.version('never'), null);
});

t.test('collecting takes what is stable and over, and no more (ap.md §1.0.6)', async (t) => {
  const kv = fresh();
  const a = new Writer('a', kv);
  a.write(put('gone', '1'), del('gone'), put('soon', 'x', { expiresAtMs: 50 }), put('late', 'y', { expiresAtMs: 500 }));
  a.write(del('later'));
  t.equal(kv.tombstones.count, 2);
  t.ok(kv.tombstones.bytes > 0);
  t.ok(kv.collect(4, 100, 100));
  t.equal(kv.collectedTo, 4);
  t.equal(kv.reader.version('gone'), null);
  t.equal(kv.reader.version('soon'), null, 'expired and stable');
  t.not(kv.reader.version('late'), null, 'stable and not expired');
  t.not(kv.reader.version('later'), null, 'not stable');
  t.equal(kv.tombstones.count, 1);
  t.ok(kv.collect(4, 500, 100));
  t.equal(kv.reader.version('late'), null);
  t.ok(kv.collect(9, 500, 100));
  t.same(kv.tombstones, { count: 0, bytes: 0 });
  t.equal(kv.reader.size, 0);
});

t.test('collecting in pieces ends, and rises as far as it came', async (t) => {
  const kv = fresh();
  const a = new Writer('a', kv);
  for (let at = 0; at < 10; at++) a.write(del(`k${at}`));
  t.notOk(kv.collect(10, 0, 4));
  t.equal(kv.collectedTo, 4);
  t.notOk(kv.collect(10, 0, 4));
  t.ok(kv.collect(10, 0, 4));
  t.equal(kv.collectedTo, 10);
});

t.test('an overwritten concurrent value is remembered, one that was seen is not (ap.md §1.1)', async (t) => {
  const [left, right] = [fresh(), fresh()];
  const [a, b] = [new Writer('a', left), new Writer('b', right)];
  right.apply(a.write(put('k', 'first')), null);
  const seen = b.write(put('k', 'has seen first'));
  t.equal(right.overwritten(9).total, 0);
  const lost = a.write(put('k', 'x'.repeat(3000)));
  const winner = b.write(put('k', 'has not'));
  right.apply(lost, null);
  t.equal(right.overwritten(9).total, 1, 'the loser came after its winner');
  for (const each of [seen, winner]) left.apply(each, null);
  for (const kv of [left, right]) {
    const last = kv.overwritten(1).entries[0];
    t.match(last, { key: 'k', winner: { origin: origin('b') }, loser: { origin: origin('a'), seq: 2, counter: 2 } });
    t.equal(last?.valueBytes, 3000);
    t.equal(last?.value?.length, 1024, 'enough to recognise it');
  }
  t.equal(left.digest(), right.digest());
});

t.test('the log of overwritten values is a ring, and can be none', async (t) => {
  const kv = DottedKv.open(new MapBase(), null, { conflicts: 'lww', conflictLog: 2 });
  const none = DottedKv.open(new MapBase(), null, { conflicts: 'lww', conflictLog: 0 });
  for (let seq = 1; seq <= 5; seq++) {
    const from = seq % 2 === 0 ? 'a' : 'b';
    const made = batch({ from, seq: Math.ceil(seq / 2), counter: seq, operations: [put('k', String(seq))] });
    for (const each of [kv, none]) each.apply(made, null);
  }
  t.same(
    kv.overwritten(9).entries.map(({ loser }) => loser.counter),
    [4, 3],
  );
  t.equal(kv.overwritten(1).entries.length, 1);
  t.equal(none.overwritten(9).total, 4);
  t.same(none.overwritten(9).entries, []);
});

t.test('a full sync brings the difference, deletes included (ap.md §1.0.5)', async (t) => {
  const [left, right] = [fresh(), fresh()];
  const [a, b] = [new Writer('a', left), new Writer('b', right)];
  right.apply(a.write(put('both', '1'), put('dropped', '2')), null);
  a.write(del('dropped'), put('new', '3'));
  b.write(put('mine', '4'));
  const source = left.openItems(right.vector);
  a.write(put('after', 'the pin'), put('both', 'changed'));
  const shadow = right.openShadow();
  for (let piece = source.next(16); piece !== null; piece = source.next(16)) shadow.add(piece);
  t.same(contents(right), { both: '1', dropped: '2', mine: '4' }, 'nothing is visible before the end');
  shadow.finish(source);
  t.same(contents(right), { both: '1', new: '3', mine: '4' });
  t.equal(right.vector.get(origin('a')), 2);
  fullSync(right, left);
  fullSync(left, right);
  t.equal(left.digest(), right.digest());
  t.same(left.root(), right.root());
});

t.test('a stream that ends late brings nothing back: the dot filter (ap.md §1.0.5 rule 5)', async (t) => {
  const [left, right] = [fresh(), fresh()];
  const a = new Writer('a', left);
  const first = a.write(put('k', 'v'));
  const source = left.openItems(right.vector);
  const deleted = a.write(del('k'));
  for (const each of [first, deleted]) right.apply(each, null);
  for (const kv of [left, right]) kv.collect(2, 0, 10);
  const pieces: Uint8Array[] = [];
  for (let piece = source.next(100); piece !== null; piece = source.next(100)) pieces.push(piece);
  const naive = new Map(
    pieces.flatMap((piece) => decodePiece(piece).items).filter(([key]) => right.reader.version(key) === null),
  );
  t.same([...naive.keys()], ['k'], 'absent here, so who merges by timestamps alone takes it');
  const shadow = right.openShadow();
  for (const piece of pieces) shadow.add(piece);
  shadow.finish(source);
  t.same(contents(right), {});
  t.equal(left.digest(), right.digest());
});

t.test('who missed what was collected takes the whole state: nothing comes back (ap.md §1.0.5 rule 5)', async (t) => {
  const [left, right] = [fresh(), fresh()];
  const a = new Writer('a', left);
  right.apply(a.write(put('k', 'v'), put('l', 'w')), null);
  a.write(del('k'));
  left.collect(left.counter, 0, 100);
  fullSync(left, right);
  t.same(contents(right), { k: 'v', l: 'w' }, 'the difference alone does not tell: such a folder was no member');
  fullSync(left, right, true);
  t.same(contents(right), { l: 'w' });
  t.equal(left.digest(), right.digest());
});

t.test('a keyspace does not change its way with conflicts', async (t) => {
  const { meta } = fresh().freeze();
  t.throws(() => DottedKv.open(new MapBase(), meta, SIBLINGS), { code: 'config_invalid' });
  const later = Uint8Array.from(meta);
  later[0] = 2;
  t.throws(() => DottedKv.open(new MapBase(), later, LWW), { code: 'checkpoint_corrupt' });
});

t.test('only single unconditional puts and deletes are taken', async (t) => {
  const good = batchOf({ operations: [put('k', 'v')] }, { operations: [del('k')] });
  t.ok(validateDottedBatch(good, 2));
  t.notOk(validateDottedBatch(good, 1), 'the header says otherwise');
  t.notOk(validateDottedBatch(good.subarray(1), 2));
  t.notOk(validateDottedBatch(new Uint8Array(0), 0));
  t.notOk(validateDottedBatch(batchOf({ operations: [put('k', 'v'), put('l', 'v')] }), 1));
  t.notOk(validateDottedBatch(batchOf({ operations: [put('k', 'v')], session: { clientId: 'c', seq: 1 } }), 1));
  t.notOk(validateDottedBatch(batchOf({ operations: [{ op: 'increment', key: 'k', delta: 1n }] }), 1));
  t.notOk(
    validateDottedBatch(batchOf({ operations: [{ op: 'delete', key: 'k', condition: { kind: 'present' } }] }), 1),
  );
});
