import t from 'tap';
import type { OriginId, ReplicaId } from '../../../../src/base/brand.js';
import { encodeBatch } from '../../../../src/engines/leaderless/batch-codec.js';
import type { BatchHeader, OriginBatch } from '../../../../src/engines/leaderless/types.js';
import { payloadOf } from './machine.js';
import { incarnationOf, LIMITS, Network } from './network.js';

const A = incarnationOf('a', 1);
const B = incarnationOf('b', 2);

/** Hands `to` batches as if `from` had sent them; what becomes durable is not checked against the truth. */
function feed(net: Network, from: string, to: string, batches: readonly OriginBatch[]): OriginBatch[] {
  const { engine } = net.member(to);
  const sent = batches.map(({ origin, seq, boot, encoded }) => ({ origin, seq, boot, encoded }));
  const route = { from: from as ReplicaId, to: to as ReplicaId };
  engine.step({ type: 'message', message: { type: 'gossipDelta', ...route, batches: sent, more: false } });
  const { persist } = engine.drain();
  engine.checkInvariants();
  if (persist === null) return [];
  engine.step({ type: 'persisted', batch: persist.batch });
  return [...engine.drain().deliver];
}

function make(origin: OriginId, seq: number, counter: number, fields: Partial<BatchHeader> = {}): OriginBatch {
  const header = { origin, seq, boot: 1, counter, commands: 1, dependencies: [], wallMs: 0, ...fields };
  return encodeBatch(header, payloadOf(`${origin} ${seq}=1`));
}

const names = (batches: readonly OriginBatch[]): string[] => batches.map(({ origin, seq }) => `${origin[0]}${seq}`);

t.test('ap.md §1.2.1: an effect waits for its cause, whatever the order of arrival', (t) => {
  const net = new Network(['a', 'b', 'c'], 1, { engine: 'causal' });
  net.run(5);
  const cause = make(A, 1, 1);
  const effect = make(B, 1, 2, { dependencies: [{ origin: A, seq: 1 }] });
  const after = make(B, 2, 3);
  t.same(names(feed(net, 'b', 'c', [after])), []);
  t.same(names(feed(net, 'b', 'c', [effect])), []);
  t.same(net.engine('c').status().buffered, [{ origin: B, seq: 2 }]);
  t.same(names(feed(net, 'a', 'c', [cause])), ['a1', 'b1', 'b2']);
  t.same(net.engine('c').status().buffered, []);
  t.end();
});

t.test('ap.md §1.2.1: three members, a reply is never seen before what it replies to', (t) => {
  const net = new Network(['a', 'b', 'c'], 2, { engine: 'causal' });
  net.run(5);
  net.lost = ({ from, to, type }) => from === 'a' && to === 'c' && type === 'gossipDelta';
  net.write('a', 'question=1');
  net.settle();
  net.write('b', 'answer=1');
  net.settle();
  t.notOk(net.member('c').machine.live.has('answer'), 'the reply came, what it replies to did not');
  net.run(30); // It is asked of b in the end: members relay.
  t.equal(net.member('c').machine.live.get('answer'), '1');
  t.equal(net.member('c').machine.live.get('question'), '1');
  t.end();
});

t.test('ap.md §1.2.3: one origin that is held up fills its own buffer only', (t) => {
  const limits = { bufferedBatches: 8, bufferedBytes: 100_000 };
  const net = new Network(['a', 'b', 'c'], 3, { engine: 'causal', limits });
  net.run(5);
  // All of b's batches depend on a's, and come first, far more than there is room for.
  const blocked = Array.from({ length: 40 }, (_, at) => {
    return make(B, at + 1, 100 + at, { dependencies: [{ origin: A, seq: at + 1 }] });
  });
  feed(net, 'b', 'c', blocked);
  t.same(net.engine('c').status().buffered, [{ origin: B, seq: 8 }]);
  t.equal(net.engine('c').status().counters.overflows, 32, 'the last ones were dropped');
  const needed = Array.from({ length: 40 }, (_, at) => make(A, at + 1, at + 1));
  t.equal(feed(net, 'a', 'c', needed).length, 48, 'what they wait for still gets in');
  t.equal(feed(net, 'b', 'c', blocked).length, 32, 'and the rest comes again');
  t.test('negative control: with one pool for all the same messages would stand still', (t) => {
    const pool = new Set<OriginBatch>();
    const arrives = (batch: OriginBatch): boolean => pool.size < 8 && pool.add(batch).size > 0;
    for (const batch of blocked) arrives(batch);
    t.notOk(arrives(needed[0]!), 'no room for the only batch that could make room');
    t.end();
  });
  t.end();
});

t.test('ap.md §1.0.2: hostile counters are refused, and later normal writes still have their order', (t) => {
  for (const engine of ['lww', 'causal'] as const) {
    const net = new Network(['a', 'b', 'c'], 4, { engine });
    net.run(5);
    const hostile = make(A, 1, Number.MAX_SAFE_INTEGER - 1);
    t.same(feed(net, 'a', 'b', [hostile]), []);
    t.same(feed(net, 'a', 'b', [make(A, 1, LIMITS.clockCeiling)]), [], 'a jump that is too large');
    t.ok(net.engine('b').status().counters.rejectedCounters >= 2);
    t.equal(net.engine('b').counter, 0);
    const digest = net.log.find(({ type, from }) => type === 'gossipDigest' && from === 'a');
    for (const counter of [2 ** 54, NaN, -1, 2 ** 53 - 1]) {
      const before = net.engine('b').status().counters.rejectedCounters;
      const message = { ...digest, to: 'b' as ReplicaId, counter, round: 2 ** 34 } as never;
      net.engine('b').step({ type: 'message', message });
      t.equal(net.engine('b').status().counters.rejectedCounters, before + 1, String(counter));
      t.equal(net.engine('b').counter, 0);
    }
    net.write('b', 'k=first');
    net.settle();
    net.write('c', 'k=second');
    net.settle();
    net.run(20);
    for (const id of ['a', 'b', 'c']) t.equal(net.member(id).machine.live.get('k'), 'second', id);
  }
  t.end();
});

t.test('bytes that are no batch are counted, and change nothing', (t) => {
  const net = new Network(['a', 'b'], 5, { engine: 'lww' });
  net.run(5);
  const good = make(A, 1, 1);
  const lie = { ...good, seq: 2 };
  t.same(feed(net, 'a', 'b', [{ ...good, encoded: new Uint8Array(9) }, lie]), []);
  t.equal(net.engine('b').status().counters.rejectedBatches, 2);
  t.same(names(feed(net, 'a', 'b', [good, good])), ['a1']);
  t.equal(net.engine('b').status().counters.duplicates, 1);
  t.same(feed(net, 'a', 'b', [make(A, 2, 1)]), [], 'a counter that does not rise');
  t.same(feed(net, 'a', 'b', [make(A, 2, 2, { boot: 0 })]), [], 'a boot that falls');
  t.equal(net.engine('b').status().counters.rejectedBatches, 4);
  t.same(names(feed(net, 'a', 'b', [make(A, 2, 2)])), ['a2'], 'a refused position can still be filled');
  t.end();
});

t.test('there is no room for more origins than allowed', (t) => {
  const net = new Network(['a', 'b'], 6, { engine: 'lww', limits: { origins: 4 } });
  net.run(5);
  for (let at = 0; at < 10; at++) feed(net, 'a', 'b', [make(`z~${at}` as OriginId, 1, at + 1)]);
  t.equal(net.engine('b').vector.size, 2);
  t.equal(net.engine('b').status().counters.rejectedBatches, 8);
  t.end();
});

t.test('writes are refused while the disk is too far behind, and none is lost', (t) => {
  const net = new Network(['a', 'b'], 7, { engine: 'lww', limits: { unpersistedBytes: 200 } });
  net.run(5);
  const ids = Array.from({ length: 20 }, (_, at) => net.write('a', `k${at}=1`));
  const refused = ids.filter((id) => net.member('a').written.get(id)?.refused === 'busy');
  t.ok(refused.length > 0 && refused.length < 20);
  net.settle();
  t.equal(net.member('b').machine.live.size, 20 - refused.length);
  t.end();
});
