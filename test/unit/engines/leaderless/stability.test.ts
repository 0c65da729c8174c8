import t from 'tap';
import type { ReplicaId } from '../../../../src/base/brand.js';
import { createPrng } from '../../../../src/base/prng.js';
import type { LeaderlessMessage } from '../../../../src/engines/leaderless/messages.js';
import { createLww } from '../../../../src/engines/lww/index.js';
import { ToyMachine } from './machine.js';
import { LIMITS, copyDisk, emptyDisk, incarnationOf, Network } from './network.js';

const A = incarnationOf('a', 1);
const X = incarnationOf('x', 3);

t.test('ap.md §1.0.6: the naive rule brings a deleted key back, the stability rule does not', (t) => {
  const net = new Network(['a', 'b', 'x'], 1, { engine: 'lww' });
  net.run(50);
  net.isolate('x');
  net.write('x', 'k=1'); // An older write that nobody has seen.
  for (let at = 0; at < 9; at++) net.write('a', `other=${at}`);
  net.write('a', 'k');
  net.settle();
  // X gets the delete, but its own write is held up on the way out.
  net.lost = ({ from, type }) => from === 'x' && type === 'gossipDelta';
  net.run(60);
  t.equal(net.engine('x').vector.get(A), 10);
  t.notOk(net.engine('b').vector.has(X));
  const naive = ToyMachine.of(net.member('b').machine.snapshot);
  t.equal(naive.items.get('k')?.value, null);
  naive.collectNaively(net.engine('b').heldByAll());
  t.notOk(naive.items.has('k'), 'every member has the tombstone, so the naive rule drops it');
  t.equal(net.member('b').machine.items.get('k')?.value, null, 'we do not');
  t.ok(net.engine('b').stable < 10);
  net.heal();
  net.converge(100);
  for (const { batch } of net.checker.issued.get(X) ?? []) naive.apply(batch);
  t.equal(naive.live.get('k'), '1', 'resurrected');
  t.notOk(net.member('b').machine.live.has('k'), 'not resurrected');
  net.run(100);
  for (const { machine } of net.members.values()) t.equal(machine.tombstones, 0, 'and in the end nothing is kept');
  t.end();
});

t.test('ap.md §1.0.6: a member that is down holds back collection, and is named', (t) => {
  const net = new Network(['a', 'b', 'c'], 2, { engine: 'lww' });
  net.run(50);
  net.crash('c');
  net.write('a', 'k=1');
  net.write('a', 'k');
  net.run(300);
  t.equal(net.member('a').machine.tombstones, 1);
  t.same(net.engine('a').status().stableBlockedBy, ['c']);
  t.test('removing it lets things go on', (t) => {
    for (const id of ['a', 'b']) net.step(id, { type: 'members', members: ['a', 'b'] as ReplicaId[] });
    net.run(100);
    t.equal(net.member('a').machine.tombstones, 0);
    t.same(net.engine('a').status().stableBlockedBy, []);
    t.ok(net.engine('a').isRetired(incarnationOf('c', 3)), 'its origin is retired: all have the same of it');
    t.end();
  });
  t.end();
});

t.test('ap.md §1.0.6: a write at or below what was collected is refused and counted', (t) => {
  const net = new Network(['a', 'b'], 3, { engine: 'lww' });
  for (let at = 0; at < 5; at++) net.write('a', `k${at}=1`);
  net.run(100);
  t.equal(net.engine('b').collectedTo, 5);
  // Somebody who breaks its promise: a batch of b's that b never wrote after all it promised.
  const forged = new Network(['b', 'a'], 4, { engine: 'lww' });
  forged.run(30);
  forged.write('a', 'old=1');
  forged.settle();
  const [issued] = forged.checker.issued.get(incarnationOf('a', 2)) ?? [];
  t.equal(issued?.batch.counter, 1);
  const { encoded, origin, seq, boot } = issued!.batch;
  const batches = [{ origin, seq, boot, encoded }];
  const [from, to] = ['a', 'b'] as ReplicaId[];
  net
    .engine('b')
    .step({ type: 'message', message: { type: 'gossipDelta', from: from!, to: to!, batches, more: false } });
  t.notOk(net.engine('b').drain().persist);
  t.equal(net.engine('b').status().counters.rejectedBatches, 1);
  t.end();
});

t.test('ap.md §1.0.6: a new folder writes nothing before it has met somebody, and then above what is stable', (t) => {
  const net = new Network(['a', 'b', 'c'], 5, { engine: 'lww' });
  for (let at = 0; at < 30; at++) net.write('a', `k=${at}`);
  net.run(100);
  const { stable } = net.engine('a');
  t.equal(stable, 30);
  net.crash('c');
  net.run(10);
  const fresh = net.start('c', emptyDisk(9));
  const parked = net.write('c', 'k=fresh');
  net.run(15);
  t.notOk(fresh.written.has(parked), 'it waits');
  net.tick('c', 10);
  t.equal(fresh.written.get(parked)?.refused, 'starting', 'but not for ever');
  net.connect('c');
  const id = net.write('c', 'k=late');
  net.converge(50);
  t.ok(fresh.written.get(id)?.dot);
  t.ok((net.member('a').machine.items.get('k')?.ts.counter ?? 0) > stable);
  t.equal(net.member('a').machine.live.get('k'), 'late');
  for (const { engine } of net.members.values()) t.equal(engine.status().counters.rejectedBatches, 0);
  t.end();
});

t.test('a group that is new begins when all have met, or a majority after the grace', (t) => {
  const all = new Network(['a', 'b', 'c'], 6, { engine: 'lww', silentStart: true });
  for (const id of ['a', 'b', 'c']) t.notOk(all.engine(id).writable);
  all.connect();
  all.settle();
  for (const id of ['a', 'b', 'c']) t.ok(all.engine(id).writable, id);
  const some = new Network(['a', 'b', 'c'], 6, { engine: 'lww', silentStart: true });
  some.crash('c');
  some.connect();
  some.run(19);
  t.notOk(some.engine('a').writable, 'the third may come yet, and know more');
  some.run(5);
  t.ok(some.engine('a').writable, 'two of three');
  const one = new Network(['a', 'b', 'c'], 6, { engine: 'lww', silentStart: true });
  one.run(500);
  t.notOk(one.engine('a').writable, 'one of three never does');
  t.end();
});

t.test('a folder that never held anything is as new as a new one, however often it was started', (t) => {
  const net = new Network(['a', 'b', 'c'], 6, { engine: 'lww' });
  for (let at = 0; at < 5; at++) net.write('a', `k=${at}`);
  net.run(20);
  net.crash('c');
  net.start('c', emptyDisk(9));
  net.start('c', net.member('c').disk);
  net.tick('c', 500);
  t.notOk(net.engine('c').writable);
  net.connect('c');
  net.write('c', 'k=last');
  net.run(5);
  t.equal(net.member('a').machine.live.get('k'), 'last');
  t.end();
});

t.test('a member that is alone does not wait', (t) => {
  const net = new Network(['a'], 7, { engine: 'causal' });
  const id = net.write('a', 'k=1');
  net.settle();
  t.same(net.member('a').written.get(id)?.dot, { origin: A, seq: 1 });
  net.write('a', 'k');
  net.run(50);
  t.equal(net.member('a').machine.tombstones, 0);
  t.end();
});

t.test('ap.md §1.0.1 rule 5: the origin of a lost folder is retired when all have the same of it', (t) => {
  const net = new Network(['a', 'b', 'c'], 8, { engine: 'causal' });
  net.write('c', 'k=1');
  net.run(20);
  net.crash('c');
  net.wipe('c');
  net.converge(50);
  net.write('a', 'k');
  net.run(200);
  for (const { engine, machine } of net.members.values()) {
    t.ok(engine.isRetired(incarnationOf('c', 3)), engine.origin);
    t.notOk(engine.isRetired(engine.origin));
    t.equal(machine.tombstones, 0);
  }
  t.end();
});

t.test('ap.md §1.0.1 rule 5: it is not retired while a member lacks what another has of it', (t) => {
  const net = new Network(['a', 'b', 'c'], 8, { engine: 'causal' });
  net.run(5);
  net.lost = ({ to, type }) => to === 'a' && type === 'gossipDelta';
  net.write('c', 'k=1');
  net.run(20);
  net.crash('c');
  net.wipe('c');
  net.run(100);
  t.not(net.engine('c').origin, incarnationOf('c', 3));
  t.equal(net.engine('b').vector.get(incarnationOf('c', 3)), 1);
  for (const { engine } of net.members.values()) {
    t.notOk(engine.isRetired(incarnationOf('c', 3)), `${engine.origin}: a has nothing of it yet`);
  }
  net.heal();
  net.converge(50);
  net.run(20);
  for (const { engine, machine } of net.members.values()) {
    t.ok(engine.isRetired(incarnationOf('c', 3)), engine.origin);
    t.equal(machine.live.get('k'), '1');
  }
  t.end();
});

t.test('what a former life told of writes that it lost holds nothing back', (t) => {
  const net = new Network(['a', 'b'], 9, { engine: 'lww' });
  net.run(5);
  const early = copyDisk(net.member('a').disk);
  net.lost = ({ type }) => type === 'gossipDelta';
  net.write('a', 'k=lost');
  net.run(20); // b is told of a position that it never gets.
  net.crash('a');
  net.checker.onCrash(A, 0);
  net.heal();
  const again = net.restart('a', early);
  t.equal(again.disk.boot, 2);
  net.crash('a');
  // Once more, and so with the same boot.
  net.restart('a', { ...early, boot: 1 });
  net.write('b', 'k=1');
  net.write('b', 'k');
  net.run(100);
  t.equal(net.member('b').machine.tombstones, 0);
  t.same(net.engine('b').status().stableBlockedBy, []);
  t.end();
});

t.test('what became stable during a collection is collected next, also when nothing else happens', (t) => {
  const engine = createLww({
    engine: 'lww',
    self: 'a' as ReplicaId,
    origin: incarnationOf('a', 1),
    boot: 1,
    fresh: true,
    members: ['a' as ReplicaId],
    tickMs: 10,
    gossipTicks: 10,
    startGraceTicks: 20,
    volatile: false,
    prng: createPrng(1),
    root: () => null,
    limits: LIMITS,
    recovered: { origins: [], applied: new Map(), appliedBoots: new Map(), counter: 0, collectedTo: 0, retired: [] },
  });
  const write = (id: number): (number | null)[] => {
    engine.step({ type: 'write', id, payload: new Uint8Array(1), commands: 1, wallMs: 1, seenCounter: 0 });
    const collects = [];
    while (engine.hasEffects) {
      const { collect, persist } = engine.drain();
      if (collect !== null) collects.push(collect);
      if (persist !== null) engine.step({ type: 'persisted', batch: persist.batch });
    }
    return collects;
  };
  t.same(write(1), [1]);
  t.same(write(2), [], 'one at a time');
  engine.step({ type: 'collected', counter: 1 });
  t.ok(engine.hasEffects);
  t.equal(engine.drain().collect, 2);
  t.end();
});

t.test('an origin is not retired while what its former life sent may still arrive somewhere', (t) => {
  const net = new Network(['a', 'b', 'c'], 11, { engine: 'lww' });
  net.write('a', 'k=1');
  net.run(30);
  const held: LeaderlessMessage[] = [];
  net.lost = (message) => {
    const isLast = message.from === 'a' && message.type === 'gossipDelta';
    if (isLast && message.to === 'c') held.push(message);
    return isLast;
  };
  net.write('a', 'k=2');
  net.run(2);
  t.equal(held.length, 1, 'it is on its way to c');
  // The disk of a is replaced. b hears of its new life, c does not yet.
  const isBetween = (one: string, other: string): boolean =>
    (one === 'a' && other === 'c') || (one === 'c' && other === 'a');
  net.lost = ({ from, to }) => isBetween(from, to);
  net.wipe('a');
  net.run(200);
  t.notOk(net.engine('b').isRetired(A), 'b and c have the same of it, and yet');
  for (const message of held) net.step('c', { type: 'message', message });
  net.run(50);
  net.heal();
  net.converge(200);
  for (const id of ['a', 'b', 'c']) t.equal(net.engine(id).vector.get(A), 2, `${id} has what c got last`);
  t.end();
});
