import t from 'tap';
import type { Dot } from '../../../../src/base/dot.js';
import { DottedKv } from '../../../../src/kv/dotted/index.js';
import { latin1Slice } from '../../../../native-like/bytes/index.js';
import { MapBase, textOf } from '../support.js';
import { applyTold, batch, contents, del, fresh, fullSync, origin, put, SIBLINGS, valueOf, Writer } from './support.js';

const KEY = 'k';

function create(): DottedKv {
  return fresh(SIBLINGS);
}

/** The state of a keyspace of one key as a DVVSet is written in ap.md, Appendix B. */
function dvvSet(kv: DottedKv): string {
  const item = kv.reader.get(KEY);
  const versions = item?.siblings ?? (item?.dot === undefined ? [] : [{ ...item, dot: item.dot }]);
  const entries = [...kv.vector]
    .sort(([x], [y]) => (x < y ? -1 : 1))
    .map(([id, count]) => {
      const values = versions.filter(({ dot }) => dot.origin === id).map((one) => textOf(one));
      return `{${id.slice(0, -2)},${count},[${values.join(',')}]}`;
    });
  return `{[${entries.join(',')}],[]}`;
}

/** The context that a reader of the key gets. */
function join(kv: DottedKv): Dot[] {
  return [...(kv.reader.version(KEY)?.dots ?? [])];
}

/** A state without items that has seen these. */
function seen(name: string, seq: number): DottedKv {
  const kv = create();
  const vector = new Map([[origin(name), seq]]);
  kv.openShadow().finish({ vector, boots: new Map(), counter: 1, collectedTo: 0 });
  return kv;
}

/** The members a and b of a group, both with what a wrote so far. */
function appendixB(): { a: DottedKv; b: DottedKv; contexts: Dot[][]; at: Writer; bt: Writer } {
  const [a, b] = [create(), create()];
  const [at, bt] = [new Writer('a', a), new Writer('b', b)];
  b.apply(at.write(put(KEY, 'v1')), null);
  const first = join(a);
  b.apply(at.write(put(KEY, 'v2', { context: first })), null);
  return { a, b, contexts: [first, join(a)], at, bt };
}

t.test('the vectors of dvvset.erl, A0 to A4 (ap.md Appendix B)', async (t) => {
  const alone = create();
  new Writer('a', alone).write(put(KEY, 'v1'));
  t.equal(dvvSet(alone), '{[{a,1,[v1]}],[]}', 'A0');
  t.equal(dvvSet(appendixB().a), '{[{a,2,[v2]}],[]}', 'A1');
  const two = appendixB();
  two.bt.write(put(KEY, 'v3', { context: two.contexts[1] ?? [] }));
  t.equal(dvvSet(two.b), '{[{a,2,[]},{b,1,[v3]}],[]}', 'A2');
  const three = appendixB();
  three.bt.write(put(KEY, 'v4', { context: three.contexts[0] ?? [] }));
  t.equal(dvvSet(three.b), '{[{a,2,[v2]},{b,1,[v4]}],[]}', 'A3: the concurrent sibling is kept');
  const four = appendixB();
  four.at.write(put(KEY, 'v5', { context: four.contexts[0] ?? [] }));
  t.equal(dvvSet(four.a), '{[{a,3,[v5,v2]}],[]}', 'A4');
});

t.test('sync of dvvset.erl (ap.md Appendix B)', async (t) => {
  const both = create();
  const a = new Writer('a', both);
  a.write(put(KEY, 'v1'));
  a.write(put(KEY, 'v2'));
  t.equal(dvvSet(both), '{[{a,2,[v2,v1]}],[]}');
  const one = seen('a', 1);
  t.equal(dvvSet(one), '{[{a,1,[]}],[]}');
  fullSync(both, one);
  t.equal(dvvSet(one), '{[{a,2,[v2]}],[]}');
  fullSync(one, both, true);
  t.equal(dvvSet(both), '{[{a,2,[v2]}],[]}', 'either way round');
  const start = create();
  new Writer('a', start).write(put(KEY, 'v1'));
  const x = seen('x', 1);
  fullSync(start, x);
  t.equal(dvvSet(x), '{[{a,1,[v1]},{x,1,[]}],[]}');
});

t.test('Mary and Peter (ap.md Appendix B)', async (t) => {
  const kv = create();
  const a = new Writer('a', kv);
  a.write(put(KEY, 'v1'));
  const peter = join(kv);
  a.write(put(KEY, 'v2'));
  a.write(put(KEY, 'v3', { context: peter }));
  t.equal(dvvSet(kv), '{[{a,3,[v3,v2]}],[]}', 'v1 is gone, v2 is kept');
});

t.test('order of dvvset.erl: A < B, A < B2, B and B2 concurrent (ap.md Appendix B)', async (t) => {
  const [a, b] = [create(), create()];
  const [at, bt] = [new Writer('a', a), new Writer('b', b)];
  b.apply(at.write(put(KEY, 'A')), null);
  const context = join(a);
  const [left, right] = [at.write(put(KEY, 'B', { context })), bt.write(put(KEY, 'B2', { context }))];
  a.apply(right, null);
  b.apply(left, null);
  for (const kv of [a, b]) t.equal(dvvSet(kv), '{[{a,2,[B]},{b,1,[B2]}],[]}', 'A is gone, the others stay');
  t.equal(a.digest(), b.digest());
  t.same(a.root(), b.root());
});

t.test('interleaved writers do not explode: two siblings, not 99 (riak_test sibling_explosion)', async (t) => {
  const kv = create();
  const a = new Writer('a', kv);
  const contexts: Dot[][] = [[], []];
  let most = 0;
  for (let round = 0; round < 99; round++) {
    const client = round % 2;
    a.write(put(KEY, `v${round}`, { context: contexts[client] ?? [] }));
    contexts[client] = join(kv);
    most = Math.max(most, kv.reader.get(KEY)?.siblings?.length ?? 1);
  }
  t.equal(most, 2);
});

t.test('a delete takes what it has seen; concurrent puts survive (ap.md §1.2.7)', async (t) => {
  const [a, b] = [create(), create()];
  const [at, bt] = [new Writer('a', a), new Writer('b', b)];
  b.apply(at.write(put(KEY, 'v1')), null);
  const deleted = at.write(del(KEY, join(a)));
  t.equal(valueOf(a, KEY), null);
  const concurrent = bt.write(put(KEY, 'v2', { context: join(b) }));
  a.apply(concurrent, null);
  b.apply(deleted, null);
  for (const kv of [a, b]) {
    t.same(contents(kv), { k: 'v2' });
    t.equal(kv.reader.version(KEY)?.dots.length, 2, 'the delete is known too, until it is stable');
    kv.collect(kv.counter, 0, 10);
    t.equal(kv.reader.version(KEY)?.dots.length, 1);
  }
  t.equal(a.digest(), b.digest());
  const blind = at.write(del(KEY));
  t.same(contents(a), {}, 'without a context a delete is of all that its replica has');
  const later = bt.write(put(KEY, 'v3', { context: join(b) }));
  b.apply(blind, null);
  a.apply(later, null);
  for (const kv of [a, b]) t.same(contents(kv), { k: 'v3' }, 'what it did not have survives');
});

t.test('what the results of siblings tell', async (t) => {
  const kv = create();
  const spec = { from: 'a', seq: 1, counter: 1, operations: [put(KEY, 'v1'), put(KEY, 'v2'), del(KEY)] };
  const told = applyTold(kv, batch(spec));
  t.match(told, [{ created: true }, { created: false }, { operations: [{ status: 'deleted' }] }]);
  const rest = { from: 'a', seq: 2, counter: 4, operations: [del(KEY, join(kv)), put(KEY, 'v3')] };
  t.match(applyTold(kv, batch(rest)), [{ operations: [{ status: 'absent' }] }, { created: true }]);
  t.equal(kv.reader.size, 1);
  t.equal(kv.overwritten(1).total, 0, 'nothing is lost silently');
});

t.test('writes of one batch are concurrent, and share a dot', async (t) => {
  const kv = create();
  const a = new Writer('a', kv);
  a.write(put(KEY, 'x'), put(KEY, 'y'));
  const item = kv.reader.get(KEY);
  t.same(
    item?.siblings?.map((one) => textOf(one)),
    ['y', 'x'],
  );
  a.write(put(KEY, 'z', { context: join(kv) }));
  t.equal(kv.reader.get(KEY)?.siblings, undefined, 'who has read one has read both');
  t.equal(valueOf(kv, KEY), 'z');
});

t.test('puts without a context do not pile up within a batch, and what goes is recorded', async (t) => {
  const kv = create();
  const operations = Array.from({ length: 100 }, (_, at) => put(KEY, `v${at}`));
  new Writer('a', kv).write(...operations);
  t.equal(kv.reader.get(KEY)?.siblings?.length, 8);
  t.equal(valueOf(kv, KEY), 'v99');
  t.equal(kv.overwritten(1).total, 92);
});

t.test('a context that is ahead of what is here is remembered, also by a checkpoint', async (t) => {
  const base = new MapBase();
  let kv = DottedKv.open(base, null, SIBLINGS);
  const ahead = put(KEY, 'new', { context: [{ origin: origin('b'), seq: 1 }] });
  kv.apply(batch({ from: 'a', seq: 1, counter: 9, operations: [ahead] }), null);
  const frozen = kv.freeze();
  base.write(frozen.changes());
  kv.thaw();
  kv = DottedKv.open(base, frozen.meta, SIBLINGS);
  kv.apply(batch({ from: 'b', seq: 1, counter: 1, operations: [put(KEY, 'old'), put('l', 'x')] }), null);
  t.same(contents(kv), { k: 'new', l: 'x' });
  const other = fresh(SIBLINGS);
  other.apply(batch({ from: 'b', seq: 1, counter: 1, operations: [put(KEY, 'old'), put('l', 'x')] }), null);
  other.apply(batch({ from: 'a', seq: 1, counter: 9, operations: [ahead] }), null);
  t.equal(kv.root().hash, other.root().hash);
  kv.apply(batch({ from: 'a', seq: 2, counter: 10, operations: [put(KEY, 'again')] }), null);
  other.apply(batch({ from: 'a', seq: 2, counter: 10, operations: [put(KEY, 'again')] }), null);
  t.equal(kv.digest(), other.digest(), 'nothing is pending any more');
});

t.test('binary values keep their bytes beside each other', async (t) => {
  const kv = create();
  const a = new Writer('a', kv);
  a.write(put(KEY, '\u0000\u00ff'));
  a.write(put(KEY, ''));
  const found = kv.reader.get(KEY)?.siblings?.map(({ source, start, end }) => latin1Slice(source, start, end));
  t.same(found, ['', '\u0000\u00ff']);
});
